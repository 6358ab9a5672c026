//! What is printed: medians of all rounds as tables, and every round as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::options::{Kind, Options};
use crate::phase::{COLUMNS, Figures, Phase, figure};
use crate::soak::Soaked;
use crate::upkeep::Bloat;

/// One run of one program.
pub struct Outcome {
    pub phases: Vec<Phase>,
    /// Bytes of the database per verification, after a `VACUUM`.
    pub kept: Option<f64>,
    /// Likewise after a `VACUUM FULL`, on Postgres.
    pub compact: Option<f64>,
    /// Bytes of Redis per number.
    pub redis_bytes: Option<f64>,
    pub soaked: Vec<Soaked>,
    /// Of Postgres after a soak.
    pub bloat: Option<Bloat>,
}

/// All runs of one program.
pub struct Series {
    pub title: String,
    pub rounds: Vec<Outcome>,
}

/// A phase over all rounds.
struct Row {
    kind: Kind,
    connections: usize,
    medians: Figures,
    notes: String,
}

impl Series {
    pub fn new(title: String) -> Self {
        let rounds = Vec::new();
        Self { title, rounds }
    }

    pub fn is_clean(&self) -> bool {
        let mut phases = self.rounds.iter().flat_map(|round| &round.phases);
        phases.all(Phase::is_clean)
    }

    fn rows(&self) -> Vec<Row> {
        let first = self.rounds.first().map_or(&[][..], |round| &round.phases);
        let same = |one: &Phase, other: &Phase| {
            (one.kind, one.connections) == (other.kind, other.connections)
        };
        let of = |phase: &Phase| -> Vec<&Phase> {
            let phases = self.rounds.iter().flat_map(|round| &round.phases);
            phases.filter(|other| same(phase, other)).collect()
        };
        let row = |phase: &Phase| {
            let phases = of(phase);
            let medians = std::array::from_fn(|column| {
                median(phases.iter().filter_map(|phase| phase.figures[column]))
            });
            Row {
                kind: phase.kind,
                connections: phase.connections,
                notes: notes(&phases, &medians),
                medians,
            }
        };
        first.iter().map(row).collect()
    }

    fn median(&self, of: impl Fn(&Outcome) -> Option<f64>) -> Option<f64> {
        median(self.rounds.iter().filter_map(of))
    }

    fn json(&self) -> Value {
        let round = |round: &Outcome| {
            let phases: Vec<_> = round.phases.iter().map(Phase::json).collect();
            let soaked: Vec<_> = round.soaked.iter().map(Soaked::json).collect();
            let bloat = round.bloat.as_ref().map(Bloat::json);
            json!({
                "phases": phases, "kept_bytes": round.kept, "compact_bytes": round.compact,
                "redis_bytes": round.redis_bytes, "soaked": soaked, "bloat": bloat,
            })
        };
        let rounds: Vec<_> = self.rounds.iter().map(round).collect();
        json!({ "program": self.title, "rounds": rounds })
    }
}

/// The builds in the order of the command line.
pub fn print(options: &Options, cores: usize, builds: &[Series], ceiling: &Series) {
    println!(
        "\n{} on {cores} processors, limits and a budget {}, {} s per phase, slow provider {} ms, medians of {}\n\
         gateway to sum: µs of processor time per request; p50 to max: ms; group: changes per commit; WAL: bytes per request",
        options.engine(),
        if options.limits { "on" } else { "off" },
        options.seconds,
        options.delay.as_millis(),
        match options.rounds {
            1 => String::from("1 round"),
            rounds => format!("{rounds} rounds"),
        },
    );
    let mut bare = ceiling.rows();
    for build in builds {
        print_build(build, &bare);
    }
    if let [build, other] = builds {
        let (build, other) = (build.rows(), other.rows());
        match options.filled.as_slice() {
            [first, second] => {
                let title = format!("Ratio with {second} past verifications to with {first}");
                print_ratios(&title, &other, &build);
            }
            _ => print_ratios("Ratio of the first build to the second", &build, &other),
        }
    }
    if !bare.is_empty() {
        println!(
            "\nBare server with the same promise as a create\n{}",
            heading()
        );
        bare.drain(..).for_each(|row| println!("{row}"));
    }
    println!(
        "\n{}",
        json!({
            "engine": options.engine(),
            "processors": cores,
            "limits": options.limits,
            "seconds": options.seconds,
            "delay_ms": u64::try_from(options.delay.as_millis()).unwrap_or(u64::MAX),
            "builds": builds.iter().map(Series::json).collect::<Vec<_>>(),
            "ceiling": ceiling.json(),
        })
    );
}

