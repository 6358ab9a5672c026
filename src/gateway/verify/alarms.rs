//! `traffic.suspicious`: announces to projects that a rule has fired for a cell for the first time, and that a block has ended. A cell is
//! announced once an hour; a project gets 20 such messages an hour, and then one that says there are more.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::room::Verify;
use crate::abuse::guard::cells::{Cell, Key};
use crate::abuse::guard::rules::Rule;
use crate::abuse::guard::verdict::Fired;
use crate::storage::{Decision, StorageError};
use crate::verification::id::ProjectId;

const KIND: &str = "traffic.suspicious";
/// Messages to one project in an hour.
const MOST: i64 = 20;

impl Verify {
    /// Announces what these decisions show for the first time.
    pub(super) async fn raise_alarms(&self, decisions: &[Decision]) -> Result<(), StorageError> {
        let now = self.core().now();
        for decision in decisions {
            for fired in decision.rules.iter().filter(|fired| counts(fired.rule)) {
                let key = decision.facts.cells.key(fired.cell);
                if self.alarms().is_news(&key, now) {
                    self.raise_alarm(decision, fired, key, now).await?;
                }
            }
        }
        Ok(())
    }

    async fn raise_alarm(
        &self,
        decision: &Decision,
        fired: &Fired,
        key: Key,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        let cells = &decision.facts.cells;
        let data = json!({
            "project": self.core().directory.project_name(key.project),
            "state": "fired",
            "rule": fired.rule,
            "mode": fired.mode,
            "cell": fired.cell,
            "country": cells.country,
            "prefix": decision.prefix,
            "value": fired.value,
            "threshold": fired.threshold,
            "window": fired.window,
            "effect": fired.effect,
            "at": told(decision.at),
        });
        let messages = self.suspicion(key.project, &data);
        let db = &self.core().db;
        if db
            .note_alarm(fired.rule, &key, now, MOST, &messages)
            .await?
        {
            tracing::warn!(
                project = self.core().directory.project_name(key.project),
                rule = fired.rule.as_str(),
                cell = %fired.cell,
                prefix = decision.prefix,
                value = fired.value,
                threshold = fired.threshold,
                "suspicious traffic"
            );
            self.alarms().was_told(key, now);
            return Ok(());
        }
        if db.is_alarm_known(&key, now).await? {
            self.alarms().was_told(key, now);
        } else {
            let data = json!({
                "project": self.core().directory.project_name(key.project),
                "state": "more",
                "at": told(now),
            });
            let messages = self.suspicion(key.project, &data);
            db.note_more_alarms(key.project, now, &messages).await?;
            self.alarms().has_many(key.project, now);
        }
        Ok(())
    }

    /// Announces the blocks that have ended since the last call.
    pub async fn end_alarms(&self) -> Result<(), StorageError> {
        let (core, rule) = (self.core(), Rule::UnverifiedPrefix);
        let now = core.now();
        let on = self.figures().blocks(now).into_iter().map(|(key, _)| key);
        for key in self.alarms().ended(&on.collect()) {
            let range = match key.cell {
                Cell::Prefix(hash) => core.db.range_of(key.project, hash).await?,
                _ => None,
            };
            let data = json!({
                "project": core.directory.project_name(key.project),
                "state": "ended",
                "rule": rule,
                "cell": key.cell,
                "prefix": range,
                "at": told(now),
            });
            let messages = self.suspicion(key.project, &data);
            core.db.end_alarm(rule, &key, now, &messages).await?;
            self.alarms().end_was_told(&key);
        }
        Ok(())
    }

    fn suspicion(&self, project: ProjectId, data: &Value) -> Vec<crate::storage::Delivery> {
        self.notices().announcements(Some(project), KIND, data)
    }
}

/// Not what an operator asked for by lists and settings.
fn counts(rule: Rule) -> bool {
    !matches!(rule, Rule::Listed | Rule::LineType | Rule::Monitored)
}

fn told(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
