//! What faces ask before a verification, or about one, in words that only they need.

use std::time::Duration;

use chrono::TimeDelta;

use super::request::StartRequest;
use super::room::Verify;
use crate::abuse::limits;
use crate::channels::Draft;
use crate::gateway::error::Error;
use crate::message::{Wording, segments, text};
use crate::verification::asked::LimitKey;
use crate::verification::code::Code;
use crate::verification::id::ProjectId;
use crate::verification::numbers::Parsed;
use crate::verification::origin::TraceHash;
use crate::verification::policy::Policy;
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

    /// The first name that is not a limit of the project's own.
    pub fn unknown_limit<'a>(
        &self,
        project: ProjectId,
        mut names: impl Iterator<Item = &'a String>,
    ) -> Option<&'a String> {
        let policy = self.core().directory.policy(project);
        names.find(|name| !policy.limits.keys.contains_key(*name))
    }

    /// The values that a request brings for limits of the project's own, as keyed hashes.
    pub(super) fn limit_keys(&self, given: &[(String, String)], policy: &Policy) -> Vec<LimitKey> {
        let known = given
            .iter()
            .filter(|(name, _)| policy.limits.keys.contains_key(name));
        known
            .map(|(name, value)| LimitKey {
                name: name.clone(),
                value: TraceHash(self.core().trace.hash("limit key", value)),
            })
            .collect()
    }

    /// What stands for the sender in a text: as asked, as the project says, or the project's name.
    pub(super) fn brand(&self, project: ProjectId, asked: Option<&str>, policy: &Policy) -> String {
        let own = Some(policy.brand.as_str()).filter(|own| !own.is_empty());
        let name = || {
            self.core()
                .directory
                .project_name(project)
                .unwrap_or_default()
        };
        asked.or(own).map_or_else(name, str::to_owned)
    }

    /// The text of a start. A name of the request's own that would make it longer than the project allows is left out.
    pub(super) fn wording(
        &self,
        start: &StartRequest,
        policy: &Policy,
        code: &Code,
        ttl: Duration,
    ) -> Wording {
        let choose = |brand: Option<&str>| {
            let brand = self.brand(start.project, brand, policy);
            let country = start.to.country.as_str();
            text::choose(
                start.wording.clone(),
                &policy.templates,
                country,
                ttl,
                &brand,
            )
        };
        let wording = choose(start.brand.as_deref());
        let is_named = start.brand.is_some() && wording.template != start.wording.template;
        let takes = || segments::count(&text::render(code.as_str(), &wording)).1;
        if is_named && takes() > policy.max_segments {
            return choose(None);
        }
        wording
    }

    /// Whether any step of the project's route can carry a code to this number, now or later.
    #[must_use]
    pub fn can_reach(&self, project: ProjectId, to: &Parsed) -> bool {
        let policy = self.core().directory.policy(project);
        if !self.admits(project, to) {
            return false;
        }
        let (code, wording) = (Code::generate(policy.code_length, 0), Wording::default());
        let draft = Draft::new(to.country, &code, &wording);
        let offers = self.offers(project, &draft, self.number_hash(&to.phone), None);
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

    /// Whether it has this code.
    #[must_use]
    pub fn has_code(&self, v: &Verification, code: &Code) -> bool {
        v.code_hash == self.code_hash(v.id, code)
    }

    /// Whether this code approved it within the last minute: a repeat of that check, whose answer may have been lost. Only a few codes are
    /// compared, so that nobody can go on guessing.
    pub async fn repeats_check(&self, v: &Verification, code: &Code) -> Result<bool, Error> {
        let Status::Approved { at, .. } = v.record.status else {
            return Ok(false);
        };
        if v.record.is_vouched_for || self.core().now() - at > REPEATABLE {
            return Ok(false);
        }
        let limits = &self.core().shared.limits;
        let nothing = async |_| Ok::<_, Error>(Vec::new());
        let taken = limits
            .take_recalling(vec![limits::for_repeat(v.id)], false, nothing)
            .await?;
        Ok(taken.is_ok() && self.has_code(v, code))
    }
}
