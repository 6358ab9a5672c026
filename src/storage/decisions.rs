//! Decisions of the guard that say something: kept for a while, to be read by people and by back-tests.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::engine::rows::{Column, Rows};
use super::engine::{Engine, read, row};
use super::spans::ids_between;
use super::{StorageError, Store};
use crate::abuse::guard::cells::Cells;
use crate::abuse::guard::judge::Facts;
use crate::abuse::guard::rules::Rule;
use crate::abuse::guard::verdict::{Fired, Outcome};
use crate::abuse::lists::List;
use crate::verification::id::{ProjectId, VerificationId};
use crate::verification::origin::TraceHash;
use crate::verification::phone::{Country, LineType};

/// What was to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    Create,
    Resend,
    /// A step that the route came to by itself.
    Fallback,
}

impl On {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Resend => "resend",
            Self::Fallback => "fallback",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let all = [Self::Create, Self::Resend, Self::Fallback];
        all.into_iter().find(|on| on.as_str() == text)
    }
}

/// A decision about one send, or, with a larger count, the first of several alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub id: Uuid,
    pub at: DateTime<Utc>,
    /// What was judged, to be judged again by other rules.
    pub facts: Facts,
    /// `None`: it was denied, so none was kept.
    pub verification: Option<VerificationId>,
    pub on: On,
    pub outcome: Outcome,
    /// The number without its last four digits, in international form.
    pub prefix: String,
    pub count: u32,
    /// Stopped but for its number, which had proved itself.
    pub is_owner: bool,
    /// Nothing was stored of what was to be sent.
    pub is_refused: bool,
    pub rules: Vec<Fired>,
}

impl Decision {
    /// No verification tells of it. Of those that were stored before this was noted, the denials.
    #[must_use]
    pub fn stands_alone(&self) -> bool {
        let is_untold = self.verification.is_none() || self.on == On::Resend;
        self.is_refused || (self.outcome == Outcome::Deny && is_untold)
    }
}

/// What decisions are listed, newest first.
#[derive(Clone, Debug, Default)]
pub struct DecisionQuery {
    pub project: Option<ProjectId>,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    pub outcome: Option<Outcome>,
    pub rule: Option<Rule>,
    pub country: Option<Country>,
    /// Digits after a plus sign, of which the range begins.
    pub prefix: Option<String>,
    pub verification: Option<VerificationId>,
    /// Go on after this one.
    pub before: Option<Uuid>,
    pub limit: i64,
}

impl DecisionQuery {
    /// The beginning of a range: up to 15 digits, with or without the plus sign.
    #[must_use]
    pub fn read_prefix(text: &str) -> Option<String> {
        let text = text.trim();
        let digits = text.strip_prefix('+').unwrap_or(text);
        let is_prefix =
            (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        is_prefix.then(|| format!("+{digits}"))
    }
}

row! {
    struct Row {
        id: Uuid,
        at: DateTime<Utc>,
        project_id: Uuid,
        verification_id: Option<Uuid>,
        what: String,
        outcome: String,
        country: String,
        prefix: String,
        prefix_hash: String,
        count: i64,
        record: String,
    }
}

/// The rest of a decision, as JSON.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is absent where it is false"
)]
#[derive(serde::Serialize, serde::Deserialize)]
struct Record {
    rules: Vec<Fired>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_owner: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_refused: bool,
    line: LineType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    listed: Option<List>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_monitored: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    has_challenge_channel: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip: Option<TraceHash>,
    #[serde(default)]
    networks: [Option<TraceHash>; 2],
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asn: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<TraceHash>,
}

