//! What happened, as figures count it, and how replicas tell one another: numbered batches of the same events that they count
//! themselves. So the order of batches does not matter, and one that comes twice counts once.

use std::collections::{BTreeSet, HashMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::cells::{Cells, Key};

/// How far ahead another replica's clock may be.
const AHEAD: TimeDelta = TimeDelta::minutes(5);
/// Batches that may come before an earlier one.
const MOST_EARLY: usize = 1_024;
/// Replicas that are remembered. One that starts again is another one.
const MOST_REPLICAS: usize = 256;

/// A step whose channel pays for termination, once planned or stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaidSend {
    /// Of the commit that planned it.
    pub at: DateTime<Utc>,
    /// It was not sent, since the verdict was a challenge or a denial. It counts in the address' cell alone.
    pub is_stopped: bool,
}

/// What changes the figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    Send {
        cells: Cells,
        send: PaidSend,
        /// The rule of the prefix fired, in whatever mode.
        is_prefix_fired: bool,
    },
    /// A verification was approved, whatever carried its code.
    Approval {
        cells: Cells,
        at: DateTime<Utc>,
        /// The number's keyed hash.
        number: [u8; 16],
        /// Its own, which no longer count as unverified.
        sends: Vec<PaidSend>,
    },
    /// Somebody ended a block by hand.
    Unblock { prefix: Key, at: DateTime<Utc> },
}

impl Event {
    pub(super) fn at(&self) -> DateTime<Utc> {
        match self {
            Self::Send { send, .. } => send.at,
            Self::Approval { at, .. } | Self::Unblock { at, .. } => *at,
        }
    }

    /// Not from a clock that is wrong: what lies ahead would count for longer than a day.
    pub(super) fn is_plausible(&self, now: DateTime<Utc>) -> bool {
        self.at() <= now + AHEAD
    }
}

/// What one replica counted since its last batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// Random for each start of a process.
    pub replica: Uuid,
    /// From 0, without gaps.
    pub number: u64,
    pub events: Vec<Event>,
    /// Events that found no room before they were taken: others count too few.
    #[serde(default)]
    pub lost: u64,
}

/// What waits to be told.
#[derive(Debug)]
pub(super) struct Outbox {
    replica: Uuid,
    next: u64,
    events: VecDeque<Event>,
    most: usize,
    lost: u64,
}

impl Outbox {
    pub(super) fn replica(&self) -> Uuid {
        self.replica
    }

    pub(super) fn new(replica: Uuid, bytes: usize) -> Self {
        Self {
            replica,
            next: 0,
            events: VecDeque::new(),
            most: (bytes / size_of::<Event>()).max(16),
            lost: 0,
        }
    }

    pub(super) fn push(&mut self, event: Event) {
        if self.events.len() >= self.most {
            self.events.pop_front();
            self.lost += 1;
        }
        self.events.push_back(event);
    }

    pub(super) fn take(&mut self) -> Option<Delta> {
        if self.events.is_empty() {
            return None;
        }
        let number = self.next;
        self.next += 1;
        Some(Delta {
            replica: self.replica,
            number,
            events: std::mem::take(&mut self.events).into(),
            lost: std::mem::take(&mut self.lost),
        })
    }
}

/// Which batches were counted.
#[derive(Debug, Default)]
pub(super) struct Heard {
    replicas: HashMap<Uuid, Batches>,
}

#[derive(Debug)]
struct Batches {
    /// All before it were counted, or are given up.
    next: u64,
    early: BTreeSet<u64>,
    last: DateTime<Utc>,
}

impl Heard {
    /// Whether it is new.
    pub(super) fn is_first(&mut self, delta: &Delta, now: DateTime<Utc>) -> bool {
        if self.replicas.len() >= MOST_REPLICAS && !self.replicas.contains_key(&delta.replica) {
            let silent = self.replicas.iter().min_by_key(|(id, it)| (it.last, **id));
            if let Some(id) = silent.map(|(id, _)| *id) {
                self.replicas.remove(&id);
            }
        }
        let batches = self.replicas.entry(delta.replica).or_insert(Batches {
            next: 0,
            early: BTreeSet::new(),
            last: now,
        });
        batches.last = now;
        batches.is_first(delta.number)
    }
}

impl Batches {
    fn is_first(&mut self, number: u64) -> bool {
        if number < self.next || !self.early.insert(number) {
            return false;
        }
        if self.early.len() > MOST_EARLY {
            // The ones between are lost: they would have come by now.
            self.next = self.early.first().copied().unwrap_or(self.next);
        }
        while self.early.remove(&self.next) {
            self.next += 1;
        }
        true
    }
}
