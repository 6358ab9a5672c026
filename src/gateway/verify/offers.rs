//! What each provider could do for a verification right now: at what price, or why not.

use super::room::Verify;
use crate::delivery::Draft;
use crate::gateway::core::ProviderSlot;
use crate::ledger::price;
use crate::message::Wording;
use crate::money::Money;
use crate::verification::Verification;
use crate::verification::id::ProjectId;
use crate::verification::route::{Channel, Offer, Skip};

impl Verify {
    /// What each provider could do for this verification now.
    ///
    /// `own`: one that has begun; what it has reserved itself is given back when what it was reserved for comes to nothing.
    pub(in crate::gateway) fn offers(
        &self,
        project: ProjectId,
        draft: Draft<'_>,
        number: [u8; 16],
        own: Option<&Verification>,
    ) -> Vec<Offer> {
        let offer = |slot: &ProviderSlot| {
            let provider = &slot.provider;
            Offer {
                channel: provider.channel(),
                provider: provider.name().to_owned(),
                currency: provider.currency(),
                estimate: if self.core().shared.pauses.is_open(provider.name(), number) {
                    match self.finance().estimate(slot, &draft) {
                        None => Err(Skip::NoPrice),
                        Some(price)
                            if self
                                .finance()
                                .may_have_room(project, draft.country, price, own) =>
                        {
                            Ok(price)
                        }
                        Some(_) => Err(Skip::Budget),
                    }
                } else {
                    Err(Skip::Paused)
                },
            }
        };
        self.core().providers.iter().map(offer).collect()
    }

    /// What the default text would cost as SMS, by the cheapest provider.
    pub(in crate::gateway) fn sms_price(&self, draft: Draft<'_>) -> Option<Money> {
        let plain;
        let wording = if draft.wording.template.is_none() {
            draft.wording
        } else {
            plain = Wording {
                template: None,
                ..draft.wording.clone()
            };
            &plain
        };
        let carries_sms = |slot: &&ProviderSlot| slot.provider.channel() == Channel::Sms;
        let prices = self.core().providers.iter().filter(carries_sms);
        let now = self.core().now();
        price::cheapest(
            prices.filter_map(|slot| self.finance().estimate(slot, &Draft { wording, ..draft })),
            |price, to| self.finance().convert(price, to, now),
        )
    }

    /// The same for one that has begun. Once its code is gone nothing will be sent, so there is nothing to offer.
    pub(in crate::gateway) fn offers_for(&self, v: &Verification) -> Vec<Offer> {
        let Some(code) = &v.code else {
            return Vec::new();
        };
        let draft = Draft {
            country: v.record.country,
            code,
            wording: &v.record.wording,
        };
        self.offers(v.project, draft, self.number_key(v), Some(v))
    }

    /// The same after so many plans for which the store had no room: after the second, what cannot be known here leaves none.
    pub(in crate::gateway) fn offers_after(&self, v: &Verification, lost: u32) -> Vec<Offer> {
        let mut offers = self.offers_for(v);
        if lost > 1 {
            for offer in &mut offers {
                offer.estimate = offer.estimate.and(Err(Skip::Budget));
            }
        }
        offers
    }
}
