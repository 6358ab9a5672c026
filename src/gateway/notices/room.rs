//! The state of this room: the outbound client, and the endpoints that are being served.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::gateway::core::Core;
use crate::webhooks::client::Client;

/// Webhooks and their deliveries. A handle; clones share its state.
#[derive(Clone, Debug)]
pub struct Notices(Arc<Room>);

#[derive(Debug)]
struct Room {
    core: Arc<Core>,
    client: Client,
    /// Endpoints that a task of this process is sending to.
    busy: Mutex<HashSet<Uuid>>,
}

impl Notices {
    pub(in crate::gateway) fn new(core: Arc<Core>, client: Client) -> Self {
        Self(Arc::new(Room {
            core,
            client,
            busy: Mutex::default(),
        }))
    }

    pub(super) fn core(&self) -> &Core {
        &self.0.core
    }

    pub(in crate::gateway) fn client(&self) -> &Client {
        &self.0.client
    }

    pub(super) fn busy(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        self.0.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
