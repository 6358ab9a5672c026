//! The figures that the guard judges by: a cache, kept in memory, of what the verifications' own records say.
//!
//! Each method locks one cell at a time, for less than a microsecond. All replicas count what one counts, a moment later.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::blocks::{Block, Blocks};
use super::bounded::{Bounded, Entry};
use super::cells::{Cell, Cells, Key};
use super::deltas::{Delta, Event, Heard, Outbox, PaidSend};
use super::numbers::{Numbers, Raise};
use super::ring::slot;
use super::rules::Rule;
pub use super::tally::Reading;
use super::tally::{Tally, day};
use super::verdict::{Outcome, Verdict};
use crate::verification::id::ProjectId;
use crate::verification::phone::Country;

/// The default of `max_bytes`: room for about 100,000 cells, and for the numbers of about 35,000 approvals a day. Less than 4 MiB
/// forgets busy addresses.
pub const MAX_BYTES: usize = 32 << 20;
/// Of each map; enough that two cores seldom meet.
const SHARDS: usize = 16;

/// Everything that is counted, of all projects.
pub struct Figures {
    /// Apart from requesters, so that a flood of addresses does not push out what is usual for a country.
    destinations: Bounded<Key, Tally>,
    requesters: Bounded<Key, Tally>,
    numbers: Numbers,
    blocks: Blocks,
    /// `None`: there is no other replica.
    outbox: Option<Mutex<Outbox>>,
    heard: Mutex<Heard>,
}

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Figures")
            .field("cells", &self.cells())
            .finish_non_exhaustive()
    }
}

impl Entry for Tally {
    fn heap(&self) -> usize {
        Tally::heap(self)
    }

    fn is_over(&mut self, now: i64) -> bool {
        Tally::is_over(self, now)
    }

    fn idle(&self) -> (u8, u32) {
        // Countries are few and know what is usual, so they stay.
        (u8::from(self.pulse.is_some()), self.touched)
    }
}

/// A cell's sums, to be kept over a restart. Counts of 5 minutes and of UTC days, both numbered since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    pub key: Key,
    /// 5 minutes, unverified sends, verifications.
    pub buckets: Vec<(u32, i32, i32)>,
    /// Day, verifications.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<(u32, u32)>,
    /// When it was last counted in, in seconds since 1970.
    pub touched: u32,
}

