//! The measured phases: creates, right checks, wrong checks, and creates with a slow provider. To add one, extend
//! [`Phases::run`].

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Run, Work, drive, find, write_request};
use crate::gateway::{Gateway, postgres_cpu};
use crate::provider::Provider;

const WARM_UP: Duration = Duration::from_secs(1);

/// Wrong codes per verification, one fewer than would lock it.
const WRONG_CODES: usize = 4;

pub struct Phases<'a> {
    pub gateway: &'a Gateway,
    pub provider: Arc<Provider>,
    pub postgres_pid: Option<u32>,
    pub span: Duration,
    pub delay: Duration,
    /// Every create uses a new number.
    pub next_number: Arc<AtomicU32>,
    pub done: Vec<Phase>,
}

impl Phases<'_> {
    pub async fn run(&mut self, connections: usize) {
        let created = self.create("create", connections, "").await;
        let instant = self.done.last().map(|phase| phase.run.per_second());

        // Set the code, so that the right one is known.
        let known = Arc::new(self.creates(r#","code":"123456""#));
        drive(self.gateway.address, connections, self.span, &known).await;
        let (known, _) = self.settle(&known).await;
        let right = Checks::new(self, &known, 1, "123456", b"\"valid\":true");
        self.check("check, right code", connections, right).await;

        let wrong = Checks::new(self, &created, WRONG_CODES, "000000", b"\"valid\":false");
        self.check("check, wrong code", connections, wrong).await;

        self.provider.answer_after(self.delay);
        self.create("create, slow provider", connections, r#","wait":0"#)
            .await;
        self.provider.answer_after(Duration::ZERO);
        if let (Some(slow), Some(instant)) = (self.done.last_mut(), instant) {
            slow.of_instant_rate = Some(slow.run.per_second() / instant);
        }
    }

    fn creates(&self, members: &'static str) -> Creates {
        Creates {
            key: self.gateway.key.clone(),
            members,
            next_number: Arc::clone(&self.next_number),
            created: Mutex::default(),
        }
    }

    /// Waits until the provider has the messages of all accepted creates, then takes the creates and compares the two.
    async fn settle(&self, creates: &Creates) -> (Vec<Created>, Sent) {
        let created = creates.take();
        self.provider.wait_for(created.len()).await;
        let mut arrivals = HashMap::new();
        let mut twice = 0;
        for arrival in self.provider.take_arrivals() {
            if arrivals.insert(arrival.number, arrival.at).is_some() {
                twice += 1;
            }
        }
        let mut sent = Sent {
            twice,
            ..Sent::default()
        };
        for created in &created {
            match arrivals.get(&created.number) {
                Some(at) => {
                    let waited = at.saturating_duration_since(created.at).as_micros();
                    sent.micros.push(u32::try_from(waited).unwrap_or(u32::MAX));
                }
                None => sent.lost += 1,
            }
        }
        sent.micros.sort_unstable();
        (created, sent)
    }

    async fn create(
        &mut self,
        name: &'static str,
        connections: usize,
        members: &'static str,
    ) -> Vec<Created> {
        eprintln!("{name}, {connections} connections …");
        let creates = Arc::new(self.creates(members));
        drive(self.gateway.address, connections, WARM_UP, &creates).await;
        self.settle(&creates).await;

        let before = self.usage().await;
        let run = drive(self.gateway.address, connections, self.span, &creates).await;
        let (created, sent) = self.settle(&creates).await;
        self.finish(name, connections, run, &before, Some(sent))
            .await;
        created
    }

    async fn check(&mut self, name: &'static str, connections: usize, checks: Checks) {
        eprintln!("{name}, {connections} connections …");
        let checks = Arc::new(checks);
        drive(self.gateway.address, connections, WARM_UP / 4, &checks).await;
        let before = self.usage().await;
        let run = drive(self.gateway.address, connections, self.span, &checks).await;
        self.finish(name, connections, run, &before, None).await;
    }

    async fn usage(&self) -> Usage {
        self.gateway.forget_peak_memory();
        Usage {
            commits: self.gateway.commits().await,
            gateway: self.gateway.cpu(),
            postgres: self.postgres_pid.and_then(postgres_cpu),
        }
    }

    async fn finish(
        &mut self,
        name: &'static str,
        connections: usize,
        run: Run,
        before: &Usage,
        sent: Option<Sent>,
    ) {
        let memory = self.gateway.peak_memory();
        let postgres = self.postgres_pid.and_then(postgres_cpu);
        let gateway = self.gateway.cpu();
        let commits = self.gateway.commits().await;
        let per_request = |before: Option<Duration>, after: Option<Duration>| {
            let used = after?.checked_sub(before?)?.as_secs_f64() * 1e6;
            Some(used / f64::from(run.requests().max(1)))
        };
        let group = before.commits.zip(commits).and_then(|(before, after)| {
            let groups = after.1 - before.1;
            (groups > 0.0).then_some((after.0 - before.0) / groups)
        });
        self.done.push(Phase {
            name,
            connections,
            gateway_micros: per_request(before.gateway, gateway),
            postgres_micros: per_request(before.postgres, postgres),
            memory_mib: memory.map(|kib| f64::from(kib) / 1024.0),
            group,
            sent,
            of_instant_rate: None,
            run,
        });
    }
}

struct Usage {
    commits: Option<(f64, f64)>,
    gateway: Option<Duration>,
    postgres: Option<Duration>,
}

// --- The work

struct Creates {
    key: String,
    /// Further JSON members of the request.
    members: &'static str,
    next_number: Arc<AtomicU32>,
    created: Mutex<Vec<Created>>,
}

struct Created {
    /// Without its country code.
    number: u32,
    id: String,
    /// When the response arrived.
    at: Instant,
}

impl Creates {
    fn lock(&self) -> MutexGuard<'_, Vec<Created>> {
        self.created.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<Created> {
        std::mem::take(&mut *self.lock())
    }
}

impl Work for Creates {
    type Item = u32;

    fn next(&self, request: &mut Vec<u8>) -> Option<u32> {
        let number = 900_000_000 + self.next_number.fetch_add(1, Ordering::Relaxed) % 10_000_000;
        let body = format!(r#"{{"phone_number":"+998{number}"{}}}"#, self.members);
        write_request(request, "POST", "/v1/verifications", &self.key, &body);
        Some(number)
    }

    /// A 200 would be a reused verification, for which nothing is sent.
    fn accept(&self, number: u32, status: u16, body: &[u8]) -> bool {
        let at = Instant::now();
        let id = find(body, b"\"id\":\"").and_then(|begin| body.get(begin + 6..begin + 42));
        let (201, Some(id)) = (status, id) else {
            return false;
        };
        let id = String::from_utf8_lossy(id).into_owned();
        self.lock().push(Created { number, id, at });
        true
    }
}

struct Checks {
    key: String,
    ids: Vec<String>,
    body: String,
    expected: &'static [u8],
    asked: AtomicUsize,
    rounds: usize,
}

impl Checks {
    fn new(
        phases: &Phases<'_>,
        created: &[Created],
        rounds: usize,
        code: &str,
        expected: &'static [u8],
    ) -> Self {
        Self {
            key: phases.gateway.key.clone(),
            ids: created.iter().map(|created| created.id.clone()).collect(),
            body: json!({ "code": code }).to_string(),
            expected,
            asked: AtomicUsize::new(0),
            rounds,
        }
    }
}

impl Work for Checks {
    type Item = ();

    fn next(&self, request: &mut Vec<u8>) -> Option<()> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        if asked >= self.ids.len() * self.rounds {
            return None;
        }
        let path = format!(
            "/v1/verifications/{}/check",
            self.ids[asked % self.ids.len()]
        );
        write_request(request, "POST", &path, &self.key, &self.body);
        Some(())
    }

    fn accept(&self, (): (), status: u16, body: &[u8]) -> bool {
        status == 200 && find(body, self.expected).is_some()
    }
}

// --- The result

/// Messages of accepted creates, as seen by the provider.
#[derive(Default)]
struct Sent {
    /// Time from the create's response to the message's arrival, sorted; zero if the message came first.
    micros: Vec<u32>,
    lost: u32,
    twice: u32,
}

pub struct Phase {
    name: &'static str,
    connections: usize,
    run: Run,
    gateway_micros: Option<f64>,
    postgres_micros: Option<f64>,
    memory_mib: Option<f64>,
    group: Option<f64>,
    sent: Option<Sent>,
    /// Throughput relative to an instant provider.
    of_instant_rate: Option<f64>,
}

impl Phase {
    pub const HEADING: &'static str = "\
| phase                 | conn. |  req/s |   p50 |   p90 |   p99 |    max | gateway | Postgres | peak MiB | group | errors, messages to the provider";

    /// Nothing failed, was lost or was sent twice.
    pub fn is_clean(&self) -> bool {
        let sent_well = |sent: &Sent| sent.lost + sent.twice == 0;
        self.run.errors.is_empty()
            && self.run.requests() > 0
            && self.sent.as_ref().is_none_or(sent_well)
    }

    pub fn json(&self) -> Value {
        let sent = self.sent.as_ref().map(|sent| {
            json!({
                "answer_to_provider_ms": percentiles(&sent.micros),
                "lost": sent.lost,
                "twice": sent.twice,
            })
        });
        json!({
            "name": self.name,
            "connections": self.connections,
            "requests": self.run.requests(),
            "per_second": self.run.per_second(),
            "ms": percentiles(&self.run.micros),
            "gateway_us": self.gateway_micros,
            "postgres_us": self.postgres_micros,
            "peak_mib": self.memory_mib,
            "group": self.group,
            "errors": self.run.errors,
            "sent": sent,
            "of_instant_rate": self.of_instant_rate,
        })
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p90, p99, max] = percentiles(&self.run.micros);
        let figure =
            |figure: Option<f64>| figure.map_or(String::from("–"), |it| format!("{it:.1}"));
        write!(
            f,
            "| {:<21} | {:>5} | {:>6.0} | {p50:>5.1} | {p90:>5.1} | {p99:>5.1} | {max:>6.1} | {:>7} | {:>8} | {:>8} | {:>5} |",
            self.name,
            self.connections,
            self.run.per_second(),
            figure(self.gateway_micros),
            figure(self.postgres_micros),
            figure(self.memory_mib),
            figure(self.group),
        )?;
        for (kind, count) in &self.run.errors {
            write!(f, " {count} × {kind}")?;
        }
        if let Some(rate) = self.of_instant_rate {
            write!(f, " {:.0} % of the instant rate,", rate * 100.0)?;
        }
        if let Some(sent) = &self.sent {
            let [p50, _, p99, max] = percentiles(&sent.micros);
            write!(
                f,
                " {} lost, {} twice, {p50:.1} / {p99:.1} / {max:.1} ms after the answer (p50, p99, max)",
                sent.lost, sent.twice
            )?;
        }
        Ok(())
    }
}

/// p50, p90, p99 and the maximum of sorted microseconds, in milliseconds.
fn percentiles(micros: &[u32]) -> [f64; 4] {
    [50, 90, 99, 100].map(|percent| {
        let index = micros.len().saturating_sub(1) * percent / 100;
        micros.get(index).map_or(0.0, |it| f64::from(*it) / 1000.0)
    })
}
