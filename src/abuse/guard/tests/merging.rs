//! Replicas that tell one another what they counted.

use proptest::prelude::*;

use super::*;
use crate::abuse::guard::deltas::{Delta, Event};

#[derive(Clone, Debug)]
struct Step {
    replica: usize,
    event: Event,
    /// Then it tells the others.
    tells: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let who = (0..3_usize, 0..2_u64, 0..3_u64, 0..2_u64);
    // More than a day, in any order.
    let what = (
        0..40 * 60_i64,
        0..40 * 60_i64,
        0..4_u8,
        0..3_u64,
        any::<bool>(),
    );
    (who, what).prop_map(
        |((replica, country, range, ip), (at, sent, kind, who, tells))| {
            let code = ["UZ", "KZ"][usize::from(country == 1)];
            let cells = Cells {
                networks: [Some(hash(ip / 2)), None],
                asn: Some(1),
                ..from(ip, cells(code, range))
            };
            let send = |at, is_stopped| PaidSend {
                at: start() + minutes(at),
                is_stopped,
            };
            let event = match kind {
                0 | 1 => Event::Send {
                    cells,
                    send: send(sent, kind == 1),
                    is_prefix_fired: false,
                },
                _ => Event::Approval {
                    cells,
                    at: start() + minutes(at),
                    // A number is of one country.
                    number: number(who + 10 * country),
                    sends: if kind == 2 {
                        vec![send(sent, false)]
                    } else {
                        Vec::new()
                    },
                },
            };
            Step {
                replica,
                event,
                tells,
            }
        },
    )
}

fn all_cells() -> Vec<Cells> {
    let mut all = Vec::new();
    for code in ["UZ", "KZ"] {
        for other in 0..3 {
            all.push(Cells {
                networks: [Some(hash(other / 2)), None],
                asn: Some(1),
                ..from(other % 2, cells(code, other))
            });
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn replicas_that_heard_all_in_any_order_and_twice_have_the_sums_of_one_process(
        steps in prop::collection::vec(step(), 1..80),
        seed in any::<u64>(),
    ) {
        let now = start() + hours(40);
        let replicas: Vec<Figures> =
            (0..3).map(|id| Figures::shared(MAX, Uuid::from_u128(id))).collect();
        let one = Figures::new(MAX);
        let mut told: Vec<(usize, Delta)> = Vec::new();
        for step in &steps {
            one.record(step.event.clone());
            let own = &replicas[step.replica];
            own.record(step.event.clone());
            if step.tells {
                told.extend(own.take_delta().map(|delta| (step.replica, delta)));
            }
        }
        for (place, replica) in replicas.iter().enumerate() {
            told.extend(replica.take_delta().map(|delta| (place, delta)));
        }
        let mut chance = Chance(seed);
        for (place, replica) in replicas.iter().enumerate() {
            let others = told.iter().filter(|(from, _)| *from != place);
            let mut others: Vec<&Delta> = others.map(|(_, delta)| delta).collect();
            let again: Vec<&Delta> = others.clone();
            others.extend(again.into_iter().filter(|_| chance.percent(50)));
            while !others.is_empty() {
                let next = usize::try_from(chance.below(others.len() as u64)).unwrap();
                let text = serde_json::to_string(others.swap_remove(next)).unwrap();
                replica.merge(&serde_json::from_str(&text).unwrap(), now);
            }
        }
        for cells in all_cells() {
            for key in cells.all() {
                let expected = read(&one, &cells, key.cell, now);
                for replica in &replicas {
                    prop_assert_eq!(read(replica, &cells, key.cell, now), expected);
                }
            }
        }
    }
}

#[test]
fn a_block_holds_on_every_replica_and_so_does_its_end() {
    let (here, there) = (
        Figures::shared(MAX, Uuid::from_u128(1)),
        Figures::shared(MAX, Uuid::from_u128(2)),
    );
    let rules = Rules::all(Mode::On);
    for second in 0..8 {
        send(
            &here,
            &rules,
            cells("UZ", 1),
            start() + TimeDelta::seconds(second),
        );
    }
    let now = start() + minutes(1);
    there.merge(&here.take_delta().unwrap(), now);
    let [(prefix, block)] = there.blocks(now)[..] else {
        panic!("{:?}", there.blocks(now));
    };
    assert_eq!(block.level(), 1);
    assert!(there.end_block(prefix, now) && there.blocks(now).is_empty());
    here.merge(&there.take_delta().unwrap(), now);
    assert!(here.blocks(now).is_empty() && !here.end_block(prefix, now));
}

#[test]
fn what_a_wrong_clock_dates_ahead_does_not_count() {
    let (here, there) = (Figures::shared(MAX, Uuid::from_u128(1)), Figures::new(MAX));
    let cells = cells("UZ", 1);
    sent(&here, cells, start() + hours(5));
    sent(&here, cells, start() + minutes(4));
    there.merge(&here.take_delta().unwrap(), start());
    let reading = prefix(&there, &cells, start() + hours(5));
    assert_eq!(reading.unverified_day, 1);
}

#[test]
fn what_nobody_takes_is_bounded_and_its_loss_is_told() {
    let figures = Figures::shared(1 << 16, Uuid::from_u128(1));
    for _ in 0..1_000 {
        sent(&figures, cells("UZ", 1), start());
    }
    let delta = figures.take_delta().unwrap();
    assert_eq!(delta.lost + delta.events.len() as u64, 1_000);
    assert!(delta.lost > 900);
    assert!(figures.take_delta().is_none());
}