fn print_build(build: &Series, bare: &[Row]) {
    println!("\n{}\n{}", build.title, heading());
    let rows = build.rows();
    for row in &rows {
        print!("{row}");
        let compared = |others: &[Row], kind, key| {
            let same = |other: &&Row| other.kind == kind && other.connections == row.connections;
            let other = others.iter().find(same)?;
            Some(figure(&row.medians, key)? / figure(&other.medians, key)?)
        };
        if row.kind == Kind::Slow
            && let Some(share) = compared(&rows, Kind::Create, "per_second")
        {
            print!(
                " {:.0} % of the rate with an instant provider,",
                share * 100.0
            );
        }
        if matches!(row.kind, Kind::Create | Kind::Slow | Kind::Faulty)
            && let Some(rate) = compared(bare, Kind::Ceiling, "per_second")
            && let Some(sum) = compared(bare, Kind::Ceiling, "sum_us")
        {
            let rate = rate * 100.0;
            print!(" {rate:.0} % of the bare server's rate at {sum:.1} times its processor time");
        }
        println!();
    }
    if let Some(kept) = build.median(|round| round.kept) {
        print!("kept per verification after VACUUM: {kept:.0} bytes");
        match build.median(|round| round.compact) {
            Some(compact) => println!(", after VACUUM FULL {compact:.0}"),
            None => println!(),
        }
    }
    if let Some(bytes) = build.median(|round| round.redis_bytes) {
        println!("Redis per number: {bytes:.0} bytes");
    }
    for round in &build.rounds {
        round.soaked.iter().for_each(|soaked| println!("{soaked}"));
        round.bloat.iter().for_each(|bloat| println!("{bloat}"));
    }
}

/// Below 1, the first is less.
fn print_ratios(title: &str, rows: &[Row], others: &[Row]) {
    println!("\n{title}\n{}", heading());
    for (row, other) in rows.iter().zip(others) {
        let ratio = |column: usize| {
            Some(row.medians[column]? / other.medians[column].filter(|other| *other > 0.0)?)
        };
        let cells = cells(&std::array::from_fn(ratio), |_| 2);
        println!("{}{cells}", head(row));
    }
}

fn heading() -> String {
    let mut line = format!("| {:<26} | conn. |", "phase");
    for column in COLUMNS.iter().filter(|column| column.width > 0) {
        let _ = write!(line, " {:>1$} |", column.heading, column.width);
    }
    line
}

fn head(row: &Row) -> String {
    format!("| {:<26} | {:>5} |", row.kind.title(), row.connections)
}

fn cells(figures: &Figures, decimals: impl Fn(usize) -> usize) -> String {
    let mut line = String::new();
    for (index, (column, figure)) in COLUMNS.iter().zip(figures).enumerate() {
        if column.width == 0 {
            continue;
        }
        let text = figure.map_or(String::from("–"), |it| {
            format!("{it:.*}", decimals(index))
        });
        let _ = write!(line, " {text:>0$} |", column.width);
    }
    line
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cells = cells(&self.medians, |column| COLUMNS[column].decimals);
        write!(f, "{}{cells}{}", head(self), self.notes)
    }
}

/// Errors, and what became of what was sent, in all rounds.
fn notes(phases: &[&Phase], medians: &Figures) -> String {
    let mut notes = String::new();
    let mut errors = BTreeMap::<&str, u32>::new();
    for (kind, count) in phases.iter().flat_map(|phase| &phase.errors) {
        *errors.entry(kind).or_default() += count;
    }
    for (kind, count) in errors {
        let _ = write!(notes, " {count} × {kind},");
    }
    let sent = || phases.iter().filter_map(|phase| phase.sent.as_ref());
    if sent().next().is_some() {
        let lost: u32 = sent().map(|sent| sent.lost).sum();
        let twice: u32 = sent().map(|sent| sent.twice).sum();
        let _ = write!(notes, " {lost} lost, {twice} twice,");
    }
    let late = figure(medians, "answer_to_provider_p99_ms");
    if let Some(late) = late.filter(|late| *late > 0.0) {
        let _ = write!(notes, " p99 {late:.1} ms after the answer,");
    }
    notes
}

fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() {
        0 => None,
        even if even % 2 == 0 => Some(f64::midpoint(figures[middle - 1], figures[middle])),
        _ => Some(figures[middle]),
    }
}
