//! `pinroute seed`: fills a sandbox with plausible history, so that reports and dashboard have something to show.
//!
//! Each verification goes through the same transitions as a live one, at past times, and is written in the same way, so
//! its ledger entries, sums and timeline are consistent.

mod accounts;
mod history;
mod providers;

use std::io::{IsTerminal, Write as _};
use std::path::Path;
use std::time::Instant;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};

use super::report::bar;
use super::{Failure, complain, say, settings};
use crate::app;
use crate::gateway::begin_counters;
use crate::money::Money;
use crate::secret::{Vault, random};
use crate::simulator::Chance;
use crate::storage::{Act, Change, CommitError, Db, Lease, Lost, Progress, StorageError, Write};
use crate::verification::Verification;
use crate::verification::id::ProjectId;
use providers::PROVIDERS;

/// Commits in flight at once.
const AT_ONCE: usize = 2_048;
/// The projects that get history, and each one's share in percent.
const PROJECTS: [(&str, u64); 3] = [("default", 55), ("demo-shop", 30), ("demo-bank", 15)];

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Number of verifications.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    verifications: u64,
    /// Number of days that the history covers, up to now.
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3_650))]
    days: u32,
    /// Seed of the random numbers: the same seed produces the same history, except for ids.
    #[arg(long, value_name = "N")]
    chance: Option<u64>,
}

pub fn run(file: Option<&Path>, arguments: &Arguments) -> Result<(), Failure> {
    settings::with_db(file, async |db, clock, settings| {
        if !settings.sandbox_mode().unwrap_or(false) {
            return Err(Failure::Wrong(vec![
                "seed: a provider is configured; seed works only in a sandbox, to keep made-up history apart from real money"
                    .to_owned(),
            ]));
        }
        let vault = app::vault(settings)?;
        let now = clock.now();
        let mut projects = Vec::new();
        for (name, share) in PROJECTS {
            projects.push((project(db, name, now).await?, share));
        }
        let policy = &settings.defaults;
        let mut chance = Chance::new(
            arguments
                .chance
                .unwrap_or_else(|| u64::from_be_bytes(random())),
        );
        let (began, shown) = (Instant::now(), std::io::stderr().is_terminal());
        let of = arguments.verifications;
        let changes = stream::iter(0..of).map(|_| {
            let project = history::pick(&mut chance, &projects);
            let at = history::moment(&mut chance, now, arguments.days);
            let (v, spent) = history::live(&mut chance, project, policy, &vault, at, now);
            let kept = keep(db, &vault, v);
            async move { kept.await.map(|()| spent) }
        });
        // The changes are spread over weeks, so summing each would be slow. The sums are built once at the end, or by
        // the next server start if this command is interrupted.
        db.leave_unsummed()
            .await
            .map_err(|error| Failure::Failed(error.to_string()))?;
        let mut kept = changes.buffer_unordered(AT_ONCE);
        let (mut done, mut spent) = (0, [0_i64; PROVIDERS]);
        while let Some(one) = kept.next().await {
            let one =
                one.map_err(|error| Failure::Failed(format!("after {done} of {of}: {error}")))?;
            for (sum, more) in spent.iter_mut().zip(one) {
                *sum += more;
            }
            done += 1;
            if done % 1_000 == 0 && shown {
                let _ = write!(std::io::stderr(), "\r{}", bar(Progress { done, of }));
            }
        }
        if shown {
            let _ = writeln!(std::io::stderr(), "\r{}", bar(Progress { done, of }));
        }
        super::report::rebuild(db, clock).await?;
        accounts::fill(db, &spent, arguments.days, now).await?;
        // Seed the budget counters with this spending.
        let same = |money: Money, to| (money.currency == to).then_some(money.amount);
        for (project, _) in &projects {
            begin_counters(db, *project, &policy.budgets, now, same).await?;
        }
        let seconds = began.elapsed().as_secs_f64();
        complain(&format!("wrote {of} verifications in {seconds:.1} s"));
        say("Next: pinroute report costs --group-by day,channel");
        Ok(())
    })
}

async fn project(db: &Db, name: &str, now: DateTime<Utc>) -> Result<ProjectId, Failure> {
    match db.create_project(name, "{}", &Act::of_program(now)).await {
        Ok(project) => return Ok(project.id),
        Err(StorageError::Exists) => {}
        Err(error) => return Err(error.into()),
    }
    let projects = db.list_projects().await?;
    let found = projects.into_iter().find(|project| project.name == name);
    found
        .map(|project| project.id)
        .ok_or_else(|| Failure::Failed(format!("project {name} was deleted meanwhile")))
}

/// Stores a verification, with a random reuse key so that it never conflicts with another for the same number.
async fn keep(db: &Db, vault: &Vault, v: Verification) -> Result<(), CommitError> {
    let wake_at = history::wakes_at(&v);
    let mut may_be_stored = false;
    loop {
        let change =
            Change::of(vault, Write::Insert, &v, random(), wake_at, Lease::Keep).unsummed();
        match db.commit(change).await {
            Err(CommitError::Lost(Lost::Exists)) if may_be_stored => return Ok(()),
            // The writer's queue is full, or long; try again.
            Err(error @ (CommitError::Unavailable | CommitError::Unanswered)) => {
                may_be_stored |= matches!(error, CommitError::Unanswered);
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            done => return done,
        }
    }
}
