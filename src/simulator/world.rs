//! State shared by all handlers: the clock, the pace, and the simulated world's memory behind short-lived locks.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::callbacks::Listed;
use super::digest::TokenHash;
use super::numbers::{Number, Telegram};
use super::phones::Phones;
use super::reports::Schedule;
use super::site::Gateway;
use super::telegram::Requests;
use super::{Options, Pace};
use crate::clock::Clock;

/// Lock order: a request's own lock may be taken while `requests` is held, never the reverse. No other two locks nest.
pub(super) struct World {
    pub(super) clock: Clock,
    pub(super) pace: Pace,
    pub(super) telegram_token: Option<TokenHash>,
    pub(super) gateway: Option<Gateway>,
    /// Where reports may be posted besides this machine.
    pub(super) callbacks: Vec<Listed>,
    /// The listening address, which [`super::host`] accepts as a host name for the page.
    pub(super) listen: IpAddr,
    /// For reports and for calls to the gateway.
    pub(super) outbound: reqwest::Client,
    pub(super) runtime: Handle,
    pub(super) tasks: TaskTracker,
    pub(super) stopping: CancellationToken,
    pub(super) schedule: Schedule,
    pub(super) requests: Mutex<Requests>,
    pub(super) phones: Mutex<Phones>,
    /// Digits that begin numbers which have no Telegram, besides the magic ones.
    pub(super) without_telegram: Mutex<BTreeSet<String>>,
}

impl World {
    pub(super) fn new(
        options: Options,
        listen: IpAddr,
        outbound: reqwest::Client,
        runtime: Handle,
        tasks: TaskTracker,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            clock: options.clock,
            pace: options.pace,
            telegram_token: options.telegram_token.as_deref().map(TokenHash::of),
            gateway: options.gateway,
            callbacks: options.callbacks,
            listen,
            outbound,
            runtime,
            tasks,
            stopping,
            schedule: Schedule::default(),
            requests: Mutex::new(Requests::new(
                options.telegram_balance.unwrap_or(super::FIRST_BALANCE),
            )),
            phones: Mutex::default(),
            without_telegram: Mutex::default(),
        }
    }

    pub(super) fn telegram_of(&self, number: Number) -> Telegram {
        let digits = number.digits();
        let without = lock(&self.without_telegram);
        if without.iter().any(|range| digits.starts_with(range)) {
            return Telegram::NotAvailable;
        }
        number.behaviour().telegram
    }
}

/// Ignores poisoning: no invariant of the simulator's memory spans more than one statement.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `start + length`, capped at the latest representable time.
pub(super) fn after(start: DateTime<Utc>, length: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(length)
        .ok()
        .and_then(|length| start.checked_add_signed(length))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}
