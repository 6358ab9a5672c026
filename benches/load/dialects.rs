//! Creates in the words of other services, to be compared with the same creates in our own. To add one: its kind in `options.rs`, and a case
//! of each decision here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::client::{Work, find, write_form};
use crate::options::Kind;
use crate::work::{Accepted, Log, Sends, number_of};

pub struct DialectCreates {
    kind: Kind,
    path: String,
    authorization: String,
    next_number: Arc<AtomicU32>,
    log: Log,
}

impl DialectCreates {
    /// `created`: what `keys create --json` printed. `None`: this build does not speak the dialect.
    pub fn new(kind: Kind, created: &Value, next_number: &Arc<AtomicU32>) -> Option<Self> {
        let dialects = &created["dialects"];
        let key = created["key"].as_str()?;
        let (path, authorization) = if kind == Kind::TelegramGateway {
            dialects["telegram"]["access_token"].as_str()?;
            let path = "/telegram-gateway/sendVerificationMessage".to_owned();
            (path, format!("Bearer {key}"))
        } else {
            let twilio = &dialects["twilio"];
            let user = twilio["api_key_sid"].as_str()?;
            let service = twilio["service_sid"].as_str()?;
            let credentials = STANDARD.encode(format!("{user}:{key}"));
            let path = format!("/twilio/v2/Services/{service}/Verifications");
            (path, format!("Basic {credentials}"))
        };
        Some(Self {
            kind,
            path,
            authorization,
            next_number: Arc::clone(next_number),
            log: Log::default(),
        })
    }
}

impl Sends for DialectCreates {
    fn log(&self) -> &Log {
        &self.log
    }
}

impl Work for DialectCreates {
    type Item = u32;

    fn next(&self, request: &mut Vec<u8>) -> Option<u32> {
        let number = number_of(self.next_number.fetch_add(1, Ordering::Relaxed));
        let form = if self.kind == Kind::TelegramGateway {
            format!("phone_number=%2B998{number}&code_length=6")
        } else {
            format!("To=%2B998{number}&Channel=telegram")
        };
        write_form(request, &self.path, &self.authorization, &form);
        Some(number)
    }

    fn accept(&self, number: u32, status: u16, body: &[u8]) -> bool {
        let accepted = if self.kind == Kind::TelegramGateway {
            status == 200 && find(body, b"\"ok\":true").is_some()
        } else {
            status == 201
        };
        if accepted {
            // Its id is of no use to the other phases.
            let (id, at) = ([0; 36], Instant::now());
            self.log.push(Accepted { number, id, at });
        }
        accepted
    }
}
