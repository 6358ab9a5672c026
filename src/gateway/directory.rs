//! Who may do what: projects and keys, as a copy that is refreshed twice a second and whenever an unknown key comes by.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::Instant;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::secret::fingerprint;
use crate::storage::{ApiKey, Db, Project, StorageError, Webhook};
use crate::verification::id::ProjectId;
use crate::verification::policy::Policy;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Websites: verifications.
    Verify,
    /// Reads reports and the ledger; numbers masked.
    Finance,
    /// Everything.
    Admin,
}

impl Scope {
    pub const ALL: [Self; 3] = [Self::Verify, Self::Finance, Self::Admin];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Finance => "finance",
            Self::Admin => "admin",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// What a key may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    pub key: Uuid,
    /// `None`: every project.
    pub project: Option<ProjectId>,
    scopes: Vec<Scope>,
}

impl Access {
    #[must_use]
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }

    #[must_use]
    pub fn covers(&self, project: ProjectId) -> bool {
        self.project.is_none_or(|own| own == project)
    }
}

#[derive(Clone, Debug)]
pub struct Directory {
    db: Db,
    defaults: Arc<Policy>,
    snapshot: Arc<RwLock<Arc<Snapshot>>>,
    /// One refresh at a time; when the last one that went well began.
    refreshing: Arc<tokio::sync::Mutex<Option<Instant>>>,
}

#[derive(Debug, Default)]
struct Snapshot {
    keys: HashMap<[u8; 32], ApiKey>,
    projects: Vec<Project>,
    webhooks: Vec<Arc<Webhook>>,
}

impl Directory {
    pub(super) fn new(db: Db, defaults: Policy) -> Self {
        Self {
            db,
            defaults: Arc::new(defaults),
            snapshot: Arc::default(),
            refreshing: Arc::default(),
        }
    }

    pub async fn refresh(&self) -> Result<(), StorageError> {
        let arrived = Instant::now();
        let mut last = self.refreshing.lock().await;
        if last.is_some_and(|began| began > arrived) {
            // Whoever went before began after we came, and has read what we wanted to.
            return Ok(());
        }
        let began = Instant::now();
        let (keys, projects) = (self.db.list_keys().await?, self.db.list_projects().await?);
        let webhooks = self.db.list_webhooks().await?;
        let keys = keys
            .into_iter()
            .filter_map(|key| Some((key.hash.as_slice().try_into().ok()?, key)));
        let snapshot = Arc::new(Snapshot {
            keys: keys.collect(),
            projects,
            webhooks: webhooks.into_iter().map(Arc::new).collect(),
        });
        *self
            .snapshot
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = snapshot;
        *last = Some(began);
        Ok(())
    }

    /// What the bearer of this key may do; `None`: no such key, revoked, or expired.
    pub async fn authenticate(
        &self,
        secret: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Access>, StorageError> {
        let hash = fingerprint(secret.as_bytes());
        if let Some(key) = self.snapshot().keys.get(&hash) {
            return Ok(access(key, now));
        }
        // Perhaps it was made a moment ago. Whoever guesses keys shares one refresh at a time.
        self.refresh().await?;
        Ok(self
            .snapshot()
            .keys
            .get(&hash)
            .and_then(|key| access(key, now)))
    }

    #[must_use]
    pub fn find_project(&self, name: &str) -> Option<ProjectId> {
        self.snapshot()
            .projects
            .iter()
            .find(|project| project.name == name)
            .map(|project| project.id)
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

    /// The rules for new verifications of this project.
    #[must_use]
    pub fn policy(&self, _: ProjectId) -> Arc<Policy> {
        Arc::clone(&self.defaults)
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

fn access(key: &ApiKey, now: DateTime<Utc>) -> Option<Access> {
    let in_force = key.revoked_at.is_none() && key.expires_at.is_none_or(|at| now < at);
    in_force.then(|| Access {
        key: key.id,
        project: key.project,
        scopes: key.scopes.split(',').filter_map(Scope::parse).collect(),
    })
}
