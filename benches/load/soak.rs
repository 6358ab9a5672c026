//! The soak: creates at a fixed rate, each followed by checks. Every request has its time, whatever became of those before it, and
//! its latency counts from then, so that a stall shows in all that it delayed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Connection, Run, Work as _, find, write_request};
use crate::options::Kind;
use crate::phase::{Phase, Spent, figures};
use crate::phases::{BY_SMS, Phases};
use crate::upkeep::Upkeep;
use crate::work::{CODE, Creates};

/// From the answer to a create to its first check, and from a wrong check to the right one.
const PAUSES: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(1)];

/// Each of so many is first checked with a wrong code.
const WRONG: u32 = 5;

/// How long all connections at once take to find the greatest rate, which is then not used in full.
const CALIBRATION: Duration = Duration::from_secs(10);
const SHARE: f64 = 0.8;

/// How long after the last create the last check may come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a soak says besides the figures of its requests.
pub struct Soaked {
    connections: usize,
    /// Creates per second.
    rate: f64,
    /// The greatest one, if it was looked for.
    greatest: Option<f64>,
    /// Of the gateway, in MiB, after a tenth of the time and at the end.
    memory: [Option<f64>; 2],
    upkeep: Option<Upkeep>,
    /// Of SQLite's database and log, in bytes.
    files: Option<(f64, f64)>,
}

/// Requests that are due, and when.
struct Plan {
    creates: Arc<Creates>,
    key: String,
    begin: Instant,
    end: Instant,
    /// Creates per second; otherwise everything is due at once.
    rate: Option<f64>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// Creates taken so far.
    creates: u32,
    /// Requests taken and not yet answered.
    open: usize,
    /// By time and number.
    checks: BTreeMap<(Instant, u32), Check>,
}

struct Check {
    id: [u8; 36],
    wrong: bool,
}

enum Next {
    Create(Instant, u32),
    Check(Instant, u32, Check),
    /// Something that is being done may lead to more.
    Later,
    Over,
}

/// Latencies in microseconds, and errors.
#[derive(Default)]
struct Part {
    micros: Vec<u32>,
    errors: BTreeMap<String, u32>,
}

