//! Property tests: the invariants of a verification hold for any order and repetition of events.

mod begin;
mod input;
mod stages;
mod world;

use chrono::{DateTime, Utc};
use proptest::prelude::*;

use super::agenda::Task;
use super::attempt::{Reason, Receipt, Report, SendError};
use super::*;
use begin::begin;
use input::{Answer, Input, input, offers};
use world::{UNKNOWN_AFTER, World};

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_events_breaks_a_promise(kind in 0_u8..8, inputs in proptest::collection::vec(input(), 1..60)) {
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let mut world = World::of(kind, now);
        for input in &inputs {
            world.step(input);
        }
        // With no further input, all tasks end and the code is erased.
        for _ in 0..2_000 {
            match world.v.next_task(UNKNOWN_AFTER, world.now) {
                None => break,
                Some((due, _)) => world.now = world.now.max(due),
            }
            world.step(&Input::Work(Answer::Error(SendError::Unknown)));
        }
        for ordinal in &world.resent {
            let attempt = world.v.attempt(*ordinal).unwrap();
            // Or a report came for it, or the verification ended first.
            prop_assert!(world.sends.contains(ordinal) || attempt.reason == Some(Reason::Canceled)
                || attempt.status.rank() > AttemptStatus::Unknown.rank(), "a resend was lost: {:?}", attempt);
        }
        prop_assert_eq!(world.v.next_task(UNKNOWN_AFTER, world.now), None);
        prop_assert!(!world.v.is_pending() && world.v.code.is_none());
        prop_assert_eq!(world.reserved, 0, "nothing stays reserved for ever");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_abandoned_ends_and_sends_nothing(kind in 0_u8..8, inputs in proptest::collection::vec(input(), 0..60)) {
        let mut world = World::of(kind, DateTime::from_timestamp(1_790_000_000, 0).unwrap());
        for input in &inputs {
            world.step(input);
        }
        world.step(&Input::Abandon);
        prop_assert!(!world.v.is_open() && world.v.code.is_none());
        let sends = world.sends.len();
        for _ in 0..2_000 {
            match world.v.next_task(UNKNOWN_AFTER, world.now) {
                None => break,
                Some((due, Task::Tick | Task::Ask(_) | Task::Bill(_))) => world.now = world.now.max(due),
                Some((_, task)) => prop_assert!(false, "{task:?} is left"),
            }
            world.step(&Input::Work(Answer::Error(SendError::Unknown)));
        }
        prop_assert_eq!(world.v.next_task(UNKNOWN_AFTER, world.now), None);
        prop_assert_eq!((world.sends.len(), world.reserved), (sends, 0));
    }
}

/// A verification whose third attempt was accepted by the provider that charges on delivery.
fn accepted_by_spare(now: DateTime<Utc>) -> Verification {
    let mut v = begin(3, now);
    for answer in [
        Err(SendError::Refused),
        Err(SendError::Unavailable),
        Ok(Receipt::default()),
    ] {
        let ordinal = v.begin_sending(now).unwrap();
        v.sent(ordinal, answer, &offers(3), now);
    }
    assert_eq!(v.newest().unwrap().provider, "spare");
    v
}

#[test]
fn a_provider_that_charges_on_delivery_is_charged_then_or_in_the_end() {
    use AttemptStatus;
    use cost::CostState;
    let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    let cost = |v: &Verification| v.attempt(3).unwrap().cost.state;
    let reported = |status| {
        let mut v = accepted_by_spare(now);
        let report = Report {
            status: Some(status),
            ..Report::default()
        };
        v.report(3, &report, Source::Callback, &offers(3), now);
        cost(&v)
    };
    let mut silent = accepted_by_spare(now);
    assert_eq!(cost(&silent), CostState::Estimated);
    assert_eq!(reported(AttemptStatus::Sent), CostState::Estimated);
    assert_eq!(reported(AttemptStatus::Delivered), CostState::Charged);
    assert_eq!(reported(AttemptStatus::Undelivered), CostState::Free);
    let later = span::after(now, UNKNOWN_AFTER);
    silent.tick(UNKNOWN_AFTER, &[], later);
    assert_eq!(cost(&silent), CostState::Charged);
}

#[test]
fn a_charge_on_a_guess_is_taken_back_when_nothing_was_sent_or_delivered() {
    use cost::CostState;
    let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    let later = span::after(now, UNKNOWN_AFTER);
    let charged = |v: &mut Verification, ordinal| {
        v.tick(UNKNOWN_AFTER, &[], later);
        let state = v.attempt(ordinal).unwrap().cost.state;
        assert_eq!(state, CostState::Charged);
    };
    let is_free = |v: &Verification, ordinal| {
        let attempt = v.attempt(ordinal).unwrap();
        let booked = v
            .bookings
            .iter()
            .filter(|b| b.attempt == v.id.attempt(ordinal));
        let sum: i64 = booked.map(|booking| booking.money.amount.0).sum();
        assert_eq!(
            (attempt.cost.state, sum),
            (CostState::Free, 0),
            "{attempt:?}"
        );
    };
    // Answers to sends, and reports by a provider that charges on delivery.
    for (kind, answer) in [
        (0, SendError::Refused),
        (3, SendError::Unavailable),
        (0, SendError::Canceled),
        (0, SendError::Paused),
    ] {
        let mut v = begin(kind, now);
        let ordinal = v.begin_sending(now).unwrap();
        v.interrupted(ordinal, &[], now);
        charged(&mut v, ordinal);
        v.sent(ordinal, Err(answer), &[], later);
        is_free(&v, ordinal);
    }
    for status in [AttemptStatus::Undelivered, AttemptStatus::Expired] {
        let mut v = accepted_by_spare(now);
        charged(&mut v, 3);
        let mut report = Report {
            status: Some(status),
            ..Report::default()
        };
        v.report(3, &report, Source::Callback, &[], later);
        is_free(&v, 3);
        // It was charged after all, says the provider, and charged it is: once.
        report.cost = Some(input::cent());
        v.report(3, &report, Source::Callback, &[], later);
        v.report(3, &report, Source::Callback, &[], later);
        assert_eq!(v.costs(), [input::cent()]);
    }
}
