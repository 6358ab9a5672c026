//! The outside world, faked over HTTP: a Telegram Gateway and SMS providers that record requests and give scripted
//! answers.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_lc_rs::{digest, hmac};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

pub const TOKEN: &str = "AAEFtestTOKENofTheGatewayAAAAAAAAAAAAAAAAAAAAA";

/// A received request.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Seen {
    /// The body as JSON, or null.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    fn is(&self, telegram_method: &str) -> bool {
        self.target.ends_with(&format!("/{telegram_method}"))
    }
}

#[derive(Clone, Debug)]
pub enum Answer {
    Json(u16, Value),
    Text(u16, String),
    /// Called JSON, whatever it is.
    Bytes(u16, Vec<u8>),
    /// JSON with `Retry-After`.
    Later(u16, Value, u64),
    /// A redirect.
    Moved(String),
    /// Does not answer.
    Hang,
    /// Closes the connection without answering.
    Cut,
    /// The usual success, but delayed until the test allows it.
    TakenAfter(Arc<Notify>),
    /// A 200 with this body, delayed likewise.
    JsonAfter(Arc<Notify>, Value),
}

/// A Telegram error: `ok:false` and a code, on HTTP 200.
pub fn error(word: &str) -> Answer {
    Answer::Json(200, json!({ "ok": false, "error": word }))
}

type Responder = Box<dyn FnMut(&Seen) -> Answer + Send>;

/// A fake server. Serves until it is stopped or the test's runtime ends.
#[derive(Clone)]
pub struct Fake {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    count: Arc<watch::Sender<usize>>,
    serving: Arc<Mutex<Option<tokio::task::JoinHandle<()>>>>,
}

struct State {
    seen: Vec<Seen>,
    otherwise: Responder,
}

impl Fake {
    pub async fn start(otherwise: impl FnMut(&Seen) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::new(Mutex::new(State {
                seen: Vec::new(),
                otherwise: Box::new(otherwise),
            })),
            count: Arc::new(watch::channel(0).0),
            serving: Arc::default(),
        };
        fake.serve(listener);
        fake
    }

    /// Refuses new connections and closes the open ones.
    pub fn stop(&self) {
        let serving = self.serving.lock().unwrap().take();
        serving.expect("it is serving").abort();
    }

    /// Serves again, on the same port.
    pub async fn resume(&self) {
        self.serve(TcpListener::bind(self.address).await.unwrap());
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// Waits until `count` requests have arrived.
    pub async fn until_seen(&self, count: usize) {
        let mut seen = self.count.subscribe();
        let wait = seen.wait_for(|n| *n >= count);
        tokio::time::timeout(std::time::Duration::from_secs(30), wait)
            .await
            .expect("the requests arrive in time")
            .unwrap();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn serve(&self, listener: TcpListener) {
        let fake = self.clone();
        let serving = tokio::spawn(async move {
            // Dropped with this task, which closes the connections.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let fake = fake.clone();
                connections.spawn(async move { fake.converse(stream).await });
            }
        });
        *self.serving.lock().unwrap() = Some(serving);
    }

    async fn converse(&self, mut stream: TcpStream) -> Option<()> {
        let mut buffer = Vec::new();
        loop {
            let request = read_request(&mut stream, &mut buffer).await?;
            let answer = {
                let mut state = self.state();
                state.seen.push(request.clone());
                (state.otherwise)(&request)
            };
            self.count.send_modify(|n| *n += 1);
            let mut more = String::new();
            let (status, kind, body) = match answer {
                Answer::TakenAfter(started_send) => {
                    started_send.notified().await;
                    let Answer::Json(status, body) = taken(&request.json(), "77") else {
                        return None;
                    };
                    (status, "application/json", bytes(&body))
                }
                Answer::JsonAfter(allowed, body) => {
                    allowed.notified().await;
                    (200, "application/json", bytes(&body))
                }
                Answer::Json(status, body) => (status, "application/json", bytes(&body)),
                Answer::Text(status, body) => (status, "text/plain", body.into_bytes()),
                Answer::Bytes(status, body) => (status, "application/json", body),
                Answer::Later(status, body, seconds) => {
                    more = format!("retry-after: {seconds}\r\n");
                    (status, "application/json", bytes(&body))
                }
                Answer::Moved(to) => {
                    more = format!("location: {to}\r\n");
                    (307, "text/plain", Vec::new())
                }
                Answer::Hang => std::future::pending().await,
                Answer::Cut => return None,
            };
            let head = format!(
                "HTTP/1.1 {status} -\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n{more}\r\n",
                body.len()
            );
            stream
                .write_all(&[head.as_bytes(), &body].concat())
                .await
                .ok()?;
        }
    }
}

fn bytes(body: &Value) -> Vec<u8> {
    body.to_string().into_bytes()
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Seen> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end;
        }
        read_more(stream, buffer).await?;
    };
    let head = String::from_utf8(buffer[..end].to_vec()).ok()?;
    buffer.drain(..end + 4);
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.parse().unwrap());
    while buffer.len() < length {
        read_more(stream, buffer).await?;
    }
    Some(Seen {
        method: first.next()?.to_owned(),
        target: first.next()?.to_owned(),
        headers,
        text: String::from_utf8(buffer.drain(..length).collect()).ok()?,
    })
}

async fn read_more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 4_096];
    let count = stream.read(&mut chunk).await.ok()?;
    buffer.extend_from_slice(&chunk[..count]);
    (count > 0).then_some(())
}

/// A fake Telegram Gateway. By default it accepts each message at 0.01 and reports it as sent.
#[derive(Clone)]
pub struct Telegram {
    pub fake: Fake,
    script: Arc<Mutex<Script>>,
}

