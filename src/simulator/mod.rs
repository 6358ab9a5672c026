//! A stand-in for the outside world, over HTTP on its own port: the Telegram Gateway API, an HTTP SMS provider, and
//! virtual phones that show the messages. It implements the wire protocols and knows nothing of the gateway.
//!
//! The path of a message: [`server`] routes it; [`telegram`] or [`sms`] decides by the number's last digits
//! ([`numbers`]); the message goes to a virtual phone ([`phones`], streamed to the page by [`live`]) and its reports
//! are scheduled ([`reports`]). A message's state is never stored: it is computed from timestamps and the clock. Only
//! reports need timers. Who asks for messages, if nobody does, is in [`visitors`].
//!
//! To add a magic number, add a row to [`numbers::MAGIC`] and, for a new behaviour, a variant to the enums above it and its
//! description to the page's texts (`page/texts/`).

mod assets;
mod callbacks;
mod chance;
mod digest;
mod host;
mod live;
mod numbers;
mod params;
mod phones;
mod reports;
mod server;
mod site;
mod sms;
mod telegram;
#[cfg(test)]
mod tests;
pub mod visitors;
mod world;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub use callbacks::{Listed, NotAnOrigin};
pub use chance::Chance;
pub use site::Gateway;
pub use telegram::FIRST_BALANCE;

use crate::clock::Clock;
use numbers::Number;
use world::World;

/// Whether the number is in the table of magic ones.
#[must_use]
pub fn is_magic(e164: &str) -> bool {
    Number::parse(e164).is_some_and(Number::is_magic)
}

#[derive(Clone, Default)]
pub struct Options {
    /// Drives everything but `Pace::slow_answer`. With a manual clock, messages arrive and reports leave as it is
    /// advanced.
    pub clock: Clock,
    /// `None` accepts any non-empty token, which then signs its own reports. `Some` rejects others with
    /// `ACCESS_TOKEN_INVALID`.
    pub telegram_token: Option<String>,
    /// The gateway whose API the page's sign-up form calls, if the simulator runs with one.
    pub gateway: Option<Gateway>,
    /// Hosts and origins to which reports may be posted, besides this machine.
    pub callbacks: Vec<Listed>,
    /// What each Telegram account holds at first, in hundredths; `None`: [`FIRST_BALANCE`].
    pub telegram_balance: Option<i32>,
    pub pace: Pace,
}

/// Omits the token.
impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("clock", &self.clock)
            .field("gateway", &self.gateway)
            .field("callbacks", &self.callbacks)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}

/// How fast the simulated world responds.
#[derive(Clone, Debug)]
pub struct Pace {
    /// From acceptance to delivery, on both channels.
    pub delivered_after: Duration,
    /// From acceptance to being read; Telegram only.
    pub read_after: Duration,
    /// How long a number ending in 0006 keeps the caller waiting. Always real time, whatever the clock.
    pub slow_answer: Duration,
    /// Delay before the second attempt at a report. It doubles with each attempt, up to ten attempts.
    pub callback_retry: Duration,
    /// Factor applied to every `ttl`. Tests use a small one, because the API's minimum is 30 s.
    pub ttl_scale: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            delivered_after: Duration::from_secs(1),
            read_after: Duration::from_secs(3),
            slow_answer: Duration::from_secs(30),
            callback_retry: Duration::from_secs(1),
            ttl_scale: 1.0,
        }
    }
}

/// A running simulator. Dropping it also stops it, without waiting for its tasks.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    tasks: TaskTracker,
    stopping: CancellationToken,
    _stops_when_dropped: DropGuard,
}

impl Simulator {
    /// Serves on a bound listener until stopped. The current tokio runtime also sends the reports.
    ///
    /// # Errors
    /// Fails outside a tokio runtime, or when the server cannot be set up on the listener.
    pub fn start(listener: TcpListener, options: Options) -> io::Result<Self> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let address = listener.local_addr()?;
        let stopping = CancellationToken::new();
        let tasks = TaskTracker::new();
        let outbound = reports::outbound_client().map_err(io::Error::other)?;
        let world = Arc::new(World::new(
            options,
            address.ip(),
            outbound.clone(),
            runtime.clone(),
            tasks.clone(),
            stopping.clone(),
        ));

        let server = server::run(listener, Arc::clone(&world))?;
        let handle = server.handle();
        let stop_server = stopping.clone();
        tasks.spawn_on(
            async move {
                stop_server.cancelled().await;
                handle.stop(false).await;
            },
            &runtime,
        );
        tasks.spawn_on(
            async move {
                if let Err(error) = server.await {
                    tracing::error!(%error, "the simulator's HTTP server failed");
                }
            },
            &runtime,
        );
        tasks.spawn_on(reports::run(world, outbound), &runtime);

        Ok(Self {
            address,
            tasks,
            stopping: stopping.clone(),
            _stops_when_dropped: stopping.drop_guard(),
        })
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops the server, drops scheduled reports and waits for all tasks. Open connections are not drained.
    pub async fn stop(self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
