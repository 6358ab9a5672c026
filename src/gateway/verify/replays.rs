//! Back-tests: past traffic is read in its order and judged again, by the rules of today or by others.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::cases::case_of_refused;
use super::room::Verify;
use crate::abuse::guard::findings::Findings;
use crate::abuse::guard::replay::{Past, Question, Replay};
use crate::gateway::error::Error;
use crate::gateway::shared::{Access, PolicyFault};
use crate::secret::random;
use crate::storage::{ReplayState, StorageError, StoredReplay};
use crate::verification::event::EventKind;
use crate::verification::id::{ProjectId, time_of, time_ordered};
use crate::verification::policy::Policy;
use crate::verification::span;

/// Rows that are read together.
const PAGE: i64 = 2_000;
/// How long a replica holds one that it works on, unless it says so again.
const HOLD: Duration = Duration::from_secs(30);
/// How often it is stored how far one is.
const TELL: Duration = Duration::from_secs(1);
/// Those that may wait or run at a time, in all and of one project.
const MOST_OPEN: (i64, i64) = (20, 5);
/// What is counted as it was, before the first that is judged: as far back as the figures of live traffic reach.
const WARM: TimeDelta = TimeDelta::days(14);
/// That a span may lie in.
const YEARS: RangeInclusive<i32> = 1971..=9000;
/// Of the time in an id.
const MILLISECOND: TimeDelta = TimeDelta::milliseconds(1);
/// How far back an approval vouches for its number's owner.
const OWNERS: TimeDelta = TimeDelta::days(crate::abuse::guard::verdict::Owner::DAYS);
/// Numbers whose past is remembered, for those that are asked about again.
const MOST_PASTS: usize = 100_000;

/// What is to be judged again, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayRequest {
    /// `None`: every project.
    #[serde(skip)]
    pub project: Option<ProjectId>,
    pub from: DateTime<Utc>,
    /// Exclusive.
    pub to: DateTime<Utc>,
    /// Laid over `guard` of each project's policy: what is not in it stays as it is.
    pub guard: Value,
}

#[derive(Debug)]
pub enum ReplayFault {
    /// A field's name, and why it cannot be.
    Field(&'static str, String),
    Rules(Vec<PolicyFault>),
    /// Enough are waiting already.
    Busy,
    Failed(Error),
}

impl<E: Into<Error>> From<E> for ReplayFault {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// The policy of each project, with the rules that are tried.
struct Tried {
    of: HashMap<ProjectId, Policy>,
    usual: Policy,
}

impl Tried {
    fn of(&self, project: ProjectId) -> &Policy {
        self.of.get(&project).unwrap_or(&self.usual)
    }
}

impl Verify {
    /// Checks a back-test and has it run.
    pub async fn ask_replay(&self, request: &ReplayRequest) -> Result<StoredReplay, ReplayFault> {
        self.check_replay(request).await?;
        let asked = serde_json::to_string(request).expect("times and JSON have a JSON form");
        let replay = StoredReplay {
            id: time_ordered(self.core().now(), random()),
            project: request.project,
            asked,
            state: ReplayState::Running,
            progress: 0,
            answer: None,
        };
        if self.core().db.add_replay(&replay, MOST_OPEN).await? {
            Ok(replay)
        } else {
            Err(ReplayFault::Busy)
        }
    }

    pub async fn find_replay(
        &self,
        access: &Access,
        id: Uuid,
    ) -> Result<(StoredReplay, ReplayRequest), Error> {
        let found = self.core().db.find_replay(id).await?;
        let is_covered = |replay: &StoredReplay| match replay.project {
            Some(project) => access.covers(project),
            None => access.project.is_none(),
        };
        let replay = found.filter(is_covered).ok_or(Error::NotFound)?;
        let request = read_request(&replay).map_err(|_| Error::Internal)?;
        Ok((replay, request))
    }

