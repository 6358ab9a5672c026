//! Honest people: a site in one country, with visitors from others, 2,000 starts a day.
//!
//! Half of the visits are by people who come back. Of a country's ranges of 10,000 numbers a tenth holds 40 % of the people, as where a
//! site began. 60 % come through the networks of mobile operators, each of which translates its subscribers to 60 addresses in three
//! networks of 256; 2 % through a few exits of VPNs, 3 % from shared places such as offices; the others from their homes, a quarter
//! of these by IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use chrono::{DateTime, TimeDelta, Utc};
use pinroute::simulator::Chance;

use super::site::{Visitor, Way, cells};

pub const PER_DAY: u64 = 2_000;
/// Per mille of a day's visitors in each hour.
const HOURLY: [u64; 24] = [
    10, 6, 4, 3, 4, 8, 18, 34, 50, 58, 60, 60, 58, 56, 56, 58, 60, 62, 64, 66, 68, 62, 47, 28,
];
/// People who come back.
const REGULARS: u64 = 20_000;

/// Where people are: per mille of the visits, the codes of operators, and how many digits follow them, of which the last
/// four are within a range.
struct Country {
    code: &'static str,
    share: u64,
    operators: &'static [u64],
    digits: u32,
}

#[rustfmt::skip]
const COUNTRIES: [Country; 14] = [
    Country { code: "UZ", share: 860, operators: &[99_890, 99_891, 99_893, 99_894, 99_895, 99_897, 99_888, 99_899, 99_833, 99_850], digits: 7 },
    Country { code: "KZ", share: 40,  operators: &[7_701, 7_702, 7_705, 7_707, 7_747], digits: 7 },
    Country { code: "RU", share: 40,  operators: &[7_912, 7_916, 7_921, 7_950, 7_999], digits: 7 },
    Country { code: "KG", share: 16,  operators: &[99_655, 99_670, 99_677], digits: 7 },
    Country { code: "TJ", share: 14,  operators: &[99_292, 99_293, 99_298], digits: 7 },
    Country { code: "TR", share: 8,   operators: &[90_532, 90_542, 90_505], digits: 7 },
    Country { code: "KR", share: 4,   operators: &[8_210], digits: 8 },
    Country { code: "AE", share: 3,   operators: &[97_150, 97_155], digits: 7 },
    Country { code: "DE", share: 3,   operators: &[49_151, 49_160], digits: 8 },
    Country { code: "US", share: 3,   operators: &[1_415, 1_718], digits: 7 },
    Country { code: "PL", share: 3,   operators: &[48_501, 48_601], digits: 6 },
    Country { code: "GB", share: 2,   operators: &[44_740, 44_790], digits: 7 },
    Country { code: "IL", share: 2,   operators: &[97_250, 97_254], digits: 7 },
    Country { code: "FR", share: 2,   operators: &[33_612, 33_678], digits: 6 },
];

/// What carries the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Telegram, and SMS to the 30 % that have none.
    TelegramFirst,
    SmsOnly,
}

/// What is played.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    pub mix: Mix,
    /// Days before anything is measured.
    pub history: i64,
    /// Other people, or another attacker.
    pub seed: u64,
}

pub struct People {
    scene: Scene,
    chance: Chance,
    newcomers: u64,
}

impl People {
    pub fn new(scene: Scene) -> Self {
        Self {
            scene,
            chance: Chance::new(scene.seed),
            newcomers: 0,
        }
    }

    /// The starts of an hour, counted from the beginning of the history, in order. A campaign triples an evening's, on the
    /// second day after the history.
    pub fn hour(&mut self, hour: i64) -> Vec<DateTime<Utc>> {
        let place = usize::try_from(hour.rem_euclid(24)).unwrap_or(0);
        let campaign = (self.scene.history + 1) * 24 + 20;
        let times = if hour == campaign { 3 } else { 1 };
        let begin = start() + TimeDelta::hours(hour);
        let mut starts: Vec<DateTime<Utc>> = (0..PER_DAY * HOURLY[place] * times / 1_000)
            .map(|_| begin + TimeDelta::milliseconds(self.below(3_600_000)))
            .collect();
        starts.sort_unstable();
        starts
    }

    fn below(&mut self, most: u64) -> i64 {
        i64::try_from(self.chance.below(most)).unwrap_or(0)
    }

    /// Somebody who asks for a code.
    pub fn visitor(&mut self) -> Visitor {
        let id = if self.chance.percent(50) {
            self.chance.below(REGULARS)
        } else {
            self.newcomers += 1;
            REGULARS + self.newcomers
        };
        let mut own = Chance::new(id.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut left = own.below(1_000);
        let place = COUNTRIES.iter().position(|country| {
            let is_here = left < country.share;
            left = left.saturating_sub(country.share);
            is_here
        });
        let place = place.unwrap_or(0);
        let country = &COUNTRIES[place];
        let operator = own.below(country.operators.len() as u64);
        // Each operator has filled 400 ranges, or all that there are.
        let ranges = 10_u64.pow(country.digits - 4).min(400);
        let ranges = if own.percent(40) { ranges / 10 } else { ranges };
        let range = own.below(ranges);
        let code = country.operators[usize::try_from(operator).unwrap_or(0)];
        let number = code * 10_u64.pow(country.digits) + range * 10_000 + own.below(10_000);
        let way = match (self.scene.mix, own.percent(70)) {
            (Mix::SmsOnly, _) => Way::Sms,
            (Mix::TelegramFirst, true) => Way::Telegram,
            (Mix::TelegramFirst, false) => Way::Fallback,
        };
        let ip = self.address(u8::try_from(place).unwrap_or(0), operator, id);
        let is_entered = self.chance.percent(70);
        let is_again = way != Way::Telegram && self.chance.percent(if is_entered { 8 } else { 30 });
        Visitor {
            cells: cells(
                country.code.parse().expect("a code of two letters"),
                number,
                ip,
            ),
            number,
            way,
            enters: is_entered.then(|| self.chance.span(6_000, 150_000)),
            again: is_again.then(|| self.chance.span(40_000, 120_000)),
            is_attack: false,
        }
    }

    fn address(&mut self, country: u8, operator: u64, id: u64) -> IpAddr {
        let small = |number: u64| u8::try_from(number % 256).unwrap_or(0);
        let kind = self.chance.below(100);
        if kind < 60 {
            let host = self.chance.below(60);
            let operator = small(operator % 4);
            return Ipv4Addr::new(60 + country, operator, small(host / 20), small(host)).into();
        }
        if kind < 65 {
            let (first, most) = if kind < 62 {
                (185, 10)
            } else {
                (90 + country, 60)
            };
            let host = self.chance.below(most);
            return Ipv4Addr::new(first, 1, small(host / 5), small(host)).into();
        }
        let [.., high, low] = id.to_be_bytes();
        let [_, _, _, _, _, third, ..] = id.to_be_bytes();
        if id.is_multiple_of(4) {
            let site = [
                0x2a00 + u16::from(country),
                u16::from(third),
                u16::from_be_bytes([high, low]),
            ];
            let own = self.chance.number().to_be_bytes();
            let own = |place: usize| u16::from_be_bytes([own[place], own[place + 1]]);
            return Ipv6Addr::new(site[0], site[1], site[2], 1, own(0), own(2), own(4), own(6))
                .into();
        }
        Ipv4Addr::new(110 + country, third, high, low).into()
    }
}

/// A midnight.
pub fn start() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}
