//! Webhooks to projects' servers, following Standard Webhooks: signatures ([`signature`]), permitted addresses
//! ([`address`]), the HTTP client ([`client`]) and retry times. The operator's own [`sinks`] get the same events.
//!
//! To add a type of message: a line in [`TYPES`], and the place in `gateway` that creates it.

pub mod address;
pub mod client;
pub mod signature;
pub mod sinks;

use std::time::Duration;

/// The event types that an endpoint can subscribe to.
pub const TYPES: [&str; 14] = [
    "verification.created",
    "verification.sent",
    "verification.delivered",
    "verification.read",
    "verification.fallback",
    "verification.approved",
    "verification.locked",
    "verification.expired",
    "verification.failed",
    "verification.reopened",
    "verification.canceled",
    "balance.low",
    "budget.reached",
    "traffic.suspicious",
];

/// Subscribes to every type.
pub const ALL: &str = "*";

/// The type sent by `…/test`, whatever the endpoint subscribes to.
pub const TEST: &str = "webhook.test";

/// Waits between tries. When the try after the last one fails, the delivery is dead.
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

/// How long to wait after the given number of failed tries; `None`: give up. `chance` lengthens the wait by up to a
/// tenth, so that deliveries that failed together are not retried together.
#[must_use]
pub fn pause_after(tries: u32, chance: u8) -> Option<Duration> {
    let pause = PAUSES.get(usize::try_from(tries.checked_sub(1)?).ok()?)?;
    Some(*pause + *pause / 10 * u32::from(chance) / 255)
}

/// Whether an endpoint with the comma-separated subscription `wanted` gets events of type `kind`. Types that are not in
/// [`TYPES`] are never sent.
#[must_use]
pub fn wants(wanted: &str, kind: &str) -> bool {
    TYPES.contains(&kind)
        && wanted
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
