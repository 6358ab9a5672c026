//! Past traffic as a back-test wants it: what was judged of a verification, or of a denial, and what became of it.

use super::paid::paid_send;
use super::room::Verify;
use crate::abuse::guard::case::{Approval, Case, Moment, Paid};
use crate::money::Micros;
use crate::storage::Decision;
use crate::verification::attempt::{Attempt, Reason};
use crate::verification::policy::Policy;
use crate::verification::{Status, Verification};

impl Verify {
    pub(super) fn case(&self, v: &Verification, policy: &Policy) -> Case {
        let facts = self.facts_of(v, policy);
        let approval = match v.record.status {
            Status::Approved { at, channel } => Some(Approval {
                at,
                is_paid: channel.pays_termination(),
            }),
            _ => None,
        };
        Case {
            id: v.id.uuid(),
            facts,
            phone: v.phone.clone(),
            was_refused: false,
            number: self.number_key(v),
            approval,
            moments: self.moments(v),
            spent: self.spent(v, |_| true),
            alike: 1,
        }
    }

    /// The start, and each time that something was planned whose termination is paid for.
    fn moments(&self, v: &Verification) -> Vec<Moment> {
        let mut moments = vec![Moment {
            at: v.record.created_at,
            paid: None,
        }];
        let mut is_start = true;
        for attempt in &v.record.attempts {
            if let Some(send) = paid_send(attempt) {
                let paid = Some(Paid {
                    was_stopped: send.is_stopped,
                    // What came by another channel would not have been held back.
                    spent: self.spent(v, |attempt| {
                        attempt.created_at == send.at && attempt.channel.pays_termination()
                    }),
                });
                match moments.last_mut() {
                    Some(last) if last.at == send.at && (is_start || last.paid.is_some()) => {
                        last.paid = paid;
                    }
                    _ => moments.push(Moment { at: send.at, paid }),
                }
            }
            // What comes after a send is a step of its own.
            is_start &= attempt.reason.is_some_and(Reason::is_skip);
        }
        moments
    }

    /// What those of its messages cost that `is_meant` chooses, in the currency of reports; what cannot be converted is left out.
    fn spent(&self, v: &Verification, is_meant: impl Fn(&Attempt) -> bool) -> Micros {
        let (currency, now) = (self.core().settings.reporting_currency, self.core().now());
        let meant = v.record.attempts.iter();
        let meant = meant.filter(|attempt| is_meant(attempt));
        let costs = meant.filter(|attempt| attempt.cost.state.stands_charged());
        let costs =
            costs.filter_map(|attempt| self.finance().convert(attempt.cost.money, currency, now));
        Micros(costs.map(|cost| cost.0).sum())
    }
}

/// A start or a resend that was held back, so that no verification tells of it.
pub(super) fn case_of_refused(refused: &Decision) -> Case {
    Case {
        id: refused.id,
        facts: refused.facts,
        phone: None,
        was_refused: true,
        number: [0; 16],
        approval: None,
        moments: vec![Moment {
            at: refused.at,
            paid: Some(Paid {
                was_stopped: true,
                spent: Micros::ZERO,
            }),
        }],
        spent: Micros::ZERO,
        alike: refused.count,
    }
}
