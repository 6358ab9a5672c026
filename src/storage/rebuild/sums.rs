//! The sums as rows: cells summed over spans of time.

use std::collections::HashMap;
use std::sync::LazyLock;

use uuid::Uuid;

use crate::ledger::measure::Measure;
use crate::ledger::tally::{DAY, Tally};
use crate::storage::engine::rows::{Column, Rows};
use crate::storage::tallies::{EVER, columns, spans, timed_spans};

/// Each cell, with a value of zero, and its sum.
pub(super) type Sums = HashMap<Tally, i64>;

pub(super) fn add(sums: &mut Sums, tallies: impl IntoIterator<Item = Tally>) {
    for tally in tallies {
        let value = tally.value;
        *sums.entry(Tally { value: 0, ..tally }).or_default() += value;
    }
}

/// One row of the sums: its cell and its values.
pub(super) struct Summed {
    span: i64,
    starts_at: i64,
    cell: Tally,
    measures: &'static [Measure],
    values: Vec<i64>,
}

impl Summed {
    fn place(&self) -> (i64, i64, Uuid, &str, &str, &str, &str) {
        let cell = &self.cell;
        let (channel, provider) = (cell.channel, &cell.provider);
        let (country, currency) = (&cell.country, &cell.currency);
        (
            self.span,
            self.starts_at,
            cell.project,
            channel,
            provider,
            country,
            currency,
        )
    }
}

pub(super) fn whole_sums(sums: &Sums) -> Vec<Summed> {
    in_spans(sums, &spans(), &Measure::ALL, |cell| {
        Some(Tally {
            bin: None,
            ..cell.clone()
        })
    })
}

pub(super) fn timed(sums: &Sums) -> Vec<Summed> {
    in_spans(sums, &timed_spans(), &Measure::TIMED, |cell| {
        cell.bin.map(|_| cell.clone())
    })
}

/// Sums, over spans of time, the cells that `kept` returns; cells that differ only in their measure share a row.
pub(super) fn in_spans(
    sums: &Sums,
    spans: &[i64],
    measures: &'static [Measure],
    kept: impl Fn(&Tally) -> Option<Tally>,
) -> Vec<Summed> {
    let mut rows: HashMap<(i64, Tally), Vec<i64>> = HashMap::new();
    for (cell, value) in sums.iter().filter(|(_, value)| **value != 0) {
        let Some(place) = measures.iter().position(|measure| *measure == cell.measure) else {
            continue;
        };
        let Some(cell) = kept(cell) else { continue };
        for span in spans {
            let starts_at = match span {
                &EVER => 0,
                span => cell.starts_at - cell.starts_at.rem_euclid(*span),
            };
            let key = Tally {
                starts_at,
                measure: measures[0],
                ..cell.clone()
            };
            let values = rows
                .entry((*span, key))
                .or_insert_with(|| vec![0; measures.len()]);
            values[place] += value;
        }
    }
    let row = |((span, cell), values): ((i64, Tally), Vec<i64>)| Summed {
        span,
        starts_at: cell.starts_at,
        cell,
        measures,
        values,
    };
    let mut rows: Vec<Summed> = rows.into_iter().map(row).collect();
    // Rows that a report reads together are written together.
    rows.sort_unstable_by(|one, other| one.place().cmp(&other.place()));
    rows
}

pub(super) fn summed_rows<'a>(table: &str, part: &[Summed]) -> Rows<'a> {
    let int =
        |get: &dyn Fn(&Summed) -> i64| Column::Int(part.iter().map(|row| Some(get(row))).collect());
    let text = |get: &dyn Fn(&Tally) -> &str| {
        Column::Text(
            part.iter()
                .map(|row| Some(get(&row.cell).to_owned()))
                .collect(),
        )
    };
    let projects = part.iter().map(|row| Some(row.cell.project)).collect();
    let mut columns = vec![
        ("span", int(&|row| row.span)),
        ("starts_at", int(&|row| row.starts_at)),
        ("project_id", Column::Uuid(projects)),
        ("channel", text(&|cell| cell.channel)),
        ("provider", text(&|cell| &cell.provider)),
        ("country", text(&|cell| &cell.country)),
    ];
    columns.push(match table {
        "rollups" => ("currency", text(&|cell| &cell.currency)),
        _ => ("bin", int(&|row| row.cell.bin.unwrap_or(0))),
    });
    let measures = part.first().map_or(&[][..], |row| row.measures);
    for (place, measure) in measures.iter().enumerate() {
        columns.push((measure.column(), int(&|row| row.values[place])));
    }
    Rows::new(part.len(), columns)
}

pub(super) static INSERT_SUMS: LazyLock<String> =
    LazyLock::new(|| insert("rollups", "currency", &Measure::ALL));
pub(super) static INSERT_TIMES: LazyLock<String> =
    LazyLock::new(|| insert("rollup_times", "bin", &Measure::TIMED));

/// Writes [`summed_rows`]; `last` is the last column of the table's key.
pub(super) fn insert(table: &str, last: &str, measures: &[Measure]) -> String {
    let key = format!("span, starts_at, project_id, channel, provider, country, {last}");
    let read = key.replace(", ", ", r.");
    format!(
        "INSERT INTO {table} ({key}, {}) SELECT r.{read}, {} FROM {{rows}} WHERE true ON CONFLICT DO NOTHING",
        columns(measures, str::to_owned),
        columns(measures, |name| format!("r.{name}")),
    )
}

/// Adds, to the sums of the span in which `kept_from` lies, what its days before hold.
pub(super) fn add_days(
    table: &str,
    last: &str,
    measures: &[Measure],
    span: i64,
    kept_from: i64,
) -> String {
    let place = format!("project_id, channel, provider, country, {last}");
    let starts_at = match span {
        EVER => 0,
        span => kept_from - kept_from.rem_euclid(span),
    };
    format!(
        "INSERT INTO {table} (span, starts_at, {place}, {}) SELECT {span}, {starts_at}, {place}, {} FROM {table} \
        WHERE span = {DAY} AND starts_at >= {starts_at} AND starts_at < {kept_from} GROUP BY {place} \
        ON CONFLICT (span, starts_at, {place}) DO UPDATE SET {}",
        columns(measures, str::to_owned),
        columns(measures, |name| format!("CAST(SUM({name}) AS BIGINT)")),
        columns(measures, |name| format!(
            "{name} = {table}.{name} + excluded.{name}"
        )),
    )
}
