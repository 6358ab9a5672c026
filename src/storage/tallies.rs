//! What each change adds to the reports' sums: written with the change as rows of its own, so that no two changes contend for
//! one row, and folded into the sums a moment later.
//!
//! Reports read the sums and the rows still waiting in one statement, so they never lag.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::engine::connection::Connection;
use super::engine::read;
use super::engine::rows::{Column, Rows};
use super::{StorageError, Store};
use crate::ledger::measure::Measure;
use crate::ledger::tally::{HOUR, SPANS, Tally, add};
use crate::secret::random;

const COLUMNS: &str =
    "id, starts_at, project_id, channel, provider, country, currency, measure, bin, value";

/// For changes that took effect.
pub(super) const INSERT: &str = "INSERT INTO tallies (id, starts_at, project_id, channel, provider, country, currency, \
    measure, bin, value) SELECT r.id, r.starts_at, r.project_id, r.channel, r.provider, r.country, r.currency, r.measure, \
    r.bin, r.value FROM {rows} WHERE true ON CONFLICT DO NOTHING";

/// For changes that may not take effect: [`shares`], then the cells that they share in.
pub(super) const INSERT_SHARES: &str = "INSERT INTO tallies (id, starts_at, project_id, channel, provider, country, \
    currency, measure, bin, value) SELECT r.id, r.starts_at, r.project_id, r.channel, r.provider, r.country, r.currency, \
    r.measure, r.bin, s.value FROM (SELECT r.cell, SUM(r.value)::bigint AS value FROM {rows} WHERE true GROUP BY r.cell) AS s \
    JOIN {rows} ON r.cell = s.cell";

pub(super) fn rows<'a>(tallies: &[&'a Tally]) -> Rows<'a> {
    let first = i64::from_be_bytes(random());
    let int =
        |get: fn(&Tally) -> Option<i64>| Column::Int(tallies.iter().map(|t| get(t)).collect());
    let text =
        |get: fn(&'a Tally) -> &'a str| Column::Str(tallies.iter().map(|t| Some(get(t))).collect());
    let ids = (0..).map(|place| Some(first.wrapping_add(place)));
    let projects = tallies.iter().map(|t| Some(t.project)).collect();
    Rows::new(
        tallies.len(),
        vec![
            ("id", Column::Int(ids.take(tallies.len()).collect())),
            ("starts_at", int(|t| Some(t.starts_at))),
            ("project_id", Column::Uuid(projects)),
            ("channel", text(|t| t.channel)),
            ("provider", text(|t| &t.provider)),
            ("country", text(|t| &t.country)),
            ("currency", text(|t| &t.currency)),
            ("measure", int(|t| Some(t.measure.number()))),
            ("bin", int(|t| t.bin)),
            ("value", int(|t| Some(t.value))),
        ],
    )
}

/// What each verification adds to which cell, and the cells.
pub(super) fn shares<'a>(tallies: &[(Uuid, &'a Tally)]) -> [Rows<'a>; 2] {
    let mut cells: Vec<&Tally> = Vec::new();
    let place = |(_, tally): &(Uuid, &'a Tally)| {
        let found = cells.iter().position(|cell| cell.same_cell(tally));
        Some(number(found.unwrap_or_else(|| {
            cells.push(tally);
            cells.len() - 1
        })))
    };
    let places = tallies.iter().map(place).collect();
    let shares = vec![
        (
            "verification_id",
            Column::Uuid(tallies.iter().map(|(id, _)| Some(*id)).collect()),
        ),
        ("cell", Column::Int(places)),
        (
            "value",
            Column::Int(tallies.iter().map(|(_, t)| Some(t.value)).collect()),
        ),
    ];
    let numbers = (0..cells.len()).map(|place| Some(number(place))).collect();
    let numbered = rows(&cells).with("cell", Column::Int(numbers));
    [Rows::new(tallies.len(), shares), numbered]
}

