//! Lists of an operator's own: numbers, prefixes, countries and addresses that are let through, or that nothing is sent to. Pure.
//!
//! The most specific entry decides: a number before a prefix, a longer prefix before a shorter one, and these before countries and
//! addresses; of two alike, the one that blocks. An allowed one passes the countries of the project's rules; limits and budgets hold
//! for it all the same.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::network;
use crate::verification::countries::{LONGEST_PREFIX, read_prefix};
use crate::verification::id::ProjectId;
use crate::verification::origin::TraceHash;
use crate::verification::phone::{Country, PhoneNumber};

/// Entries of one project, and those of every project together.
pub const MOST_OF_PROJECT: usize = 1_000;
pub const MOST_OF_ALL: usize = 10_000;

/// Of a note, in characters.
pub const LONGEST_NOTE: usize = 200;

/// An allowed number may stay so; anything wider is forgotten, and would let a whole network through one day.
pub const WIDE_DAYS: i64 = 90;

/// What the stored hash of a number begins with, as no number does.
const HASHED: char = '#';

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum List {
    Allow,
    Block,
}

impl List {
    pub const ALL: [Self; 2] = [Self::Allow, Self::Block];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Block => "block",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.as_str() == text)
    }
}

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    Number(PhoneNumber),
    /// A number that was erased: its keyed hash.
    Erased(TraceHash),
    /// The first digits of a number, without the plus sign.
    Prefix(String),
    Country(Country),
    /// An address is a network of its own.
    Ip(IpNet),
    /// An autonomous system's number.
    Asn(u32),
}

/// What kind of thing an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matched {
    Number,
    Prefix,
    Country,
    Ip,
    Asn,
}

