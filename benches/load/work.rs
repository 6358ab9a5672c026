//! The requests of the phases: creates and checks.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::client::{Work, find, write_request};

/// The code of verifications whose right one must be known.
pub const CODE: &str = "123456";

/// An accepted request.
#[derive(Clone, Copy)]
pub struct Accepted {
    /// Without its country code.
    pub number: u32,
    /// Of the verification.
    pub id: [u8; 36],
    /// When the response arrived.
    pub at: Instant,
}

/// Accepted requests, taken when a phase is over.
#[derive(Default)]
pub struct Log(Mutex<Vec<Accepted>>);

impl Log {
    fn lock(&self) -> MutexGuard<'_, Vec<Accepted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn push(&self, accepted: Accepted) {
        self.lock().push(accepted);
    }

    pub fn take(&self) -> Vec<Accepted> {
        std::mem::take(&mut *self.lock())
    }
}

/// Work whose accepted requests each make the gateway send something to the provider.
pub trait Sends: Work {
    fn log(&self) -> &Log;
}

/// A mobile number, without its country code.
pub fn number_of(count: u32) -> u32 {
    900_000_000 + count % 10_000_000
}

pub struct Creates {
    key: String,
    /// Further JSON members of the request.
    members: String,
    /// Every create uses a new number.
    next_number: Arc<AtomicU32>,
    /// How many more are wanted.
    left: AtomicU32,
    log: Log,
}

impl Creates {
    pub fn new(key: &str, members: String, next_number: &Arc<AtomicU32>) -> Self {
        Self {
            key: key.to_owned(),
            members,
            next_number: Arc::clone(next_number),
            left: AtomicU32::new(u32::MAX),
            log: Log::default(),
        }
    }

    pub fn stop_after(&self, requests: u32) {
        self.left.store(requests, Ordering::Relaxed);
    }

    /// What the answer accepted, which is in the log then. A 200 would be a reused verification, for which nothing is sent.
    pub fn read(&self, number: u32, status: u16, body: &[u8]) -> Option<Accepted> {
        let at = Instant::now();
        let id = find(body, b"\"id\":\"").and_then(|begin| body.get(begin + 6..)?.first_chunk());
        let (201, Some(&id)) = (status, id) else {
            return None;
        };
        let accepted = Accepted { number, id, at };
        self.log.push(accepted);
        Some(accepted)
    }
}

impl Sends for Creates {
    fn log(&self) -> &Log {
        &self.log
    }
}

impl Work for Creates {
    type Item = u32;

    fn next(&self, request: &mut Vec<u8>) -> Option<u32> {
        let one_less = |left: u32| left.checked_sub(1);
        let left = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        left.ok()?;
        let number = number_of(self.next_number.fetch_add(1, Ordering::Relaxed));
        let body = format!(r#"{{"phone_number":"+998{number}",{}}}"#, self.members);
        write_request(request, "POST", "/v1/verifications", &self.key, &body);
        Some(number)
    }

    fn accept(&self, number: u32, status: u16, body: &[u8]) -> bool {
        self.read(number, status, body).is_some()
    }
}

pub struct Checks {
    key: String,
    created: Vec<Accepted>,
    body: String,
    expected: &'static [u8],
    asked: AtomicUsize,
    rounds: usize,
    log: Log,
}

impl Checks {
    pub fn right(key: &str, created: Vec<Accepted>) -> Self {
        Self::new(key, created, CODE, 1, b"\"valid\":true")
    }

    /// One check fewer than would lock the verification.
    pub fn wrong(key: &str, created: Vec<Accepted>) -> Self {
        Self::new(key, created, "000000", 4, b"\"valid\":false")
    }

    fn new(
        key: &str,
        created: Vec<Accepted>,
        code: &str,
        rounds: usize,
        expected: &'static [u8],
    ) -> Self {
        Self {
            key: key.to_owned(),
            created,
            body: serde_json::json!({ "code": code }).to_string(),
            expected,
            asked: AtomicUsize::new(0),
            rounds,
            log: Log::default(),
        }
    }
}

impl Sends for Checks {
    fn log(&self) -> &Log {
        &self.log
    }
}

impl Work for Checks {
    type Item = Accepted;

    fn next(&self, request: &mut Vec<u8>) -> Option<Accepted> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        if asked >= self.created.len() * self.rounds {
            return None;
        }
        let created = self.created[asked % self.created.len()];
        let id = String::from_utf8_lossy(&created.id);
        let path = format!("/v1/verifications/{id}/check");
        write_request(request, "POST", &path, &self.key, &self.body);
        Some(created)
    }

    fn accept(&self, created: Accepted, status: u16, body: &[u8]) -> bool {
        let at = Instant::now();
        let accepted = status == 200 && find(body, self.expected).is_some();
        if accepted {
            self.log.push(Accepted { at, ..created });
        }
        accepted
    }
}
