//! Tests of the guard as a whole.

mod judging;
mod memory;
mod merging;
mod model;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::cells::{Cell, Cells};
use super::deltas::PaidSend;
use super::figures::{Figures, Reading};
use super::judge::{Facts, judge};
use super::rules::{Mode, Rules};
use super::verdict::Verdict;
use crate::verification::id::ProjectId;
use crate::verification::origin::TraceHash;
use crate::verification::phone::LineType;

const MAX: usize = 4 << 20;

/// Midnight.
fn start() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn minutes(count: i64) -> TimeDelta {
    TimeDelta::minutes(count)
}

fn hours(count: i64) -> TimeDelta {
    TimeDelta::hours(count)
}

fn hash(number: u64) -> TraceHash {
    TraceHash(number.to_be_bytes())
}

fn number(number: u64) -> [u8; 16] {
    u128::from(number).to_be_bytes()
}

/// Nobody's address.
fn cells(country: &str, prefix: u64) -> Cells {
    Cells {
        project: ProjectId(Uuid::from_u128(1)),
        country: country.parse().unwrap(),
        prefix: hash(prefix),
        ip: None,
        networks: [None; 2],
        asn: None,
        host: None,
    }
}

fn from(ip: u64, cells: Cells) -> Cells {
    Cells {
        ip: Some(hash(ip)),
        ..cells
    }
}

fn facts(cells: Cells) -> Facts {
    Facts {
        cells,
        line: LineType::Mobile,
        listed: None,
        is_monitored: false,
        has_challenge_channel: true,
    }
}

/// Judged and counted, as a caller does.
fn send(figures: &Figures, rules: &Rules, cells: Cells, at: DateTime<Utc>) -> (Verdict, PaidSend) {
    let verdict = judge(&facts(cells), rules, figures, at);
    let send = figures.send(&cells, &verdict, at);
    (verdict, send)
}

/// Counted, whatever the rules would say.
fn sent(figures: &Figures, cells: Cells, at: DateTime<Utc>) -> PaidSend {
    send(figures, &Rules::all(Mode::Off), cells, at).1
}

fn read(figures: &Figures, cells: &Cells, cell: Cell, now: DateTime<Utc>) -> Reading {
    let next = matches!(cell, Cell::Ip(_)).then_some(cells.country);
    figures.read(&cells.key(cell), next, now)
}

fn country(figures: &Figures, cells: &Cells, now: DateTime<Utc>) -> Reading {
    read(figures, cells, Cell::Country(cells.country), now)
}

fn prefix(figures: &Figures, cells: &Cells, now: DateTime<Utc>) -> Reading {
    read(figures, cells, Cell::Prefix(cells.prefix), now)
}

/// `splitmix64`: the same numbers in each run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }
}
