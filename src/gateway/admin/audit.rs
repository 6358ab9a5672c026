//! The audit log, read: as a list and as CSV.

use chrono::SecondsFormat;
use futures_util::Stream;

use super::room::Admin;
use crate::audit::Entry;
use crate::gateway::error::Error;
use crate::gateway::shared::{PART, csv_parts};
use crate::reports::csv;
use crate::storage::AuditQuery;

/// The fields of an entry, named as in the API.
const COLUMNS: [&str; 13] = [
    "id",
    "at",
    "actor_kind",
    "actor_id",
    "actor_name",
    "client_ip",
    "action",
    "object_kind",
    "object_id",
    "object_name",
    "project",
    "before",
    "after",
];

impl Admin {
    /// Newest first.
    pub async fn list_audit(&self, query: &AuditQuery) -> Result<Vec<Entry>, Error> {
        Ok(self.core().db.list_audit(query).await?)
    }

    /// The log as CSV; see [`csv_parts`].
    pub async fn audit_csv(
        &self,
        query: AuditQuery,
    ) -> Result<impl Stream<Item = Result<String, Error>> + 'static, Error> {
        let query = AuditQuery {
            limit: PART,
            ..query
        };
        let (reading, writing) = (self.clone(), self.clone());
        let list = move |query| {
            let admin = reading.clone();
            async move { admin.list_audit(&query).await }
        };
        let line = move |entry: &Entry| writing.line(entry);
        let after = |query: &mut AuditQuery, last: &Entry| query.before = Some(last.id);
        csv_parts(query, &COLUMNS, list, line, after).await
    }

    fn line(&self, entry: &Entry) -> String {
        let (actor, deed) = (&entry.by.actor, &entry.deed);
        let project = deed.project;
        let project = project.and_then(|id| self.core().directory.project_name(id));
        let text = |value: Option<String>| value.unwrap_or_default();
        let fields = [
            entry.id.to_string(),
            entry.at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            actor.kind.as_str().to_owned(),
            text(actor.id.map(|id| id.to_string())),
            text(actor.name.clone()),
            text(entry.by.client.map(|ip| ip.to_string())),
            deed.action.as_str().to_owned(),
            deed.action.object().to_owned(),
            text(deed.id.clone()),
            text(deed.name.clone()),
            text(project),
            text(deed.before.as_ref().map(ToString::to_string)),
            text(deed.after.as_ref().map(ToString::to_string)),
        ];
        csv::line(fields.into_iter())
    }
}
