//! The figures that the guard judges by: a cache, kept in memory, of what the verifications' own records say.
//!
//! Each method locks one cell at a time, for less than a microsecond. All replicas count what one counts, a moment later.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::blocks::{Block, Blocks};
use super::bounded::{Bounded, Entry};
use super::cells::{Cell, Cells, Key};
use super::deltas::{Delta, Event, Heard, Outbox, PaidSend};
use super::hosts::says_what_was_verified;
use super::numbers::{Numbers, Raise};
use super::ring::slot;
use super::rules::Rule;
pub use super::tally::Reading;
use super::tally::{Tally, day};
use super::verdict::{Outcome, Verdict};
use crate::verification::phone::Country;

/// The default of `max_bytes`: room for about 100,000 cells, and for the numbers of about 35,000 approvals a day. Less than 4 MiB
/// forgets busy addresses.
pub const MAX_BYTES: usize = 32 << 20;
/// Of each map; enough that two cores seldom meet.
const SHARDS: usize = 16;

/// Everything that is counted, of all projects.
pub struct Figures {
    /// Apart from requesters, so that a flood of addresses does not push out what is usual for a country.
    pub(super) destinations: Bounded<Key, Tally>,
    pub(super) requesters: Bounded<Key, Tally>,
    numbers: Numbers,
    pub(super) blocks: Blocks,
    /// `None`: there is no other replica.
    outbox: Option<Mutex<Outbox>>,
    heard: Mutex<Heard>,
    /// What was usual before this process began is known; until then destinations are judged in shadow.
    knows_past: AtomicBool,
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
            knows_past: AtomicBool::new(true),
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

    /// Ends a prefix' block that began at this time or earlier. What was counted stays, so its rule may fire again. Returns whether one
    /// was on.
    pub fn end_block(&self, prefix: Key, at: DateTime<Utc>) -> bool {
        let was_on = self.blocks.is_on(&prefix, at.timestamp());
        self.record(Event::Unblock { prefix, at });
        was_on && !self.blocks.is_on(&prefix, at.timestamp())
    }

    /// Says whether it is known what was usual before this process began; until then destinations are judged in shadow.
    pub fn set_knows_past(&self, known: bool) {
        self.knows_past.store(known, Ordering::Release);
    }

    #[must_use]
    pub fn knows_past(&self) -> bool {
        self.knows_past.load(Ordering::Acquire)
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

    /// Counts an event that other replicas know of already.
    pub fn apply(&self, event: &Event) {
        self.apply_to(event, |_| true);
    }

    /// Counts an event of before this process began. What [`Figures::import`] brought knows of it, if it was not after `imported`: but
    /// for addresses and their networks, which are never written down.
    pub fn recall(&self, event: &Event, imported: Option<DateTime<Utc>>) {
        if imported.is_some_and(|imported| event.at() <= imported) {
            self.apply_to(event, |cell| !cell.is_kept());
        } else {
            self.apply(event);
        }
    }

    fn apply_to(&self, event: &Event, is_meant: impl Fn(Cell) -> bool + Copy) {
        match event {
            Event::Send {
                cells,
                send,
                is_prefix_fired,
            } => {
                self.count(cells, *send, 1, send.at, is_meant);
                if *is_prefix_fired {
                    let prefix = cells.key(Cell::Prefix(cells.prefix));
                    self.blocks.challenge(prefix, send.at.timestamp());
                    self.touch(prefix, send.at);
                }
            }
            Event::Approval {
                cells,
                at,
                number,
                sends,
            } => {
                for send in sends {
                    self.count(cells, *send, -1, *at, is_meant);
                }
                self.verify(cells, *number, at.timestamp(), is_meant);
            }
            Event::Unblock { prefix, at } => {
                self.blocks.end(prefix, at.timestamp());
                self.touch(*prefix, *at);
            }
        }
    }

    /// What is kept of a cell has changed, though nothing was counted.
    fn touch(&self, key: Key, at: DateTime<Utc>) {
        let at = at.timestamp();
        self.store(key.cell)
            .change(key, at, |tally| tally.touch(at));
    }

    /// Adds a send, or with -1 takes it out of the bucket in which it was counted.
    fn count(
        &self,
        cells: &Cells,
        send: PaidSend,
        count: i32,
        now: DateTime<Utc>,
        is_meant: impl Fn(Cell) -> bool,
    ) {
        let (sent, now) = (send.at.timestamp(), now.timestamp());
        if let Some(host) = cells.host.map(|host| cells.key(Cell::Host(host))) {
            if count > 0 && !send.is_stopped && is_meant(host.cell) {
                self.requesters.change(host, now, |tally| {
                    tally.touch(now);
                    tally.pulse.get_or_insert_default().count(slot(sent));
                });
            }
            if !self.says_what_was_verified(&host, sent) {
                return;
            }
        }
        for key in cells.all().filter(|key| is_meant(key.cell)) {
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

    /// Whether a host's sends count at this time, by the 7 full UTC days before.
    fn says_what_was_verified(&self, host: &Key, at: i64) -> bool {
        let week = self
            .requesters
            .read(host, |tally| tally.week_before(day(at)));
        let (sends, successes) = week.unwrap_or_default();
        says_what_was_verified(sends, successes)
    }

    fn verify(&self, cells: &Cells, number: [u8; 16], at: i64, is_meant: impl Fn(Cell) -> bool) {
        let host = cells.host.map(|host| cells.key(Cell::Host(host)));
        for key in cells.all().chain(host) {
            let country = matches!(key.cell, Cell::Ip(_)).then_some(cells.country);
            let raise = self.numbers.raise(key, number, at);
            if raise == Raise::Again || !is_meant(key.cell) {
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

    pub(super) fn store(&self, cell: Cell) -> &Bounded<Key, Tally> {
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