impl Plan {
    fn new(creates: Arc<Creates>, key: &str, rate: Option<f64>, span: Duration) -> Self {
        let begin = Instant::now();
        Self {
            creates,
            key: key.to_owned(),
            begin,
            end: begin + span,
            rate,
            queue: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whatever is due first.
    fn take(&self) -> Next {
        let mut queue = self.lock();
        let due = self.rate.map_or_else(Instant::now, |rate| {
            self.begin + Duration::from_secs_f64(f64::from(queue.creates) / rate)
        });
        let first = queue.checks.first_entry();
        if let Some(check) = first.filter(|check| due >= self.end || check.key().0 <= due) {
            let ((due, number), check) = check.remove_entry();
            queue.open += 1;
            return Next::Check(due, number, check);
        }
        if due < self.end {
            queue.creates += 1;
            queue.open += 1;
            return Next::Create(due, queue.creates);
        }
        match queue.open {
            0 => Next::Over,
            _ => Next::Later,
        }
    }

    /// After a pause, unless everything is due at once.
    fn check(&self, number: u32, check: Check, pause: Duration) {
        let pause = self.rate.map_or(Duration::ZERO, |_| pause);
        self.lock()
            .checks
            .insert((Instant::now() + pause, number), check);
    }

    async fn drive_one(&self, connection: &mut Connection) -> [Part; 2] {
        let [mut creates, mut checks] = [Part::default(), Part::default()];
        let mut request = Vec::new();
        while Instant::now() < self.end + PATIENCE {
            request.clear();
            match self.take() {
                Next::Create(due, ordinal) => {
                    let number = self.creates.next(&mut request).unwrap_or_default();
                    let answer = send_at(connection, due, &request).await;
                    let accepted = creates.count(due, answer, |status, body| {
                        self.creates.read(number, status, body)
                    });
                    if let Some(accepted) = accepted {
                        let check = Check {
                            id: accepted.id,
                            wrong: ordinal.is_multiple_of(WRONG),
                        };
                        self.check(number, check, PAUSES[0]);
                    }
                }
                Next::Check(due, number, check) => {
                    let id = String::from_utf8_lossy(&check.id);
                    let path = format!("/v1/verifications/{id}/check");
                    let (code, expected) = match check.wrong {
                        true => ("000000", &b"\"valid\":false"[..]),
                        false => (CODE, &b"\"valid\":true"[..]),
                    };
                    let body = format!(r#"{{"code":"{code}"}}"#);
                    write_request(&mut request, "POST", &path, &self.key, &body);
                    let answer = send_at(connection, due, &request).await;
                    checks.count(due, answer, |status, body| {
                        (status == 200 && find(body, expected).is_some()).then_some(())
                    });
                    if check.wrong {
                        let right = Check {
                            wrong: false,
                            ..check
                        };
                        self.check(number, right, PAUSES[1]);
                    }
                }
                Next::Later => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    continue;
                }
                Next::Over => break,
            }
            self.lock().open -= 1;
        }
        [creates, checks]
    }

    /// Runs it to its end.
    async fn drive(self: Arc<Self>, gateway: std::net::SocketAddr, connections: usize) -> [Run; 2] {
        let tasks: Vec<_> = (0..connections)
            .map(|_| {
                let plan = Arc::clone(&self);
                tokio::spawn(async move { plan.drive_one(&mut Connection::new(gateway)).await })
            })
            .collect();
        let mut runs = [Run::default(), Run::default()];
        for task in tasks {
            let parts = task.await.expect("connection tasks do not panic");
            for (run, part) in runs.iter_mut().zip(parts) {
                run.micros.extend(part.micros);
                for (kind, count) in part.errors {
                    *run.errors.entry(kind).or_default() += count;
                }
            }
        }
        for run in &mut runs {
            run.seconds = (self.end - self.begin).as_secs_f64();
            run.micros.sort_unstable();
        }
        let unsent = self.unsent();
        for (run, unsent) in runs.iter_mut().zip(unsent) {
            if unsent > 0 {
                run.errors.insert(String::from("not sent in time"), unsent);
            }
        }
        runs
    }

    /// Creates and checks that were due and not sent.
    fn unsent(&self) -> [u32; 2] {
        let queue = self.lock();
        let checks = u32::try_from(queue.checks.len()).unwrap_or(u32::MAX);
        let creates = self.rate.map_or(0, |rate| {
            let span = self.end - self.begin;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a whole number of requests, of which there are far fewer than 2^32"
            )]
            let due = (span.as_secs_f64() * rate).ceil() as u32;
            due.saturating_sub(queue.creates)
        });
        [creates, checks]
    }
}

async fn send_at<'a>(
    connection: &'a mut Connection,
    due: Instant,
    request: &[u8],
) -> std::io::Result<(u16, &'a [u8])> {
    tokio::time::sleep_until(due.into()).await;
    connection.send(request).await
}

impl Part {
    /// Counts an answer, as an error unless `read` reads it.
    fn count<T>(
        &mut self,
        due: Instant,
        answer: std::io::Result<(u16, &[u8])>,
        read: impl FnOnce(u16, &[u8]) -> Option<T>,
    ) -> Option<T> {
        let took = due.elapsed().as_micros();
        let fault = match answer {
            Ok((status, body)) => match read(status, body) {
                Some(it) => {
                    self.micros.push(u32::try_from(took).unwrap_or(u32::MAX));
                    return Some(it);
                }
                None => status.to_string(),
            },
            Err(error) => error.kind().to_string(),
        };
        *self.errors.entry(fault).or_default() += 1;
        None
    }
}