    /// Starts the oldest back-test that nobody works on, unless this process is at one.
    pub async fn start_replay(&self) -> Result<(), StorageError> {
        let Ok(turn) = Arc::clone(self.replaying()).try_lock_owned() else {
            return Ok(());
        };
        if let Some(taken) = self.take_replay().await? {
            let verify = self.clone();
            self.core().spawn(async move {
                if let Err(error) = verify.run_taken(taken).await {
                    tracing::warn!(%error, "a back-test stopped; it will begin again");
                }
                drop(turn);
            });
        }
        Ok(())
    }

    /// Runs the oldest back-test that nobody works on. Returns whether it ended. For tests, which run work by name.
    pub async fn run_replay(&self) -> Result<bool, StorageError> {
        match self.take_replay().await? {
            Some(taken) => self.run_taken(taken).await,
            None => Ok(false),
        }
    }

    async fn take_replay(&self) -> Result<Option<StoredReplay>, StorageError> {
        let (core, now) = (self.core(), self.core().now());
        core.db.take_replay(now, span::after(now, HOLD)).await
    }

    /// Returns whether it ended.
    async fn run_taken(&self, taken: StoredReplay) -> Result<bool, StorageError> {
        let core = self.core();
        let answered = match read_request(&taken) {
            Err(error) => Err(error.to_string()),
            Ok(request) => {
                let progress = AtomicI64::new(0);
                let run = self.replay(&request, |share| progress.store(share, Ordering::Relaxed));
                // What panics would do so again, and keep others waiting for ever.
                let run = AssertUnwindSafe(run).catch_unwind();
                let ended = tokio::select! {
                    () = core.stop.cancelled() => None,
                    ended = run => Some(ended.unwrap_or(Err(Error::Internal.into()))),
                    error = self.tell(taken.id, &progress) => return Err(error),
                };
                match ended {
                    // Another replica, or the next start, begins it again.
                    None | Some(Err(ReplayFault::Failed(Error::Unavailable))) => return Ok(false),
                    Some(Err(fault)) => Err(fault.told()),
                    Some(Ok(findings)) => Ok(findings.json().to_string()),
                }
            }
        };
        let (state, answer) = match answered {
            Ok(found) => (ReplayState::Done, found),
            Err(why) => (ReplayState::Failed, why),
        };
        core.db.end_replay(taken.id, state, answer).await?;
        Ok(true)
    }

    /// Stores how far a back-test is, each second, until that fails.
    async fn tell(&self, id: Uuid, progress: &AtomicI64) -> StorageError {
        loop {
            tokio::time::sleep(TELL).await;
            let (core, progress) = (self.core(), progress.load(Ordering::Relaxed));
            let until = span::after(core.now(), HOLD);
            if let Err(error) = core.db.note_replay(id, progress, until).await {
                return error;
            }
        }
    }

    /// Judges a span again, and calls `seen` with its progress, in thousandths.
    pub async fn replay(
        &self,
        request: &ReplayRequest,
        seen: impl Fn(i64),
    ) -> Result<Findings, ReplayFault> {
        let tried = self.check_replay(request).await?;
        let (from, to) = (request.from, request.to);
        let rules = |project| &tried.of(project).guard;
        let mut replay = Replay::new(rules, from, to);
        let mut pasts = HashMap::new();
        let warm = from - WARM;
        let begin = first_of(warm);
        let end = first_of(to);
        let (mut after, mut after_held) = (begin, begin);
        loop {
            let db = &self.core().db;
            let (page, last) = db
                .oldest_between(request.project, (after, end), PAGE)
                .await?;
            let reach = last.map_or(to, time_of);
            let reached = first_of(reach + MILLISECOND).min(end);
            loop {
                let held = db.held_back(request.project, (after_held, reached), PAGE);
                let held = held.await?;
                let Some(last) = held.last() else { break };
                after_held = last.id;
                held.iter()
                    .filter(|decision| decision.stands_alone())
                    .map(case_of_refused)
                    .for_each(|case| replay.push(case));
            }
            for v in page.iter().filter(|v| !self.exempts(v)) {
                replay.push(self.case(v, tried.of(v.project)));
            }
            // Those of one millisecond may be spread over two pages.
            let until = last.map_or(to, |_| reach - MILLISECOND);
            while let Some(question) = replay.run(until) {
                let past = self.past_of(&mut pasts, &question, request).await?;
                replay.answer(&past);
            }
            seen(share(reach - warm, to - warm));
            match last {
                Some(last) => after = last,
                None => return Ok(replay.findings()),
            }
        }
    }

