//! Which suspicious traffic this replica knows to be announced, so that it need not ask the database for each decision.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::abuse::guard::cells::Key;
use crate::verification::id::ProjectId;

/// How long a cell is not announced again.
const QUIET: TimeDelta = TimeDelta::hours(1);
/// How long the database is not asked whether a project that had more than fit has room again.
const FULL: TimeDelta = TimeDelta::minutes(1);

/// And the blocks that it has seen.
#[derive(Debug, Default)]
pub(super) struct Alarms(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    told: HashMap<Key, DateTime<Utc>>,
    many: HashMap<ProjectId, DateTime<Utc>>,
    blocked: HashSet<Key>,
}

impl Alarms {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it may have to be told.
    pub fn is_news(&self, key: &Key, now: DateTime<Utc>) -> bool {
        let inner = self.lock();
        let is_within = |at: Option<&DateTime<Utc>>, quiet| at.is_some_and(|at| now - *at < quiet);
        !is_within(inner.told.get(key), QUIET) && !is_within(inner.many.get(&key.project), FULL)
    }

    pub fn was_told(&self, key: Key, now: DateTime<Utc>) {
        let mut inner = self.lock();
        inner.told.retain(|_, at| now - *at < QUIET);
        inner.told.insert(key, now);
    }

    pub fn has_many(&self, project: ProjectId, now: DateTime<Utc>) {
        self.lock().many.insert(project, now);
    }

    /// The blocks that are on now, and returns those that were on before and whose end was not announced.
    pub fn ended(&self, on: &HashSet<Key>) -> Vec<Key> {
        let mut inner = self.lock();
        let ended = inner.blocked.difference(on).copied().collect();
        inner.blocked.extend(on);
        ended
    }

    /// A block's end was announced.
    pub fn end_was_told(&self, key: &Key) {
        self.lock().blocked.remove(key);
    }
}
