//! Visitors of a site who ask for codes: an attack by somebody who earns by termination, and honest people beside it. The same
//! seed makes the same visits.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::Chance;

/// Where honest visitors are, and the codes of their operators.
const HONEST: [&str; 8] = [
    "+99890", "+99893", "+7700", "+7912", "+4915", "+33612", "+44740", "+48501",
];
/// The range that is pumped.
const PUMPED: &str = "+99890777";
/// The one whose numbers have no Telegram.
pub const REFUSING: &str = "+99890778";

/// What an attack has in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Kind {
    /// By SMS to one range of numbers, from a few addresses.
    Burst,
    /// By SMS to random ranges of one country.
    RotatingPrefix,
    /// By SMS to one range, each time from another address.
    RotatingIp,
    /// A burst at a twentieth of the rate.
    Slow,
    /// By SMS to many countries from one address.
    OneIp,
    /// Along the usual route to numbers that have no Telegram, so that all falls to SMS.
    TelegramRefusing,
    /// A burst that enters every tenth code.
    Relay,
}

impl Kind {
    /// Starts in a second, where a burst has this many.
    #[must_use]
    pub fn rate(self, rate: f64) -> f64 {
        match self {
            Self::Slow => rate / 20.0,
            _ => rate,
        }
    }
}

/// One start.
#[derive(Clone, Debug)]
pub struct Visit {
    /// Since the beginning.
    pub at: Duration,
    /// In international form.
    pub number: String,
    pub ip: IpAddr,
    /// It asks for an SMS, instead of taking the usual route.
    pub by_sms: bool,
    pub enters_code: bool,
    pub is_attack: bool,
}

/// An attack, evenly spread over its time.
pub fn attackers(
    kind: Kind,
    rate: f64,
    seconds: Duration,
    chance: &mut Chance,
) -> impl Iterator<Item = Visit> {
    times(kind.rate(rate), seconds)
        .enumerate()
        .map(move |(place, at)| attacker(kind, place, at, chance))
}

/// Honest people, of whom 70 % enter the code and 30 % ask for an SMS.
pub fn honest(rate: f64, seconds: Duration, chance: &mut Chance) -> impl Iterator<Item = Visit> {
    times(rate, seconds).map(move |at| {
        let place = usize::try_from(chance.below(HONEST.len() as u64)).unwrap_or_default();
        Visit {
            at,
            number: filled(HONEST[place], chance),
            ip: address(chance),
            by_sms: chance.percent(30),
            enters_code: chance.percent(70),
            is_attack: false,
        }
    })
}

fn times(rate: f64, seconds: Duration) -> impl Iterator<Item = Duration> {
    (0_u32..)
        .map(move |place| Duration::from_secs_f64(f64::from(place) / rate))
        .take_while(move |at| *at < seconds)
}

fn attacker(kind: Kind, place: usize, at: Duration, chance: &mut Chance) -> Visit {
    let few = |chance: &mut Chance| {
        IpAddr::V4(Ipv4Addr::new(
            198,
            51,
            100,
            u8::try_from(chance.below(20)).unwrap_or(0),
        ))
    };
    let (number, ip) = match kind {
        Kind::Burst | Kind::Slow | Kind::Relay => (ranged(PUMPED, place), few(chance)),
        Kind::RotatingIp => (ranged(PUMPED, place), address(chance)),
        Kind::RotatingPrefix => (filled("+99897", chance), address(chance)),
        Kind::TelegramRefusing => (ranged(REFUSING, place), address(chance)),
        Kind::OneIp => {
            let ip = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 66));
            (filled(HONEST[place % HONEST.len()], chance), ip)
        }
    };
    Visit {
        at,
        number,
        ip,
        by_sms: kind != Kind::TelegramRefusing,
        enters_code: kind == Kind::Relay && place.is_multiple_of(10),
        is_attack: true,
    }
}

/// A number of a range that is no magic one.
fn ranged(range: &str, place: usize) -> String {
    format!("{range}{:04}", 1_000 + place % 9_000)
}

/// A random number that begins so, as long as those of its country.
fn filled(begin: &str, chance: &mut Chance) -> String {
    let length = match begin.as_bytes().get(1..3) {
        Some(b"99" | b"44") => 13,
        Some(b"49") => 14,
        _ => 12,
    };
    let mut number = begin.to_owned();
    while number.len() + 4 < length {
        number.push(char::from(
            b'0' + u8::try_from(chance.below(10)).unwrap_or(0),
        ));
    }
    format!("{number}{:04}", 1_000 + chance.below(9_000))
}

/// Of somebody at home.
fn address(chance: &mut Chance) -> IpAddr {
    let [_, second, third, fourth] = u32::try_from(chance.below(1 << 24))
        .unwrap_or_default()
        .to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(100, second, third, fourth))
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    fn asked(kind: Kind) -> Vec<Visit> {
        let (seconds, chance) = (Duration::from_secs(20), &mut Chance::new(7));
        let mut visits: Vec<Visit> = attackers(kind, 5.0, seconds, chance).collect();
        visits.extend(honest(1.0, seconds, chance));
        visits
    }

    #[test]
    fn the_same_seed_makes_the_same_visits_beside_honest_ones() {
        for kind in Kind::value_variants() {
            let visits = asked(*kind);
            let shown = |visits: &[Visit]| format!("{visits:?}");
            assert_eq!(shown(&visits), shown(&asked(*kind)));
            assert_eq!(visits.iter().filter(|visit| !visit.is_attack).count(), 20);
            let attacks = visits.iter().filter(|visit| visit.is_attack).count();
            assert_eq!(
                attacks,
                if *kind == Kind::Slow { 5 } else { 100 },
                "{kind:?}"
            );
            let is_ordinary = |visit: &Visit| !crate::simulator::is_magic(&visit.number);
            assert!(visits.iter().all(is_ordinary));
        }
    }
}
