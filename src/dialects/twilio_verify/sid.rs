//! SIDs: two letters, and a UUID as 32 hexadecimal digits. Nothing is stored for them.

use uuid::Uuid;

use crate::verification::attempt::Attempt;
use crate::verification::id::{AttemptId, ProjectId, VerificationId};
use crate::verification::{Verification, policy::Policy};

pub fn written(prefix: &str, id: Uuid) -> String {
    format!("{prefix}{}", id.simple())
}

/// `None`: it is no SID with this prefix.
pub fn read(prefix: &str, text: &str) -> Option<Uuid> {
    let digits = text.strip_prefix(prefix).filter(|it| it.len() == 32)?;
    let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    Uuid::try_parse(digits).ok().filter(|_| is_hex)
}

pub fn verification(id: VerificationId) -> String {
    written("VE", id.uuid())
}

pub fn read_verification(text: &str) -> Option<VerificationId> {
    read("VE", text).map(VerificationId::from_uuid)
}

pub fn attempt(v: &Verification, attempt: &Attempt) -> String {
    written("VL", v.attempt_id(attempt).uuid())
}

pub fn read_attempt(text: &str) -> Option<AttemptId> {
    read("VL", text).map(AttemptId::from_uuid)
}

/// The account's, which is the one that the site used at Twilio if the project says so.
pub fn account(project: ProjectId, policy: &Policy) -> String {
    kept(&policy.twilio.account_sid).unwrap_or_else(|| written("AC", project.0))
}

pub fn service(project: ProjectId, policy: &Policy) -> String {
    kept(&policy.twilio.service_sid).unwrap_or_else(|| written("VA", project.0))
}

fn kept(sid: &str) -> Option<String> {
    Some(sid.to_owned()).filter(|sid| !sid.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sid_is_two_letters_and_32_hexadecimal_digits() {
        let id = Uuid::from_u128(0x0199_3f0e_0000_7000_8000_0000_0000_abcd);
        assert_eq!(written("VA", id), "VA01993f0e00007000800000000000abcd");
        assert_eq!(read("VA", "VA01993F0E00007000800000000000ABCD"), Some(id));
        for wrong in [
            "",
            "VA",
            "VE01993f0e00007000800000000000abcd",
            "VA01993f0e-0000-7000-8000-00000000abcd",
            "VA01993f0e00007000800000000000abc",
            "VA01993f0e00007000800000000000abcg",
        ] {
            assert_eq!(read("VA", wrong), None, "{wrong}");
        }
    }
}