impl Figures {
    /// Of a single replica, in at most `max_bytes` bytes.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        let part = max_bytes / 16;
        Self {
            destinations: Bounded::new(SHARDS, 7 * part),
            requesters: Bounded::new(SHARDS, 5 * part),
            numbers: Numbers::new(SHARDS, 2 * part),
            blocks: Blocks::new(SHARDS, part),
            outbox: None,
            heard: Mutex::default(),
        }
    }

    /// Of one replica among others. `replica`: random for each start.
    #[must_use]
    pub fn shared(max_bytes: usize, replica: Uuid) -> Self {
        Self {
            outbox: Some(Mutex::new(Outbox::new(replica, max_bytes / 16))),
            ..Self::new(max_bytes)
        }
    }

    /// Counts a step whose channel pays for termination, once its verdict is taken and what follows is committed: sent, or stopped.
    /// A create that is denied counts as one too. Returns what [`Figures::approve`] wants to know of it.
    pub fn send(&self, cells: &Cells, verdict: &Verdict, at: DateTime<Utc>) -> PaidSend {
        let is_stopped = verdict.outcome != Outcome::Allow;
        let send = PaidSend { at, is_stopped };
        self.record(Event::Send {
            cells: *cells,
            send,
            is_prefix_fired: verdict.has(Rule::UnverifiedPrefix),
        });
        send
    }

    /// Counts an approval once its commit stands, and takes out the verification's own sends, those by SMS and voice.
    pub fn approve(&self, cells: &Cells, number: [u8; 16], sends: &[PaidSend], at: DateTime<Utc>) {
        self.record(Event::Approval {
            cells: *cells,
            at,
            number,
            sends: sends.into(),
        });
    }

    /// Ends a prefix' block. What was counted stays, so its rule may fire again. `false`: there is none.
    pub fn end_block(&self, prefix: Key, at: DateTime<Utc>) -> bool {
        let was_on = self.blocks.is_on(&prefix, at.timestamp());
        self.record(Event::Unblock { prefix, at });
        was_on
    }

    /// The blocks that are on, last used first.
    #[must_use]
    pub fn blocks(&self, now: DateTime<Utc>) -> Vec<(Key, Block)> {
        self.blocks.all(now.timestamp())
    }

    pub(super) fn is_blocked(&self, prefix: &Key, now: DateTime<Utc>) -> bool {
        self.blocks.is_on(prefix, now.timestamp())
    }

    /// Counts an event and tells the other replicas.
    pub fn record(&self, event: Event) {
        self.apply(&event);
        if let Some(outbox) = &self.outbox {
            lock(outbox).push(event);
        }
    }

    /// What was counted since the last time; `None`: nothing, or there is no other replica.
    pub fn take_delta(&self) -> Option<Delta> {
        lock(self.outbox.as_ref()?).take()
    }

    /// Counts what another replica counted. One that comes again, or out of order, changes nothing, nor does one of this replica.
    pub fn merge(&self, delta: &Delta, now: DateTime<Utc>) {
        let own = self.outbox.as_ref().map(|outbox| lock(outbox).replica());
        if own == Some(delta.replica) {
            return;
        }
        if lock(&self.heard).is_first(delta, now) {
            let plausible = delta.events.iter().filter(|event| event.is_plausible(now));
            plausible.for_each(|event| self.apply(event));
        }
    }

    /// Counts an event that other replicas know of already, such as one of before this process began.
    pub fn apply(&self, event: &Event) {
        match event {
            Event::Send {
                cells,
                send,
                is_prefix_fired,
            } => {
                self.count(cells, *send, 1, send.at);
                if *is_prefix_fired {
                    let prefix = cells.key(Cell::Prefix(cells.prefix));
                    self.blocks.challenge(prefix, send.at.timestamp());
                }
            }
            Event::Approval {
                cells,
                at,
                number,
                sends,
            } => {
                for send in sends {
                    self.count(cells, *send, -1, *at);
                }
                self.verify(cells, *number, at.timestamp());
            }
            Event::Unblock { prefix, at } => {
                self.blocks.end(prefix, at.timestamp());
            }
        }
    }

    /// Adds a send, or with -1 takes it out of the bucket in which it was counted.
    fn count(&self, cells: &Cells, send: PaidSend, count: i32, now: DateTime<Utc>) {
        let (sent, now) = (send.at.timestamp(), now.timestamp());
        for key in cells.all() {
            let is_address = matches!(key.cell, Cell::Ip(_));
            if send.is_stopped && !is_address {
                continue;
            }
            let country = (is_address && !send.is_stopped).then_some(cells.country);
            self.store(key.cell).change(key, now, |tally| {
                tally.touch(now);
                tally.send(sent, country, count);
                if let (Cell::Country(_), 1) = (key.cell, count) {
                    tally.pulse.get_or_insert_default().count(slot(sent));
                }
            });
        }
    }

    fn verify(&self, cells: &Cells, number: [u8; 16], at: i64) {
        for key in cells.all() {
            let country = matches!(key.cell, Cell::Ip(_)).then_some(cells.country);
            let raise = self.numbers.raise(key, number, at);
            if raise == Raise::Again {
                continue;
            }
            self.store(key.cell).change(key, at, |tally| {
                tally.touch(at);
                match raise {
                    Raise::First => tally.verify(key.cell, at, country),
                    Raise::Earlier { than } => tally.move_verified(than, slot(at), country),
                    Raise::Again => {}
                }
            });
        }
    }

    fn store(&self, cell: Cell) -> &Bounded<Key, Tally> {
        if cell.is_destination() {
            &self.destinations
        } else {
            &self.requesters
        }
    }

    /// The figures of a cell. `next`: for an address, the country that it asks for now.
    #[must_use]
    pub fn read(&self, key: &Key, next: Option<Country>, now: DateTime<Utc>) -> Reading {
        let reading = self
            .store(key.cell)
            .read(key, |tally| tally.read(now, next));
        reading.unwrap_or(Reading {
            countries: u32::from(next.is_some()),
            ..Reading::default()
        })
    }

    /// The cells that a rule counts by with the most unverified sends in 24 h, fullest first.
    #[must_use]
    pub fn fullest(&self, rule: Rule, most: usize, now: DateTime<Utc>) -> Vec<(Key, Reading)> {
        let mut found = Vec::new();
        for store in [&self.destinations, &self.requesters] {
            store.each(|key, tally| {
                if counts(rule, key.cell) {
                    let reading = tally.read(now, None);
                    if reading.unverified_day > 0 {
                        found.push((*key, reading));
                    }
                }
            });
        }
        found.sort_by_key(|(_, reading)| std::cmp::Reverse(reading.unverified_day));
        found.truncate(most);
        found
    }

    /// Countries, prefixes and autonomous systems that were counted in at `since` or later, to be kept over a restart. Addresses and
    /// their networks are never written down.
    #[must_use]
    pub fn export(&self, since: DateTime<Utc>) -> Vec<Saved> {
        let since = since.timestamp();
        let mut saved = Vec::new();
        for store in [&self.destinations, &self.requesters] {
            store.each(|key, tally| {
                let is_kept = !matches!(key.cell, Cell::Ip(_) | Cell::Network(_));
                if is_kept && i64::from(tally.touched) >= since {
                    saved.push(Saved::of(*key, tally));
                }
            });
        }
        saved
    }

    /// Takes what [`Figures::export`] gave, before anything else is counted. Then follow the sends and approvals since.
    pub fn import(&self, saved: impl IntoIterator<Item = Saved>) {
        for saved in saved {
            let touched = i64::from(saved.touched);
            self.store(saved.key.cell)
                .change(saved.key, touched, |tally| *tally = saved.tally());
        }
    }

    /// Takes a country's past from the sums that reports use: verifications by UTC day, and paid sends by hour, each with its start.
    pub fn import_past(
        &self,
        project: ProjectId,
        country: Country,
        days: &[(DateTime<Utc>, u32)],
        hours: &[(DateTime<Utc>, u32)],
    ) {
        let cell = Cell::Country(country);
        let starts = days.iter().chain(hours).map(|(at, _)| at.timestamp());
        let Some(newest) = starts.max() else { return };
        self.destinations
            .change(Key { project, cell }, newest, |tally| {
                tally.touch(newest);
                let kept = tally.days.get_or_insert_default();
                for (at, verified) in days {
                    kept.raise_to(day(at.timestamp()), *verified);
                }
                let pulse = tally.pulse.get_or_insert_default();
                for (at, sends) in hours {
                    pulse.set_hour(slot(at.timestamp()) / 12, *sends);
                }
            });
    }

    /// How many cells there are.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.destinations.len() + self.requesters.len()
    }

    /// Bytes in use, without what waits for other replicas.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let cells = self.destinations.bytes() + self.requesters.bytes();
        cells + self.numbers.bytes() + self.blocks.bytes()
    }
}