/// Of a cell in its statement.
pub(super) fn number(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

/// One tally per cell.
pub(super) fn summed<'a>(tallies: impl Iterator<Item = &'a Tally>) -> Vec<Tally> {
    let mut sums = Vec::new();
    for tally in tallies {
        add(&mut sums, tally.clone());
    }
    sums
}

/// Turns the rows `t`, one per measure, into one column per measure.
pub(super) fn pivot(measures: &[Measure]) -> String {
    let one = |measure: &Measure| {
        format!(
            "CASE WHEN t.measure = {} THEN t.value ELSE 0 END AS {}",
            measure.number(),
            measure.column()
        )
    };
    measures.iter().map(one).collect::<Vec<_>>().join(", ")
}

pub(super) fn columns(measures: &[Measure], each: impl Fn(&str) -> String) -> String {
    let all: Vec<String> = measures.iter().map(|m| each(m.column())).collect();
    all.join(", ")
}

/// Rows folded at a time.
const AT_ONCE: usize = 5_000;

fn fold(table: &str, spans: &[i64], measures: &[Measure], key: &str, only: &str) -> String {
    let spans: Vec<String> = spans
        .iter()
        .map(|span| format!("SELECT {span} AS span"))
        .collect();
    let keys: Vec<String> = key.split(", ").map(|name| format!("t.{name}")).collect();
    let places: Vec<String> = (1..=keys.len() + 2)
        .map(|place| place.to_string())
        .collect();
    // Rows of the same quarter hour are merged first, so that fewer are multiplied by the spans.
    format!(
        "INSERT INTO {table} (span, starts_at, {key}, {names}) \
         SELECT s.span, CASE WHEN s.span = 0 THEN 0 ELSE t.starts_at - t.starts_at % s.span END, {keys}, {sums} \
         FROM (SELECT t.starts_at, {keys}, {quarters} FROM (SELECT {COLUMNS}, {pivot} FROM \
           (SELECT {COLUMNS} FROM tallies ORDER BY id LIMIT {AT_ONCE}) AS t WHERE {only}) AS t GROUP BY t.starts_at, {keys}) AS t \
         CROSS JOIN ({spans}) AS s WHERE true GROUP BY {places} \
         ON CONFLICT (span, starts_at, {key}) DO UPDATE SET {grown}",
        names = columns(measures, ToOwned::to_owned),
        keys = keys.join(", "),
        sums = columns(measures, |name| format!("CAST(SUM(t.{name}) AS BIGINT)")),
        quarters = columns(measures, |name| format!("SUM(t.{name}) AS {name}")),
        pivot = pivot(measures),
        spans = spans.join(" UNION ALL "),
        places = places.join(", "),
        grown = columns(measures, |name| format!(
            "{name} = {table}.{name} + excluded.{name}"
        )),
    )
}

/// The span of all time.
pub(super) const EVER: i64 = 0;

/// The spans that sums are kept for.
pub(super) fn spans() -> Vec<i64> {
    SPANS.into_iter().chain([EVER]).collect()
}

/// The spans that durations of stages are kept for.
pub(super) fn timed_spans() -> Vec<i64> {
    SPANS.into_iter().filter(|span| *span >= HOUR).collect()
}

static FOLD_SUMS: LazyLock<String> = LazyLock::new(|| {
    fold(
        "rollups",
        &spans(),
        &Measure::ALL,
        "project_id, channel, provider, country, currency",
        "true",
    )
});

static FOLD_TIMES: LazyLock<String> = LazyLock::new(|| {
    fold(
        "rollup_times",
        &timed_spans(),
        &Measure::TIMED,
        "project_id, channel, provider, country, bin",
        "t.bin IS NOT NULL",
    )
});

/// Who may change the sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Some history was never summed.
    New,
    /// Anyone; so many folds were made.
    Free(i64),
    /// A rebuild, until then, in seconds since 1970.
    Rebuilding { made: i64, until: i64 },
}

