//! Ledger entries as CSV.

use chrono::SecondsFormat;
use uuid::Uuid;

use super::csv;
use crate::ledger::entry::Entry;

/// The fields of an entry, named as in the API.
pub const COLUMNS: [&str; 13] = [
    "id",
    "at",
    "kind",
    "basis",
    "amount",
    "currency",
    "provider",
    "project",
    "verification_id",
    "attempt_id",
    "author",
    "note",
    "country",
];

/// One entry; `project` is the project's name.
#[must_use]
pub fn line(entry: &Entry, project: Option<String>) -> String {
    let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    let fields = [
        entry.id.to_string(),
        entry.at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        entry.kind.as_str().to_owned(),
        entry.basis.clone(),
        entry.money.decimal(),
        entry.money.currency.to_string(),
        entry.provider.clone(),
        project.unwrap_or_default(),
        id(entry.verification),
        id(entry.attempt),
        entry.author.clone().unwrap_or_default(),
        entry.note.clone().unwrap_or_default(),
        entry
            .country
            .map(|country| country.to_string())
            .unwrap_or_default(),
    ];
    csv::line(fields.into_iter())
}
