//! Generates one past verification, from its request to its end, with realistic probabilities.

use chrono::{DateTime, TimeDelta, Utc};

use super::providers::{PROVIDERS, providers};
use crate::message::Wording;
use crate::money::{Currency, Micros, Money};
use crate::secret::{Vault, random};
use crate::simulator::Chance;
use crate::verification::attempt::{Attempt, AttemptStatus, Receipt, Report, SendError};
use crate::verification::code::{Code, CodeHash};
use crate::verification::cost::CostState;
use crate::verification::id::{ProjectId, VerificationId};
use crate::verification::numbers::Numbers;
use crate::verification::phone::{Country, PhoneNumber};
use crate::verification::policy::Policy;
use crate::verification::route::{Channel, Offer};
use crate::verification::{Source, Start, Verification, span};

/// A country: its share of the traffic in per mille, a number's prefix and how many digits follow, the percentage of
/// numbers with Telegram, and the price of an SMS in micro-units.
struct Place {
    share: u64,
    prefix: &'static str,
    digits: u32,
    reach: u64,
    sms: i64,
}

#[rustfmt::skip]
const PLACES: [Place; 9] = [
    Place { share: 340, prefix: "+99890",  digits: 7, reach: 94, sms: 50_000 },
    Place { share: 220, prefix: "+7916",   digits: 7, reach: 91, sms: 45_000 },
    Place { share: 160, prefix: "+7701",   digits: 7, reach: 92, sms: 60_000 },
    Place { share: 80,  prefix: "+90532",  digits: 7, reach: 70, sms: 80_000 },
    Place { share: 60,  prefix: "+49151",  digits: 8, reach: 52, sms: 80_000 },
    Place { share: 50,  prefix: "+39347",  digits: 7, reach: 55, sms: 80_000 },
    Place { share: 40,  prefix: "+33612",  digits: 6, reach: 45, sms: 80_000 },
    Place { share: 30,  prefix: "+34612",  digits: 6, reach: 60, sms: 80_000 },
    Place { share: 20,  prefix: "+1415555", digits: 4, reach: 35, sms: 8_300 },
];

/// The share of a day's requests in each hour (UTC), in per mille; evenings in Tashkent are busy.
const HOURS: [u64; 24] = [
    12, 14, 20, 30, 42, 52, 58, 62, 64, 62, 60, 60, 62, 66, 70, 68, 58, 44, 30, 20, 14, 12, 10, 10,
];

pub fn pick<T: Copy>(chance: &mut Chance, shares: &[(T, u64)]) -> T {
    let all: u64 = shares.iter().map(|(_, share)| share).sum();
    let mut left = chance.below(all);
    for (one, share) in shares {
        if left < *share {
            return *one;
        }
        left -= share;
    }
    shares[0].0
}

/// A random start time, far enough back for the verification to be over; rarer at weekends, more frequent recently.
pub fn moment(chance: &mut Chance, now: DateTime<Utc>, days: u32) -> DateTime<Utc> {
    loop {
        let back = chance
            .below(u64::from(days))
            .min(chance.below(u64::from(days) * 2));
        let day = now - TimeDelta::days(i64::try_from(back).unwrap_or(0));
        let weekend = chrono::Datelike::weekday(&day).num_days_from_monday() >= 5;
        let mut left = chance.below(HOURS.iter().sum());
        let mut hour = 0_i64;
        for weight in HOURS {
            if left < weight {
                break;
            }
            left -= weight;
            hour += 1;
        }
        let millis = i64::try_from(chance.below(3_600_000)).unwrap_or(0);
        let midnight = day.timestamp().div_euclid(86_400) * 86_400;
        let at = DateTime::from_timestamp(midnight + hour * 3_600, 0).unwrap_or(now)
            + TimeDelta::milliseconds(millis);
        if at < now - TimeDelta::minutes(15) && !(weekend && chance.percent(35)) {
            return at;
        }
    }
}

