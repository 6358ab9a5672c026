//! Stand-ins for an SMS provider and for the Telegram Gateway on one address. They accept every message, at once or after a
//! delay, and record what arrived when. The SMS provider can be told to answer one in twenty wrongly.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::client::{Message, find, read_message};

/// How long the gateway may take to write the outcome of an answer.
const OUTCOME: Duration = Duration::from_millis(100);

pub struct Provider {
    pub address: SocketAddr,
    delay_millis: AtomicU64,
    faulty: AtomicBool,
    arrivals: Mutex<Vec<Arrival>>,
    answered: AtomicUsize,
}

/// A message, or the report of a success.
pub struct Arrival {
    /// The last nine digits of the recipient's number.
    pub number: u32,
    pub at: Instant,
}

impl Provider {
    pub async fn start() -> io::Result<Arc<Self>> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let provider = Arc::new(Self {
            address: listener.local_addr()?,
            delay_millis: AtomicU64::new(0),
            faulty: AtomicBool::new(false),
            arrivals: Mutex::default(),
            answered: AtomicUsize::new(0),
        });
        let accepting = Arc::clone(&provider);
        tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let provider = Arc::clone(&accepting);
                        tokio::spawn(async move { provider.serve(stream).await });
                    }
                    Err(error) => {
                        eprintln!("the stand-in provider cannot accept: {error}");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        });
        Ok(provider)
    }

    pub fn answer_after(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.delay_millis.store(millis, Ordering::Relaxed);
    }

    pub fn answer_wrongly(&self, faulty: bool) {
        self.faulty.store(faulty, Ordering::Relaxed);
    }

    /// Waits until `expected` requests have been answered, or none has for five seconds, and until the gateway has had the
    /// time to write the outcomes.
    pub async fn wait_for(&self, expected: usize) {
        let (mut seen, mut since) = (0, Instant::now());
        while seen < expected && since.elapsed() < Duration::from_secs(5) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let now = self.answered.load(Ordering::Relaxed);
            if now > seen {
                (seen, since) = (now, Instant::now());
            }
        }
        tokio::time::sleep(OUTCOME).await;
    }

    /// What arrived since the last call.
    pub fn take_arrivals(&self) -> Vec<Arrival> {
        self.answered.store(0, Ordering::Relaxed);
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arrival>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut buffer = Vec::with_capacity(2048);
        let mut answer = Vec::with_capacity(512);
        while let Some(message) = read_message(&mut stream, &mut buffer).await? {
            let at = Instant::now();
            answer.clear();
            if let Some(number) = self.answer(&message, &mut answer) {
                self.lock().push(Arrival { number, at });
            }
            let delay = self.delay_millis.load(Ordering::Relaxed);
            if delay > 0 {
                tokio::time::sleep(Duration::from_millis(delay)).await;
            }
            stream.write_all(&answer).await?;
            self.answered.fetch_add(1, Ordering::Relaxed);
            buffer.clear();
        }
        Ok(())
    }

    /// Writes the answer, and returns whom the message or the success concerns.
    fn answer(&self, message: &Message<'_>, answer: &mut Vec<u8>) -> Option<u32> {
        if message.head.starts_with("POST /sendVerificationMessage ") {
            let number = digits_after(message.body, b"\"+998")?;
            write_answer(answer, 200, &telegram_status(number, ""));
            return Some(number);
        }
        if message.head.starts_with("POST /checkVerificationStatus ") {
            let number = digits_after(message.body, b"\"request_id\":\"")?;
            let valid = r#","verification_status":{"status":"code_valid","updated_at":1789894599}"#;
            write_answer(answer, 200, &telegram_status(number, valid));
            // Without a code it asks for the status of the message.
            return find(message.body, b"\"code\":").map(|_| number);
        }
        let number = digits_after(message.body, b"\"+998");
        let (status, body) = match number.unwrap_or_default() % 100 {
            // Apart, since five failures in a row would pause the provider.
            0 | 20 if self.faulty.load(Ordering::Relaxed) => (500, r#"{"error":"busy"}"#),
            40 | 60 if self.faulty.load(Ordering::Relaxed) => (400, r#"{"error":"unwanted"}"#),
            80 if self.faulty.load(Ordering::Relaxed) => (200, "<html>Welcome</html>"),
            _ => (200, r#"{"message_id":"x","status":"ok"}"#),
        };
        write_answer(answer, status, body);
        number
    }
}

fn write_answer(answer: &mut Vec<u8>, status: u16, body: &str) {
    answer.extend_from_slice(
        format!(
            "HTTP/1.1 {status} Answer\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .as_bytes(),
    );
}

/// A `RequestStatus` whose id is the number itself.
fn telegram_status(number: u32, members: &str) -> String {
    format!(
        r#"{{"ok":true,"result":{{"request_id":"{number}","phone_number":"998{number}","request_cost":0.01,"delivery_status":{{"status":"sent","updated_at":1789894598}}{members}}}}}"#
    )
}

/// The nine digits after `prefix`.
fn digits_after(body: &[u8], prefix: &[u8]) -> Option<u32> {
    let begin = find(body, prefix)? + prefix.len();
    str::from_utf8(body.get(begin..begin + 9)?)
        .ok()?
        .parse()
        .ok()
}
