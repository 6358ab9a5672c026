//! Sends ended spans to a collector, in the background and in batches. A collector that is slow or away delays nothing: what
//! finds the queue full is dropped and counted.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::otlp::{self, Resource};
use crate::channels::transport;
use crate::clock::Clock;
use crate::config::Telemetry;
use crate::secret::random;
use crate::trace::{Outside, Span, Tracer, dropped};

/// Spans in a request, and how long they wait for one another.
const BATCH: usize = 512;
const GATHERING: Duration = Duration::from_secs(1);
/// Time limit for the collector's answer.
const LIMIT: Duration = Duration::from_secs(10);
/// The first pause after a failure, and the longest. Each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The task that exports.
#[derive(Debug)]
pub struct Exporter {
    stop: CancellationToken,
    running: JoinHandle<()>,
}

struct Collector {
    client: reqwest::Client,
    url: String,
    headers: HeaderMap,
    resource: Resource,
    is_away: bool,
}

/// Why a batch was not taken.
#[derive(Debug)]
enum Failure {
    /// It may be taken later, perhaps after this time.
    Away(String, Option<Duration>),
    /// It will never be.
    Refused(String),
}

/// Starts the exporter where one is configured. Must be called within the runtime.
pub fn start(telemetry: &Telemetry, clock: &Clock) -> Result<Option<(Tracer, Exporter)>, String> {
    let Some(endpoint) = &telemetry.otlp_endpoint else {
        return Ok(None);
    };
    let client = transport::client(|builder| builder.timeout(LIMIT).connect_timeout(LIMIT / 2));
    let clock = clock.clone();
    let outside = Outside {
        now: move || {
            let nanoseconds = clock.now().timestamp_nanos_opt();
            nanoseconds.map_or(0, i64::unsigned_abs)
        },
        random,
    };
    let (tracer, ended) = Tracer::new(outside, telemetry.sample);
    let collector = Collector {
        client: client.map_err(|error| error.to_string())?,
        url: format!("{endpoint}/v1/traces"),
        headers: headers(telemetry)?,
        resource: Resource {
            service_name: telemetry.service_name.clone(),
            instance_id: uuid::Builder::from_random_bytes(random())
                .into_uuid()
                .to_string(),
        },
        is_away: false,
    };
    let stop = CancellationToken::new();
    let running = tokio::spawn(collector.export(ended, stop.clone()));
    Ok(Some((tracer, Exporter { stop, running })))
}

fn headers(telemetry: &Telemetry) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &telemetry.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
        let mut value = HeaderValue::from_str(value.expose()).map_err(|error| error.to_string())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

impl Exporter {
    /// Sends what is left, once, within the time limit.
    pub async fn stop(self, limit: Duration) {
        self.stop.cancel();
        let abort = self.running.abort_handle();
        if timeout(limit, self.running).await.is_err() {
            abort.abort();
            tracing::warn!("the last traces were not delivered in time");
        }
    }
}

impl Collector {
    async fn export(mut self, mut ended: Receiver<Span>, stop: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => break,
                count = ended.recv_many(&mut batch, BATCH) => if count == 0 { break },
            }
            let gathered = async {
                while let room @ 1.. = BATCH - batch.len()
                    && ended.recv_many(&mut batch, room).await > 0
                {}
            };
            tokio::select! {
                () = stop.cancelled() => break,
                _ = timeout(GATHERING, gathered) => {}
            }
            self.deliver(&mut batch, &stop).await;
        }
        ended.close();
        loop {
            while batch.len() < BATCH
                && let Ok(span) = ended.try_recv()
            {
                batch.push(span);
            }
            if batch.is_empty() {
                return;
            }
            // At the end each batch has one try.
            let sent = self.send(&batch).await;
            self.learn(&sent, batch.len());
            if sent.is_err() {
                let unsent = match sent {
                    Err(Failure::Away(..)) => batch.len(),
                    _ => 0,
                };
                dropped((unsent + ended.len()) as u64);
                return;
            }
            batch.clear();
        }
    }

    /// Repeats until the batch is taken or refused; leaves it where the program stops before.
    async fn deliver(&mut self, batch: &mut Vec<Span>, stop: &CancellationToken) {
        let mut pause = FIRST_PAUSE;
        loop {
            let sent = tokio::select! {
                () = stop.cancelled() => return,
                sent = self.send(batch) => sent,
            };
            self.learn(&sent, batch.len());
            let Err(Failure::Away(_, wanted)) = sent else {
                batch.clear();
                return;
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wanted.unwrap_or(pause).min(LONGEST_PAUSE)) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn send(&self, batch: &[Span]) -> Result<u64, Failure> {
        let request = self.client.post(&self.url).headers(self.headers.clone());
        let request = request
            .header("content-type", "application/json")
            .body(otlp::body(&self.resource, batch));
        let away = |error: reqwest::Error| Failure::Away(describe(error), None);
        let mut answer = request.send().await.map_err(away)?;
        let status = answer.status();
        if status.is_success() {
            let mut body = Vec::new();
            // What rejected nothing has a short answer.
            while body.len() < 4_096
                && let Ok(Some(more)) = answer.chunk().await
            {
                body.extend_from_slice(&more);
            }
            return Ok(otlp::rejected(&body));
        }
        let problem = format!("answered {}", status.as_u16());
        let wanted = answer.headers().get(RETRY_AFTER);
        let seconds = wanted.and_then(|wanted| wanted.to_str().ok()?.parse().ok());
        match status {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => {
                Err(Failure::Away(problem, seconds.map(Duration::from_secs)))
            }
            _ => Err(Failure::Refused(problem)),
        }
    }

    /// Counts what is lost, and logs that the collector went away, and that it is back: once each.
    fn learn(&mut self, sent: &Result<u64, Failure>, spans: usize) {
        let problem = match sent {
            Ok(rejected) => {
                dropped(*rejected);
                if std::mem::take(&mut self.is_away) {
                    tracing::info!("the collector of telemetry.otlp_endpoint takes traces again");
                }
                return;
            }
            Err(Failure::Away(problem, _)) => problem,
            Err(Failure::Refused(problem)) => {
                dropped(spans as u64);
                problem
            }
        };
        if !std::mem::replace(&mut self.is_away, true) {
            tracing::warn!(
                error = problem,
                "the collector of telemetry.otlp_endpoint takes no traces; some wait for it, the rest are dropped"
            );
        }
    }
}

/// The failure in words, without the URL.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string().chars().take(200).collect()
}
