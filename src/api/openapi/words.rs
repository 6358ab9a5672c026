//! Closed sets of the document, taken from the domain's own types: a variant that is added there is documented here.
//!
//! A new set is a `closed_set!` in [`super::sets`].

use std::fmt;

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

/// `closed_set!(/// Its description. Name = words)`: a schema that lists `words`, for any iterator of texts.
macro_rules! closed_set {
    ($($(#[doc = $doc:literal])* $name:ident = $words:expr;)+) => {$(
        $(#[doc = $doc])*
        pub struct $name;

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                $crate::api::openapi::words::listed(&[$($doc),*], $words)
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )+};
}

pub(super) use closed_set;

/// A text that is one of `words`.
pub fn listed<'a>(doc: &[&str], words: impl IntoIterator<Item = &'a str>) -> RefOr<Schema> {
    let words: Vec<Value> = words.into_iter().map(Value::from).collect();
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(described(doc))
        .enum_values(Some(words))
        .into()
}

/// The lines of a doc comment as one text.
pub fn described(doc: &[&str]) -> Option<String> {
    let lines: Vec<&str> = doc.iter().map(|line| line.trim()).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The words that an enum without data has in JSON, in its order.
pub fn of_enum<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut words: &'static [&'static str] = &[];
    // Always an error: nothing is read, the enum only says what it would accept.
    let _ = T::deserialize(Words(&mut words));
    words
}

struct Words<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Words<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("not an enum"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = variants;
        Err(Error::custom("only the variants are wanted"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

impl fmt::Debug for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Words")
    }
}
