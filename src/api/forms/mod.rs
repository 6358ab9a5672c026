//! The forms of fields that bodies are declared with. General kinds are in `kinds`; here are the domain's own values.
//!
//! A new value of the domain is a function here, of a kind from `kinds`.

mod kinds;

use std::net::IpAddr;
use std::sync::Once;

use chrono::NaiveDate;
use serde_json::Value;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};

pub use kinds::{
    ValueForm, flag, fractional_seconds, integer, lenient, named, note, seconds, some_of, text,
    unknown, value,
};

use super::body::Form;
use super::openapi::sets;
use crate::gateway::{LONGEST_KEY_NAME, check_name};
use crate::message::text::{is_app_hash, locale_of};
use crate::money::{Currency, Micros};
use crate::reports::query::date;
use crate::verification::code::Code;
use crate::verification::digits::fold;
use crate::verification::phone::Country;
use crate::verification::route;
use crate::web::client;

/// A phone number as it was typed. The project's rules read it, and its faults have codes of their own.
pub fn phone_number() -> impl Form<Out = String> {
    let read = |value: &Value| Ok(value.as_str().ok_or("must be a string")?.to_owned());
    value(read, |schema| schema)
}

/// The length of a code.
pub fn code_length() -> impl Form<Out = u8> {
    integer(4..=8)
}

/// A code that a site chose, or as a visitor typed it.
pub fn code() -> impl Form<Out = Code> {
    let read = |value: &Value| {
        let typed = value.as_str().map(fold);
        let code = typed.as_deref().and_then(Code::parse);
        code.ok_or_else(|| "must be 4 to 8 digits, as a string".to_owned())
    };
    value(read, |schema| schema.min_length(Some(4)))
}

/// Values by the names of limits, five at most.
pub fn limit_keys() -> impl Form<Out = Vec<(String, String)>> {
    const MOST: usize = 5;
    let read = |value: &Value| {
        let fields = value.as_object().ok_or("must be an object of strings")?;
        if fields.len() > MOST {
            return Err(format!("may have at most {MOST} members"));
        }
        let text = |(name, value): (&String, &Value)| {
            let fits = |text: &&str| (1..=256).contains(&text.len());
            let text = value.as_str().filter(fits);
            let text = text.ok_or("must have texts of 1 to 256 bytes")?;
            Ok((name.clone(), text.to_owned()))
        };
        fields.iter().map(text).collect()
    };
    let schema = || {
        let text = ObjectBuilder::new().schema_type(Type::String);
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(text))
            .max_properties(Some(MOST))
            .into()
    };
    ValueForm::new(read, schema)
}

/// The name of a project.
pub fn project() -> impl Form<Out = String> {
    text(1..=100)
}

/// The name of a new project.
pub fn project_name() -> impl Form<Out = String> {
    let read = |value: &Value| {
        let name = value.as_str().ok_or("must be a string")?;
        check_name(name)?;
        Ok(name.to_owned())
    };
    value(read, |schema| {
        schema.pattern(Some("^[a-z0-9][a-z0-9_-]{0,63}$"))
    })
}

/// A text of a message; the gateway checks what it is made of.
pub fn template() -> impl Form<Out = String> {
    let read = |value: &Value| Ok(value.as_str().ok_or("must be a string")?.to_owned());
    value(read, |schema| schema.max_length(Some(1_000)))
}

/// The name of a key.
pub fn key_name() -> impl Form<Out = String> {
    let read = |value: &Value| crate::gateway::key_name(value.as_str().ok_or("must be a string")?);
    value(read, |schema| {
        schema
            .min_length(Some(1))
            .max_length(Some(LONGEST_KEY_NAME))
    })
}

/// The name of a provider in the configuration.
pub fn provider() -> impl Form<Out = String> {
    text(1..=32)
}

/// A language, as a BCP 47 tag or as platforms write it. A wish for a language never keeps a code from being sent.
pub fn locale() -> impl Form<Out = String> {
    lenient(|value| locale_of(value.as_str()?))
}

/// A language, where the caller wants to know that it is one.
pub fn language() -> impl Form<Out = String> {
    let read = |value: &Value| {
        let found = value.as_str().and_then(locale_of);
        found.ok_or_else(|| "must be a language such as ru or pt-BR".to_owned())
    };
    value(read, |schema| schema)
}

/// A host as it is written after the `@` of a WebOTP line: no scheme, no port.
pub fn host() -> impl Form<Out = String> {
    let read = |value: &Value| {
        let host = value
            .as_str()
            .filter(|text| (1..=253).contains(&text.len()));
        let host = host.filter(|text| text.split('.').all(is_label));
        host.map(str::to_ascii_lowercase).ok_or_else(|| {
            "must be a host name such as shop.example, without scheme or port".to_owned()
        })
    };
    value(read, |schema| {
        let label = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
        let pattern = format!(r"^{label}(\.{label})*$");
        schema.max_length(Some(253)).pattern(Some(pattern))
    })
}

