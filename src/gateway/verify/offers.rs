//! What each provider offers for a verification right now: a price, or the reason for skipping it.

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
    /// The offers of all providers for a verification. `own`: the verification if it has already started; its own
    /// budget reservations do not count as used, because they are released when the attempts they were made for fail.
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

    /// The cost of the built-in text as SMS with the cheapest provider.
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

    /// [`Self::offers`] for a started verification. Empty once its code is erased, because nothing can be sent any
    /// more.
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

    /// [`Self::offers_for`] after `lost` budget refusals. From the second on, every provider counts as out of budget,
    /// because our cached usage is evidently wrong.
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
