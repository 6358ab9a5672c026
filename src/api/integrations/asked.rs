//! What is asked for: a new integration, a change, a new secret.

use std::time::Duration;

use serde_json::Value;

use crate::api::body::{Form, body, nested};
use crate::api::forms::{self, flag, named, some_of, text, unknown};
use crate::api::openapi::sets;
use crate::gateway::{Integration, IntegrationChange};
use crate::integrations::{
    Application, Auth, AuthKind, FieldNames, Kind, Method, Preset, PublicKey, Settings, SmsText,
    check_secret,
};
use crate::verification::phone::Country;
use crate::web::Fields;

body! {
    /// The integration to create.
    closed struct NewIntegrationBody as "IntegrationRequest" {
        required kind: Kind = named::<sets::IntegrationKind, _>(read_kind),
        /// For people. Required except with `vonage_application`.
        optional name: Option<String> = text(1..=60),
        /// With kind `generic`: the program, whose fields are then known.
        optional preset: Option<Preset> = named::<sets::IntegrationPreset, _>(read_preset),
        /// What signs the requests, or is shown with them. By default one is made, and shown in the answer; for `zitadel` and `authgear`,
        /// which make their own, it can be set later. Of a kind that signs, several can be joined by `|`.
        optional secret: Option<String> = text(1..=1_000),
        /// With kind `generic`; `bearer` by default.
        optional auth: Option<AuthKind> = named::<sets::IntegrationAuth, _>(read_auth),
        /// The name of the header or the parameter; `X-Api-Key` or `token` by default.
        optional auth_name: Option<String> = auth_name(),
        /// The country of numbers without a calling code; by default the project's.
        optional default_country: Option<Country> = forms::country(),
        /// Seconds that a code is good, where the request does not tell; by default the project's.
        optional ttl: Option<Duration> = forms::seconds(30..=86_400),
        /// With kind `generic`: where the values are, in place of the preset's places.
        optional fields: Option<FieldNamesBody> = nested(FieldNamesBody::read),
        /// With kind `generic`: the methods that are read; POST by default.
        optional methods: Option<Vec<Method>> = some_of::<sets::IntegrationMethod, _>(read_methods),
        /// `host` by default.
        optional sms_text: Option<SmsText> = named::<sets::IntegrationText, _>(read_text),
        /// Send texts without a code too, by SMS alone; false by default.
        optional allow_messages: Option<bool> = flag(),
        /// With kind `vonage_application`, and required there: the RSA key, as PEM, that verifies its JWTs.
        optional public_key: Option<PublicKey> = public_key(),
        /// With kind `vonage_application`: where its requests' webhooks go, https.
        optional status_url: Option<String> = text(1..=500),
        /// With a key of the whole instance: the project's name; `default` if omitted.
        optional project: Option<String> = forms::project(),
    }
}

body! {
    /// What to change. What is missing stays; what is `null` gets its default.
    closed struct IntegrationChangeBody as "IntegrationChange" {
        optional name: Option<String> = text(1..=60),
        optional preset: Option<Preset> = named::<sets::IntegrationPreset, _>(read_preset),
        /// The old one is no longer good; `rotate` keeps a hook's for a day.
        optional secret: Option<String> = text(1..=1_000),
        optional auth: Option<AuthKind> = named::<sets::IntegrationAuth, _>(read_auth),
        optional auth_name: Option<String> = auth_name(),
        optional default_country: Option<Country> = forms::country(),
        optional ttl: Option<Duration> = forms::seconds(30..=86_400),
        /// In place of all that there were.
        optional fields: Option<FieldNamesBody> = nested(FieldNamesBody::read),
        optional methods: Option<Vec<Method>> = some_of::<sets::IntegrationMethod, _>(read_methods),
        optional sms_text: Option<SmsText> = named::<sets::IntegrationText, _>(read_text),
        optional allow_messages: Option<bool> = flag(),
        /// With kind `vonage_application`.
        optional public_key: Option<PublicKey> = public_key(),
        /// With kind `vonage_application`.
        optional status_url: Option<String> = text(1..=500),
    }
}

body! {
    /// A new secret.
    closed struct RotateIntegrationBody as "IntegrationRotation" {
        /// The secret that the other program made; by default one is made here, for kinds where that is possible.
        optional secret: Option<String> = text(1..=1_000),
    }
}

body! {
    /// JSON pointers (`/user/phone`), or names of fields.
    open struct FieldNamesBody as "IntegrationFields" {
        optional phone: Option<String> = place(),
        optional code: Option<String> = place(),
        /// A whole message. Without a code, the code is its only run of 4 to 8 digits.
        optional text: Option<String> = place(),
        /// What is the same in each try of one request.
        optional id: Option<String> = place(),
        optional locale: Option<String> = place(),
        /// The visitor's address.
        optional ip: Option<String> = place(),
    }
}

impl NewIntegrationBody {
    pub fn settings(&self) -> Settings {
        Settings {
            preset: self.preset,
            auth: Auth {
                kind: self.auth.unwrap_or_default(),
                name: self.auth_name.clone(),
            },
            default_country: self.default_country,
            ttl: self.ttl,
            fields: self
                .fields
                .as_ref()
                .map(FieldNamesBody::names)
                .unwrap_or_default(),
            methods: self.methods.clone().unwrap_or_default(),
            sms_text: self.sms_text.unwrap_or_default(),
            allow_messages: self.allow_messages.unwrap_or_default(),
            application: self.public_key.clone().map(|public_key| Application {
                public_key,
                status_url: self.status_url.clone(),
            }),
        }
    }
}

