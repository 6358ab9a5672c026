//! Random inputs to a verification.

use proptest::prelude::*;

use crate::money::{Currency, Micros, Money};
use crate::verification::abilities::{Abilities, Charged, Reports, TellsPrice};
use crate::verification::attempt::{AttemptStatus, SendError};
use crate::verification::route::{Channel, Offer, Skip};
use crate::verification::{Resend, Source};

pub fn cent() -> Money {
    Money::new(Micros(10_000), Currency::USD)
}

pub fn offers(kind: u8) -> Vec<Offer> {
    // The higher kinds are the lower ones with providers that do not report by themselves.
    let (kind, reports) = if kind < 4 {
        (kind, Reports::PerAttempt)
    } else {
        (kind - 4, Reports::ByAsking)
    };
    let offer = |channel, provider: &str, estimate| Offer {
        channel,
        provider: provider.to_owned(),
        currency: Currency::USD,
        abilities: match (channel, provider) {
            (Channel::Telegram, _) => Abilities {
                reports,
                ..Abilities::usual_for(channel)
            },
            (_, "main") => Abilities {
                reports,
                tells_price: TellsPrice::ByAsking,
                ..Abilities::SENDS_ONLY
            },
            _ => Abilities {
                charged: Charged::OnDelivery,
                ..Abilities::SENDS_ONLY
            },
        },
        estimate,
    };
    let telegram = if kind == 1 {
        Err(Skip::Paused)
    } else {
        Ok(cent())
    };
    let sms = if kind == 2 {
        Err(Skip::NoPrice)
    } else {
        Ok(Money::new(Micros(50_000), Currency::USD))
    };
    let mut all = vec![
        offer(Channel::Telegram, "telegram", telegram),
        offer(Channel::Sms, "main", sms),
    ];
    if kind == 3 {
        all.push(offer(Channel::Sms, "spare", Ok(cent())));
    }
    all
}

#[derive(Clone, Debug)]
pub enum Input {
    Check(bool),
    Resend(Resend),
    Cancel,
    Vouch,
    Wait(u64),
    /// Runs the next task if it is due, with this answer if it needs one.
    Work(Answer),
    /// Runs the next task, but the worker dies during a send.
    Crash,
    Report(u8, Reported, Source),
    /// Its copy is restored, and the worker is no more. Not among the random ones: nothing is as before.
    Abandon,
    Offers(u8),
}

#[derive(Clone, Debug)]
pub enum Answer {
    Accepted { priced: bool, named: bool },
    Error(SendError),
}

#[derive(Clone, Debug)]
pub struct Reported {
    pub status: Option<AttemptStatus>,
    pub priced: bool,
    pub refunded: bool,
}

pub fn input() -> impl Strategy<Value = Input> {
    let channel = prop_oneof![
        Just(None),
        Just(Some(Channel::Telegram)),
        Just(Some(Channel::Sms))
    ];
    let resend =
        (channel, any::<[bool; 3]>()).prop_map(|(channel, [at_once, last_again, next_stage])| {
            Resend {
                channel,
                pause: at_once.then_some(std::time::Duration::ZERO),
                last_again,
                next_stage,
            }
        });
    let source = prop_oneof![Just(Source::Callback), Just(Source::Asked)];
    prop_oneof![
        2 => any::<bool>().prop_map(Input::Check),
        2 => resend.prop_map(Input::Resend),
        1 => Just(Input::Cancel),
        1 => Just(Input::Vouch),
        3 => prop_oneof![Just(1_u64), Just(16), Just(31), Just(61), Just(700), Just(90_000)].prop_map(Input::Wait),
        8 => answer().prop_map(Input::Work),
        1 => Just(Input::Crash),
        6 => (1_u8..6, reported(), source).prop_map(|(n, t, s)| Input::Report(n, t, s)),
        1 => (0_u8..8).prop_map(Input::Offers),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        4 => any::<(bool, bool)>().prop_map(|(priced, named)| Answer::Accepted { priced, named }),
        1 => Just(Answer::Error(SendError::Refused)),
        1 => Just(Answer::Error(SendError::NumberInvalid)),
        1 => Just(Answer::Error(SendError::Throttled(None))),
        1 => Just(Answer::Error(SendError::Unavailable)),
        2 => Just(Answer::Error(SendError::Unknown)),
        1 => Just(Answer::Error(SendError::Misconfigured)),
    ]
}

pub fn reported() -> impl Strategy<Value = Reported> {
    let status = prop_oneof![
        Just(None),
        Just(Some(AttemptStatus::Sent)),
        Just(Some(AttemptStatus::Delivered)),
        Just(Some(AttemptStatus::Read)),
        Just(Some(AttemptStatus::Expired)),
        Just(Some(AttemptStatus::Undelivered)),
    ];
    (status, any::<bool>(), any::<bool>()).prop_map(|(status, priced, refunded)| Reported {
        status,
        priced,
        refunded,
    })
}
