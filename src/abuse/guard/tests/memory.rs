//! What is kept, for how long, and within how many bytes.

use super::*;
use crate::abuse::guard::deltas::Event;
use crate::abuse::guard::saved::Saved;

#[test]
fn sends_count_for_their_day_and_their_hour_in_buckets_of_five_minutes() {
    let figures = Figures::new(MAX);
    let cells = cells("UZ", 1);
    sent(&figures, cells, start() + minutes(4));
    let counts = |after| {
        let reading = prefix(&figures, &cells, start() + after);
        (reading.unverified_day, reading.unverified_hour)
    };
    assert_eq!(counts(minutes(4)), (1, 1));
    assert_eq!(counts(minutes(59)), (1, 1));
    assert_eq!(counts(minutes(60)), (1, 0));
    assert_eq!(counts(hours(24) - minutes(1)), (1, 0));
    assert_eq!(counts(hours(24)), (0, 0));
}

#[test]
fn an_approval_takes_its_own_sends_out_of_their_buckets_and_no_others() {
    let figures = Figures::new(MAX);
    let cells = from(7, cells("UZ", 1));
    let own = [
        sent(&figures, cells, start()),
        sent(&figures, cells, start() + minutes(61)),
    ];
    sent(&figures, cells, start() + minutes(62));
    let now = start() + minutes(63);
    for cell in cells.all() {
        let reading = read(&figures, &cells, cell.cell, now);
        assert_eq!((reading.unverified_day, reading.unverified_hour), (3, 2));
    }
    figures.approve(&cells, number(1), &own, now);
    for cell in cells.all() {
        let reading = read(&figures, &cells, cell.cell, now);
        assert_eq!((reading.unverified_day, reading.unverified_hour), (1, 1));
        assert_eq!((reading.verified_day, reading.verified_hour), (1, 1));
    }
    // Too late: the window has ended, and nothing else pays for it.
    figures.approve(&cells, number(2), &own, start() + hours(30));
    assert_eq!(
        country(&figures, &cells, start() + hours(30)).unverified_day,
        0
    );
}

#[test]
fn one_number_raises_a_cell_once_a_day() {
    let figures = Figures::new(MAX);
    let cells = from(7, cells("UZ", 1));
    for minute in 0..50 {
        figures.approve(
            &cells,
            number(1),
            &[],
            start() + hours(20) + minutes(minute),
        );
    }
    let other = from(8, cells);
    figures.approve(&other, number(1), &[], start() + hours(21));
    let evening = start() + hours(21);
    assert_eq!(country(&figures, &cells, evening).verified_day, 1);
    let ip = |number| read(&figures, &cells, Cell::Ip(hash(number)), evening);
    assert_eq!((ip(7).verified_day, ip(8).verified_day), (1, 1));
    figures.approve(&cells, number(1), &[], start() + hours(25));
    let next = country(&figures, &cells, start() + hours(25));
    assert_eq!(
        (next.verified_day, next.best_day),
        (2, 1),
        "another UTC day"
    );
}

#[test]
fn the_best_day_is_remembered_for_14_days() {
    let figures = Figures::new(MAX);
    let cells = cells("UZ", 1);
    for person in 0..40 {
        figures.approve(&cells, number(person), &[], start() + hours(12));
    }
    let best = |days| prefix(&figures, &cells, start() + TimeDelta::days(days)).best_day;
    assert_eq!((best(0), best(13), best(14)), (40, 40, 0));
}

