//! The phases of a run. To add one: its kind in `options.rs`, and its turn in [`Phases::run`].

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use crate::client::{Run, drive};
use crate::dialects::DialectCreates;
use crate::gateway::Gateway;
use crate::options::{Kind, Options};
use crate::phase::{Phase, Sent, Spent, figures};
use crate::provider::Provider;
use crate::soak::Soaked;
use crate::stores::Database;
use crate::usage::{Cpu, Processes};
use crate::work::{Accepted, CODE, Checks, Creates, Sends};

pub const BY_SMS: &str = r#""channels":["sms"]"#;
const BY_TELEGRAM: &str = r#""channels":["telegram"]"#;

/// The time of what ends with its last request.
const ENDLESS: Duration = Duration::from_hours(24);

pub struct Phases<'a> {
    pub options: &'a Options,
    pub gateway: &'a Gateway,
    pub database: &'a Database,
    pub provider: Arc<Provider>,
    /// Every create uses a new number.
    pub next_number: Arc<AtomicU32>,
    pub done: Vec<Phase>,
    pub soaked: Vec<Soaked>,
}

/// Readings before a phase.
pub struct Before {
    cpu: Cpu,
    commits: Option<(f64, f64)>,
    wal: Option<f64>,
}

impl<'a> Phases<'a> {
    pub fn new(
        options: &'a Options,
        gateway: &'a Gateway,
        database: &'a Database,
        provider: &Arc<Provider>,
    ) -> Self {
        Self {
            options,
            gateway,
            database,
            provider: Arc::clone(provider),
            next_number: Arc::new(AtomicU32::new(0)),
            done: Vec::new(),
            soaked: Vec::new(),
        }
    }

