//! The guard's lists, as people keep them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::contended::contended;
use super::room::Admin;
use crate::abuse::lists::{Entry, List, MOST_OF_ALL, MOST_OF_PROJECT, Match};
use crate::gateway::error::Error;
use crate::gateway::shared::{Access, Replay, Ticket};
use crate::secret::random;
use crate::verification::id::{ProjectId, time_ordered};

/// An entry to add.
#[derive(Clone, Debug)]
pub struct EntryRequest {
    /// `None`: every project.
    pub project: Option<ProjectId>,
    pub list: List,
    pub matches: Match,
    pub note: String,
    pub expires_at: Option<DateTime<Utc>>,
    /// It takes the place of an entry that says the contrary about the same thing.
    pub overrules: bool,
}

/// Why an entry was not added.
#[derive(Debug, thiserror::Error)]
pub enum EntryFault {
    /// A field's name, and what to do.
    #[error("{0} {1}")]
    Field(&'static str, String),
    /// With the number of entries that there may be.
    #[error("the lists are full")]
    Full(usize),
    #[error(transparent)]
    Failed(#[from] Error),
}

impl Admin {
    /// In place of those about the same thing in the same projects. One that says the contrary is a fault, unless the request overrules it.
    pub async fn add_entry(
        &self,
        asked: &EntryRequest,
        access: &Access,
        ticket: Option<&Ticket>,
    ) -> Result<Arc<Entry>, EntryFault> {
        contended(async || self.try_to_add(asked, access, ticket).await).await
    }

    /// `None`: another change came first.
    async fn try_to_add(
        &self,
        asked: &EntryRequest,
        access: &Access,
        ticket: Option<&Ticket>,
    ) -> Result<Option<Arc<Entry>>, EntryFault> {
        let core = self.core();
        core.directory.refresh().await.map_err(Error::from)?;
        let now = core.now();
        let entry = Entry {
            id: time_ordered(now, random()),
            project: asked.project,
            list: asked.list,
            matches: asked.matches.clone(),
            note: asked.note.clone(),
            expires_at: asked.expires_at,
            created_at: now,
        };
        if let Some((field, why)) = entry.fault() {
            return Err(EntryFault::Field(field, why));
        }
        let (version, lists) = core.directory.lists_with_version();
        let own = lists
            .all()
            .iter()
            .filter(|known| known.project == entry.project);
        // A block of a number that was erased is about the number all the same.
        let erased = match &entry.matches {
            Match::Number(phone) => Some(Match::Erased(core.listed_hash(phone))),
            _ => None,
        };
        let is_same =
            |known: &&Arc<Entry>| known.is_like(&entry) || erased.as_ref() == Some(&known.matches);
        let (same, others): (Vec<_>, Vec<_>) = own.partition(is_same);
        let most = if entry.project.is_some() {
            MOST_OF_PROJECT
        } else {
            MOST_OF_ALL
        };
        let contrary = same
            .iter()
            .find(|known| known.list != entry.list && !known.is_over(now));
        if let Some(known) = contrary.filter(|_| !asked.overrules) {
            let verb = match known.list {
                List::Allow => "allowed",
                List::Block => "blocked",
            };
            let why = format!("is {verb} by the entry {}; delete that first", known.id);
            return Err(EntryFault::Field("value", why));
        }
        if others.iter().filter(|known| !known.is_over(now)).count() >= most {
            return Err(EntryFault::Full(most));
        }
        let same: Vec<&Entry> = same.into_iter().map(|known| &**known).collect();
        let replay = Replay::GuardEntry { id: entry.id };
        let completion = core.idempotency.completion(ticket, &replay);
        let place = (version, &same[..]);
        let act = core.act(&access.by).answering(completion);
        let added = core.db.add_guard_entry(place, &entry, access.key, &act);
        if !added.await.map_err(Error::from)? {
            return Ok(None);
        }
        core.live.directory_changed().await?;
        Ok(Some(Arc::new(entry)))
    }

    /// Those of the caller's project and of every project, newest first.
    pub async fn list_entries(&self, access: &Access) -> Result<Vec<Arc<Entry>>, Error> {
        self.core().directory.refresh().await?;
        let is_seen =
            |entry: &&Arc<Entry>| entry.project.is_none_or(|project| access.covers(project));
        let lists = self.core().directory.lists();
        Ok(lists.all().iter().rev().filter(is_seen).cloned().collect())
    }

    pub async fn find_entry(&self, access: &Access, id: Uuid) -> Result<Arc<Entry>, Error> {
        let mut all = self.list_entries(access).await?.into_iter();
        all.find(|entry| entry.id == id).ok_or(Error::NotFound)
    }

    /// Of the caller's own project; those of every project are the instance's.
    pub async fn delete_entry(&self, access: &Access, id: Uuid) -> Result<(), Error> {
        let found = self.find_entry(access, id).await?;
        if access.project.is_some() && found.project.is_none() {
            return Err(Error::NotFound);
        }
        let act = self.core().act(&access.by);
        if !self.core().db.delete_guard_entry(&found, &act).await? {
            return Err(Error::NotFound);
        }
        self.core().live.directory_changed().await
    }
}
