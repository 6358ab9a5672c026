//! The state of this room: the outbound client, the sinks, and the endpoints that are being served.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::outlet::Outlet;
use crate::gateway::core::Core;
use crate::secret::random;
use crate::webhooks::client::Client;
use crate::webhooks::sinks::Sink;

/// Webhooks and their deliveries. A handle; clones share its state.
#[derive(Clone, Debug)]
pub struct Notices(Arc<Room>);

#[derive(Debug)]
struct Room {
    core: Arc<Core>,
    client: Client,
    sinks: Vec<Arc<Outlet>>,
    /// Identifies this process as the one that sends to a sink.
    replica: i64,
    /// Endpoints that a task of this process is sending to.
    busy: Mutex<HashSet<Uuid>>,
}

impl Notices {
    pub(in crate::gateway) fn new(core: Arc<Core>, client: Client, sinks: Vec<Sink>) -> Self {
        Self(Arc::new(Room {
            core,
            client,
            sinks: sinks.into_iter().map(Outlet::new).map(Arc::new).collect(),
            replica: i64::from_be_bytes(random()),
            busy: Mutex::default(),
        }))
    }

    pub(super) fn core(&self) -> &Core {
        &self.0.core
    }

    pub(in crate::gateway) fn client(&self) -> &Client {
        &self.0.client
    }

    /// As configured.
    pub(super) fn sinks(&self) -> &[Arc<Outlet>] {
        &self.0.sinks
    }

    pub(super) fn replica(&self) -> i64 {
        self.0.replica
    }

    pub(super) fn busy(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        self.0.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