/// Generates a verification with its complete history, and what each provider charged for it, in micro-units.
pub fn live(
    chance: &mut Chance,
    project: ProjectId,
    policy: &Policy,
    vault: &Vault,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> (Verification, [i64; PROVIDERS]) {
    let place = place(chance);
    let tail = chance.below(10_u64.pow(place.digits));
    let number = format!(
        "{}{tail:0width$}",
        place.prefix,
        width = place.digits as usize
    );
    let numbers = Numbers::default();
    let parsed = numbers.read(&number).unwrap_or_else(|_| {
        numbers
            .read("+998901234567")
            .expect("this is a valid number")
    });
    let mut story = Story::begin(
        chance,
        project,
        policy,
        vault,
        at,
        (parsed.phone, parsed.country),
        place.sms,
    );
    story.play(chance, place.reach, now);
    let v = story.v;
    let spent = providers().map(|(name, ..)| {
        let charged =
            |attempt: &&Attempt| attempt.provider == name && attempt.cost.state.stands_charged();
        let attempts = v.record.attempts.iter().filter(charged);
        attempts.map(|attempt| attempt.cost.money.amount.0).sum()
    });
    (v, spent)
}

fn place(chance: &mut Chance) -> &'static Place {
    let mut left = chance.below(PLACES.iter().map(|place| place.share).sum());
    for place in &PLACES {
        if left < place.share {
            return place;
        }
        left -= place.share;
    }
    &PLACES[0]
}

/// When the verification is next due: an attempt in `unknown` is written off after a day.
pub fn wakes_at(v: &Verification) -> Option<DateTime<Utc>> {
    let open =
        |a: &&Attempt| a.status == AttemptStatus::Unknown && a.cost.state == CostState::Estimated;
    let attempt = v.record.attempts.iter().find(open)?;
    Some(attempt.created_at + TimeDelta::days(1))
}

const UNKNOWN_AFTER: std::time::Duration = std::time::Duration::from_hours(24);

struct Story {
    v: Verification,
    offers: Vec<Offer>,
    right: CodeHash,
    at: DateTime<Utc>,
}

impl Story {
    fn begin(
        chance: &mut Chance,
        project: ProjectId,
        policy: &Policy,
        vault: &Vault,
        at: DateTime<Utc>,
        (phone, country): (PhoneNumber, Country),
        sms: i64,
    ) -> Self {
        let prices = [10_000, sms].map(|amount| Money::new(Micros(amount), Currency::USD));
        let offer = |((provider, channel, abilities), price): (_, Money)| Offer {
            channel,
            provider: str::to_owned(provider),
            currency: Currency::USD,
            abilities,
            estimate: Ok(price),
        };
        let offers: Vec<Offer> = providers().into_iter().zip(prices).map(offer).collect();
        let id = VerificationId::new(at, random());
        let code = Code::generate(policy.code_length, chance.number());
        let right = CodeHash(vault.code_hash(id.uuid().as_bytes(), code.as_str()));
        let start = Start {
            id,
            project,
            phone,
            country,
            code_hash: CodeHash(right.0),
            code,
            limit_keys: Vec::new(),
            is_outside_code: false,
            payload: None,
            asked: None,
            wording: Wording::default(),
            origin: None,
            sms_price: Some(prices[1]),
            policy,
            ttl: None,
            channels: None,
            begin_within: None,
            workflow: None,
        };
        let v = Verification::start(start, &offers, at)
            .expect("the default route includes a channel of the sandbox");
        Self {
            v,
            offers,
            right,
            at,
        }
    }

    /// Marks the queued attempt as `sending`; returns its ordinal and channel.
    fn sending(&mut self) -> Option<(u8, Channel)> {
        let ordinal = self.v.begin_sending(self.at)?;
        let channel = self.v.attempt(ordinal)?.channel;
        Some((ordinal, channel))
    }

    fn sent(&mut self, ordinal: u8, answer: Result<Receipt, SendError>) {
        self.v.sent(ordinal, answer, &self.offers, self.at);
    }

    fn report(&mut self, ordinal: u8, status: AttemptStatus, refunded: bool, after: TimeDelta) {
        let report = Report {
            status: Some(status),
            refunded,
            ..Report::default()
        };
        let at = self.at + after;
        self.v
            .report(ordinal, &report, Source::Callback, &self.offers, at);
        self.at = self.at.max(at);
    }