    /// All selected phases.
    pub async fn run(&mut self, connections: usize) {
        let mut created = Vec::new();
        if self.measures(Kind::Create) {
            let members = BY_SMS.to_owned();
            created = self.create(Kind::Create, connections, members).await;
        }
        if self.measures(Kind::Right) {
            self.right(Kind::Right, connections, BY_SMS).await;
        }
        if self.measures(Kind::Telegram) {
            self.right(Kind::Telegram, connections, BY_TELEGRAM).await;
        }
        if self.measures(Kind::Wrong) {
            if created.is_empty() {
                created = self.prepare(connections, BY_SMS.to_owned()).await;
            }
            let wrong = Checks::wrong(&self.gateway.key, created);
            self.check(Kind::Wrong, connections, wrong).await;
        }
        if self.measures(Kind::Slow) {
            self.provider.answer_after(self.options.delay);
            let members = format!(r#"{BY_SMS},"wait":0"#);
            self.create(Kind::Slow, connections, members).await;
            self.provider.answer_after(Duration::ZERO);
        }
        if self.measures(Kind::Faulty) {
            self.provider.answer_wrongly(true);
            let members = BY_SMS.to_owned();
            self.create(Kind::Faulty, connections, members).await;
            self.provider.answer_wrongly(false);
        }
        if self.measures(Kind::ByTelegram) {
            let members = BY_TELEGRAM.to_owned();
            self.create(Kind::ByTelegram, connections, members).await;
        }
        for kind in Kind::DIALECTS {
            if self.measures(kind) {
                let is_slow = kind == Kind::SlowHook;
                let delay = if is_slow {
                    self.options.delay
                } else {
                    Duration::ZERO
                };
                self.provider.answer_after(delay);
                self.create_in_dialect(kind, connections).await;
                self.provider.answer_after(Duration::ZERO);
            }
        }
        if self.measures(Kind::Soak) {
            self.soak(connections).await;
        }
    }

    /// Leaves some ended verifications, without measuring.
    pub async fn end_some(&self) {
        let created = self.creates(format!(r#"{BY_SMS},"code":"{CODE}""#));
        created.stop_after(100);
        drive(&self.gateway.addresses(), 16, ENDLESS, &created).await;
        let (created, _) = self.settle(&*created).await;
        let right = Arc::new(Checks::right(&self.gateway.key, created));
        drive(&self.gateway.addresses(), 16, ENDLESS, &right).await;
    }

    /// Creates on the bare server.
    pub async fn run_ceiling(&mut self, connections: usize) {
        let members = BY_SMS.to_owned();
        self.create(Kind::Ceiling, connections, members).await;
    }

    fn measures(&self, kind: Kind) -> bool {
        self.options.measures(kind)
    }

    pub fn span(&self) -> Duration {
        Duration::from_secs(self.options.seconds)
    }

    /// How many requests end a phase, rather than its time.
    fn wanted(&self, kind: Kind) -> Option<u32> {
        self.options.requests.filter(|_| kind == Kind::Create)
    }

    fn warm_up(&self) -> Duration {
        (self.span() / 5).min(Duration::from_secs(1))
    }

    pub fn creates(&self, members: String) -> Arc<Creates> {
        let creates = Creates::new(&self.gateway.key, members, &self.next_number);
        Arc::new(creates)
    }

    /// Creates that are not measured.
    async fn prepare(&self, connections: usize, members: String) -> Vec<Accepted> {
        let creates = self.creates(members);
        drive(
            &self.gateway.addresses(),
            connections,
            self.span(),
            &creates,
        )
        .await;
        self.settle(&*creates).await.0
    }

    /// Waits until the provider has what all accepted requests sent, then takes the requests and compares the two.
    pub async fn settle<W: Sends>(&self, work: &W) -> (Vec<Accepted>, Sent) {
        let accepted = work.log().take();
        self.provider.wait_for(accepted.len()).await;
        let sent = Sent::compare(&accepted, self.provider.take_arrivals());
        (accepted, sent)
    }

    async fn create(&mut self, kind: Kind, connections: usize, members: String) -> Vec<Accepted> {
        let creates = self.creates(members);
        let warm_up = self.warm_up();
        drive(&self.gateway.addresses(), connections, warm_up, &creates).await;
        self.settle(&*creates).await;
        if let Some(requests) = self.wanted(kind) {
            creates.stop_after(requests);
        }
        self.measure(kind, connections, &creates, true).await
    }

    async fn create_in_dialect(&mut self, kind: Kind, connections: usize) {
        let created = &self.gateway.created;
        let Some(creates) = DialectCreates::new(kind, created, &self.next_number) else {
            eprintln!("  {}: this build does not speak it", kind.title());
            return;
        };
        let creates = Arc::new(creates);
        drive(
            &self.gateway.addresses(),
            connections,
            self.warm_up(),
            &creates,
        )
        .await;
        self.settle(&*creates).await;
        self.measure(kind, connections, &creates, true).await;
    }

    /// Sets the code, so that the right one is known.
    async fn right(&mut self, kind: Kind, connections: usize, channel: &str) {
        let members = format!(r#"{channel},"code":"{CODE}""#);
        let created = self.prepare(connections, members).await;
        let right = Checks::right(&self.gateway.key, created);
        self.check(kind, connections, right).await;
    }

    async fn check(&mut self, kind: Kind, connections: usize, checks: Checks) {
        let sends = kind == Kind::Telegram;
        let checks = Arc::new(checks);
        let warm_up = self.warm_up() / 4;
        drive(&self.gateway.addresses(), connections, warm_up, &checks).await;
        let warm = checks.log().take();
        if sends {
            self.provider.wait_for(warm.len()).await;
            self.provider.take_arrivals();
        }
        self.measure(kind, connections, &checks, sends).await;
    }

    /// Measures until the answers have come, and, if each request `sends` something, until that has arrived.
    async fn measure<W: Sends>(
        &mut self,
        kind: Kind,
        connections: usize,
        work: &Arc<W>,
        sends: bool,
    ) -> Vec<Accepted> {
        let before = self.begin(kind, connections).await;
        let span = self.wanted(kind).map_or(self.span(), |_| ENDLESS);
        let run = drive(&self.gateway.addresses(), connections, span, work).await;
        let (accepted, sent) = if sends {
            let (accepted, sent) = self.settle(&**work).await;
            (accepted, Some(sent))
        } else {
            (work.log().take(), None)
        };
        let spent = self.spent(&run, &before).await;
        let requests = run.requests();
        self.hook("stop", kind, connections, Some(requests));
        self.done.push(Phase {
            kind,
            connections,
            requests,
            figures: figures(&run, &spent, sent.as_ref()),
            errors: run.errors,
            sent,
        });
        accepted
    }

    /// What a phase is compared with at its end.
    pub async fn begin(&self, kind: Kind, connections: usize) -> Before {
        eprintln!("  {}, {connections} connections …", kind.title());
        self.hook("start", kind, connections, None);
        let processes = self.processes();
        processes.forget_peak_memory();
        Before {
            wal: self.database.wal().await,
            commits: self.gateway.commits().await,
            cpu: processes.cpu(),
        }
    }

    pub fn processes(&self) -> Processes {
        Processes {
            gateway: self.gateway.pids(),
            postgres: self.options.postgres_pid.filter(|_| self.options.postgres),
            redis: self.options.redis_pid,
        }
    }

    pub async fn spent(&self, run: &Run, before: &Before) -> Spent {
        let processes = self.processes();
        let cpu = processes.cpu();
        let peak_memory = processes.peak_memory();
        let commits = self.gateway.commits().await;
        let wal = self.database.wal().await;
        let requests = f64::from(run.requests().max(1));
        let micros = |before: Option<Duration>, after: Option<Duration>| {
            Some(after?.checked_sub(before?)?.as_secs_f64() * 1e6 / requests)
        };
        let group = before.commits.zip(commits).and_then(|(before, after)| {
            let groups = after.1 - before.1;
            (groups > 0.0).then_some((after.0 - before.0) / groups)
        });
        Spent {
            gateway: micros(before.cpu.gateway, cpu.gateway),
            postgres: micros(before.cpu.postgres, cpu.postgres),
            redis: micros(before.cpu.redis, cpu.redis),
            peak_memory,
            memory: processes.resident_memory(),
            group,
            wal: before
                .wal
                .zip(wal)
                .map(|(before, after)| (after - before) / requests),
        }
    }

    pub fn hook(&self, action: &str, kind: Kind, connections: usize, requests: Option<u32>) {
        let Some(command) = &self.options.hook else {
            return;
        };
        let mut shell = Command::new("sh");
        shell
            .args(["-c", command])
            .env("ACTION", action)
            .env("PID", self.gateway.pids()[0].to_string())
            .env("PHASE", kind.name())
            .env("CONNECTIONS", connections.to_string())
            .env("REQUESTS", requests.unwrap_or_default().to_string());
        let status = tokio::task::block_in_place(|| shell.status());
        match status {
            Ok(status) if status.success() => {}
            Ok(status) => eprintln!("the hook failed: {status}"),
            Err(error) => eprintln!("the hook failed: {error}"),
        }
    }
}