impl Matched {
    pub const ALL: [Self; 5] = [
        Self::Number,
        Self::Prefix,
        Self::Country,
        Self::Ip,
        Self::Asn,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Prefix => "prefix",
            Self::Country => "country",
            Self::Ip => "ip",
            Self::Asn => "asn",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl Match {
    /// Reads a value; the error says what it must be. A number is taken as it is: in E.164, read by a project's rules before, or the
    /// hash that is left of it.
    pub fn parse(kind: Matched, text: &str) -> Result<Self, String> {
        match kind {
            Matched::Number if text.starts_with(HASHED) => {
                let hash = TraceHash::try_from(text[HASHED.len_utf8()..].to_owned());
                hash.map(Self::Erased).map_err(|error| error.to_string())
            }
            Matched::Number => Ok(Self::Number(PhoneNumber::from_storage(text.to_owned()))),
            Matched::Prefix => read_prefix(text).map(Self::Prefix),
            Matched::Country => Country::existing(text).map(Self::Country),
            Matched::Ip => network::read(text).map(Self::Ip),
            Matched::Asn => read_asn(text).map(Self::Asn),
        }
    }

    #[must_use]
    pub fn kind(&self) -> Matched {
        match self {
            Self::Number(_) | Self::Erased(_) => Matched::Number,
            Self::Prefix(_) => Matched::Prefix,
            Self::Country(_) => Matched::Country,
            Self::Ip(_) => Matched::Ip,
            Self::Asn(_) => Matched::Asn,
        }
    }

    /// As [`Match::parse`] reads it.
    #[must_use]
    pub fn value(&self) -> String {
        match self {
            Self::Number(number) => number.as_str().to_owned(),
            Self::Erased(hash) => format!("{HASHED}{}", String::from(*hash)),
            Self::Prefix(digits) => format!("+{digits}"),
            Self::Country(country) => country.to_string(),
            Self::Ip(net) => network::written(*net),
            Self::Asn(number) => format!("AS{number}"),
        }
    }
}

/// Reads `AS64496`, or the number alone; the error says what it must be.
fn read_asn(text: &str) -> Result<u32, String> {
    let digits = text
        .strip_prefix("AS")
        .or_else(|| text.strip_prefix("as"))
        .unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let number = digits.parse().ok();
    number
        .filter(|number| is_number && *number > 0)
        .ok_or_else(|| "must be the number of an autonomous system, such as AS64496".to_owned())
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// In order of time.
    pub id: Uuid,
    /// `None`: in every project.
    pub project: Option<ProjectId>,
    pub list: List,
    pub matches: Match,
    /// Empty: there is none.
    pub note: String,
    pub expires_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

impl Entry {
    /// What is wrong with it: a field's name, and what to do.
    #[must_use]
    pub fn fault(&self) -> Option<(&'static str, String)> {
        if self.expires_at.is_some_and(|at| at <= self.created_at) {
            return Some(("expires_at", "must be in the future".to_owned()));
        }
        if self.list == List::Block || self.matches.kind() == Matched::Number {
            return None;
        }
        let what = self.matches.kind().as_str();
        let is_soon = |at: DateTime<Utc>| at <= self.created_at + TimeDelta::days(WIDE_DAYS);
        if !self.expires_at.is_some_and(is_soon) {
            let why = format!("must be within 90 days, since it allows a whole {what}");
            return Some(("expires_at", why));
        }
        let why = || format!("is required, since it allows a whole {what}: why it is allowed");
        self.note.is_empty().then(|| ("note", why()))
    }

    /// Whether it is about the same thing in the same projects.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.project == other.project && self.matches == other.matches
    }

    #[must_use]
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    fn counts(&self, project: ProjectId, now: DateTime<Utc>) -> bool {
        self.project.is_none_or(|own| own == project) && !self.is_over(now)
    }
}

/// Who asks for a message, or gets one.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub project: ProjectId,
    pub phone: &'a PhoneNumber,
    /// Of the number, where [`Lists::has_erased`] says so.
    pub hash: Option<TraceHash>,
    pub country: Country,
    pub requester: Asking,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// As the site tells it at a start; `None`: it does not.
    Now {
        ip: Option<IpAddr>,
        asn: Option<u32>,
    },
    /// At the start of what is sent now. The address is not kept, only what the lists said of it then.
    Earlier { is_allowed: bool, asn: Option<u32> },
}

/// All entries, by what they are about.
#[derive(Debug, Default)]
pub struct Lists {
    all: Vec<Arc<Entry>>,
    numbers: HashMap<PhoneNumber, Vec<Arc<Entry>>>,
    erased: HashMap<TraceHash, Vec<Arc<Entry>>>,
    prefixes: HashMap<String, Vec<Arc<Entry>>>,
    countries: HashMap<Country, Vec<Arc<Entry>>>,
    systems: HashMap<u32, Vec<Arc<Entry>>>,
    networks: Vec<Arc<Entry>>,
}

impl Lists {
    #[must_use]
    pub fn new(all: Vec<Entry>) -> Self {
        let mut lists = Self {
            all: all.into_iter().map(Arc::new).collect(),
            ..Self::default()
        };
        for entry in &lists.all {
            let own = match &entry.matches {
                Match::Number(number) => lists.numbers.entry(number.clone()).or_default(),
                Match::Erased(hash) => lists.erased.entry(*hash).or_default(),
                Match::Prefix(digits) => lists.prefixes.entry(digits.clone()).or_default(),
                Match::Country(country) => lists.countries.entry(*country).or_default(),
                Match::Asn(number) => lists.systems.entry(*number).or_default(),
                Match::Ip(_) => &mut lists.networks,
            };
            own.push(Arc::clone(entry));
        }
        lists
    }

    #[must_use]
    pub fn all(&self) -> &[Arc<Entry>] {
        &self.all
    }

    /// Whether a number must be hashed to be found.
    #[must_use]
    pub fn has_erased(&self) -> bool {
        !self.erased.is_empty()
    }

    /// `None`: no entry is about it.
    #[must_use]
    pub fn judge(&self, subject: Subject<'_>, now: DateTime<Utc>) -> Option<List> {
        if self.all.is_empty() {
            return self.requester(subject.project, subject.requester, now);
        }
        let digits = subject.phone.digits();
        let longest = digits.len().min(LONGEST_PREFIX);
        let prefixes = (1..=longest)
            .rev()
            .map(|length| self.prefixes.get(&digits[..length]));
        let erased = subject.hash.and_then(|hash| self.erased.get(&hash));
        let number = self.numbers.get(subject.phone).into_iter().chain(erased);
        let decided = decide(number.flatten(), subject.project, now).or_else(|| {
            prefixes
                .flatten()
                .find_map(|level| decide(level, subject.project, now))
        });
        decided.or_else(|| {
            let country = decide(
                self.countries.get(&subject.country).into_iter().flatten(),
                subject.project,
                now,
            );
            stricter(
                country,
                self.requester(subject.project, subject.requester, now),
            )
        })
    }

