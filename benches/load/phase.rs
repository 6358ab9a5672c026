//! A measured phase and its figures. To add a figure, extend [`COLUMNS`] and [`Phases::finish`](crate::phases::Phases).

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use crate::client::Run;
use crate::options::Kind;
use crate::provider::Arrival;
use crate::work::Accepted;

pub struct Column {
    pub heading: &'static str,
    pub key: &'static str,
    /// Zero: only in the JSON.
    pub width: usize,
    pub decimals: usize,
}

/// Processor time comes first: on a shared machine it says more than anything else.
pub const COLUMNS: [Column; 16] = [
    column("gateway", "gateway_us", 7, 1),
    column("Postgres", "postgres_us", 8, 1),
    column("Redis", "redis_us", 6, 1),
    column("sum", "sum_us", 7, 1),
    column("req/s", "per_second", 7, 0),
    column("p50", "p50_ms", 6, 1),
    column("p90", "p90_ms", 6, 1),
    column("p99", "p99_ms", 6, 1),
    column("max", "max_ms", 7, 1),
    column("peak MiB", "peak_mib", 8, 1),
    column("end MiB", "end_mib", 7, 1),
    column("group", "group", 5, 1),
    column("WAL B", "wal_bytes", 6, 0),
    column("", "answer_to_provider_p50_ms", 0, 1),
    column("", "answer_to_provider_p99_ms", 0, 1),
    column("", "answer_to_provider_max_ms", 0, 1),
];

const fn column(heading: &'static str, key: &'static str, width: usize, decimals: usize) -> Column {
    Column {
        heading,
        key,
        width,
        decimals,
    }
}

pub type Figures = [Option<f64>; COLUMNS.len()];

/// The figure of the column with this key.
pub fn figure(figures: &Figures, key: &str) -> Option<f64> {
    let index = COLUMNS.iter().position(|column| column.key == key)?;
    figures[index]
}

pub struct Phase {
    pub kind: Kind,
    pub connections: usize,
    pub requests: u32,
    pub figures: Figures,
    /// Counts by HTTP status or kind of I/O error.
    pub errors: BTreeMap<String, u32>,
    /// Of phases whose requests each send something.
    pub sent: Option<Sent>,
}

impl Phase {
    /// Nothing failed, was lost or was sent twice.
    pub fn is_clean(&self) -> bool {
        let sent_well = |sent: &Sent| sent.lost + sent.twice == 0;
        self.errors.is_empty() && self.requests > 0 && self.sent.as_ref().is_none_or(sent_well)
    }

    pub fn json(&self) -> Value {
        let mut phase = Map::new();
        phase.insert("name".to_owned(), self.kind.name().into());
        phase.insert("connections".to_owned(), self.connections.into());
        phase.insert("requests".to_owned(), self.requests.into());
        for (column, figure) in COLUMNS.iter().zip(self.figures) {
            phase.insert(column.key.to_owned(), json!(figure));
        }
        phase.insert("errors".to_owned(), json!(self.errors));
        if let Some(sent) = &self.sent {
            phase.insert("lost".to_owned(), sent.lost.into());
            phase.insert("twice".to_owned(), sent.twice.into());
        }
        Value::Object(phase)
    }
}

/// What accepted requests sent, as seen by the provider.
#[derive(Default)]
pub struct Sent {
    /// Time from the response to the arrival, sorted; zero if the arrival came first.
    pub micros: Vec<u32>,
    pub lost: u32,
    pub twice: u32,
}

impl Sent {
    pub fn compare(accepted: &[Accepted], arrivals: Vec<Arrival>) -> Self {
        let mut sent = Self::default();
        let mut arrived = HashMap::with_capacity(arrivals.len());
        for arrival in arrivals {
            if arrived.insert(arrival.number, arrival.at).is_some() {
                sent.twice += 1;
            }
        }
        for accepted in accepted {
            match arrived.get(&accepted.number) {
                Some(at) => {
                    let waited = at.saturating_duration_since(accepted.at).as_micros();
                    sent.micros.push(u32::try_from(waited).unwrap_or(u32::MAX));
                }
                None => sent.lost += 1,
            }
        }
        sent.micros.sort_unstable();
        sent
    }
}

/// What a phase used besides time.
#[derive(Default)]
pub struct Spent {
    /// Microseconds of processor time per request.
    pub gateway: Option<f64>,
    pub postgres: Option<f64>,
    pub redis: Option<f64>,
    pub peak_memory: Option<f64>,
    /// At the end.
    pub memory: Option<f64>,
    /// Changes per group commit.
    pub group: Option<f64>,
    /// Bytes per request.
    pub wal: Option<f64>,
}

pub fn figures(run: &Run, spent: &Spent, sent: Option<&Sent>) -> Figures {
    let sum = spent.gateway.map(|gateway| {
        gateway + spent.postgres.unwrap_or_default() + spent.redis.unwrap_or_default()
    });
    let [p50, p90, p99, max] = percentiles(&run.micros).map(Some);
    let late = sent.map(|sent| percentiles(&sent.micros));
    let late = |index: usize| late.map(|late| late[index]);
    [
        spent.gateway,
        spent.postgres,
        spent.redis,
        sum,
        Some(run.per_second()),
        p50,
        p90,
        p99,
        max,
        spent.peak_memory,
        spent.memory,
        spent.group,
        spent.wal,
        late(0),
        late(2),
        late(3),
    ]
}

/// p50, p90, p99 and the maximum of sorted microseconds, in milliseconds.
fn percentiles(micros: &[u32]) -> [f64; 4] {
    [50, 90, 99, 100].map(|percent| {
        let index = micros.len().saturating_sub(1) * percent / 100;
        micros.get(index).map_or(0.0, |it| f64::from(*it) / 1000.0)
    })
}
