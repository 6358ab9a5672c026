//! Reads JSON strictly: an object that names a member twice is refused, since readers differ in which one counts.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Error, Map, Number, Value};

/// The value that the bytes are. The error names a doubled member, besides what serde refuses.
pub fn strict(bytes: &[u8]) -> Result<Value, Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
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
                Entry::Occupied(taken) => {
                    let name: String = taken
                        .key()
                        .chars()
                        .filter(|c| !c.is_control())
                        .take(100)
                        .collect();
                    return Err(A::Error::custom(format_args!("`{name}` is given twice")));
                }
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