#[derive(Default)]
struct Script {
    sends: VecDeque<Answer>,
    asks: VecDeque<Answer>,
    last_request: u64,
}

impl Telegram {
    pub async fn start() -> Self {
        let script = Arc::new(Mutex::new(Script::default()));
        let scripted = Arc::clone(&script);
        let fake = Fake::start(move |seen| scripted.lock().unwrap().answer(seen)).await;
        Self { fake, script }
    }

    /// Scripts the answers to the next sends.
    pub fn next_sends(&self, answers: impl IntoIterator<Item = Answer>) {
        // Collected before locking, because the iterator may lock the script too.
        let answers: Vec<Answer> = answers.into_iter().collect();
        self.script().sends.extend(answers);
    }

    /// Scripts the answers to the next status requests.
    pub fn next_asks(&self, answers: impl IntoIterator<Item = Answer>) {
        let answers: Vec<Answer> = answers.into_iter().collect();
        self.script().asks.extend(answers);
    }

    pub fn sends(&self) -> Vec<Value> {
        self.bodies("sendVerificationMessage")
    }

    /// Status requests, with and without a code.
    pub fn asks(&self) -> Vec<Value> {
        self.bodies("checkVerificationStatus")
    }

    pub fn revokes(&self) -> Vec<Value> {
        self.bodies("revokeVerificationMessage")
    }

    /// The request id returned for the newest send.
    pub fn last_request_id(&self) -> String {
        request_id(self.script().last_request)
    }

    /// A Telegram report about the newest send.
    pub fn status(&self, delivery: &str) -> Value {
        let send = self.sends().pop().expect("a message was sent");
        status_of(&send, &self.last_request_id(), delivery)
    }

    /// The answer to a status request about the newest send.
    pub fn asked(&self, delivery: &str) -> Answer {
        Answer::Json(200, json!({ "ok": true, "result": self.status(delivery) }))
    }

    fn bodies(&self, method: &str) -> Vec<Value> {
        let seen = self.fake.seen().into_iter();
        seen.filter(|seen| seen.is(method))
            .map(|seen| seen.json())
            .collect()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }
}

impl Script {
    fn answer(&mut self, seen: &Seen) -> Answer {
        let body = seen.json();
        if seen.is("sendVerificationMessage") {
            self.last_request += 1;
            let scripted = self.sends.pop_front();
            return scripted.unwrap_or_else(|| taken(&body, &request_id(self.last_request)));
        }
        if seen.is("checkVerificationStatus") {
            let usual = || {
                let result = json!({
                    "request_id": body["request_id"], "phone_number": "0", "request_cost": 0.01,
                    "delivery_status": { "status": "sent", "updated_at": 1 },
                });
                Answer::Json(200, json!({ "ok": true, "result": result }))
            };
            return self.asks.pop_front().unwrap_or_else(usual);
        }
        Answer::Json(200, json!({ "ok": true, "result": true }))
    }
}

/// The answer to an accepted send, with quirks of the live service: no plus sign, a balance of 0.
pub fn taken(send: &Value, request_id: &str) -> Answer {
    let mut result = status_of(send, request_id, "sent");
    result["remaining_balance"] = json!(0);
    Answer::Json(200, json!({ "ok": true, "result": result }))
}

fn status_of(send: &Value, request_id: &str, delivery: &str) -> Value {
    let number = send["phone_number"]
        .as_str()
        .unwrap_or("")
        .trim_start_matches('+');
    json!({
        "request_id": request_id, "phone_number": number, "request_cost": 0.01,
        "delivery_status": { "status": delivery, "updated_at": 1_789_894_598 }, "payload": send["payload"],
    })
}

fn request_id(count: u64) -> String {
    format!("{}", 222_370_177_540_000 + count)
}

/// A report's signature: HMAC-SHA256 of timestamp, line feed and body, with the token's SHA-256 as the key.
pub fn signature(token: &str, timestamp: &str, body: &str) -> String {
    let secret = digest::digest(&digest::SHA256, token.as_bytes());
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref());
    let tag = hmac::sign(&key, format!("{timestamp}\n{body}").as_bytes());
    tag.as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// A fake SMS provider. By default it accepts each message and returns an id.
#[derive(Clone)]
pub struct Sms {
    pub fake: Fake,
    script: Arc<Mutex<VecDeque<Answer>>>,
}

impl Sms {
    pub async fn start() -> Self {
        let script = Arc::new(Mutex::new(VecDeque::<Answer>::new()));
        let scripted = Arc::clone(&script);
        let mut count = 0;
        let fake = Fake::start(move |_| {
            count += 1;
            let usual = || Answer::Json(200, json!({ "message_id": format!("sms-{count}") }));
            scripted.lock().unwrap().pop_front().unwrap_or_else(usual)
        })
        .await;
        Self { fake, script }
    }

    pub fn next_sends(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script.lock().unwrap().extend(answers);
    }

    pub fn sends(&self) -> Vec<Value> {
        self.fake.seen().iter().map(Seen::json).collect()
    }

    /// Path and query of the newest message's callback URL.
    pub fn callback_path(&self) -> String {
        let send = self.sends().pop().expect("a message was sent");
        path_of(
            send["dlr"]
                .as_str()
                .expect("the message has a callback URL"),
        )
    }
}

/// A URL's path and query.
pub fn path_of(url: &str) -> String {
    let (_, rest) = url.split_once("://").expect("an absolute URL");
    rest[rest.find('/').expect("a path")..].to_owned()
}
