//! Reads JSON strictly: an object that names a member twice is refused, since readers differ in which one counts.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Error, Map, Number, Value};

/// The value that the bytes are. The error names a doubled member, besides what serde refuses.
///
/// Half of a surrogate pair, which JavaScript writes for half an emoji, is read as U+FFFD.
pub fn strict(bytes: &[u8]) -> Result<Value, Error> {
    match read(bytes) {
        Err(error) if error.is_syntax() => match without_halves(bytes) {
            Some(mended) => read(&mended),
            None => Err(error),
        },
        read => read,
    }
}

/// The fault of a name that is given twice, here or in a form. It quotes the printable beginning of the name.
#[must_use]
pub fn given_twice(name: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
    format!("`{name}` is given twice")
}

fn read(bytes: &[u8]) -> Result<Value, Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// The text with `\ufffd` in place of each escape that is half of a surrogate pair; `None`: there is none.
fn without_halves(bytes: &[u8]) -> Option<Vec<u8>> {
    let unit = |at: usize| {
        let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let mut mended = bytes.to_vec();
    let (mut at, mut has_half) = (0, false);
    while at < bytes.len() {
        at += match (bytes[at], unit(at)) {
            (b'\\', Some(0xd800..=0xdbff)) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => 12,
            (b'\\', Some(0xd800..=0xdfff)) => {
                mended[at + 2..at + 6].copy_from_slice(b"fffd");
                has_half = true;
                6
            }
            (b'\\', _) => 2,
            _ => 1,
        };
    }
    has_half.then_some(mended)
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            match object.entry(name) {
                Entry::Vacant(free) => drop(free.insert(members.next_value_seed(Self)?)),
                Entry::Occupied(taken) => return Err(A::Error::custom(given_twice(taken.key()))),
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_member_twice_is_refused_at_any_depth() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"[{"b":{"a":1,"c":2,"a":3}}]"#,
        ] {
            let error = strict(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("`a` is given twice"), "{error}");
        }
    }

    #[test]
    fn half_an_emoji_is_a_replacement_character() {
        for (text, read) in [
            (r#""+1 202\ud83d""#, "+1 202\u{fffd}"),
            (r#""\ude00\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
            (r#""\\ud83d""#, "\\ud83d"),
        ] {
            assert_eq!(strict(text.as_bytes()).unwrap(), read, "{text}");
        }
        assert!(strict(br#""\ud83"#).is_err());
    }

    #[test]
    fn everything_else_is_read_as_serde_reads_it() {
        for text in [
            r#"{"a":{"b":[1,-2,3.5,1e400,18446744073709551615,true,null,"\u00e9"]},"c":{}}"#,
            "[]",
            r#""text""#,
            "",
            "{",
            "{} {}",
            "[1,]",
            "{\"a\":\"\u{0}\"}",
        ] {
            let usual = serde_json::from_str::<Value>(text).map_err(|error| error.to_string());
            let strictly = strict(text.as_bytes()).map_err(|error| error.to_string());
            assert_eq!(strictly, usual, "{text}");
        }
        assert!(strict(b"\"\xff\"").is_err());
        let deep = "[".repeat(10_000);
        assert!(strict(deep.as_bytes()).is_err());
    }
}
