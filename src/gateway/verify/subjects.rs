//! What is kept about a phone number, and its erasure.

use std::sync::Arc;
use std::time::Duration;

use super::persist::Needs;
use super::room::Verify;
use crate::abuse::lists::{Entry, List, Match};
use crate::audit::{Action, By, Deed};
use crate::gateway::error::Error;
use crate::storage::{Decision, DecisionQuery, ERASED, ListQuery};
use crate::verification::Verification;
use crate::verification::id::{ProjectId, VerificationId};
use crate::verification::phone::PhoneNumber;

/// Verifications that are read, or erased, together.
const CHUNK: i64 = 200;
/// How often, and with which pause, others are waited for: a replica that erases too, a reader that keeps SQLite's log from being emptied.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// What is kept about a number.
#[derive(Clone, Debug)]
pub struct KeptOfNumber {
    /// Newest first.
    pub verifications: Vec<Verification>,
    /// Decisions of the guard about them.
    pub decisions: Vec<Decision>,
    /// Entries of the guard's lists about this very number.
    pub entries: Vec<Arc<Entry>>,
}

/// What was erased of a number, and what stays.
#[derive(Clone, Debug, Default)]
pub struct Erased {
    pub verifications: u64,
    /// Those of them that were pending, and were canceled first.
    pub canceled: u64,
    pub decisions: u64,
    /// Entries that allowed it.
    pub entries: u64,
    /// Entries that block it: a keyed hash of the number stays, as what they are about.
    pub blocks: Vec<Arc<Entry>>,
}

impl Verify {
    /// What is kept about a number, in one project or in all.
    pub async fn find_subject(
        &self,
        project: Option<ProjectId>,
        phone: &PhoneNumber,
    ) -> Result<KeptOfNumber, Error> {
        self.store_decisions(false).await?;
        let mut verifications: Vec<Verification> = Vec::new();
        let mut decisions = Vec::new();
        loop {
            let after = verifications.last().map(|v| v.id);
            let found = self.verifications_of(project, phone, after).await?;
            let is_last = found.len() < usize::try_from(CHUNK).unwrap_or(usize::MAX);
            for v in &found {
                let query = DecisionQuery {
                    verification: Some(v.id),
                    limit: CHUNK,
                    ..DecisionQuery::default()
                };
                decisions.extend(self.core().db.list_decisions(&query).await?);
            }
            verifications.extend(found);
            if is_last {
                break;
            }
        }
        Ok(KeptOfNumber {
            verifications,
            decisions,
            entries: self.entries_about(project, phone).await?,
        })
    }

    /// Cancels what is pending for a number, then erases of its verifications what their ages would erase later. Verifications that begin
    /// meanwhile are erased too.
    pub async fn erase_subject(
        &self,
        project: Option<ProjectId>,
        phone: &PhoneNumber,
        by: &By,
    ) -> Result<Erased, Error> {
        let core = self.core();
        // A replica of an older build would take what is missing for a number.
        if !core.all_read(ERASED) {
            return Err(Error::Unavailable);
        }
        let act = core.act(by);
        // It takes many changes: the audit log tells of it first, so that none is untold.
        let deed = Deed::new(Action::SubjectErased, project).named(&phone.masked());
        core.db.note_deed(&act, deed).await?;
        let mut erased = Erased::default();
        // Entries first: a block must not be without effect for a moment, and nothing new is let through by an entry that goes.
        for entry in self.entries_about(project, phone).await? {
            match entry.list {
                List::Allow => {
                    erased.entries += u64::from(core.db.delete_guard_entry(&entry, &act).await?);
                }
                List::Block => {
                    let matches = Match::Erased(core.listed_hash(phone));
                    if core.db.change_guard_entry(entry.id, &matches).await? {
                        erased.blocks.push(Arc::new(Entry {
                            matches,
                            ..(*entry).clone()
                        }));
                    }
                }
            }
        }
        core.live.directory_changed().await?;
        self.store_decisions(false).await?;
        let mut tries = 0;
        loop {
            let found = self.verifications_of(project, phone, None).await?;
            if found.is_empty() {
                break;
            }
            if tries >= TRIES {
                return Err(Error::Unavailable);
            }
            let ids: Vec<VerificationId> = found.iter().map(|v| v.id).collect();
            for v in found {
                erased.canceled += u64::from(self.cancel_if_open(v).await?);
            }
            erased.decisions += core.db.drop_decisions_about(&ids).await?;
            let count = core.db.erase(&ids).await?;
            erased.verifications += count;
            tries = if count == 0 { tries + 1 } else { 0 };
            if count == 0 {
                // Another replica erases what has passed its age.
                tokio::time::sleep(PAUSE).await;
            }
        }
        self.settle_file().await?;
        Ok(erased)
    }

    /// A reader may be in the way, for a moment.
    async fn settle_file(&self) -> Result<(), Error> {
        for _ in 0..TRIES {
            if self.core().db.settle_file().await? {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        tracing::warn!(
            "a reader keeps the database's log from being emptied; what was erased is in it until a later checkpoint"
        );
        Ok(())
    }

    /// Returns whether it was open.
    async fn cancel_if_open(&self, v: Verification) -> Result<bool, Error> {
        let v = self.up_to_date(v).await?;
        if !v.is_open() {
            return Ok(false);
        }
        match self
            .act(v, None, Needs::Nothing, |v, _, now| v.cancel(now))
            .await
        {
            Ok(_) => Ok(true),
            // It ended meanwhile.
            Err(Error::Refused(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn verifications_of(
        &self,
        project: Option<ProjectId>,
        phone: &PhoneNumber,
        cursor: Option<VerificationId>,
    ) -> Result<Vec<Verification>, Error> {
        let query = ListQuery {
            project,
            phone: Some(phone.clone()),
            cursor,
            limit: CHUNK,
            ..ListQuery::default()
        };
        Ok(self.core().db.list_verifications(&query).await?)
    }

    /// Those of a project, or of all projects with those of every one.
    async fn entries_about(
        &self,
        project: Option<ProjectId>,
        phone: &PhoneNumber,
    ) -> Result<Vec<Arc<Entry>>, Error> {
        self.core().directory.refresh().await?;
        let lists = self.core().directory.lists();
        let hash = Match::Erased(self.core().listed_hash(phone));
        let is_about = |entry: &&Arc<Entry>| match &entry.matches {
            Match::Number(number) => number == phone,
            other => *other == hash,
        };
        let is_of_it = |entry: &&Arc<Entry>| project.is_none() || entry.project == project;
        let all = lists.all().iter();
        Ok(all.filter(is_about).filter(is_of_it).cloned().collect())
    }
}
