//! Projects, API keys, webhooks, integrations, policies and the guard's lists in memory, refreshed twice a second and whenever an
//! unknown key is presented. While the database answers, no request sees a copy that is older than [`DIRECTORY_AGE`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::access::Access;
use super::policies::{NOTHING, PolicyBook};
use crate::abuse::lists::Lists;
use crate::secret::fingerprint;
use crate::storage::{ApiKey, Db, Integration, Project, StorageError, Webhook};
use crate::verification::id::ProjectId;
use crate::verification::policy::Policy;

/// Longer than servers take to see a change of projects and keys, while the database answers: they look every half second.
pub const DIRECTORY_AGE: Duration = Duration::from_secs(1);

/// How long a request waits for a fresher copy.
const MOMENT: Duration = Duration::from_millis(250);

/// How often unknown keys make the database be read, however many there are.
const PACE: Duration = Duration::from_millis(50);

#[derive(Clone, Debug)]
pub struct Directory {
    db: Db,
    book: Arc<PolicyBook>,
    snapshot: Arc<RwLock<Arc<Snapshot>>>,
    /// Admits one refresh at a time; holds the start of the last successful one.
    refreshing: Arc<tokio::sync::Mutex<Option<Instant>>>,
}

#[derive(Debug, Default)]
struct Snapshot {
    /// When it began to be read.
    began: Option<Instant>,
    keys: HashMap<[u8; 32], Known>,
    projects: Vec<Project>,
    /// Only of projects with overrides.
    policies: HashMap<ProjectId, Arc<Policy>>,
    webhooks: Vec<Arc<Webhook>>,
    integrations: Vec<Arc<Integration>>,
    /// With the version that they are of.
    lists: (i64, Arc<Lists>),
}

#[derive(Debug)]
struct Known {
    key: ApiKey,
    /// Whether it was used since [`Directory::take_used_keys`] last ran.
    used: Arc<AtomicBool>,
}

impl Directory {
    pub(in crate::gateway) fn new(db: Db, book: Arc<PolicyBook>) -> Self {
        Self {
            db,
            book,
            snapshot: Arc::default(),
            refreshing: Arc::default(),
        }
    }

    pub async fn refresh(&self) -> Result<(), StorageError> {
        self.refresh_after(Duration::ZERO).await
    }

    /// Refreshes, but not sooner than `pace` after the last time.
    async fn refresh_after(&self, pace: Duration) -> Result<(), StorageError> {
        let arrived = Instant::now();
        let mut last = self.refreshing.lock().await;
        if last.is_some_and(|began| began > arrived) {
            // A refresh that began after this call has already read everything this one would.
            return Ok(());
        }
        if let Some(began) = *last {
            tokio::time::sleep(pace.saturating_sub(began.elapsed())).await;
        }
        self.read(&mut last).await
    }

    /// The copy, refreshed if it is old and nobody else refreshes it. A database that is slow or away delays one request at a
    /// time, and only for a moment; the old copy answers meanwhile.
    async fn freshest(&self) -> Arc<Snapshot> {
        let snapshot = self.snapshot();
        if snapshot.is_fresh() {
            return snapshot;
        }
        if let Ok(mut last) = self.refreshing.try_lock() {
            let read = tokio::time::timeout(MOMENT, self.read(&mut last)).await;
            if !matches!(read, Ok(Ok(()))) {
                tracing::debug!(
                    "projects and keys could not be read in time; the last copy answers"
                );
            }
        }
        self.snapshot()
    }

    async fn read(&self, last: &mut Option<Instant>) -> Result<(), StorageError> {
        let began = Instant::now();
        let (keys, projects) = (self.db.list_keys().await?, self.db.list_projects().await?);
        let webhooks = self.db.list_webhooks().await?;
        let integrations = self.db.list_integrations().await?;
        let before = self.snapshot();
        let lists = self.read_lists(&before).await?;
        let known = |key: ApiKey| {
            let hash: [u8; 32] = key.hash.as_slice().try_into().ok()?;
            let used = before.keys.get(&hash).map(|known| Arc::clone(&known.used));
            let used = used.unwrap_or_default();
            Some((hash, Known { key, used }))
        };
        let snapshot = Arc::new(Snapshot {
            began: Some(began),
            keys: keys.into_iter().filter_map(known).collect(),
            policies: self.policies(&projects, &before),
            projects,
            webhooks: webhooks.into_iter().map(Arc::new).collect(),
            integrations: integrations.into_iter().map(Arc::new).collect(),
            lists,
        });
        *self
            .snapshot
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = snapshot;
        *last = Some(began);
        Ok(())
    }

