//! What faces ask before a verification, or about one, in words that only they need.

use chrono::TimeDelta;

use super::room::Verify;
use crate::channels::Draft;
use crate::message::Wording;
use crate::verification::code::Code;
use crate::verification::id::ProjectId;
use crate::verification::numbers::Parsed;
use crate::verification::route::Skip;
use crate::verification::{Status, Verification};

/// How long the check that approved may be repeated.
const REPEATABLE: TimeDelta = TimeDelta::seconds(60);

impl Verify {
    /// A keyed hash, by which a face knows again what it gave out.
    #[must_use]
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 16] {
        self.core().vault.lookup(parts)
    }

    /// Whether any step of the project's route can carry a code to this number, now or later.
    #[must_use]
    pub fn can_reach(&self, project: ProjectId, to: &Parsed) -> bool {
        let policy = self.core().directory.policy(project);
        if !policy.countries.admits(to.country) {
            return false;
        }
        let (code, wording) = (Code::generate(policy.code_length, 0), Wording::default());
        let draft = Draft::new(to.country, &code, &wording);
        let number = self
            .core()
            .vault
            .lookup(&[b"number", to.phone.as_str().as_bytes()]);
        let offers = self.offers(project, &draft, number, None);
        policy.route.iter().any(|step| {
            let mut offers = offers.iter().filter(|offer| offer.channel == step.channel);
            offers.any(|offer| offer.estimate != Err(Skip::NoPrice))
        })
    }

    /// Whether messages can be sent under this name.
    #[must_use]
    pub fn owns_sender(&self, name: &str) -> bool {
        let name = name.trim_start_matches('@');
        let senders = self
            .core()
            .providers
            .iter()
            .filter_map(|slot| slot.provider.sender());
        senders
            .into_iter()
            .any(|own| own.eq_ignore_ascii_case(name))
    }

    /// Whether this code approved it within the last minute: a repeat of that check, whose answer may have been lost.
    #[must_use]
    pub fn was_just_approved_with(&self, v: &Verification, code: &Code) -> bool {
        let Status::Approved { at, .. } = v.record.status else {
            return false;
        };
        let is_recent = self.core().now() - at <= REPEATABLE;
        is_recent && !v.record.is_vouched_for && v.code_hash == self.code_hash(v.id, code)
    }
}
