//! The general kinds of fields: JSON values, texts, numbers in a range, words of a closed set.

use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};

use crate::api::body::{Form, Referred, list, refer, reference};
use crate::web::Fields;
use crate::web::fields::{characters, integer as whole, printable, text as plain};

/// A value that `read` reads and `schema` describes.
pub struct ValueForm<R, S> {
    read: R,
    schema: S,
}

impl<R, S> ValueForm<R, S> {
    pub fn new<T>(read: R, schema: S) -> Self
    where
        R: Fn(&Value) -> Result<T, String>,
        S: Fn() -> RefOr<Schema>,
    {
        Self { read, schema }
    }
}

impl<T, R, S> Form for ValueForm<R, S>
where
    R: Fn(&Value) -> Result<T, String>,
    S: Fn() -> RefOr<Schema>,
{
    type Out = T;

    fn take(&self, fields: &mut Fields, name: &str) -> Option<T> {
        fields.take(name, &self.read)
    }

    fn schema(&self) -> RefOr<Schema> {
        (self.schema)()
    }
}

/// A field of plain JSON types.
pub fn value<T>(
    read: impl Fn(&Value) -> Result<T, String>,
    schema: impl Fn(ObjectBuilder) -> ObjectBuilder,
) -> impl Form<Out = T> {
    let schema = move || schema(ObjectBuilder::new().schema_type(Type::String)).into();
    ValueForm { read, schema }
}

/// A text that counts as absent where it cannot be read, since the request can do without it.
pub struct LenientForm<R>(R);

impl<T, R: Fn(&Value) -> Option<T>> Form for LenientForm<R> {
    type Out = T;

    fn take(&self, fields: &mut Fields, name: &str) -> Option<T> {
        fields.take(name, |value| Ok((self.0)(value))).flatten()
    }

    fn schema(&self) -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).into()
    }
}

/// See [`LenientForm`].
pub fn lenient<T>(read: impl Fn(&Value) -> Option<T>) -> impl Form<Out = T> {
    LenientForm(read)
}

/// A field whose schema is a named one, `N`, or a list of it.
pub struct NamedForm<N, R> {
    read: R,
    /// A list, of at least one item.
    many: bool,
    named: PhantomData<N>,
}

impl<T, N: ToSchema, R: Fn(&Value) -> Result<T, String>> Form for NamedForm<N, R> {
    type Out = T;

    fn take(&self, fields: &mut Fields, name: &str) -> Option<T> {
        fields.take(name, &self.read)
    }

    fn schema(&self) -> RefOr<Schema> {
        if self.many {
            list::<N>(Some(1), None)
        } else {
            reference::<N>()
        }
    }

    fn referred(&self, schemas: &mut Referred) {
        refer::<N>(schemas);
    }
}

/// A value of the named schema `N`.
pub fn named<N: ToSchema, T>(read: impl Fn(&Value) -> Result<T, String>) -> impl Form<Out = T> {
    NamedForm {
        read,
        many: false,
        named: PhantomData::<N>,
    }
}

/// A list of one or more values of the named schema `N`.
pub fn some_of<N: ToSchema, T>(read: impl Fn(&Value) -> Result<T, String>) -> impl Form<Out = T> {
    NamedForm {
        read,
        many: true,
        named: PhantomData::<N>,
    }
}

/// A text of so many characters, without control characters.
pub fn text(length: RangeInclusive<usize>) -> impl Form<Out = String> {
    text_with(length, |schema| schema)
}

/// Like [`text`], with more in its schema.
pub fn text_with(
    length: RangeInclusive<usize>,
    more: impl Fn(ObjectBuilder) -> ObjectBuilder,
) -> impl Form<Out = String> {
    let (least, most) = length.into_inner();
    value(plain(least, most), move |schema| {
        let least = Some(least).filter(|least| *least > 0);
        more(schema.min_length(least).max_length(Some(most)))
    })
}

/// A note of so many characters at most, without the space around it.
pub fn note(most: usize) -> impl Form<Out = String> {
    let read = move |value: &Value| Ok(characters(most)(value)?.trim().to_owned());
    value(read, move |schema| schema.max_length(Some(most)))
}

/// `true` or `false`.
pub fn flag() -> impl Form<Out = bool> {
    let read = |value: &Value| value.as_bool().ok_or("must be true or false".to_owned());
    value(read, |schema| schema.schema_type(Type::Boolean))
}

/// A whole number in a range, as `T`.
pub fn integer<T: TryFrom<u64>>(range: RangeInclusive<u64>) -> impl Form<Out = T> {
    let (least, most) = (*range.start(), *range.end());
    let read = move |value: &Value| {
        let number = whole(least..=most)(value)?;
        T::try_from(number).map_err(|_| "is too large".to_owned())
    };
    value(read, move |schema| bounded(schema, least, most))
}

fn bounded(schema: ObjectBuilder, least: u64, most: u64) -> ObjectBuilder {
    let format = match i32::try_from(most) {
        Ok(_) => KnownFormat::Int32,
        Err(_) => KnownFormat::Int64,
    };
    schema
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(format)))
        .minimum(Some(least))
        .maximum(Some(most))
}

/// Whole seconds in a range.
pub fn seconds(range: RangeInclusive<u64>) -> impl Form<Out = Duration> {
    let (least, most) = (*range.start(), *range.end());
    let read = move |value: &Value| whole(least..=most)(value).map(Duration::from_secs);
    value(read, move |schema| bounded(schema, least, most))
}

/// Seconds with fractions in a range.
pub fn fractional_seconds(range: RangeInclusive<u32>) -> impl Form<Out = Duration> {
    let (least, most) = range.into_inner();
    let read = move |value: &Value| match value.as_f64() {
        Some(seconds) if (f64::from(least)..=f64::from(most)).contains(&seconds) => {
            Ok(Duration::from_secs_f64(seconds))
        }
        _ => Err(format!(
            "must be a number of seconds from {least} to {most}"
        )),
    };
    value(read, move |schema| {
        schema
            .schema_type(Type::Number)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Double)))
            .minimum(Some(least))
            .maximum(Some(most))
    })
}

/// Says that a word is not one of a closed set.
pub fn unknown(word: &str, what: &str, known: &[&str]) -> String {
    let word = printable(word);
    match known {
        [others @ .., last] if !others.is_empty() => {
            let others = others.join(", ");
            format!("`{word}` is not a {what}; use {others} or {last}")
        }
        known => format!("`{word}` is not a {what}; use {}", known.concat()),
    }
}