    async fn read_lists(&self, before: &Snapshot) -> Result<(i64, Arc<Lists>), StorageError> {
        let version = self.db.guard_lists_version().await?;
        if version == before.lists.0 {
            return Ok(before.lists.clone());
        }
        let entries = self.db.list_guard_entries().await?;
        Ok((version, Arc::new(Lists::new(entries))))
    }

    /// The rights of this key's bearer; `None`: an unknown, revoked or expired key.
    pub async fn authenticate(
        &self,
        secret: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Access>, StorageError> {
        let hash = fingerprint(secret.as_bytes());
        if let Some(known) = self.freshest().await.keys.get(&hash) {
            return Ok(known.access(now));
        }
        // It may be a new key. Guessed keys cannot flood the database, because concurrent refreshes are merged and paced.
        self.refresh_after(PACE).await?;
        Ok(self
            .snapshot()
            .keys
            .get(&hash)
            .and_then(|known| known.access(now)))
    }

    /// Whether the key has been neither revoked nor has it expired since it was authenticated.
    #[must_use]
    pub fn still_works(&self, access: &Access, now: DateTime<Utc>) -> bool {
        let snapshot = self.snapshot();
        let mut keys = snapshot.keys.values();
        keys.any(|known| known.key.id == access.key && known.access(now).is_some())
    }

    /// Keys used since the last call.
    pub(in crate::gateway) fn take_used_keys(&self) -> Vec<Uuid> {
        let snapshot = self.snapshot();
        let used = snapshot
            .keys
            .values()
            .filter(|known| known.used.swap(false, Ordering::Relaxed));
        used.map(|known| known.key.id).collect()
    }

    /// All keys, newest first.
    #[must_use]
    pub fn keys(&self) -> Vec<ApiKey> {
        let snapshot = self.snapshot();
        let mut keys: Vec<ApiKey> = snapshot
            .keys
            .values()
            .map(|known| known.key.clone())
            .collect();
        keys.sort_unstable_by_key(|key| std::cmp::Reverse(key.id));
        keys
    }

    /// The SHA-256 of a key, also of one that is revoked.
    #[must_use]
    pub fn key_hash(&self, id: Uuid) -> Option<[u8; 32]> {
        let snapshot = self.snapshot();
        let mut keys = snapshot.keys.iter();
        keys.find(|(_, known)| known.key.id == id)
            .map(|(hash, _)| *hash)
    }

    /// How a key is named where it acts: by its id, after its name if it has one.
    #[must_use]
    pub fn key_title(&self, id: Uuid) -> String {
        let snapshot = self.snapshot();
        let known = snapshot.keys.values().find(|known| known.key.id == id);
        match known.and_then(|known| known.key.name.as_deref()) {
            Some(name) => format!("key {name} ({id})"),
            None => format!("key {id}"),
        }
    }

    /// Sorted by name.
    #[must_use]
    pub fn projects(&self) -> Vec<Project> {
        self.snapshot().projects.clone()
    }

    /// Parses only policies whose overrides have changed.
    fn policies(&self, projects: &[Project], before: &Snapshot) -> HashMap<ProjectId, Arc<Policy>> {
        let policy = |project: &Project| {
            let mut judged = before.projects.iter();
            let is_same =
                |known: &Project| known.id == project.id && known.overrides == project.overrides;
            if judged.any(is_same) {
                let policy = before.policies.get(&project.id)?;
                return Some((project.id, Arc::clone(policy)));
            }
            match self.book.read(&project.overrides) {
                Ok(policy) => Some((project.id, Arc::new(policy))),
                Err(faults) => {
                    tracing::error!(
                        alarm = true,
                        project = project.name,
                        ?faults,
                        "a project's policy is no longer valid; the defaults apply"
                    );
                    None
                }
            }
        };
        let overriding = projects
            .iter()
            .filter(|project| project.overrides != NOTHING);
        overriding.filter_map(policy).collect()
    }

    #[must_use]
    pub fn find_project(&self, name: &str) -> Option<ProjectId> {
        self.snapshot()
            .projects
            .iter()
            .find(|project| project.name == name)
            .map(|project| project.id)
    }

    /// A project, of those that the key covers, whose policy has rules of its own and is one like this.
    #[must_use]
    pub fn find_by_policy(
        &self,
        access: &Access,
        is: impl Fn(&Policy) -> bool,
    ) -> Option<ProjectId> {
        let snapshot = self.snapshot();
        let mut policies = snapshot.policies.iter();
        let found = policies.find(|(id, policy)| access.covers(**id) && is(policy));
        found.map(|(id, _)| *id)
    }

    #[must_use]
    pub fn project_name(&self, id: ProjectId) -> Option<String> {
        self.snapshot()
            .projects
            .iter()
            .find(|project| project.id == id)
            .map(|project| project.name.clone())
    }

    /// Oldest first.
    #[must_use]
    pub fn webhooks(&self) -> Vec<Arc<Webhook>> {
        self.snapshot().webhooks.clone()
    }

    #[must_use]
    pub fn webhooks_of(&self, project: ProjectId) -> Vec<Arc<Webhook>> {
        let snapshot = self.snapshot();
        let own = snapshot
            .webhooks
            .iter()
            .filter(|webhook| webhook.project == project);
        own.map(Arc::clone).collect()
    }

    #[must_use]
    pub fn find_webhook(&self, id: Uuid) -> Option<Arc<Webhook>> {
        let snapshot = self.snapshot();
        let found = snapshot.webhooks.iter().find(|webhook| webhook.id == id);
        found.map(Arc::clone)
    }

    /// The guard's.
    #[must_use]
    pub fn lists(&self) -> Arc<Lists> {
        Arc::clone(&self.snapshot().lists.1)
    }

    /// The guard's, with the version that they are of.
    #[must_use]
    pub fn lists_with_version(&self) -> (i64, Arc<Lists>) {
        self.snapshot().lists.clone()
    }

    /// Oldest first.
    #[must_use]
    pub fn integrations(&self) -> Vec<Arc<Integration>> {
        self.snapshot().integrations.clone()
    }

    /// An integration, also one that was just created on another replica.
    pub async fn integration(&self, id: Uuid) -> Result<Option<Arc<Integration>>, StorageError> {
        match self.freshest().await.integration(id) {
            None => self.integration_anew(id).await,
            found => Ok(found),
        }
    }

    /// An integration as the database has it: its secret may have just been changed on another replica.
    pub async fn integration_anew(
        &self,
        id: Uuid,
    ) -> Result<Option<Arc<Integration>>, StorageError> {
        self.refresh_after(PACE).await?;
        Ok(self.snapshot().integration(id))
    }

    /// The policy for new verifications of this project.
    #[must_use]
    pub fn policy(&self, project: ProjectId) -> Arc<Policy> {
        let snapshot = self.snapshot();
        let own = snapshot.policies.get(&project);
        Arc::clone(own.unwrap_or_else(|| self.book.defaults()))
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(
            &self
                .snapshot
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }
}

impl Snapshot {
    fn integration(&self, id: Uuid) -> Option<Arc<Integration>> {
        let mut known = self.integrations.iter();
        known.find(|known| known.id == id).map(Arc::clone)
    }

    fn is_fresh(&self) -> bool {
        self.began
            .is_some_and(|began| began.elapsed() < DIRECTORY_AGE)
    }
}

impl Known {
    fn access(&self, now: DateTime<Utc>) -> Option<Access> {
        let key = &self.key;
        let in_force = key.revoked_at.is_none() && key.expires_at.is_none_or(|at| now < at);
        if !in_force {
            return None;
        }
        // Usually it is already set, and a read is cheaper than a write.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
        Some(Access::of_key(key))
    }
}