impl Turn {
    /// Some history was never summed, whether or not a first rebuild has begun.
    pub fn is_unsummed(self) -> bool {
        matches!(self, Self::New | Self::Rebuilding { made: 0, .. })
    }
}

impl Turn {
    pub fn parse(text: &str) -> Option<Self> {
        if text == "new" {
            return Some(Self::New);
        }
        if let Some(rest) = text.strip_prefix("rebuilding ") {
            let (made, until) = rest.split_once(' ')?;
            return Some(Self::Rebuilding {
                made: made.parse().ok()?,
                until: until.parse().ok()?,
            });
        }
        text.parse().ok().map(Self::Free)
    }

    pub fn written(self) -> String {
        match self {
            Self::New => "new".to_owned(),
            Self::Free(made) => made.to_string(),
            Self::Rebuilding { made, until } => format!("rebuilding {made} {until}"),
        }
    }

    pub async fn read(connection: &mut Connection) -> sqlx::Result<Self> {
        let value = connection
            .text("SELECT value FROM meta WHERE name = 'rollups'")
            .await?;
        Ok(Self::parse(&value).unwrap_or(Self::New))
    }

    /// Returns false if another replica changed it first.
    pub async fn change(connection: &mut Connection, from: Self, to: Self) -> sqlx::Result<bool> {
        // Safe without binding: the text consists of digits and fixed words.
        let sql = format!(
            "UPDATE meta SET value = '{}' WHERE name = 'rollups' AND value = '{}'",
            to.written(),
            from.written()
        );
        Ok(connection.run(AssertSqlSafe(sql)).await? == 1)
    }
}

impl Store {
    /// Folds waiting rows into the sums; returns whether there may be more. One replica does it at a time, and none during a
    /// rebuild.
    pub async fn sum_tallies(&self, now: DateTime<Utc>) -> Result<bool, StorageError> {
        const ANY: &str = "SELECT id FROM tallies LIMIT 1";
        let waiting: Option<(i64,)> = read!(&self.engine, |pool| sqlx::query_as(ANY)
            .fetch_optional(pool)
            .await)?;
        if waiting.is_none() {
            return Ok(false);
        }
        let mut connection = Connection::take(&self.engine).await?;
        connection.begin_snapshot().await?;
        match fold_once(&mut connection, now.timestamp()).await {
            Ok(gone) => {
                connection.commit().await?;
                Ok(gone == AT_ONCE as u64)
            }
            Err(error) => {
                connection.roll_back().await;
                // Another replica is folding at this moment.
                match &error {
                    sqlx::Error::Database(fault) if fault.code().as_deref() == Some("40001") => {
                        Ok(false)
                    }
                    _ => Err(error.into()),
                }
            }
        }
    }
}

async fn fold_once(connection: &mut Connection, now: i64) -> sqlx::Result<u64> {
    let turn = Turn::read(connection).await?;
    let made = match turn {
        _ if turn.is_unsummed() => return Ok(0),
        Turn::Free(made) => made,
        Turn::Rebuilding { made, until } if until <= now => made,
        Turn::New | Turn::Rebuilding { .. } => return Ok(0),
    };
    if !Turn::change(connection, turn, Turn::Free(made + 1)).await? {
        return Ok(0);
    }
    connection.run(AssertSqlSafe(FOLD_SUMS.as_str())).await?;
    connection.run(AssertSqlSafe(FOLD_TIMES.as_str())).await?;
    connection
        .run(AssertSqlSafe(format!(
            "DELETE FROM tallies WHERE id IN (SELECT id FROM tallies ORDER BY id LIMIT {AT_ONCE})"
        )))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_summing_that_was_broken_off_is_not_taken_for_done() {
        for (text, is_unsummed) in [
            ("new", true),
            ("rebuilding 0 1793000000", true),
            ("rebuilding 7 1793000000", false),
            ("1", false),
        ] {
            let turn = Turn::parse(text).unwrap();
            assert_eq!(
                (turn.is_unsummed(), turn.written().as_str()),
                (is_unsummed, text)
            );
        }
    }
}
