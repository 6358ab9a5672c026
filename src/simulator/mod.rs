//! A stand-in for the outside world, over HTTP on its own port: the wire behaviour of the Telegram Gateway API, an HTTP SMS
//! provider, and virtual phones that show what arrived. It knows the wire, not the gateway.
//!
//! The way of a message: [`server`] routes → [`telegram`] or [`sms`] decide by the number's last digits ([`numbers`]) → the
//! message is put on a virtual phone ([`phones`], told live by [`live`]) and its reports are planned ([`reports`]). What state a message is in is never
//! stored: it follows from its timestamps and the clock, so that a message costs no task and no timer, only its reports do.
//!
//! To add a magic number: one row in [`numbers::MAGIC`], and, if it does something new, one variant beside it.

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
mod world;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub use site::Gateway;

use crate::clock::Clock;
use world::World;

/// What a simulator is started with.
#[derive(Clone, Default)]
pub struct Options {
    /// Everything but `Pace::slow_answer` follows this clock: with a manual one, messages arrive and reports leave when it is moved.
    pub clock: Clock,
    /// `None`: any non-empty token is accepted, and signs its own reports. `Some`: others get `ACCESS_TOKEN_INVALID`.
    pub telegram_token: Option<String>,
    /// The gateway that it stands beside, whose API the page's sign-up form uses.
    pub gateway: Option<Gateway>,
    pub pace: Pace,
}

/// Without the token.
impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("clock", &self.clock)
            .field("gateway", &self.gateway)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}

/// How fast the simulated world is.
#[derive(Clone, Debug)]
pub struct Pace {
    /// From acceptance to delivery, of both channels.
    pub delivered_after: Duration,
    /// From acceptance to being read; Telegram only.
    pub read_after: Duration,
    /// How long a number that ends with 0006 keeps the caller waiting. Always real time, whatever the clock.
    pub slow_answer: Duration,
    /// Before the second try of a report; doubles from try to try, ten tries in all.
    pub callback_retry: Duration,
    /// What a `ttl` is multiplied with. Tests shorten it, because the wire allows no ttl under 30 s.
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

/// A running simulator. Dropping it ends it too, without waiting for the end.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    tasks: TaskTracker,
    stopping: CancellationToken,
    _stops_when_dropped: DropGuard,
}

impl Simulator {
    /// Serves on a bound listener until stopped. Must be called inside a tokio runtime, which also runs the reports.
    ///
    /// # Errors
    /// When called outside a runtime, or when the listener cannot be served.
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
                    tracing::error!(%error, "the simulator's server ended");
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

    /// Ends the server and everything that is still planned, and returns when they have ended. Connections are not drained.
    pub async fn stop(self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
