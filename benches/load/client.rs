//! Load generator: many keep-alive connections, each sending its next request after the answer to the last one. HTTP is
//! minimal, because the generator shares the processor with the gateway.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A phase's requests, and which answers count.
pub trait Work: Send + Sync + 'static {
    type Item: Send;

    /// Writes the next request; `None` when there are no more.
    fn next(&self, request: &mut Vec<u8>) -> Option<Self::Item>;

    /// Whether the answer counts. Others are recorded as errors.
    fn accept(&self, item: Self::Item, status: u16, body: &[u8]) -> bool;
}

#[derive(Default)]
pub struct Run {
    pub seconds: f64,
    /// Latencies of accepted answers in microseconds, sorted.
    pub micros: Vec<u32>,
    /// Counts by HTTP status or kind of I/O error.
    pub errors: BTreeMap<String, u32>,
}

impl Run {
    pub fn requests(&self) -> u32 {
        u32::try_from(self.micros.len()).unwrap_or(u32::MAX)
    }

    pub fn per_second(&self) -> f64 {
        f64::from(self.requests()) / self.seconds
    }
}

/// Runs `work` for `span`, or until it has no more requests.
/// Connections are spread over the addresses.
pub async fn drive<W: Work>(
    addresses: &[SocketAddr],
    connections: usize,
    span: Duration,
    work: &Arc<W>,
) -> Run {
    let begin = Instant::now();
    let tasks: Vec<_> = (addresses.iter().cycle().take(connections))
        .map(|address| (*address, Arc::clone(work)))
        .map(|(address, work)| tokio::spawn(drive_one(address, begin + span, work)))
        .collect();
    let mut run = Run::default();
    for task in tasks {
        let (micros, errors) = task.await.expect("connection tasks do not panic");
        run.micros.extend(micros);
        for (kind, count) in errors {
            *run.errors.entry(kind).or_default() += count;
        }
    }
    run.seconds = begin.elapsed().as_secs_f64();
    run.micros.sort_unstable();
    run
}

async fn drive_one<W: Work>(
    address: SocketAddr,
    end: Instant,
    work: Arc<W>,
) -> (Vec<u32>, BTreeMap<String, u32>) {
    let (mut micros, mut errors) = (Vec::new(), BTreeMap::new());
    let mut connection = Connection::new(address);
    let mut request = Vec::new();
    while Instant::now() < end {
        request.clear();
        let Some(item) = work.next(&mut request) else {
            break;
        };
        let begin = Instant::now();
        let fault = match connection.send(&request).await {
            Ok((status, body)) => {
                let took = begin.elapsed().as_micros();
                if work.accept(item, status, body) {
                    micros.push(u32::try_from(took).unwrap_or(u32::MAX));
                    continue;
                }
                status.to_string()
            }
            Err(error) => {
                tokio::time::sleep(Duration::from_millis(10)).await;
                error.kind().to_string()
            }
        };
        *errors.entry(fault).or_default() += 1;
    }
    (micros, errors)
}

/// Appends a complete HTTP request.
pub fn write_request(request: &mut Vec<u8>, method: &str, path: &str, key: &str, body: &str) {
    request.extend_from_slice(
        format!(
            "{method} {path} HTTP/1.1\r\nhost: load\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .as_bytes(),
    );
}

/// A POST with credentials of any kind.
pub fn write_post(
    request: &mut Vec<u8>,
    path: &str,
    authorization: &str,
    content_type: &str,
    body: &str,
) {
    request.extend_from_slice(
        format!(
            "POST {path} HTTP/1.1\r\nhost: load\r\nauthorization: {authorization}\r\n\
             content-type: {content_type}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .as_bytes(),
    );
}

/// A keep-alive connection, opened on first use and reopened after an error.
pub struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
            buffer: Vec::with_capacity(4096),
        }
    }

    /// Sends a request and returns the status and body of the answer.
    pub async fn send(&mut self, request: &[u8]) -> io::Result<(u16, &[u8])> {
        let mut stream = if let Some(stream) = self.stream.take() {
            stream
        } else {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            stream
        };
        stream.write_all(request).await?;
        self.buffer.clear();
        let message = read_message(&mut stream, &mut self.buffer)
            .await?
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        self.stream = Some(stream);
        let status = message
            .head
            .get(9..12)
            .and_then(|digits| digits.parse().ok())
            .ok_or(io::ErrorKind::InvalidData)?;
        Ok((status, message.body))
    }
}

pub struct Message<'a> {
    pub head: &'a str,
    pub body: &'a [u8],
}

/// Reads a request or response with a `Content-Length`. `None` if the peer closed before sending anything.
pub async fn read_message<'a>(
    stream: &mut TcpStream,
    buffer: &'a mut Vec<u8>,
) -> io::Result<Option<Message<'a>>> {
    let mut end = None;
    loop {
        if end.is_none() {
            end = find(buffer, b"\r\n\r\n")
                .map(|head| Ok::<_, io::Error>((head, head + 4 + content_length(&buffer[..head])?)))
                .transpose()?;
        }
        if let Some((head, end)) = end
            && buffer.len() >= end
        {
            let (head, body) = buffer[..end].split_at(head);
            let head = str::from_utf8(head).map_err(|_| io::ErrorKind::InvalidData)?;
            return Ok(Some(Message {
                head,
                body: &body[4..],
            }));
        }
        if stream.read_buf(buffer).await? == 0 {
            return match buffer.len() {
                0 => Ok(None),
                _ => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        }
    }
}

fn content_length(head: &[u8]) -> io::Result<usize> {
    const NAME: &[u8] = b"content-length:";
    let value = head
        .split(|byte| *byte == b'\n')
        .find_map(|line| {
            let (name, value) = line.split_at_checked(NAME.len())?;
            name.eq_ignore_ascii_case(NAME).then_some(value)
        })
        .unwrap_or(b"0");
    str::from_utf8(value)
        .ok()
        .and_then(|value| value.trim().parse().ok())
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

pub fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