#[test]
fn bytes_are_bounded_and_the_idle_go_first() {
    const BYTES: usize = 1 << 20;
    let figures = Figures::new(BYTES);
    let usual = cells("UZ", 0);
    figures.import_past(
        usual.project,
        usual.country,
        &[(start(), 900)],
        &[(start(), 80)],
    );
    let busy = from(3, usual);
    for flood in 0..40_000 {
        let at = start() + TimeDelta::milliseconds(i64::try_from(flood).unwrap() * 100);
        let cells = Cells {
            prefix: hash(flood),
            ip: Some(hash(flood + 1_000_000)),
            networks: [Some(hash(flood + 2_000_000)), None],
            ..cells("KZ", 0)
        };
        sent(&figures, cells, at);
        figures.approve(&cells, number(flood), &[], at);
        if flood % 50 == 0 {
            sent(&figures, busy, at);
        }
        if flood % 1_000 == 0 {
            assert!(figures.bytes() <= BYTES, "{} bytes", figures.bytes());
        }
    }
    assert!(figures.cells() > 2_500, "the bytes are used");
    let now = start() + hours(2);
    assert_eq!(country(&figures, &usual, now).best_day, 900);
    let kept = |key: u64| figures.read(&usual.key(Cell::Prefix(hash(key))), None, now);
    assert_eq!(kept(39_999).unverified_day, 1, "the newest");
    assert_eq!(kept(100).unverified_day, 0, "idle");
    let busy = read(&figures, &busy, Cell::Ip(hash(3)), now);
    assert_eq!(busy.unverified_day, 800, "in use all the time");
}

#[test]
fn one_cell_cannot_fill_the_memory_of_all() {
    let figures = Figures::new(MAX);
    for flood in 0..60_000 {
        let letter = |place| char::from(b'A' + u8::try_from(place % 26).unwrap());
        let code: String = [letter(flood / 26), letter(flood)].iter().collect();
        let at = start() + TimeDelta::seconds(i64::from(flood));
        sent(&figures, from(1, cells(&code, 1)), at);
    }
    assert!(figures.bytes() <= MAX);
    let now = start() + TimeDelta::seconds(60_000);
    let cells = from(1, cells("UZ", 1));
    assert!(read(&figures, &cells, Cell::Ip(hash(1)), now).unverified_day > 50_000);
}

#[test]
fn sums_are_the_same_after_a_restart() {
    let before = Figures::new(MAX);
    let cells = Cells {
        asn: Some(64_496),
        ..from(7, cells("UZ", 1))
    };
    let days = [(start() - TimeDelta::days(3), 500)];
    let busiest = [(start() - TimeDelta::days(8), 90)];
    before.import_past(cells.project, cells.country, &days, &busiest);
    let early = sent(&before, cells, start());
    for person in 0..9 {
        sent(&before, cells, start() + minutes(person));
        before.approve(
            &cells,
            number(person.unsigned_abs()),
            &[],
            start() + minutes(person),
        );
    }
    let saved = before.export(DateTime::UNIX_EPOCH);
    assert!(
        saved
            .iter()
            .all(|it| !matches!(it.key.cell, Cell::Ip(_) | Cell::Network(_)))
    );
    let text = serde_json::to_string(&saved).unwrap();
    let after = Figures::new(MAX);
    after.import(serde_json::from_str::<Vec<Saved>>(&text).unwrap());
    after.import_past(cells.project, cells.country, &days, &busiest);
    // Since then.
    for figures in [&before, &after] {
        figures.approve(&cells, number(99), &[early], start() + minutes(30));
    }
    let now = start() + minutes(30);
    for cell in [Cell::Prefix(hash(1)), Cell::Asn(64_496)] {
        let kept = read(&after, &cells, cell, now);
        assert_eq!(kept, read(&before, &cells, cell, now));
        assert_eq!((kept.unverified_day, kept.verified_day), (9, 10));
    }
    assert_eq!(country(&after, &cells, now).best_day, 500);
    assert!(country(&after, &cells, now).pace.has_week);
    assert_eq!(before.export(now + minutes(1)), []);
}

