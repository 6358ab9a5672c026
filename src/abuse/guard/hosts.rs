//! Hosts that check codes themselves, such as identity servers: whether what they leave unsaid means anything.

/// Word of success that a host must have given within 7 days.
const LEAST: u32 = 20;
/// As a share of its sends, in percent.
const SHARE: u64 = 10;

/// Whether sends of a host count as unverified: only of one that says which were verified. A host that never does would fire every
/// rule. Both counts are of the 7 full UTC days before.
#[must_use]
pub fn says_what_was_verified(sends: u32, successes: u32) -> bool {
    successes >= LEAST && u64::from(successes) * 100 >= u64::from(sends) * SHARE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_counts_from_20_successes_that_are_a_tenth_of_its_sends() {
        assert!(says_what_was_verified(200, 20) && says_what_was_verified(20, 20));
        assert!(!says_what_was_verified(19, 19) && !says_what_was_verified(201, 20));
        assert!(!says_what_was_verified(u32::MAX, u32::MAX / 11));
    }
}
