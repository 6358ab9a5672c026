//! What the guard decided, for people: about one verification, and as a file.

use chrono::SecondsFormat;
use futures_util::{Stream, stream};

use super::room::Verify;
use crate::abuse::guard::verdict::Fired;
use crate::gateway::error::Error;
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

    /// The decisions that match as CSV, in parts. If the first part cannot be read, this returns the error. A later error ends the
    /// stream with an error, so that a truncated file is not mistaken for a complete one.
    pub async fn decisions_csv(
        &self,
        query: DecisionQuery,
    ) -> Result<impl Stream<Item = Result<String, Error>> + 'static, Error> {
        const PART: i64 = 1_000;
        let query = DecisionQuery {
            limit: PART,
            ..query
        };
        let first = self.list_decisions(&query).await?;
        let verify = self.clone();
        let head = csv::line(COLUMNS.into_iter().map(ToOwned::to_owned));
        Ok(stream::try_unfold(
            (Some(first), query, head),
            move |(part, mut query, mut text)| {
                let verify = verify.clone();
                async move {
                    let Some(decisions) = part else {
                        return Ok(None);
                    };
                    for decision in &decisions {
                        text.push_str(&verify.line(decision));
                    }
                    let full = i64::try_from(decisions.len()).is_ok_and(|len| len == PART);
                    query.before = decisions.last().map(|last| last.id);
                    let next = if full {
                        Some(verify.list_decisions(&query).await?)
                    } else {
                        None
                    };
                    Ok(Some((text, (next, query, String::new()))))
                }
            },
        ))
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