    fn play(&mut self, chance: &mut Chance, reach: u64, now: DateTime<Utc>) {
        let mut arrived = false;
        while let Some((ordinal, channel)) = self.sending() {
            self.at += chance.span(120, 900);
            arrived = if channel == Channel::Telegram {
                self.by_telegram(chance, ordinal, reach)
            } else {
                self.by_sms(chance, ordinal)
            };
            if arrived {
                break;
            }
            // A refusal queues the next step at once; otherwise the step's wait must pass first.
            let queued = |a: &Attempt| a.status == AttemptStatus::Queued;
            if !self.v.record.attempts.iter().any(queued) {
                self.at += TimeDelta::seconds(16);
                self.v.tick(UNKNOWN_AFTER, &self.offers, self.at);
            }
        }
        if arrived {
            self.visitor(chance);
        }
        let over = self.v.record.expires_at;
        for at in [over, self.v.record.created_at + TimeDelta::hours(25)] {
            if at <= now {
                self.v.tick(UNKNOWN_AFTER, &self.offers, at);
            }
        }
        let ordinals: Vec<u8> = self.v.record.attempts.iter().map(|a| a.ordinal).collect();
        for ordinal in ordinals {
            self.v.followed_up(ordinal, None, now);
        }
        self.v.code = None;
    }

    fn by_telegram(&mut self, chance: &mut Chance, ordinal: u8, reach: u64) -> bool {
        if !chance.percent(reach) {
            self.sent(ordinal, Err(SendError::Refused));
            return false;
        }
        if chance.below(200) == 0 {
            self.sent(ordinal, Err(SendError::Unknown));
            return false;
        }
        let cost = Some(Money::new(Micros(10_000), Currency::USD));
        self.sent(
            ordinal,
            Ok(Receipt {
                message_id: Some(format!(
                    "{}",
                    222_000_000_000_000 + chance.below(1_000_000_000_000)
                )),
                cost,
                ..Receipt::default()
            }),
        );
        if chance.percent(4) {
            let began = self.at;
            self.at += TimeDelta::seconds(16);
            self.v.tick(UNKNOWN_AFTER, &self.offers, self.at);
            self.report(
                ordinal,
                AttemptStatus::Expired,
                true,
                began + TimeDelta::seconds(31) - self.at,
            );
            return false;
        }
        self.report(
            ordinal,
            AttemptStatus::Delivered,
            false,
            chance.span(300, 6_000),
        );
        if chance.percent(85) {
            self.report(
                ordinal,
                AttemptStatus::Read,
                false,
                chance.span(1_000, 30_000),
            );
        }
        true
    }

    fn by_sms(&mut self, chance: &mut Chance, ordinal: u8) -> bool {
        if chance.below(300) == 0 {
            self.sent(ordinal, Err(SendError::Rejected));
            return false;
        }
        self.sent(
            ordinal,
            Ok(Receipt {
                message_id: Some(format!("sms-{}", chance.below(u64::MAX))),
                ..Receipt::default()
            }),
        );
        if chance.percent(5) {
            self.report(
                ordinal,
                AttemptStatus::Undelivered,
                false,
                chance.span(3_000, 20_000),
            );
            return false;
        }
        self.report(
            ordinal,
            AttemptStatus::Delivered,
            false,
            chance.span(1_500, 18_000),
        );
        true
    }

    /// Enters the code, usually the right one.
    fn visitor(&mut self, chance: &mut Chance) {
        if chance.percent(8) {
            return;
        }
        self.at += chance.span(3_000, 60_000);
        while chance.percent(6) {
            let wrong = CodeHash([0; 32]);
            let _ = self.v.check(&wrong, self.at);
            self.at += chance.span(3_000, 15_000);
        }
        let right = CodeHash(self.right.0);
        let _ = self.v.check(
            &right,
            self.at.max(span::after(
                self.v.record.created_at,
                std::time::Duration::from_secs(1),
            )),
        );
    }
}