#[test]
fn blocks_and_the_pace_of_countries_outlive_a_restart() {
    let (before, cells) = (Figures::new(MAX), cells("UZ", 1));
    let rules = Rules::all(Mode::On);
    for minute in 0..8 {
        send(&before, &rules, cells, start() + minutes(minute));
    }
    let now = start() + minutes(8);
    let blocked = before.blocks(now);
    assert_eq!(blocked.len(), 1);
    let after = Figures::new(MAX);
    after.import(before.export(DateTime::UNIX_EPOCH));
    assert_eq!(after.blocks(now), blocked);
    // What changes it later is kept too, though no send is counted: that it goes on, and that somebody ends it.
    let later = start() + minutes(12);
    let held_back = judge(&facts(cells), &rules, &before, later);
    before.send(&cells, &held_back, later);
    let kept = |since| before.export(since).into_iter().map(|it| it.block);
    assert!(kept(later).flatten().next().is_some());
    let end = start() + minutes(13);
    assert!(before.end_block(blocked[0].0, end));
    assert_eq!(kept(end).collect::<Vec<_>>(), [None]);
    let next_day = start() + TimeDelta::days(1);
    let pace = |figures| country(figures, &cells, next_day).pace;
    assert_eq!(pace(&after), pace(&before));
    assert!(pace(&after).largest > 0);
}

#[test]
fn what_was_kept_is_not_counted_again_but_for_addresses() {
    let (before, cells) = (Figures::new(MAX), from(7, cells("UZ", 1)));
    let early = sent(&before, cells, start());
    let kept_until = start() + minutes(1);
    let kept = before.export(DateTime::UNIX_EPOCH);
    let after = Figures::new(MAX);
    after.import(kept);
    for at in [start(), start() + minutes(2)] {
        let event = Event::Send {
            cells,
            send: PaidSend {
                at,
                is_stopped: false,
            },
            is_prefix_fired: false,
        };
        after.recall(&event, Some(kept_until));
    }
    let now = start() + minutes(3);
    let unverified = |cell| read(&after, &cells, cell, now).unverified_day;
    let ip = Cell::Ip(cells.ip.unwrap());
    assert_eq!(
        (unverified(Cell::Country(cells.country)), unverified(ip)),
        (2, 2)
    );
    after.approve(&cells, number(1), &[early], now);
    assert_eq!(
        (unverified(Cell::Country(cells.country)), unverified(ip)),
        (1, 1)
    );
}

#[test]
fn codes_of_a_host_count_once_it_says_which_were_entered() {
    let (figures, own) = (Figures::new(MAX), cells("UZ", 1));
    let hosted = Cells {
        host: Some(hash(77)),
        ..own
    };
    let unverified = |now| country(&figures, &own, now).unverified_day;
    let day = TimeDelta::days(1);
    for person in 0..200 {
        let sent = sent(&figures, hosted, start());
        if person < 20 {
            figures.approve(&hosted, number(person), &[sent], start());
        }
    }
    assert_eq!(unverified(start()), 0, "nothing is known of the host yet");
    let next = start() + day;
    let one = sent(&figures, hosted, next);
    assert_eq!(unverified(next), 1, "20 of 200 is a tenth");
    figures.approve(&hosted, number(99), &[one], next);
    assert_eq!(unverified(next), 0);
    // A full week later, of which nothing was said.
    sent(&figures, hosted, next + day * 8);
    assert_eq!(unverified(next + day * 8), 0);
    let other = Cells {
        host: Some(hash(78)),
        ..own
    };
    sent(&figures, other, next);
    assert_eq!(unverified(next), 0, "of another host nothing is known");
}

#[test]
fn threads_lose_no_count() {
    let (figures, cells) = (Figures::new(MAX), from(7, cells("UZ", 1)));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let figures = &figures;
            scope.spawn(move || {
                for round in 0..500 {
                    let own = sent(figures, cells, start());
                    if round % 2 == 0 {
                        let who = number(thread * 1_000 + round);
                        figures.approve(&cells, who, &[own], start());
                    }
                }
            });
        }
    });
    for key in cells.all() {
        let reading = read(&figures, &cells, key.cell, start());
        assert_eq!(
            (reading.unverified_day, reading.verified_day),
            (1_000, 1_000)
        );
    }
}