fn is_label(label: &str) -> bool {
    let mut bytes = label.bytes();
    (1..=63).contains(&label.len())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// The hash of an Android app for the SMS Retriever.
pub fn app_hash() -> impl Form<Out = String> {
    let read = |value: &Value| {
        let hash = value
            .as_str()
            .filter(|text| is_app_hash(text))
            .map(str::to_owned);
        hash.ok_or_else(|| "must be the 11 characters of the app's SMS Retriever hash".to_owned())
    };
    value(read, |schema| schema.pattern(Some("^[A-Za-z0-9+/]{11}$")))
}

/// The visitor's address, as sites pass it on. One that cannot be read is noted in the log, once.
pub fn ip_address() -> impl Form<Out = IpAddr> {
    static NOTED: Once = Once::new();
    lenient(|value| {
        let ip = value.as_str().and_then(client::read);
        if ip.is_none() {
            NOTED.call_once(|| {
                tracing::warn!("a site sends a client.ip that is no address: it counts as absent, so limits per address do not apply");
            });
        }
        ip
    })
}

/// The visitor's browser: as much as is kept.
pub fn user_agent() -> impl Form<Out = String> {
    let read = |value: &Value| {
        let text = value.as_str()?.chars().filter(|c| !c.is_control());
        Some(text.take(1_024).collect())
    };
    lenient(read)
}

/// A channel.
pub fn channel() -> impl Form<Out = route::Channel> {
    named::<sets::Channel, _>(read_channel)
}

/// One or more channels, in order.
pub fn channels() -> impl Form<Out = Vec<route::Channel>> {
    some_of::<sets::Channel, _>(|value| {
        let items = value
            .as_array()
            .filter(|items| !items.is_empty())
            .ok_or("must be a list of one or more channels")?;
        let mut channels = Vec::new();
        for item in items {
            if !item.is_string() {
                return Err("must be a list of strings".to_owned());
            }
            let channel = read_channel(item)?;
            if channels.contains(&channel) {
                return Err(format!("names {channel} twice"));
            }
            channels.push(channel);
        }
        Ok(channels)
    })
}

fn read_channel(value: &Value) -> Result<route::Channel, String> {
    let name = value.as_str().ok_or("must be a string")?;
    name.parse().map_err(|_| {
        let known = route::Channel::ALL.map(route::Channel::as_str);
        unknown(name, "channel", &known)
    })
}

/// A country that exists.
pub fn country() -> impl Form<Out = Country> {
    let read = |value: &Value| Country::existing(value.as_str().ok_or("must be a string")?);
    value(read, |schema| schema.pattern(Some("^([A-Z]{2}|001)$")))
}

/// A country, or `*` for the rest of the world: `None`.
pub fn country_or_rest() -> impl Form<Out = Option<Country>> {
    let read = |value: &Value| match value.as_str() {
        Some("*") => Ok(None),
        Some(code) => Country::existing(code).map(Some),
        None => Err("must be a string".to_owned()),
    };
    value(read, |schema| {
        let schema = schema.pattern(Some(r"^([A-Z]{2}|001|\*)$"));
        schema.examples(["UZ"])
    })
}

/// A currency (ISO 4217).
pub fn currency(example: Option<&'static str>) -> impl Form<Out = Currency> {
    let read = |value: &Value| {
        let text = value.as_str().ok_or("must be a string")?;
        text.parse::<Currency>().map_err(|error| error.to_string())
    };
    value(read, move |schema| {
        let schema = schema.pattern(Some("^[A-Z]{3}$"));
        schema.examples(example)
    })
}

/// An amount of money, as a decimal in quotes, which may be negative.
pub fn amount(example: Option<&'static str>) -> impl Form<Out = Micros> {
    value(read_amount, move |schema| {
        let schema = schema.pattern(Some(r"^-?[0-9]+(\.[0-9]{1,6})?$"));
        schema.examples(example)
    })
}

/// An amount of money of 0 or more.
pub fn price() -> impl Form<Out = Micros> {
    let read = |value: &Value| match read_amount(value)? {
        amount if amount < Micros::ZERO => Err("must not be below 0".to_owned()),
        amount => Ok(amount),
    };
    value(read, |schema| {
        let schema = schema.pattern(Some(r"^[0-9]+(\.[0-9]{1,6})?$"));
        schema.examples(["0.05"])
    })
}

fn read_amount(value: &Value) -> Result<Micros, String> {
    match value.as_str() {
        Some(text) => text.parse::<Micros>().map_err(|error| error.to_string()),
        None => Err("must be a decimal in quotes, such as \"0.05\"".to_owned()),
    }
}

/// A day.
pub fn day() -> impl Form<Out = NaiveDate> {
    let read = |value: &Value| date(value.as_str().ok_or("must be a string")?);
    value(read, |schema| {
        schema.format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)))
    })
}
