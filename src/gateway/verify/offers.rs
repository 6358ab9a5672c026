//! What each provider offers for a verification right now: a price, or the reason for skipping it.

use super::room::Verify;
use crate::channels::Draft;
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
        draft: &Draft<'_>,
        number: [u8; 16],
        own: Option<&Verification>,
    ) -> Vec<Offer> {
        let offer = |slot: &ProviderSlot| {
            let provider = &slot.provider;
            Offer {
                channel: provider.account().channel,
                provider: provider.name().to_owned(),
                currency: provider.account().currency,
                abilities: provider.abilities(),
                estimate: if !provider.carries(draft) {
                    Err(Skip::CodeNotCarried)
                } else if self.core().shared.pauses.is_open(provider.name(), number) {
                    match self.finance().estimate(slot, draft) {
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

    /// The cost of the built-in text, or of a whole message, as SMS with the cheapest provider.
    pub(in crate::gateway) fn sms_price(&self, draft: &Draft<'_>) -> Option<Money> {
        let (wording, plain);
        let draft = if draft.wording.template.is_none() {
            draft
        } else {
            wording = Wording {
                template: None,
                ..draft.wording.clone()
            };
            plain = Draft::new(draft.country, draft.code, &wording);
            &plain
        };
        let carries_sms = |slot: &&ProviderSlot| slot.provider.account().channel == Channel::Sms;
        let prices = self.core().providers.iter().filter(carries_sms);
        let now = self.core().now();
        price::cheapest(
            prices.filter_map(|slot| self.finance().estimate(slot, draft)),
            |price, to| self.finance().convert(price, to, now),
        )
    }

    /// [`Self::offers`] for a started verification. Empty once its code is erased, because nothing can be sent any
    /// more.
    pub(in crate::gateway) fn offers_for(&self, v: &Verification) -> Vec<Offer> {
        let Some(code) = &v.code else {
            return Vec::new();
        };
        let draft = Draft::new(v.record.country, code, &v.record.wording);
        self.offers(v.project, &draft, self.number_key(v), Some(v))
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
