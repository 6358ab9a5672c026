//! A stand-in SMS provider that accepts every message, at once or after a delay, and records when each arrived.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::client::{find, read_message};

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 33\r\n\r\n\
    {\"message_id\":\"x\",\"status\":\"ok\"}\n";

pub struct Provider {
    pub address: SocketAddr,
    delay_millis: AtomicU64,
    arrivals: Mutex<Vec<Arrival>>,
}

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
            arrivals: Mutex::default(),
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

    /// Waits until `expected` messages have arrived, or none has for five seconds.
    pub async fn wait_for(&self, expected: usize) {
        let (mut seen, mut since) = (0, Instant::now());
        while seen < expected && since.elapsed() < Duration::from_secs(5) {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let now = self.lock().len();
            if now > seen {
                (seen, since) = (now, Instant::now());
            }
        }
    }

    /// Messages that arrived since the last call.
    pub fn take_arrivals(&self) -> Vec<Arrival> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arrival>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut buffer = Vec::with_capacity(2048);
        while let Some(message) = read_message(&mut stream, &mut buffer).await? {
            let at = Instant::now();
            if let Some(number) = number(message.body) {
                self.lock().push(Arrival { number, at });
            }
            let delay = self.delay_millis.load(Ordering::Relaxed);
            if delay > 0 {
                tokio::time::sleep(Duration::from_millis(delay)).await;
            }
            stream.write_all(ANSWER).await?;
            buffer.clear();
        }
        Ok(())
    }
}

/// The number in `{"to":"+998901234567",…}`, without its country code.
fn number(body: &[u8]) -> Option<u32> {
    const COUNTRY: &[u8] = b"\"+998";
    let begin = find(body, COUNTRY)? + COUNTRY.len();
    str::from_utf8(body.get(begin..begin + 9)?)
        .ok()?
        .parse()
        .ok()
}
