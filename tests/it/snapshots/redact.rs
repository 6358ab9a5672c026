//! Replaces what differs from run to run: ids, secrets and tokens by the order in which they appear (`id-1`, `secret-1`),
//! times by their distance from the start of the transcript (`T+30s`, `D+1`). The same value is replaced by the same
//! word throughout, so a reference still shows what it refers to.
//!
//! A new form of such values is a new reader in [`READERS`]; one without a form, known by its field, goes into [`FIELDS`].

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Map, Value};

pub struct Redactor {
    start: DateTime<Utc>,
    /// The kind and the value of each one replaced by number.
    seen: Vec<(&'static str, String)>,
}

/// Fields whose values have no form of their own, and what they are called.
const FIELDS: [(&str, &str); 5] = [
    ("next_cursor", "cursor"),
    ("kid", "kid"),
    ("x", "public-key"),
    ("jti", "token"),
    ("api_key", "api-key"),
];

/// A kind, and how many bytes of a text that begins with such a value are the value's.
type Reader = (&'static str, fn(&str) -> Option<usize>);

const READERS: [Reader; 5] = [
    ("id", uuid),
    ("sid", sid),
    ("secret", |text| prefixed(text, "pin_", 32)),
    ("signing-secret", |text| prefixed(text, "whsec_", 24)),
    ("jwt", |text| prefixed(text, "eyJ", 60)),
];

impl Redactor {
    pub fn new(start: DateTime<Utc>) -> Self {
        Self {
            start,
            seen: Vec::new(),
        }
    }

    pub fn value(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => {
                let redacted = fields
                    .iter()
                    .map(|(name, value)| (name.clone(), self.field(name, value)));
                Value::Object(redacted.collect::<Map<_, _>>())
            }
            other => other.clone(),
        }
    }

    fn field(&mut self, name: &str, value: &Value) -> Value {
        let kind = FIELDS.iter().find(|(field, _)| *field == name);
        match (kind, value) {
            (_, Value::Number(_)) if name == "duration_ms" => Value::from("<duration>"),
            (Some((_, kind)), Value::String(text)) => Value::String(self.numbered(kind, text)),
            (_, value) => self.value(value),
        }
    }

    pub fn header(&mut self, name: &str, value: &str) -> String {
        match name {
            "x-request-id" => "<request id>".to_owned(),
            "webhook-timestamp" => match value
                .parse()
                .ok()
                .and_then(|at| DateTime::from_timestamp(at, 0))
            {
                Some(at) => self.time(at),
                None => value.to_owned(),
            },
            "webhook-signature" => value
                .split(' ')
                .map(|one| {
                    if one.starts_with("v1,") {
                        "v1,<signature>"
                    } else {
                        one
                    }
                })
                .collect::<Vec<_>>()
                .join(" "),
            _ => self.text(value),
        }
    }

    pub fn text(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            // A value begins where a word begins.
            let within = out.ends_with(|last: char| last.is_ascii_alphanumeric());
            let value = (!within).then(|| self.read(rest)).flatten();
            let (length, word) = value.unwrap_or_else(|| (first.len_utf8(), first.to_string()));
            out.push_str(&word);
            rest = &rest[length..];
        }
        out
    }

    /// The replacement for a value at the beginning of the text, and the value's length.
    fn read(&mut self, text: &str) -> Option<(usize, String)> {
        for (kind, reader) in READERS {
            if let Some(length) = reader(text) {
                return Some((length, self.numbered(kind, &text[..length])));
            }
        }
        if let Some(at) = text.get(..20).and_then(|text| text.parse().ok()) {
            return Some((20, self.time(at)));
        }
        if let Some(day) = text
            .get(..10)
            .and_then(|text| text.parse::<NaiveDate>().ok())
        {
            let days = (day - self.start.date_naive()).num_days();
            return Some((10, offset("D", days, "")));
        }
        for (fixed, word) in [
            ("127.0.0.1:", "127.0.0.1:<port>"),
            ("pinroute/", "pinroute/<version>"),
        ] {
            if let Some(rest) = text.strip_prefix(fixed) {
                let length = count(rest, |byte| byte.is_ascii_digit() || byte == b'.');
                return (length > 0).then(|| (fixed.len() + length, word.to_owned()));
            }
        }
        None
    }

    fn time(&self, at: DateTime<Utc>) -> String {
        offset("T", (at - self.start).num_seconds(), "s")
    }

    fn numbered(&mut self, kind: &'static str, value: &str) -> String {
        let known = self
            .seen
            .iter()
            .any(|(k, seen)| *k == kind && seen == value);
        if !known {
            self.seen.push((kind, value.to_owned()));
        }
        let mut same = self.seen.iter().filter(|(k, _)| *k == kind);
        let place = same.position(|(_, seen)| seen == value).unwrap();
        format!("{kind}-{}", place + 1)
    }
}

fn offset(from: &str, distance: i64, unit: &str) -> String {
    match distance {
        0 => from.to_owned(),
        _ => format!("{from}{distance:+}{unit}"),
    }
}

fn count(text: &str, belongs: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| belongs(*byte)).count()
}

fn uuid(text: &str) -> Option<usize> {
    let id = text.get(..36)?;
    (id.contains('-') && uuid::Uuid::parse_str(id).is_ok()).then_some(36)
}

/// An id as Twilio writes it: two capitals for its kind, then 32 hexadecimal digits.
fn sid(text: &str) -> Option<usize> {
    let (kind, digits) = text.get(..34)?.split_at(2);
    let is_sid = kind.bytes().all(|byte| byte.is_ascii_uppercase())
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_sid.then_some(34)
}

/// At least so many characters of an encoding after the prefix.
fn prefixed(text: &str, prefix: &str, least: usize) -> Option<usize> {
    let rest = text.strip_prefix(prefix)?;
    let length = count(rest, |byte| {
        byte.is_ascii_alphanumeric() || b"_-.+/=".contains(&byte)
    });
    (length >= least).then_some(prefix.len() + length)
}

#[test]
fn equal_values_get_the_same_replacement() {
    let start = "2026-11-05T10:00:00Z".parse().unwrap();
    let mut redactor = Redactor::new(start);
    let (one, other) = (uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2));
    let said = redactor.text(&format!("/a/{one} and {other}, {one}"));
    assert_eq!(said, "/a/id-1 and id-2, id-1");
    let said = redactor.text("at 2026-11-05T10:00:30Z, until 2026-11-06; 127.0.0.1:8080/x");
    assert_eq!(said, "at T+30s, until D+1; 127.0.0.1:<port>/x");
    assert_eq!(
        redactor.text("2026-11-05T10:00:00Z +998901000000"),
        "T +998901000000"
    );
}