impl Store {
    /// Stores decisions. One that is there already stays; one whose verification was erased meanwhile is not stored.
    pub async fn add_decisions(&self, decisions: &[Decision]) -> Result<(), StorageError> {
        const INSERT: &str = "INSERT INTO guard_decisions (id, at, project_id, verification_id, what, outcome, country, prefix, \
            prefix_hash, count, rules, record) SELECT r.id, r.at, r.project_id, r.verification_id, r.what, r.outcome, r.country, \
            r.prefix, r.prefix_hash, r.count, r.rules, r.record FROM {rows} \
            WHERE NOT EXISTS (SELECT 1 FROM verifications v WHERE v.id = r.verification_id AND length(v.phone_index) = 0) \
            ON CONFLICT (id) DO NOTHING";
        for chunk in decisions.chunks(500) {
            let text = |of: fn(&Decision) -> String| {
                Column::Text(chunk.iter().map(|one| Some(of(one))).collect())
            };
            let uuid =
                |of: fn(&Decision) -> Option<Uuid>| Column::Uuid(chunk.iter().map(of).collect());
            let counts = chunk.iter().map(|one| Some(i64::from(one.count)));
            let times = chunk.iter().map(|one| Some(one.at));
            let rows = Rows::new(
                chunk.len(),
                vec![
                    ("id", uuid(|one| Some(one.id))),
                    ("at", Column::Time(times.collect())),
                    ("project_id", uuid(|one| Some(one.facts.cells.project.0))),
                    (
                        "verification_id",
                        uuid(|one| one.verification.map(VerificationId::uuid)),
                    ),
                    ("what", text(|one| one.on.as_str().to_owned())),
                    ("outcome", text(|one| one.outcome.as_str().to_owned())),
                    ("country", text(|one| one.facts.cells.country.to_string())),
                    ("prefix", text(|one| one.prefix.clone())),
                    ("prefix_hash", text(|one| one.facts.cells.prefix.into())),
                    ("count", Column::Int(counts.collect())),
                    ("rules", text(names)),
                    ("record", text(record)),
                ],
            );
            match &self.engine {
                Engine::Postgres(pool) => rows.postgres(INSERT).execute(pool).await.map(|_| ()),
                Engine::Sqlite { write, .. } => {
                    rows.sqlite(INSERT).execute(write).await.map(|_| ())
                }
            }?;
        }
        Ok(())
    }

    /// Newest first.
    pub async fn list_decisions(
        &self,
        query: &DecisionQuery,
    ) -> Result<Vec<Decision>, StorageError> {
        // Each begins with what an index finds. Ids are of their time.
        macro_rules! list {
            ($found_by:literal) => {
                concat!(
                    "SELECT id, at, project_id, verification_id, what, outcome, country, prefix, prefix_hash, count, record ",
                    "FROM guard_decisions WHERE ",
                    $found_by,
                    " AND id >= $2 AND id < $3 AND ($4 IS NULL OR outcome = $4) AND ($5 IS NULL OR rules LIKE $5) ",
                    "AND ($6 IS NULL OR country = $6) AND ($7 IS NULL OR prefix LIKE $7) ",
                    "AND ($8 IS NULL OR verification_id = $8) ORDER BY id DESC LIMIT $9"
                )
            };
        }
        let sql = match (query.verification, query.project) {
            (Some(_), _) => list!("verification_id = $8 AND ($1 IS NULL OR project_id = $1)"),
            (None, Some(_)) => list!("project_id = $1"),
            (None, None) => list!("$1 IS NULL"),
        };
        let (since, until) = ids_between(query.from, query.to, query.before);
        let rule = query.rule.map(|rule| format!("% {} %", rule.as_str()));
        let prefix = query.prefix.as_ref().map(|prefix| format!("{prefix}%"));
        let rows: Vec<Row> = read!(&self.engine, |pool| sqlx::query_as(sql)
            .bind(query.project.map(|project| project.0))
            .bind(since)
            .bind(until)
            .bind(query.outcome.map(Outcome::as_str))
            .bind(rule)
            .bind(query.country.map(|country| country.to_string()))
            .bind(prefix)
            .bind(query.verification.map(VerificationId::uuid))
            .bind(query.limit)
            .fetch_all(pool)
            .await)?;
        Ok(self.readable(rows.into_iter().map(Decision::try_from)))
    }
}

