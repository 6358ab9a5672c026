//! What the guard decided and counts: stored, shown to people, and blocks ended by them.

use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::room::Verify;
use crate::abuse::guard::cells::{Cell, Key};
use crate::abuse::guard::deltas::Delta;
use crate::abuse::guard::figures::Reading;
use crate::abuse::guard::rules::Rule;
use crate::audit::{Action, Deed};
use crate::gateway::error::Error;
use crate::gateway::finance::ReportKind;
use crate::gateway::shared::Access;
use crate::reports::query::{Group, Query};
use crate::storage::{Decision, DecisionQuery, StorageError};
use crate::verification::id::{ProjectId, time_ordered};
use crate::verification::origin::TraceHash;

/// Of each list.
const MOST: usize = 100;
/// After which a page that could not be read is read again.
const AGAIN: Duration = Duration::from_secs(1);

/// A cell and what is counted about it.
pub type FullCell = (Key, Reading);

/// A range of numbers that is blocked for a while.
#[derive(Clone, Debug)]
pub struct OpenBlock {
    pub project: ProjectId,
    pub prefix: TraceHash,
    /// The range, in international form; `None`: no decision about it is kept.
    pub range: Option<String>,
    pub level: u8,
    pub until: DateTime<Utc>,
}

impl OpenBlock {
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}.{}", self.project.0.simple(), String::from(self.prefix))
    }
}

impl Verify {
    /// Stores the decisions that were taken since the last time. `is_last`: also what would be summed up at the end of the minute.
    pub async fn store_decisions(&self, is_last: bool) -> Result<(), StorageError> {
        let rows = self.decisions().take(self.core().now(), is_last);
        if rows.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.core().db.add_decisions(&rows).await {
            self.decisions().give_back(rows);
            return Err(error);
        }
        self.raise_alarms(&rows).await
    }

    /// Tells the other replicas what this one counted, and counts what they did. A batch that comes again changes nothing.
    pub async fn swap_figures(&self) {
        let (figures, shared) = (self.figures(), &self.core().shared.figures);
        let own = figures.take_delta().map(|delta| {
            serde_json::to_string(&delta).expect("hashes, times and counts have a JSON form")
        });
        for text in shared.swap(own).await {
            match serde_json::from_str::<Delta>(&text) {
                Ok(delta) => figures.merge(&delta, self.core().now()),
                Err(error) => tracing::warn!(%error, "another replica's figures cannot be read"),
            }
        }
    }

    /// Destinations are judged in shadow until [`Verify::recall_figures`] knows what is usual.
    pub fn expect_past(&self) {
        self.figures().set_knows_past(false);
    }

    /// Keeps what was counted since the last time, for the next start.
    pub async fn save_figures(&self) -> Result<(), StorageError> {
        let core = self.core();
        let now = core.now();
        // What was kept before is not overwritten by less.
        if !self.figures().knows_past() {
            return Ok(());
        }
        let since = self.saved_until().unwrap_or(DateTime::UNIX_EPOCH);
        // Counts of one second may have come before and after.
        let cells = self.figures().export(since - TimeDelta::seconds(1));
        core.db.save_cells(&cells, now).await?;
        self.note_saved(now);
        Ok(())
    }

