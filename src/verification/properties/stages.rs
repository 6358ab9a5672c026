//! Property tests of stages: they end on time whatever the evidence, and not before.

use chrono::DateTime;
use proptest::prelude::*;

use super::begin::{STAGE, begin};
use super::input::{Answer, Input, offers, reported};
use super::world::World;
use crate::verification::attempt::{Attempt, AttemptStatus, Receipt};
use crate::verification::*;

/// The first two steps of the route are the first stage.
fn is_of_first_stage(attempt: &Attempt) -> bool {
    attempt.step < 2
}

fn is_failure(kind: EventKind) -> bool {
    use EventKind::{AttemptExpired, AttemptFailed, Undelivered};
    matches!(kind, AttemptFailed | AttemptExpired | Undelivered)
}

fn works(world: &mut World) {
    let accepted = Input::Work(Answer::Accepted {
        priced: true,
        named: true,
    });
    while world
        .v
        .next_task(super::UNKNOWN_AFTER, world.now)
        .is_some_and(|(due, _)| due <= world.now)
    {
        world.step(&accepted);
        // The answer to what it began to send.
        if world.sending.is_some() {
            world.step(&accepted);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stage_ends_on_time_and_only_a_failure_ends_it_sooner(
        kind in 6_u8..8,
        inputs in proptest::collection::vec((1_u8..5, reported(), 1_u64..60), 1..20),
    ) {
        let start = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let mut world = World::of(kind, start);
        works(&mut world);
        for (ordinal, reported, wait) in inputs {
            world.step(&Input::Report(ordinal, reported, Source::Callback));
            world.step(&Input::Wait(wait));
            works(&mut world);
            let record = &world.v.record;
            let end = span::after(start, STAGE);
            let later = record.attempts.iter().find(|attempt| !is_of_first_stage(attempt));
            if let Some(later) = later {
                // Later evidence may say that it arrived after all.
                let failed = record.events.iter().any(|event| is_failure(event.kind));
                prop_assert!(failed || later.created_at >= end, "{:?}", record.attempts);
            } else {
                prop_assert!(!world.v.is_pending() || world.now < end, "{:?}", record.attempts);
            }
            let lasts = 3 * STAGE;
            prop_assert!(record.expires_at <= span::after(start, lasts + STAGE));
        }
    }
}

fn sent(v: &mut Verification, now: DateTime<Utc>) {
    let ordinal = v.begin_sending(now).unwrap();
    v.sent(ordinal, Ok(Receipt::default()), &offers(6), now);
}

fn steps(v: &Verification) -> Vec<u8> {
    let attempts = v.record.attempts.iter();
    attempts.map(|attempt| attempt.step).collect()
}

#[test]
fn a_message_that_was_read_holds_its_stage_no_longer_than_any_other() {
    let start = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    let mut v = begin(4, start);
    assert_eq!((v.record.terms.max_checks, v.next_stage()), (3, None));
    v = begin(6, start);
    assert_eq!(v.record.terms.max_checks, 2);
    assert_eq!(v.record.expires_at, span::after(start, 3 * STAGE));
    sent(&mut v, start);
    let read = attempt::Report {
        status: Some(AttemptStatus::Read),
        ..attempt::Report::default()
    };
    v.report(1, &read, Source::Callback, &offers(4), start);
    let end = span::after(start, STAGE);
    assert_eq!(v.step_deadline(start), Some(end));
    v.tick(super::UNKNOWN_AFTER, &offers(4), end);
    assert_eq!(steps(&v), [0, 2], "past the steps of its stage");
    assert_eq!(v.record.expires_at, span::after(start, 3 * STAGE));

    // At once, and then nothing is left.
    let soon = span::after(end, std::time::Duration::from_secs(1));
    let next = Resend {
        pause: Some(std::time::Duration::ZERO),
        next_stage: true,
        ..Resend::default()
    };
    sent(&mut v, end);
    v.resend(next, &offers(4), soon).unwrap();
    assert_eq!(steps(&v), [0, 2, 3]);
    assert_eq!(
        v.record.expires_at,
        span::after(soon, STAGE),
        "the last one"
    );
    let refused = v.resend(next, &offers(4), soon);
    assert!(matches!(refused, Err(Refusal::ChannelUnavailable { .. })));
}
