//! Durations as text: `250ms`, `30s`, `10m`, `24h`, `7d`.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Parses a whole number with a unit. There is no default unit: a wrong guess would be off by a factor of 1,000.
pub fn parse(text: &str) -> Result<Duration, String> {
    let fault = || format!("`{text}` is not a length of time such as 30s, 10m or 24h");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| fault())?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(fault()),
    };
    let millis = number.checked_mul(millis).ok_or_else(fault)?;
    if millis > 3_650 * 86_400_000 {
        return Err(format!("`{text}` is longer than ten years"));
    }
    Ok(Duration::from_millis(millis))
}

/// The shortest text that [`parse`] reads as the same duration.
#[must_use]
pub fn format(span: Duration) -> String {
    let millis = span.as_millis();
    for (unit, size) in [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
    ] {
        if millis > 0 && millis.is_multiple_of(size) {
            return format!("{}{unit}", millis / size);
        }
    }
    format!("{millis}ms")
}

/// `at + span`, capped at the latest representable time.
#[must_use]
pub fn after(at: DateTime<Utc>, span: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(span)
        .ok()
        .and_then(|delta| at.checked_add_signed(delta))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// When something is due that was put off until `due`, by `longest` at most: further ahead than that, the clock has been set
/// back since, and it is due now.
#[must_use]
pub fn due(due: DateTime<Utc>, longest: Duration, now: DateTime<Utc>) -> DateTime<Utc> {
    if due > after(now, longest) { now } else { due }
}

/// `at - span`, capped at the earliest representable time.
#[must_use]
pub fn before(at: DateTime<Utc>, span: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(span)
        .ok()
        .and_then(|delta| at.checked_sub_signed(delta))
        .unwrap_or(DateTime::<Utc>::MIN_UTC)
}

/// `at`, rounded down to a whole multiple of `span` since 1970.
#[must_use]
pub fn floor(at: DateTime<Utc>, span: Duration) -> DateTime<Utc> {
    let size = i64::try_from(span.as_secs()).unwrap_or(i64::MAX).max(1);
    let seconds = at.timestamp();
    DateTime::from_timestamp(seconds - seconds.rem_euclid(size), 0).unwrap_or(at)
}

/// Whole seconds from `now` until `at`, rounded up, at least 1, as for `Retry-After`.
#[must_use]
pub fn seconds_until(at: DateTime<Utc>, now: DateTime<Utc>) -> u64 {
    let millis = (at - now).num_milliseconds().max(1);
    u64::try_from(millis).unwrap_or(1).div_ceil(1_000)
}

/// Serde as text, for stored policies.
pub mod text {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::format(*span))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        super::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_back_as_written_and_never_guessed() {
        for text in ["250ms", "30s", "10m", "24h", "90s", "7d", "0ms"] {
            let span = parse(text).unwrap();
            assert_eq!(parse(&format(span)), Ok(span), "{text}");
        }
        for text in [
            "",
            "10",
            "s",
            "-1s",
            "1.5s",
            "10 m",
            "99999999999999999999s",
            "5w",
            "4000d",
        ] {
            assert!(parse(text).is_err(), "{text:?} was taken");
        }
    }
}