    /// Counts what was counted before this start, as it was kept, and then what was sent and approved in the last day, as the
    /// verifications' own records say; what came at `start` or later was counted as it came. Where nothing was kept, what was approved on
    /// each of the last 14 days, as reports say. Returns how many verifications were read.
    pub async fn recall_figures(&self, start: DateTime<Utc>) -> Result<usize, Error> {
        const PAGE: i64 = 500;
        const MOST: usize = 200_000;
        let (core, figures) = (self.core(), self.figures());
        let saved = core.db.saved_cells().await?;
        let imported = saved.as_ref().map(|(_, until)| *until);
        let today = start.date_naive();
        match saved {
            Some((cells, _)) => figures.import(cells),
            // Yesterday and today are counted below.
            None => self.import_usual(today - Days::new(2)).await?,
        }
        figures.set_knows_past(true);
        // The newest first: of very many, the oldest hours are left out.
        let mut before = time_ordered(start, [0; 8]);
        let since = time_ordered(start - TimeDelta::days(1), [0; 8]);
        let mut count = 0;
        while count < MOST {
            let page = match core.db.between(since, before, PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "the guard does not know yet what was sent before this start");
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
            };
            let Some(last) = page.last() else { break };
            before = last.id.uuid();
            count += page.len();
            for v in &page {
                self.recall(v, start, imported);
            }
        }
        if imported.is_none() {
            // Of a day that is counted already, the larger figure stands.
            self.import_usual(today).await?;
        }
        Ok(count)
    }

    /// What was approved on each of the 14 days up to this one, by country, as reports say.
    async fn import_usual(&self, last: NaiveDate) -> Result<(), Error> {
        let now = self.core().now();
        let from = last.checked_sub_days(Days::new(13));
        let groups = vec![Group::Day, Group::Project, Group::Country];
        let currency = self.core().settings.reporting_currency;
        let query = Query::new(from, Some(last), chrono_tz::UTC, groups, currency, now);
        let query = query.expect("the last 14 days are a valid range");
        let every_project = Access::of_program();
        let report = self
            .finance()
            .report(&every_project, ReportKind::Conversion, query);
        let Ok(table) = report.await? else {
            return Ok(());
        };
        let projects = self.core().directory.projects();
        for row in &table.rows {
            let text = |column| Some(table.cell(row, column)?.text(table.currency));
            let read = || {
                let day: NaiveDate = text("day")?.parse().ok()?;
                let name = text("project")?;
                let project = projects.iter().find(|project| project.name == name)?;
                let country = text("country")?.parse().ok()?;
                let day = day.and_time(NaiveTime::MIN).and_utc();
                Some((project.id, country, day, text("approved")?.parse().ok()?))
            };
            if let Some((project, country, day, approved)) = read() {
                self.figures()
                    .import_past(project, country, &[(day, approved)], &[]);
            }
        }
        Ok(())
    }

    /// Newest first.
    pub async fn list_decisions(&self, query: &DecisionQuery) -> Result<Vec<Decision>, Error> {
        Ok(self.core().db.list_decisions(query).await?)
    }

    /// The blocks that are on, of one project or of all, the last used first.
    pub async fn blocks(&self, project: Option<ProjectId>) -> Result<Vec<OpenBlock>, Error> {
        let mut found = Vec::new();
        let open = self.figures().blocks(self.core().now()).into_iter();
        let open = open.filter(|(key, _)| project.is_none_or(|project| key.project == project));
        for (key, block) in open.take(MOST) {
            let Cell::Prefix(prefix) = key.cell else {
                continue;
            };
            found.push(OpenBlock {
                project: key.project,
                prefix,
                range: self.core().db.range_of(key.project, prefix).await?,
                level: block.level(),
                until: block.until(),
            });
        }
        Ok(found)
    }

    /// Ends a block; returns whether there was one that this access covers. What is counted is in no database: the audit log tells of
    /// it first, so that no block ends untold.
    pub async fn end_block(&self, access: &Access, id: &str) -> Result<bool, Error> {
        let parts = id.split_once('.').and_then(|(project, prefix)| {
            let project = ProjectId(Uuid::try_parse(project).ok()?);
            Some((project, TraceHash::try_from(prefix.to_owned()).ok()?))
        });
        let Some((project, prefix)) = parts.filter(|(project, _)| access.covers(*project)) else {
            return Ok(false);
        };
        let (core, now) = (self.core(), self.core().now());
        let key = Key {
            project,
            cell: Cell::Prefix(prefix),
        };
        let open = self.figures().blocks(now);
        let Some((_, block)) = open.into_iter().find(|(open, _)| *open == key) else {
            return Ok(false);
        };
        let range = core.db.range_of(project, prefix).await?;
        let deed = Deed::new(Action::BlockEnded, Some(project))
            .to(&id, None)
            .was(json!({ "level": block.level(), "until": block.until() }));
        // A range is no number, though it may have as many digits.
        let deed = Deed {
            name: range,
            ..deed
        };
        core.db.note_deed(&core.act(&access.by), deed).await?;
        Ok(self.figures().end_block(key, core.now()))
    }

    /// The cells that a rule counts by, of one project or of all, the fullest first.
    #[must_use]
    pub fn fullest_cells(&self, project: Option<ProjectId>, rule: Rule) -> Vec<FullCell> {
        let all = self.figures().fullest(rule, usize::MAX, self.core().now());
        let of_it = all.into_iter();
        let of_it = of_it.filter(|(key, _)| project.is_none_or(|project| key.project == project));
        of_it.take(MOST).collect()
    }
}
