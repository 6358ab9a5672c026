//! What the guard must keep to.

use pinroute::simulator::visitors::Kind;

use super::attack::{Attack, Course};
use super::site::Tally;

/// Paid messages before the first is stopped: to one range, and to ranges that change.
const ONE_RANGE: u64 = 10;
const MANY_RANGES: u64 = 60;
/// Honest verifications with a challenge, of 1,000.
const CHALLENGED: u64 = 5;

/// Honest people are hardly challenged, and never denied.
pub fn spares(honest: &Tally) -> bool {
    honest.denied == 0 && honest.challenged * 1_000 < honest.starts * CHALLENGED
}

/// Why an attack was stopped too late. One whose numbers refuse Telegram has the mark of one that asks for SMS.
pub fn late(attack: Attack, course: &Course) -> Option<String> {
    let most = match attack.kind {
        Kind::RotatingPrefix => MANY_RANGES,
        _ => ONE_RANGE,
    };
    let paid = course.first_stop.map_or(u64::MAX, |stop| stop.paid);
    (paid > most).then(|| format!("{paid} paid messages before the first is stopped"))
}