    /// The rules that are tried, if all is well.
    async fn check_replay(&self, request: &ReplayRequest) -> Result<Tried, ReplayFault> {
        let now = self.core().now();
        let field = |name, why: String| Err(ReplayFault::Field(name, why));
        if request.from >= request.to {
            return field("from", "is not before `to`; swap them".to_owned());
        }
        // Times beyond have no ids.
        for (name, at) in [("from", request.from), ("to", request.to)] {
            if !YEARS.contains(&at.year()) {
                let (first, last) = (YEARS.start(), YEARS.end());
                return field(name, format!("is not between the years {first} and {last}"));
            }
        }
        let kept = &self.core().settings.kept;
        let decided = span::before(now, kept.decisions);
        let gone = self.core().db.kept_from().await?;
        let gone = DateTime::from_timestamp(gone, 0).unwrap_or_default();
        let first = gone.max(span::before(now, kept.verifications)).max(decided);
        if request.from < first {
            let first = first.format("%Y-%m-%dT%H:%M:%SZ");
            return field(
                "from",
                format!("is before {first}, from which on verifications and decisions are kept"),
            );
        }
        let change = json!({ "guard": request.guard });
        let read = |overrides: &str| self.core().settings.policies.tried(overrides, &change);
        let all = self.core().directory.projects();
        // What other projects have set is nobody's business.
        let is_asked = |project| request.project.is_none_or(|own| own == project);
        let mut of = HashMap::new();
        for project in all.iter().filter(|project| is_asked(project.id)) {
            let policy = read(&project.overrides).map_err(ReplayFault::Rules)?;
            of.insert(project.id, policy);
        }
        let own = request
            .project
            .and_then(|project| of.get(&project).cloned());
        let usual = match own {
            Some(policy) => policy,
            None => read("{}").map_err(ReplayFault::Rules)?,
        };
        Ok(Tried { of, usual })
    }

    /// What happened to a number up to the end of the span.
    async fn past_of(
        &self,
        known: &mut HashMap<(ProjectId, String), Past>,
        question: &Question,
        request: &ReplayRequest,
    ) -> Result<Past, StorageError> {
        let key = (question.project, question.phone.as_str().to_owned());
        if let Some(past) = known.get(&key) {
            return Ok(past.clone());
        }
        let within = OWNERS.to_std().unwrap_or_default();
        let first = request.from - OWNERS;
        let db = &self.core().db;
        let events = db.events_of(question.project, &question.phone, first, within);
        let mut past = Past::default();
        for event in events.await? {
            if event.kind == EventKind::Approved {
                past.approved.push(event.at);
            }
        }
        if known.len() >= MOST_PASTS {
            known.clear();
        }
        known.insert(key, past.clone());
        Ok(past)
    }
}

impl ReplayFault {
    /// In a sentence.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::Field(name, why) => format!("{name} {why}"),
            Self::Rules(faults) => {
                let told = faults.iter();
                let told = told.map(|fault| format!("{}: {}", fault.pointer, fault.detail));
                told.collect::<Vec<_>>().join("; ")
            }
            Self::Busy => "enough back-tests are waiting already; try again later".to_owned(),
            Self::Failed(Error::Internal) => "the server failed; its log says why".to_owned(),
            Self::Failed(error) => error.to_string(),
        }
    }
}

fn read_request(replay: &StoredReplay) -> serde_json::Result<ReplayRequest> {
    let request: ReplayRequest = serde_json::from_str(&replay.asked)?;
    Ok(ReplayRequest {
        project: replay.project,
        ..request
    })
}

fn first_of(at: DateTime<Utc>) -> Uuid {
    time_ordered(at, [0; 8])
}

/// In thousandths, below the whole until all is done.
fn share(done: TimeDelta, of: TimeDelta) -> i64 {
    let of = of.num_milliseconds().max(1);
    (done.num_milliseconds() * 1_000 / of).clamp(0, 999)
}
