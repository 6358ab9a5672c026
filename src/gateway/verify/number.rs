//! Reads phone numbers by the rules of a project.

use super::room::Verify;
use crate::integrations::international;
use crate::storage::Integration;
use crate::verification::id::ProjectId;
use crate::verification::numbers::{Numbers, Parsed, PhoneError};
use crate::verification::phone::PhoneNumber;

impl Verify {
    /// A number that a visitor wants to verify.
    pub fn read_number(&self, project: ProjectId, text: &str) -> Result<Parsed, PhoneError> {
        let policy = self.core().directory.policy(project);
        policy.numbers.read(text)
    }

    /// A number as a host writes it, whose local numbers may be of a country of its own.
    pub fn read_hosts_number(&self, host: &Integration, text: &str) -> Result<Parsed, PhoneError> {
        let settings = &host.settings;
        let policy = self.core().directory.policy(host.project);
        let country = settings.default_country;
        let numbers = Numbers {
            default_country: country.or(policy.numbers.default_country),
            ..policy.numbers.clone()
        };
        numbers.read(&international(host.kind, settings, text))
    }

    /// A number to search for, which may be of a line that is no longer admitted. `None`: in all projects.
    pub fn read_searched_number(
        &self,
        project: Option<ProjectId>,
        text: &str,
    ) -> Result<PhoneNumber, PhoneError> {
        let numbers = project.map_or_else(Numbers::default, |project| {
            self.core().directory.policy(project).numbers.clone()
        });
        Ok(numbers.for_search().read(text)?.phone)
    }
}
