//! Attacks beside honest people, and what they came to.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use pinroute::simulator::Chance;
use pinroute::simulator::visitors::{self, Kind};
use pinroute::verification::numbers::Numbers;
use pinroute::verification::phone::Country;

use super::people::{People, Scene, start};
use super::site::{Guard, Site, Tally, Visitor, Way, cells};

/// So long nothing must have been sent for an attack to be stopped for good.
const QUIET: TimeDelta = TimeDelta::minutes(15);
/// How long a code takes that a program enters.
const RELAYED: TimeDelta = TimeDelta::seconds(3);

/// The numbers of an attack on the site's own country, and of one where nobody of its visitors is.
const HOME: &str = "+99897";
const ELSEWHERE: &str = "+25191";

/// When, how long and how fast: the attacks of `pinroute simulator attack`.
#[derive(Clone, Copy, Debug)]
pub struct Attack {
    pub kind: Kind,
    /// Starts in a second, where the kind is not slower.
    pub rate: f64,
    pub seconds: u64,
    /// Hours after midnight of the first day after the history.
    pub hour: i64,
    /// On a country where the site has nobody, instead of its own.
    pub is_elsewhere: bool,
}

/// When something was so: how many messages had been paid, and how long the attack had run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub paid: u64,
    pub seconds: i64,
}

/// What an attack came to.
#[derive(Clone, Debug)]
pub struct Course {
    /// `None`: never.
    pub first_stop: Option<Mark>,
    /// From then on nothing was sent for 15 minutes.
    pub stays_stopped: Option<Mark>,
    pub paid_in_first_hour: u64,
    pub attack: Tally,
    /// Of the time of the attack.
    pub honest: Tally,
}

/// Days of honest people, then attacks among them, one after the other.
pub fn measure(guard: &Guard, scene: Scene, attacks: &[Attack]) -> Vec<Course> {
    let mut site = Site::new(guard.clone());
    let mut people = People::new(scene);
    let mut hour = 0;
    let each = attacks.iter().map(|attack| {
        let begin = scene.history * 24 + attack.hour;
        live(&mut site, &mut people, hour..begin, &mut std::iter::empty());
        hour = begin + hours(*attack);
        run(&mut site, &mut people, begin, *attack, scene.seed)
    });
    each.collect()
}

fn hours(attack: Attack) -> i64 {
    i64::try_from(attack.seconds.div_ceil(3_600)).unwrap_or(1)
}

/// The two days after days of honest people, the second with a campaign.
pub fn honest(guard: &Guard, scene: Scene) -> (Tally, BTreeMap<String, u64>) {
    let mut site = Site::new(guard.clone());
    let mut people = People::new(scene);
    let end = scene.history * 24;
    live(&mut site, &mut people, 0..end, &mut std::iter::empty());
    let before = site.honest;
    site.fired.clear();
    live(
        &mut site,
        &mut people,
        end..end + 48,
        &mut std::iter::empty(),
    );
    (site.honest - before, site.fired)
}

/// What `pinroute simulator attack --kind …` does to a sandbox that has just begun: the same visits.
pub fn in_a_sandbox(guard: &Guard, kind: Kind) -> Course {
    let mut site = Site::new(guard.clone());
    let (mut chance, seconds) = (Chance::new(1), Duration::from_secs(60));
    let mut visits: Vec<visitors::Visit> =
        visitors::attackers(kind, 5.0, seconds, &mut chance).collect();
    visits.extend(visitors::honest(0.5, seconds, &mut chance));
    visits.sort_by_key(|visit| visit.at);
    let mut countries = Countries::default();
    for visit in visits {
        let at = start() + TimeDelta::from_std(visit.at).unwrap_or_default();
        site.start(visitor(&visit, kind, &mut countries), at);
    }
    site.pass(start() + TimeDelta::hours(1));
    course(&site, start(), Default::default())
}

/// An attack on a site with a past.
fn run(site: &mut Site, people: &mut People, begin: i64, attack: Attack, seed: u64) -> Course {
    let before = (site.honest, site.attack);
    site.course.clear();
    let at = start() + TimeDelta::hours(begin);
    let mut chance = Chance::new(seed);
    let mut countries = Countries::default();
    let seconds = Duration::from_secs(attack.seconds);
    let visits = visitors::attackers(attack.kind, attack.rate, seconds, &mut chance);
    let mut visits = visits.map(|mut visit| {
        if attack.is_elsewhere {
            visit.number = visit.number.replacen(HOME, ELSEWHERE, 1);
        }
        let later = TimeDelta::from_std(visit.at).unwrap_or_default();
        (at + later, visitor(&visit, attack.kind, &mut countries))
    });
    let end = begin + hours(attack);
    live(site, people, begin..end, &mut visits);
    course(site, at, before)
}

/// Runs the honest hours, with the other visitors merged in by time.
fn live(
    site: &mut Site,
    people: &mut People,
    hours: std::ops::Range<i64>,
    others: &mut dyn Iterator<Item = (DateTime<Utc>, Visitor)>,
) {
    let mut other = others.next();
    let end = start() + TimeDelta::hours(hours.end);
    for hour in hours {
        for at in people.hour(hour) {
            while let Some((earlier, visitor)) = other.take_if(|(other, _)| *other <= at) {
                site.start(visitor, earlier);
                other = others.next();
            }
            site.start(people.visitor(), at);
        }
    }
    while let Some((at, visitor)) = other {
        site.start(visitor, at);
        other = others.next();
    }
    site.pass(end);
}

fn course(site: &Site, begin: DateTime<Utc>, before: (Tally, Tally)) -> Course {
    let mut paid = 0;
    let (mut first_stop, mut stays_stopped, mut paid_in_first_hour) = (None, None, 0);
    for (at, is_sent) in &site.course {
        if *is_sent {
            paid += 1;
            if *at - begin < TimeDelta::hours(1) {
                paid_in_first_hour += 1;
            }
            stays_stopped =
                stays_stopped.filter(|(since, _): &(DateTime<Utc>, Mark)| *at - *since >= QUIET);
            continue;
        }
        let mark = Mark {
            paid,
            seconds: (*at - begin).num_seconds(),
        };
        first_stop = first_stop.or(Some(mark));
        stays_stopped = stays_stopped.or(Some((*at, mark)));
    }
    Course {
        first_stop,
        stays_stopped: stays_stopped.map(|(_, mark)| mark),
        paid_in_first_hour,
        attack: site.attack - before.1,
        honest: site.honest - before.0,
    }
}

fn visitor(visit: &visitors::Visit, kind: Kind, countries: &mut Countries) -> Visitor {
    let number = visit.number[1..].parse().expect("it is a + and digits");
    Visitor {
        cells: cells(countries.of(&visit.number), number, visit.ip),
        number,
        way: if visit.by_sms {
            Way::Sms
        } else if visit.is_attack && kind == Kind::TelegramRefusing {
            Way::Fallback
        } else {
            Way::Telegram
        },
        enters: visit.enters_code.then_some(RELAYED),
        again: None,
        is_attack: visit.is_attack,
    }
}

/// Numbers of one range are of one country, and reading them takes longer than judging.
#[derive(Default)]
struct Countries(HashMap<String, Country>);

impl Countries {
    fn of(&mut self, number: &str) -> Country {
        let range = &number[..number.len() - 4];
        if let Some(country) = self.0.get(range) {
            return *country;
        }
        let read = Numbers::default()
            .read(number)
            .expect("attacks are on numbers that exist");
        self.0.insert(range.to_owned(), read.country);
        read.country
    }
}
