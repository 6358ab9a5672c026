//! Reads phone numbers by the rules of a project.

use super::room::Verify;
use crate::verification::id::ProjectId;
use crate::verification::numbers::{Numbers, Parsed, PhoneError};
use crate::verification::phone::{Country, PhoneNumber};

impl Verify {
    /// A number that a visitor wants to verify.
    pub fn read_number(&self, project: ProjectId, text: &str) -> Result<Parsed, PhoneError> {
        let policy = self.core().directory.policy(project);
        policy.numbers.read(text)
    }

    /// A number as a host writes it, whose numbers may be of a country of its own. Digits that are no number there are read with a plus
    /// sign.
    pub fn read_hosts_number(
        &self,
        project: ProjectId,
        country: Option<Country>,
        text: &str,
    ) -> Result<Parsed, PhoneError> {
        let policy = self.core().directory.policy(project);
        let numbers = Numbers {
            default_country: country.or(policy.numbers.default_country),
            ..policy.numbers.clone()
        };
        numbers.read(text).or_else(|fault| {
            let is_bare = text.starts_with(|c: char| ('1'..='9').contains(&c));
            let read = is_bare.then(|| numbers.read(&format!("+{text}")).ok());
            read.flatten().ok_or(fault)
        })
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