    /// What entries about a requester's networks say; an address of which only that was kept counts as it did then.
    #[must_use]
    pub fn requester(
        &self,
        project: ProjectId,
        asking: Asking,
        now: DateTime<Utc>,
    ) -> Option<List> {
        let (ip, asn, earlier) = match asking {
            Asking::Now { ip, asn } => (ip, asn, None),
            Asking::Earlier { is_allowed, asn } => (None, asn, is_allowed.then_some(List::Allow)),
        };
        let holds = |entry: &&Arc<Entry>| match (&entry.matches, ip) {
            (Match::Ip(net), Some(ip)) => net.contains(&ip.to_canonical()),
            _ => false,
        };
        let systems = asn.and_then(|asn| self.systems.get(&asn));
        let entries = self.networks.iter().filter(holds);
        let entries = entries.chain(systems.into_iter().flatten());
        stricter(decide(entries, project, now), earlier)
    }
}

/// Of two that are equally specific, the one that blocks.
fn stricter(one: Option<List>, other: Option<List>) -> Option<List> {
    match (one, other) {
        (Some(List::Block), _) | (_, Some(List::Block)) => Some(List::Block),
        (one, other) => one.or(other),
    }
}

/// What entries that are alike decide together.
fn decide<'a>(
    entries: impl IntoIterator<Item = &'a Arc<Entry>>,
    project: ProjectId,
    now: DateTime<Utc>,
) -> Option<List> {
    let own = entries
        .into_iter()
        .filter(|entry| entry.counts(project, now));
    own.map(|entry| Some(entry.list)).fold(None, stricter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(list: List, kind: Matched, value: &str) -> Entry {
        Entry {
            id: Uuid::nil(),
            project: None,
            list,
            matches: Match::parse(kind, value).unwrap(),
            note: "why".to_owned(),
            expires_at: None,
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    fn judged(entries: Vec<Entry>, ip: &str) -> Option<List> {
        let requester = Asking::Now {
            ip: ip.parse().ok(),
            asn: Some(64_496),
        };
        judged_of(entries, requester)
    }

    fn judged_of(entries: Vec<Entry>, requester: Asking) -> Option<List> {
        let phone = PhoneNumber::from_storage("+998901234567".to_owned());
        let subject = Subject {
            project: ProjectId(Uuid::from_u128(1)),
            phone: &phone,
            hash: Some(TraceHash([7; 8])),
            country: "UZ".parse().unwrap(),
            requester,
        };
        Lists::new(entries).judge(subject, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn the_most_specific_entry_decides_and_of_two_alike_the_one_that_blocks() {
        use List::{Allow, Block};
        use Matched::{Country, Ip, Number, Prefix};
        let number = |list| entry(list, Number, "+998901234567");
        let (long, short) = (
            |list| entry(list, Prefix, "+99890123"),
            |list| entry(list, Prefix, "+998"),
        );
        let country = |list| entry(list, Country, "UZ");
        let ip = |list| entry(list, Ip, "203.0.113.0/24");
        for (entries, verdict) in [
            (vec![], None),
            (
                vec![
                    entry(Block, Number, "+998901234568"),
                    entry(Block, Prefix, "+9989012345678"),
                ],
                None,
            ),
            (
                vec![
                    entry(Block, Country, "KZ"),
                    entry(Block, Ip, "203.0.114.0/24"),
                ],
                None,
            ),
            (
                vec![number(Allow), long(Block), country(Block), ip(Block)],
                Some(Allow),
            ),
            (vec![number(Allow), number(Block)], Some(Block)),
            (vec![short(Block), long(Allow)], Some(Allow)),
            (vec![long(Block), short(Allow), country(Allow)], Some(Block)),
            (vec![country(Allow), ip(Block)], Some(Block)),
            (vec![ip(Allow)], Some(Allow)),
        ] {
            assert_eq!(
                judged(entries.clone(), "203.0.113.7"),
                verdict,
                "{entries:?}"
            );
        }
        assert_eq!(judged(vec![ip(Block)], "none"), None, "no address was told");
        assert_eq!(judged(vec![ip(Block)], "::ffff:203.0.113.7"), Some(Block));
    }

    #[test]
    fn what_is_sent_later_is_judged_by_what_was_said_of_the_address_at_the_start() {
        let asn = |list| entry(list, Matched::Asn, "AS64496");
        let earlier = |is_allowed, asn| Asking::Earlier { is_allowed, asn };
        let number = entry(List::Block, Matched::Number, "+998901234567");
        for (entries, asking, verdict) in [
            (vec![], earlier(true, None), Some(List::Allow)),
            (vec![], earlier(false, None), None),
            (vec![number], earlier(true, None), Some(List::Block)),
            (
                vec![asn(List::Allow)],
                earlier(false, Some(64_496)),
                Some(List::Allow),
            ),
            (
                vec![asn(List::Block)],
                earlier(true, Some(64_496)),
                Some(List::Block),
            ),
            (vec![asn(List::Block)], earlier(false, Some(64_497)), None),
        ] {
            assert_eq!(judged_of(entries.clone(), asking), verdict, "{entries:?}");
        }
        assert_eq!(judged(vec![asn(List::Block)], "none"), Some(List::Block));
    }

    #[test]
    fn an_autonomous_system_is_its_number_with_or_without_its_letters() {
        for text in ["AS64496", "as64496", "64496"] {
            let read = Match::parse(Matched::Asn, text).unwrap();
            assert_eq!(read.value(), "AS64496", "{text}");
        }
        for wrong in ["", "AS", "AS0", "-1", "AS64496x", "4294967296", "+5"] {
            assert!(Match::parse(Matched::Asn, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_number_that_was_erased_stays_blocked_by_its_hash() {
        let hash = |byte| Match::Erased(TraceHash([byte; 8]));
        for (byte, verdict) in [(7, Some(List::Block)), (8, None)] {
            let matches = Match::parse(Matched::Number, &hash(byte).value()).unwrap();
            assert_eq!(matches, hash(byte));
            let erased = Entry {
                matches,
                ..entry(List::Block, Matched::Number, "+1")
            };
            assert_eq!(judged(vec![erased], "none"), verdict);
        }
    }

    #[test]
    fn another_projects_entry_and_one_that_is_over_do_not_count() {
        let block = entry(List::Block, Matched::Prefix, "+998");
        let others = Entry {
            project: Some(ProjectId(Uuid::from_u128(2))),
            ..block.clone()
        };
        let over = Entry {
            expires_at: Some(DateTime::UNIX_EPOCH),
            ..block.clone()
        };
        assert_eq!(judged(vec![others, over], "none"), None);
        assert_eq!(judged(vec![block], "none"), Some(List::Block));
    }

    #[test]
    fn a_prefix_is_a_plus_sign_and_digits() {
        for wrong in [
            "",
            "+",
            "998",
            "+0998",
            "+99890123456789012",
            "+9 98",
            "+九",
        ] {
            assert!(Match::parse(Matched::Prefix, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_allows_more_than_a_number_ends_and_says_why() {
        let days = |days| Some(DateTime::UNIX_EPOCH + TimeDelta::days(days));
        let prefix = entry(List::Allow, Matched::Prefix, "+998");
        for (expires_at, note, fault) in [
            (None, "why", Some("expires_at")),
            (days(91), "why", Some("expires_at")),
            (days(0), "why", Some("expires_at")),
            (days(90), "", Some("note")),
            (days(90), "why", None),
        ] {
            let note = note.to_owned();
            let entry = Entry {
                note,
                expires_at,
                ..prefix.clone()
            };
            assert_eq!(entry.fault().map(|(field, _)| field), fault);
        }
        let number = entry(List::Allow, Matched::Number, "+998901234567");
        let block = entry(List::Block, Matched::Prefix, "+998");
        assert!(number.fault().is_none() && block.fault().is_none());
    }
}
