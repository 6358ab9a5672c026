//! What the guard decided, for people: about one verification, and as a file.

use chrono::SecondsFormat;
use futures_util::Stream;

use super::room::Verify;
use crate::abuse::guard::verdict::Fired;
use crate::gateway::error::Error;
use crate::gateway::shared::{PART, csv_parts};
use crate::reports::csv;
use crate::storage::{Decision, DecisionQuery};
use crate::verification::id::VerificationId;

/// The fields of a decision, named as in the API.
const COLUMNS: [&str; 11] = [
    "id",
    "at",
    "project",
    "verification_id",
    "on",
    "outcome",
    "country",
    "prefix",
    "owner",
    "count",
    "rules",
];

/// Of one verification; it has few sends.
const MOST: i64 = 50;

impl Verify {
    /// The decisions about a verification in which a rule fired, newest first.
    pub async fn decisions_of(&self, v: VerificationId) -> Result<Vec<Decision>, Error> {
        let query = DecisionQuery {
            verification: Some(v),
            limit: MOST,
            ..DecisionQuery::default()
        };
        self.list_decisions(&query).await
    }

    /// The decisions that match as CSV; see [`csv_parts`].
    pub async fn decisions_csv(
        &self,
        query: DecisionQuery,
    ) -> Result<impl Stream<Item = Result<String, Error>> + 'static, Error> {
        let query = DecisionQuery {
            limit: PART,
            ..query
        };
        let (reading, writing) = (self.clone(), self.clone());
        let list = move |query| {
            let verify = reading.clone();
            async move { verify.list_decisions(&query).await }
        };
        let line = move |decision: &Decision| writing.line(decision);
        let after = |query: &mut DecisionQuery, last: &Decision| query.before = Some(last.id);
        csv_parts(query, &COLUMNS, list, line, after).await
    }

    fn line(&self, decision: &Decision) -> String {
        let project = self
            .core()
            .directory
            .project_name(decision.facts.cells.project);
        let verification = decision.verification.map(|id| id.to_string());
        let rules: Vec<String> = decision.rules.iter().map(fired).collect();
        let fields = [
            decision.id.to_string(),
            decision.at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            project.unwrap_or_default(),
            verification.unwrap_or_default(),
            decision.on.as_str().to_owned(),
            decision.outcome.as_str().to_owned(),
            decision.facts.cells.country.to_string(),
            decision.prefix.clone(),
            decision.is_owner.to_string(),
            decision.count.to_string(),
            rules.join("; "),
        ];
        csv::line(fields.into_iter())
    }
}

/// A rule that fired, in a cell of a table.
fn fired(fired: &Fired) -> String {
    let (rule, mode) = (fired.rule.as_str(), fired.mode.as_str());
    let (window, effect) = (fired.window.as_str(), fired.effect.as_str());
    let (value, threshold) = (fired.value, fired.threshold);
    format!("{rule} {mode} {value}>{threshold} {window} {effect}")
}