impl Store {
    /// Between two moments, oldest first, after `after`: what was held back of starts without a verification, and of resends.
    pub async fn held_back(
        &self,
        project: Option<ProjectId>,
        (after, until): (Uuid, Uuid),
        limit: i64,
    ) -> Result<Vec<Decision>, StorageError> {
        const HELD: &str = "SELECT id, at, project_id, verification_id, what, outcome, country, prefix, prefix_hash, count, \
            record FROM guard_decisions WHERE id > $1 AND id < $2 AND outcome <> 'allow' \
            AND (verification_id IS NULL OR what = 'resend') AND ($3 IS NULL OR project_id = $3) ORDER BY id LIMIT $4";
        let rows: Vec<Row> = read!(&self.engine, |pool| sqlx::query_as(HELD)
            .bind(after)
            .bind(until)
            .bind(project.map(|project| project.0))
            .bind(limit)
            .fetch_all(pool)
            .await)?;
        Ok(self.readable(rows.into_iter().map(Decision::try_from)))
    }

    /// The range of numbers that has this hash, if a decision about it is kept.
    pub async fn range_of(
        &self,
        project: ProjectId,
        prefix: TraceHash,
    ) -> Result<Option<String>, StorageError> {
        const RANGE: &str =
            "SELECT prefix FROM guard_decisions WHERE project_id = $1 AND prefix_hash = $2 LIMIT 1";
        let found: Option<(String,)> = read!(&self.engine, |pool| sqlx::query_as(RANGE)
            .bind(project.0)
            .bind(String::from(prefix))
            .fetch_optional(pool)
            .await)?;
        Ok(found.map(|(range,)| range))
    }
}

/// The rules that fired, to be searched for.
fn names(decision: &Decision) -> String {
    let mut names = String::from(" ");
    for fired in &decision.rules {
        names.push_str(fired.rule.as_str());
        names.push(' ');
    }
    names
}

fn record(decision: &Decision) -> String {
    let Facts {
        cells,
        line,
        listed,
        is_monitored,
        has_challenge_channel,
    } = decision.facts;
    let record = Record {
        rules: decision.rules.clone(),
        is_owner: decision.is_owner,
        is_refused: decision.is_refused,
        line,
        listed,
        is_monitored,
        has_challenge_channel,
        ip: cells.ip,
        networks: cells.networks,
        asn: cells.asn,
        host: cells.host,
    };
    serde_json::to_string(&record).expect("rules and figures have a JSON form")
}

impl TryFrom<Row> for Decision {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let fault = |column| StorageError::Inconsistent {
            table: "guard_decisions",
            column,
            id: row.id.to_string(),
        };
        let record: Record = serde_json::from_str(&row.record).map_err(|_| fault("record"))?;
        Ok(Self {
            id: row.id,
            at: row.at,
            facts: Facts {
                cells: Cells {
                    project: ProjectId(row.project_id),
                    country: row.country.parse().map_err(|_| fault("country"))?,
                    prefix: TraceHash::try_from(row.prefix_hash.clone())
                        .map_err(|_| fault("prefix_hash"))?,
                    ip: record.ip,
                    networks: record.networks,
                    asn: record.asn,
                    host: record.host,
                },
                line: record.line,
                listed: record.listed,
                is_monitored: record.is_monitored,
                has_challenge_channel: record.has_challenge_channel,
            },
            verification: row.verification_id.map(VerificationId::from_uuid),
            on: On::parse(&row.what).ok_or_else(|| fault("what"))?,
            outcome: Outcome::parse(&row.outcome).ok_or_else(|| fault("outcome"))?,
            prefix: row.prefix,
            count: u32::try_from(row.count).map_err(|_| fault("count"))?,
            is_owner: record.is_owner,
            is_refused: record.is_refused,
            rules: record.rules,
        })
    }
}
