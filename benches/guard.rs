//! The guard's decision: nanoseconds, and allocations, of which an unremarkable allow has none.
//!
//! `cargo bench --bench guard`. It counts visitors into 100,000 cells, then judges visitors at random among them, as live traffic does.
//! It exits with 1 when an unremarkable allow allocates, or when the figures use more bytes than they are given.

use std::alloc::System;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use pinroute::abuse::guard::cells::Cells;
use pinroute::abuse::guard::figures::{Figures, MAX_BYTES};
use pinroute::abuse::guard::judge::{Facts, judge};
use pinroute::abuse::guard::rules::{Mode, Rules};
use pinroute::simulator::Chance;
use pinroute::verification::id::ProjectId;
use pinroute::verification::origin::TraceHash;
use pinroute::verification::phone::LineType;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use uuid::Uuid;

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CELLS: usize = 100_000;
/// Then the figures have no room for the cells.
const MOST_PEOPLE: u64 = 200_000;
const ROUNDS: u64 = 400_000;
/// The fastest counts, since others use the machine too.
const PASSES: u64 = 5;
/// More than a processor's caches hold.
const VISITORS: u64 = 50_000;
/// At most, for an unremarkable allow.
const MOST: f64 = 2_000.0;

fn start() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn visitor(chance: &mut Chance, people: u64) -> Facts {
    const COUNTRIES: [&str; 8] = ["UZ", "KZ", "KG", "TJ", "RU", "TR", "DE", "US"];
    let hash = |kind: u8, number: u64| {
        let mut bytes = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        bytes[0] ^= kind;
        TraceHash(bytes)
    };
    let person = chance.below(people);
    let country = usize::try_from(person % 8).unwrap_or(0);
    Facts {
        cells: Cells {
            project: ProjectId(Uuid::from_u128(1)),
            country: COUNTRIES[country]
                .parse()
                .expect("it is a code of two letters"),
            prefix: hash(1, person),
            ip: Some(hash(2, person / 2)),
            networks: [Some(hash(3, person / 8)), Some(hash(4, person / 6))],
            asn: u32::try_from(person % 2_000).ok(),
            host: None,
        },
        line: LineType::Mobile,
        listed: None,
        is_monitored: false,
        has_challenge_channel: true,
    }
}

fn main() -> ExitCode {
    // `cargo test --all-targets` also runs benches, but without this argument.
    if !std::env::args().any(|it| it == "--bench") {
        return ExitCode::SUCCESS;
    }
    let figures = Figures::new(MAX_BYTES);
    let before = Region::new(COUNTING);
    let mut chance = Chance::new(1);
    let quiet = Rules::all(Mode::Off);
    let mut now = start();
    let (mut counted, mut events, mut people) = (Duration::ZERO, 0_u64, 1_000);
    while figures.cells() < CELLS && people < MOST_PEOPLE {
        for _ in 0..1_000 {
            let facts = visitor(&mut chance, people);
            let verdict = judge(&facts, &quiet, &figures, now);
            let clock = Instant::now();
            let send = figures.send(&facts.cells, &verdict, now);
            let number = u128::from(events).to_be_bytes();
            figures.approve(&facts.cells, number, &[send], now + TimeDelta::seconds(20));
            counted += clock.elapsed();
            events += 1;
            now += TimeDelta::milliseconds(100);
        }
        people += 1_000;
    }
    let held = before.change();
    let in_use = held.bytes_allocated.saturating_sub(held.bytes_deallocated);
    println!("cells                     {:>10}", figures.cells());
    println!("bytes, as counted         {:>10}", figures.bytes());
    println!("bytes, as allocated       {in_use:>10}");
    println!("bytes, at most            {MAX_BYTES:>10}");
    let each = counted.as_secs_f64() * 1e9 / as_f64(events);
    println!("ns per send and approval  {each:>10.0}");

    let visitors: Vec<Facts> = (0..VISITORS)
        .map(|_| visitor(&mut chance, people))
        .collect();
    let mut is_good = in_use <= MAX_BYTES && figures.cells() >= CELLS;
    for (name, mode) in [("shadow", Mode::Shadow), ("on", Mode::On)] {
        let rules = Rules::all(mode);
        let measured = Region::new(COUNTING);
        let (mut remarkable, mut fastest) = (0_u64, f64::INFINITY);
        for pass in 0..PASSES {
            let clock = Instant::now();
            for round in 0..ROUNDS {
                // Not in the order in which they were counted, so that memory is as cold as it is in traffic.
                let facts = &visitors[usize::try_from(chance.below(VISITORS)).unwrap_or(0)];
                let later = i64::try_from(pass * ROUNDS + round).unwrap_or(0);
                let at = now + TimeDelta::microseconds(later);
                let verdict = black_box(judge(black_box(facts), &rules, &figures, at));
                remarkable += u64::from(!verdict.is_unremarkable());
            }
            let each = clock.elapsed().as_secs_f64() * 1e9 / as_f64(ROUNDS);
            fastest = fastest.min(each);
        }
        let change = measured.change();
        let allocations = u64::try_from(change.allocations + change.reallocations).unwrap_or(0);
        println!("all rules {name}:");
        println!("  ns per decision         {fastest:>10.0}");
        println!("  remarkable              {remarkable:>10}");
        println!("  allocations             {allocations:>10}");
        if remarkable > 0 {
            println!("  not all are unremarkable, so this measures something else");
        }
        is_good &= remarkable == 0 && allocations == 0 && fastest < MOST;
    }
    if is_good {
        ExitCode::SUCCESS
    } else {
        println!("failed: an unremarkable allow takes under {MOST} ns and allocates nothing");
        ExitCode::FAILURE
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a count of rounds is far below 2^52"
)]
fn as_f64(count: u64) -> f64 {
    count as f64
}