impl Saved {
    fn of(key: Key, tally: &Tally) -> Self {
        let buckets = tally.ring.buckets().iter();
        let days = tally.days.as_deref();
        Self {
            key,
            buckets: buckets
                .map(|it| (it.slot, it.unverified, it.verified))
                .collect(),
            days: days.map(|days| days.iter().collect()).unwrap_or_default(),
            touched: tally.touched,
        }
    }

    fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        tally.touch(i64::from(self.touched));
        for (slot, unverified, verified) in &self.buckets {
            tally.ring.count(*slot, None, *unverified, *verified);
        }
        for (day, verified) in &self.days {
            let kept = tally.days.get_or_insert_default();
            kept.raise_to(*day, *verified);
        }
        tally
    }
}

fn counts(rule: Rule, cell: Cell) -> bool {
    match rule {
        Rule::UnverifiedCountry | Rule::Velocity => matches!(cell, Cell::Country(_)),
        Rule::UnverifiedPrefix => matches!(cell, Cell::Prefix(_)),
        Rule::UnverifiedIp | Rule::CountriesPerIp => matches!(cell, Cell::Ip(_)),
        Rule::UnverifiedNetwork => matches!(cell, Cell::Network(_)),
        Rule::UnverifiedAsn => matches!(cell, Cell::Asn(_)),
        Rule::LineType | Rule::Listed | Rule::Monitored => false,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