impl Phases<'_> {
    /// At the rate of the options, or at most of the greatest one.
    pub async fn soak(&mut self, connections: usize) {
        let plan = |phases: &Self, rate, span| {
            let members = format!(r#"{BY_SMS},"code":"{CODE}""#);
            let creates = phases.creates(members);
            Arc::new(Plan::new(creates, &phases.gateway.key, rate, span))
        };
        let address = self.gateway.address();
        let mut greatest = None;
        if self.options.rate.is_none() {
            eprintln!("  greatest rate, {connections} connections …");
            let closed = plan(self, None, CALIBRATION);
            let [creates, _] = Arc::clone(&closed).drive(address, connections).await;
            self.settle(&*closed.creates).await;
            greatest = Some(creates.per_second());
        }
        let share = |greatest: f64| (greatest * SHARE).floor().max(1.0);
        let rate = self.options.rate.map(f64::from).or(greatest.map(share));
        let span = self.span();
        self.database.keep_up_often(true).await;
        let upkeep = self.database.upkeep().await;
        let before = self.begin(Kind::Soak, connections).await;

        let processes = self.processes();
        let first = processes.clone();
        let early = tokio::spawn(async move {
            tokio::time::sleep(span / 10).await;
            first.resident_memory()
        });
        let plan = plan(self, rate, span);
        let [creates, checks] = Arc::clone(&plan).drive(address, connections).await;
        let files = self.database.files();
        let (_, sent) = self.settle(&*plan.creates).await;
        let memory = [early.await.ok().flatten(), processes.resident_memory()];

        let spent = self.spent(&creates, &before).await;
        self.hook("stop", Kind::Soak, connections, Some(creates.requests()));
        // Postgres counts with a delay.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let upkeep = upkeep
            .zip(self.database.upkeep().await)
            .map(|(before, after)| Upkeep {
                checkpoints: after.checkpoints - before.checkpoints,
                vacuums: after.vacuums - before.vacuums,
            });
        self.database.keep_up_often(false).await;
        self.done.push(Phase {
            kind: Kind::Soak,
            connections,
            requests: creates.requests(),
            figures: figures(&creates, &spent, Some(&sent)),
            errors: creates.errors,
            sent: Some(sent),
        });
        self.done.push(Phase {
            kind: Kind::SoakChecks,
            connections,
            requests: checks.requests(),
            figures: figures(&checks, &Spent::default(), None),
            errors: checks.errors,
            sent: None,
        });
        self.soaked.push(Soaked {
            connections,
            rate: rate.unwrap_or_default(),
            greatest,
            memory,
            upkeep,
            files,
        });
    }
}

impl Soaked {
    pub fn json(&self) -> Value {
        json!({
            "connections": self.connections,
            "rate": self.rate,
            "greatest_rate": self.greatest,
            "early_mib": self.memory[0],
            "end_mib": self.memory[1],
            "checkpoints": self.upkeep.map(|upkeep| upkeep.checkpoints),
            "autovacuums": self.upkeep.map(|upkeep| upkeep.vacuums),
            "database_bytes": self.files.map(|(database, _)| database),
            "wal_file_bytes": self.files.map(|(_, log)| log),
        })
    }
}

impl std::fmt::Display for Soaked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const MIB: f64 = 1_048_576.0;
        write!(
            f,
            "soak, {} connections: {:.0} creates per second, their processor time and WAL with their checks'",
            self.connections, self.rate
        )?;
        if let Some(greatest) = self.greatest {
            write!(f, "; the greatest rate is {greatest:.0}")?;
        }
        if let [Some(early), Some(end)] = self.memory {
            let growth = (end / early - 1.0) * 100.0;
            write!(
                f,
                "; resident memory {early:.1} MiB after a tenth of the time, {end:.1} at the end ({growth:+.1} %)"
            )?;
        }
        if let Some(Upkeep {
            checkpoints,
            vacuums,
        }) = self.upkeep
        {
            write!(f, "; {checkpoints} checkpoints, {vacuums} autovacuums")?;
        }
        if let Some((database, log)) = self.files {
            let (database, log) = (database / MIB, log / MIB);
            write!(f, "; database {database:.1} MiB, WAL file {log:.1} MiB")?;
        }
        Ok(())
    }
}
