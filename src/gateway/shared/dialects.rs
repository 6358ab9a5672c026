//! What the gateway and the API need of a dialect, which they must not name: the composition root hands it over.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::access::Scope;
use crate::money::{Currency, Micros, Money};
use crate::verification::Verification;
use crate::verification::asked::Face;
use crate::verification::id::ProjectId;
use crate::verification::policy::Policy;

/// A dialect that is switched on.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// As in `[dialects]`.
    pub name: &'static str,
    pub face: Face,
    /// What a client of the other service is configured with, for this key; `None`: the key cannot be used there.
    pub credentials: fn(&Credentials<'_>) -> Option<Value>,
    /// What is sent to the address that a request named for its reports.
    pub reports: Option<Reports>,
}

/// The reports of a dialect about its requests.
#[derive(Clone, Copy, Debug)]
pub struct Reports {
    /// Those that the new events of a verification cause, by names of the dialect's own.
    pub caused_by: fn(&Verification) -> Vec<String>,
    /// `None`: there is nothing to say any more.
    pub write: fn(&ToReport<'_>, &str) -> Option<SiteReport>,
    /// Which statuses of the answer mean that it was taken.
    pub takes: fn(u16) -> bool,
}

/// A key as it was just created.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// Without a trailing slash.
    pub public_url: &'a str,
    /// `None`: a key of the whole instance.
    pub project: Option<ProjectId>,
    /// The project's.
    pub policy: Option<&'a Policy>,
    pub id: Uuid,
    pub secret: &'a str,
    /// Comma-separated.
    pub scopes: &'a str,
}

impl Credentials<'_> {
    /// For each dialect that takes the key.
    #[must_use]
    pub fn of(&self, dialects: &[Dialect]) -> Value {
        let mut scopes = self.scopes.split(',').filter_map(Scope::parse);
        let may_verify = scopes.any(|scope| matches!(scope, Scope::Verify | Scope::Admin));
        let each = dialects
            .iter()
            .filter(|_| may_verify)
            .filter_map(|dialect| {
                let credentials = (dialect.credentials)(self)?;
                Some((dialect.name.to_owned(), credentials))
            });
        Value::Object(each.collect())
    }
}

/// A verification to report about.
pub struct ToReport<'a> {
    pub v: &'a Verification,
    /// What the reports are signed with: the SHA-256 of the key that requested it, or the secret of the integration that did.
    pub secret: &'a [u8],
    pub now: DateTime<Utc>,
    /// At the newest rate; `None`: there is none.
    pub convert: &'a (dyn Fn(Money, Currency) -> Option<Micros> + Sync),
}

/// One report, signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteReport {
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}
