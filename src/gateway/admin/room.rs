//! The state of this room: the password hashing threads, and calls that are not stored yet.

use std::sync::Arc;

use super::calls::Calls;
use super::passwords::Hasher;
use crate::gateway::core::Core;
use crate::gateway::finance::Finance;

/// Projects, keys, budgets, users and sessions. A handle; clones share its state.
#[derive(Clone, Debug)]
pub struct Admin(Arc<Room>);

#[derive(Debug)]
struct Room {
    core: Arc<Core>,
    finance: Finance,
    passwords: Hasher,
    calls: Calls,
}

impl Admin {
    pub(in crate::gateway) fn new(core: Arc<Core>, finance: Finance) -> Self {
        Self(Arc::new(Room {
            core,
            finance,
            passwords: Hasher::default(),
            calls: Calls::default(),
        }))
    }

    pub(super) fn core(&self) -> &Core {
        &self.0.core
    }

    pub(super) fn finance(&self) -> &Finance {
        &self.0.finance
    }

    pub(super) fn calls(&self) -> &Calls {
        &self.0.calls
    }

    pub(super) fn passwords(&self) -> &Hasher {
        &self.0.passwords
    }
}
