//! What an integration is configured with, besides its secret.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Application, Kind, Preset};
use crate::verification::phone::Country;

/// Stored as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Of the generic kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// Of the generic kind.
    #[serde(default)]
    pub auth: Auth,
    /// Of numbers without a calling code; `None`: the project's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_country: Option<Country>,
    /// Where the request does not tell; `None`: the project's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
    #[serde(default)]
    pub fields: FieldNames,
    #[serde(default)]
    pub methods: Vec<Method>,
    #[serde(default)]
    pub sms_text: SmsText,
    /// Texts without a code are sent, by SMS alone.
    #[serde(default)]
    pub allow_messages: bool,
    /// Of an application, which has nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<Application>,
}

/// How a program without a signature shows the secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auth {
    pub kind: AuthKind,
    /// Of the header or the parameter; `None`: the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthKind {
    /// `Authorization: Bearer …`.
    #[default]
    Bearer,
    /// The password of `Authorization: Basic …`, with any user.
    Basic,
    /// A header of its own.
    Header,
    /// A parameter of the address.
    Query,
}

impl AuthKind {
    pub const ALL: [Self; 4] = [Self::Bearer, Self::Basic, Self::Header, Self::Query];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Basic => "basic",
            Self::Header => "header",
            Self::Query => "query",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl Auth {
    /// The name of the header or the parameter, if the secret has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self.kind {
            AuthKind::Bearer | AuthKind::Basic => None,
            AuthKind::Header => Some(self.name.as_deref().unwrap_or("X-Api-Key")),
            AuthKind::Query => Some(self.name.as_deref().unwrap_or("token")),
        }
    }
}

/// JSON pointers (RFC 6901), or names of fields, in place of the preset's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FieldNames {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
}

/// Whether a text is a name, or a JSON pointer (RFC 6901).
fn is_place(text: &str) -> bool {
    let mut rest = text.strip_prefix('/').unwrap_or_default();
    while let Some((_, after)) = rest.split_once('~') {
        if !after.starts_with(['0', '1']) {
            return false;
        }
        rest = after;
    }
    !text.is_empty()
}

impl FieldNames {
    pub const ALL: [&str; 6] = ["phone", "code", "text", "id", "locale", "ip"];

    /// The place of a field, by the field's name.
    pub fn named(&mut self, field: &str) -> Option<&mut Option<String>> {
        match field {
            "phone" => Some(&mut self.phone),
            "code" => Some(&mut self.code),
            "text" => Some(&mut self.text),
            "id" => Some(&mut self.id),
            "locale" => Some(&mut self.locale),
            "ip" => Some(&mut self.ip),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Post,
    Get,
}

/// Which text an SMS has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmsText {
    /// The request's, if it has one.
    #[default]
    Host,
    /// The project's.
    Template,
}

/// What is wrong: a field's name, and what to do.
pub type Faults = Vec<(&'static str, String)>;

impl Settings {
    /// Whether requests of this method are read.
    #[must_use]
    pub fn admits_get(&self) -> bool {
        self.methods.contains(&Method::Get)
    }

    /// What does not fit together, or does not exist for this kind.
    #[must_use]
    pub fn faults(&self, kind: Kind) -> Faults {
        let mut faults = Faults::new();
        if kind.is_hook() {
            let why = || "is for kind vonage_application".to_owned();
            let application = self.application.as_ref();
            faults.extend(application.map(|_| ("public_key", why())));
            let status_url = application.and_then(|it| it.status_url.as_ref());
            faults.extend(status_url.map(|_| ("status_url", why())));
        } else {
            if self.application.is_none() {
                faults.push(("public_key", "is required".to_owned()));
            }
            for (name, is_set) in [
                ("default_country", self.default_country.is_some()),
                ("ttl", self.ttl.is_some()),
                ("sms_text", self.sms_text != SmsText::default()),
                ("allow_messages", self.allow_messages),
            ] {
                if is_set {
                    faults.push((name, "is not for kind vonage_application".to_owned()));
                }
            }
        }
        if kind != Kind::Generic {
            let only = || format!("is for kind generic, not for {}", kind.as_str());
            let usual = Self::default();
            for (name, is_set) in [
                ("preset", self.preset.is_some()),
                ("auth", self.auth != usual.auth),
                ("fields", self.fields != usual.fields),
                ("methods", self.admits_get()),
            ] {
                if is_set {
                    faults.push((name, only()));
                }
            }
        }
        if self.default_country == Some(Country::NONE) {
            faults.push(("default_country", "must be a country".to_owned()));
        }
        let mut names = self.fields.clone();
        let places = FieldNames::ALL.map(|field| names.named(field).and_then(Option::take));
        if !places.iter().flatten().all(|place| is_place(place)) {
            let why = "must be names of fields, or JSON pointers such as /user/phone";
            faults.push(("fields", why.to_owned()));
        }
        if self.auth.name.is_some() && self.auth.name().is_none() {
            let why = "is the name of a header or a parameter: use it with auth header or query";
            faults.push(("auth_name", why.to_owned()));
        }
        faults
    }
}