/// What `null` can set back to its default.
pub const CLEARABLE: [&str; 10] = [
    "preset",
    "auth",
    "auth_name",
    "default_country",
    "ttl",
    "fields",
    "methods",
    "sms_text",
    "allow_messages",
    "status_url",
];

/// What is asked for, else what there was, unless it is cleared.
fn or<T>(asked: Option<T>, before: T, is_cleared: bool) -> Option<T> {
    asked.or(Some(before).filter(|_| !is_cleared))
}

/// The integration as it will be.
pub fn changed(
    before: &Integration,
    asked: IntegrationChangeBody,
    cleared: &[(&str, bool)],
) -> IntegrationChange {
    let is_cleared = |name| cleared.contains(&(name, true));
    let was = before.settings.clone();
    let settings = Settings {
        preset: asked
            .preset
            .or(was.preset.filter(|_| !is_cleared("preset"))),
        auth: Auth {
            kind: or(asked.auth, was.auth.kind, is_cleared("auth")).unwrap_or_default(),
            name: asked
                .auth_name
                .or(was.auth.name.filter(|_| !is_cleared("auth_name"))),
        },
        default_country: asked.default_country.or(was
            .default_country
            .filter(|_| !is_cleared("default_country"))),
        ttl: asked.ttl.or(was.ttl.filter(|_| !is_cleared("ttl"))),
        fields: or(
            asked.fields.as_ref().map(FieldNamesBody::names),
            was.fields,
            is_cleared("fields"),
        )
        .unwrap_or_default(),
        methods: or(asked.methods, was.methods, is_cleared("methods")).unwrap_or_default(),
        sms_text: or(asked.sms_text, was.sms_text, is_cleared("sms_text")).unwrap_or_default(),
        allow_messages: or(
            asked.allow_messages,
            was.allow_messages,
            is_cleared("allow_messages"),
        )
        .unwrap_or_default(),
        application: was.application.map(|was| Application {
            public_key: asked.public_key.unwrap_or(was.public_key),
            status_url: asked
                .status_url
                .or(was.status_url.filter(|_| !is_cleared("status_url"))),
        }),
    };
    IntegrationChange {
        name: asked.name.unwrap_or_else(|| before.name.clone()),
        settings,
        secret: asked.secret,
    }
}

/// Leaves a fault for each value that does not fit.
pub fn examine(fields: &mut Fields, kind: Kind, settings: &Settings, secret: Option<&str>) {
    for (name, why) in settings.faults(kind) {
        fields.fault(name, why);
    }
    examine_secret(fields, kind, secret);
}

pub fn examine_secret(fields: &mut Fields, kind: Kind, secret: Option<&str>) {
    if let Some(Err(why)) = secret.map(|secret| check_secret(kind, secret)) {
        fields.fault("secret", why.to_string());
    }
}

impl FieldNamesBody {
    fn names(&self) -> FieldNames {
        FieldNames {
            phone: self.phone.clone(),
            code: self.code.clone(),
            text: self.text.clone(),
            id: self.id.clone(),
            locale: self.locale.clone(),
            ip: self.ip.clone(),
        }
    }
}

/// Where a value is.
fn place() -> impl Form<Out = String> {
    text(1..=100)
}

fn public_key() -> impl Form<Out = PublicKey> {
    let read = |value: &Value| Ok(PublicKey::try_from(word(value)?.to_owned())?);
    forms::value(read, |schema| schema.max_length(Some(4_000)))
}

fn word(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "must be a string".to_owned())
}

fn read_kind(value: &Value) -> Result<Kind, String> {
    let name = word(value)?;
    Kind::parse(name).ok_or_else(|| unknown(name, "kind", &Kind::ALL.map(Kind::as_str)))
}

fn read_preset(value: &Value) -> Result<Preset, String> {
    let name = word(value)?;
    let known = Preset::ALL.map(Preset::as_str);
    Preset::parse(name).ok_or_else(|| unknown(name, "preset", &known))
}

fn read_auth(value: &Value) -> Result<AuthKind, String> {
    let name = word(value)?;
    let known = AuthKind::ALL.map(AuthKind::as_str);
    AuthKind::parse(name).ok_or_else(|| unknown(name, "way to authenticate", &known))
}

fn read_text(value: &Value) -> Result<SmsText, String> {
    match word(value)? {
        "host" => Ok(SmsText::Host),
        "template" => Ok(SmsText::Template),
        other => Err(unknown(other, "text", &["host", "template"])),
    }
}

fn read_methods(value: &Value) -> Result<Vec<Method>, String> {
    let items = value.as_array().filter(|items| !items.is_empty());
    let items = items.ok_or("must be a list of POST and GET")?;
    let method = |item: &Value| match word(item)? {
        "POST" => Ok(Method::Post),
        "GET" => Ok(Method::Get),
        other => Err(unknown(other, "method", &["POST", "GET"])),
    };
    items.iter().map(method).collect()
}

/// The name of a header or a parameter.
fn auth_name() -> impl Form<Out = String> {
    let read = |value: &Value| {
        let name = word(value)?;
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let fits = (1..=60).contains(&name.len()) && name.bytes().all(is_token);
        let why = "must be 1 to 60 letters, digits, hyphens, underscores and full stops";
        fits.then(|| name.to_owned()).ok_or_else(|| why.to_owned())
    };
    forms::value(read, |schema| {
        schema.pattern(Some("^[A-Za-z0-9._-]{1,60}$"))
    })
}
