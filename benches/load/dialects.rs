//! Creates in the words of other services, to be compared with the same creates in our own. To add one: its kind in `options.rs`, and its
//! words here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::client::{Work, find, write_post};
use crate::options::Kind;
use crate::work::{Accepted, Log, Sends, number_of};

/// How a dialect asks for a code.
struct Words {
    path: String,
    authorization: String,
    content_type: &'static str,
    /// Of a number without its country's code, 998.
    body: fn(u32) -> String,
    accepts: fn(u16, &[u8]) -> bool,
}

pub struct DialectCreates {
    words: Words,
    next_number: Arc<AtomicU32>,
    log: Log,
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

impl Words {
    /// `created`: what the gateway was asked for at its start. `None`: this build does not speak the dialect.
    fn of(kind: Kind, created: &Value) -> Option<Self> {
        let dialects = &created["dialects"];
        let key = created["key"].as_str()?;
        let basic = |user: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{key}")));
        Some(match kind {
            Kind::TelegramGateway => {
                dialects["telegram"]["access_token"].as_str()?;
                Self {
                    path: "/telegram-gateway/sendVerificationMessage".to_owned(),
                    authorization: format!("Bearer {key}"),
                    content_type: FORM,
                    body: |number| format!("phone_number=%2B998{number}&code_length=6"),
                    accepts: |status, body| status == 200 && find(body, b"\"ok\":true").is_some(),
                }
            }
            Kind::Twilio => {
                let service = dialects["twilio"]["service_sid"].as_str()?;
                Self {
                    path: format!("/twilio/v2/Services/{service}/Verifications"),
                    authorization: basic(dialects["twilio"]["api_key_sid"].as_str()?),
                    content_type: FORM,
                    body: |number| format!("To=%2B998{number}&Channel=telegram"),
                    accepts: |status, _| status == 201,
                }
            }
            Kind::Vonage => Self {
                path: "/vonage/v2/verify".to_owned(),
                authorization: basic(dialects["vonage"]["api_key"].as_str()?),
                content_type: JSON,
                body: |number| {
                    let step = format!(r#"{{"channel":"telegram","to":"998{number}"}}"#);
                    format!(r#"{{"brand":"Shop","workflow":[{step}]}}"#)
                },
                accepts: |status, _| status == 202,
            },
            _ => {
                let hook = &created["hook"];
                Self {
                    path: format!("/hooks/generic/{}", hook["id"].as_str()?),
                    authorization: format!("Bearer {}", hook["secret"].as_str()?),
                    content_type: JSON,
                    body: |number| format!(r#"{{"phone":"+998{number}","code":"561166"}}"#),
                    accepts: |status, _| status == 200,
                }
            }
        })
    }
}

impl DialectCreates {
    /// `None`: this build does not speak the dialect.
    pub fn new(kind: Kind, created: &Value, next_number: &Arc<AtomicU32>) -> Option<Self> {
        Some(Self {
            words: Words::of(kind, created)?,
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
        let body = (self.words.body)(number);
        let Words {
            path,
            authorization,
            content_type,
            ..
        } = &self.words;
        write_post(request, path, authorization, content_type, &body);
        Some(number)
    }

    fn accept(&self, number: u32, status: u16, body: &[u8]) -> bool {
        let accepted = (self.words.accepts)(status, body);
        if accepted {
            // Its id is of no use to the other phases.
            let (id, at) = ([0; 36], Instant::now());
            self.log.push(Accepted { number, id, at });
        }
        accepted
    }
}
