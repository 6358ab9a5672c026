//! Messages to projects' own servers, as Standard Webhooks describes them: what is signed and how ([`signature`]), where they
//! may go ([`address`]), how they get there ([`client`]), and when they are tried again.
//!
//! To add a type of message: a line in [`TYPES`], and the place in `gateway` that makes it.

pub mod address;
pub mod client;
pub mod signature;

use std::time::Duration;

/// The types that an endpoint may ask for.
pub const TYPES: [&str; 13] = [
    "verification.created",
    "verification.sent",
    "verification.delivered",
    "verification.read",
    "verification.fallback",
    "verification.approved",
    "verification.locked",
    "verification.expired",
    "verification.failed",
    "verification.canceled",
    "balance.low",
    "budget.reached",
    "traffic.suspicious",
];

/// Stands for every type.
pub const ALL: &str = "*";

/// What `…/test` sends, whatever the endpoint asked for.
pub const TEST: &str = "webhook.test";

/// The pauses between tries; after the last one the delivery is dead.
const PAUSES: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_hours(1),
    Duration::from_hours(3),
    Duration::from_hours(8),
    Duration::from_hours(16),
    Duration::from_hours(24),
];

/// How long to wait after so many failed tries, up to a tenth longer by `chance`, so that what failed together does not come
/// back together; `None`: it is given up.
#[must_use]
pub fn pause_after(tries: u32, chance: u8) -> Option<Duration> {
    let pause = PAUSES.get(usize::try_from(tries.checked_sub(1)?).ok()?)?;
    Some(*pause + *pause / 10 * u32::from(chance) / 255)
}

/// Whether an endpoint that asked for `wanted` (comma-separated) is told of `kind`.
#[must_use]
pub fn wants(wanted: &str, kind: &str) -> bool {
    wanted
        .split(',')
        .any(|wanted| wanted == ALL || wanted == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_message_is_tried_ten_times_within_three_days() {
        let pauses: Vec<u64> = (1..)
            .map_while(|tries| Some(pause_after(tries, 0)?.as_secs()))
            .collect();
        assert_eq!(
            pauses,
            [5, 30, 120, 600, 3_600, 10_800, 28_800, 57_600, 86_400]
        );
        assert_eq!(pause_after(1, 255), Some(Duration::from_millis(5_500)));
        assert_eq!(pause_after(0, 0), None);
    }

    #[test]
    fn an_endpoint_hears_what_it_asked_for() {
        assert!(wants("*", "balance.low"));
        assert!(wants(
            "verification.approved,verification.failed",
            "verification.failed"
        ));
        assert!(!wants("verification.approved", "verification.app"));
    }
}
