//! Calls of integrations that are not stored yet. A flood of them costs no statement each: of many, the last ones are stored.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::storage::Call;

/// Calls that are kept of each integration.
pub(super) const KEPT: usize = 20;

/// By integration, oldest first.
#[derive(Debug, Default)]
pub(super) struct Calls(Mutex<HashMap<Uuid, VecDeque<Call>>>);

impl Calls {
    pub fn note(&self, call: Call) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = calls.entry(call.integration).or_default();
        own.push_back(call);
        if own.len() > KEPT {
            own.pop_front();
        }
    }

    /// All of them, to be stored.
    pub fn take(&self) -> Vec<Call> {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *calls)
            .into_values()
            .flatten()
            .collect()
    }
}
