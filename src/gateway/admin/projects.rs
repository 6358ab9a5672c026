//! Projects and API keys: create, list, change, revoke. A change takes effect on this replica at once, and on the
//! others when they refresh their directory.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::contended::contended;
use super::counters::prepare_budgets;
use super::room::Admin;
use crate::audit::By;
use crate::gateway::error::Error;
use crate::gateway::shared::{Access, NOTHING, PolicyBook, PolicyFault, Replay, Ticket, parsed};
use crate::money::Money;
use crate::reports::exchange::{Exact, Rates};
use crate::secret::random;
use crate::storage::{Act, ApiKey, Db, NewKey, Project, StorageError};
use crate::verification::id::{ProjectId, time_ordered};
use crate::verification::policy::Policy;
use crate::verification::span;

/// How many days a key that expires may last.
pub const LONGEST_KEY_DAYS: u64 = 3_650;

/// How many characters the name of a key may have.
pub const LONGEST_KEY_NAME: usize = 100;

/// A key to create.
#[derive(Clone, Debug)]
pub struct KeyRequest {
    /// As [`key_name`] reads it.
    pub name: Option<String>,
    /// `None`: every project.
    pub project: Option<ProjectId>,
    pub scopes: String,
    pub expires_at: Option<DateTime<Utc>>,
}

/// Why a project was not created or changed.
#[derive(Debug)]
pub enum ProjectError {
    NameTaken,
    Policy(Vec<PolicyFault>),
    Failed(Error),
}

impl From<Error> for ProjectError {
    fn from(trouble: Error) -> Self {
        Self::Failed(trouble)
    }
}

impl From<StorageError> for ProjectError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Exists => Self::NameTaken,
            other => Self::Failed(other.into()),
        }
    }
}

/// The secret of a new key. It is shown once; the database keeps only a hash.
#[must_use]
pub fn new_secret() -> String {
    format!("pin_{}", URL_SAFE_NO_PAD.encode(random::<32>()))
}

/// Checks a project's name; the error says what a name may be.
pub fn check_name(text: &str) -> Result<(), String> {
    let fits = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
        && text.as_bytes()[0].is_ascii_alphanumeric();
    if fits {
        Ok(())
    } else {
        Err("must be 1 to 64 lowercase letters, digits, hyphens and underscores, beginning with a letter or digit".to_owned())
    }
}

/// The name of a key, without the space around it; the error says what a name may be.
pub fn key_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    let fits = (1..=LONGEST_KEY_NAME).contains(&name.chars().count());
    if fits && !name.chars().any(char::is_control) {
        Ok(name.to_owned())
    } else {
        Err(format!(
            "must be 1 to {LONGEST_KEY_NAME} characters on one line"
        ))
    }
}

impl Admin {
    /// A project's complete policy: the defaults with its overrides applied.
    #[must_use]
    pub fn effective_policy(&self, project: &Project) -> Value {
        self.core().book.effective(&parsed(&project.overrides))
    }

    /// The projects that the key covers, sorted by name.
    pub async fn list_projects(&self, access: &Access) -> Result<Vec<Project>, Error> {
        self.core().directory.refresh().await?;
        let mut projects = self.core().directory.projects();
        projects.retain(|project| access.covers(project.id));
        Ok(projects)
    }

    /// The project of this name, if the key covers it.
    pub async fn named_project(&self, access: &Access, name: &str) -> Result<Project, Error> {
        let projects = self.list_projects(access).await?;
        let found = projects.into_iter().find(|project| project.name == name);
        found.ok_or(Error::NotFound)
    }

    pub async fn create_project(
        &self,
        name: &str,
        policy: &Value,
        by: &By,
        ticket: Option<Ticket>,
    ) -> Result<Project, ProjectError> {
        let mut overrides = parsed(NOTHING);
        let book = &self.core().book;
        book.patch(&mut overrides, policy);
        let overrides = overrides.to_string();
        book.read(&overrides).map_err(ProjectError::Policy)?;
        let replay = Replay::Project {
            name: name.to_owned(),
            status: 201,
        };
        let core = self.core();
        let completion = core.idempotency.completion(ticket.as_ref(), &replay);
        let act = core.act(by).answering(completion);
        let project = core.db.create_project(name, &overrides, &act).await?;
        core.live.directory_changed().await?;
        Ok(project)
    }

    /// Applies a merge patch to a project's overrides. The result applies to verifications started from now on.
    pub async fn change_policy(
        &self,
        access: &Access,
        name: &str,
        change: &Value,
    ) -> Result<Project, ProjectError> {
        self.change_policy_by(access, name, |_| Ok(change.clone()))
            .await
    }

    /// Like [`Self::change_policy`], by a patch that depends on the policy as it is.
    pub async fn change_policy_by<E: From<ProjectError> + From<Error>>(
        &self,
        access: &Access,
        name: &str,
        change: impl Fn(&Policy) -> Result<Value, E>,
    ) -> Result<Project, E> {
        contended(async || {
            let project = self.named_project(access, name).await?;
            let policy = self.core().book.read(&project.overrides);
            let change = change(&policy.map_err(ProjectError::Policy)?)?;
            let overrides = change_overrides(&self.core().book, &project, &change)?;
            self.prepare_policy(&project, &overrides).await?;
            let (db, act) = (&self.core().db, self.core().act(&access.by));
            let set = db.set_overrides(&project, &overrides, &act).await;
            if !set.map_err(ProjectError::from)? {
                return Ok(None);
            }
            self.core().live.directory_changed().await?;
            Ok(Some(Project {
                overrides,
                ..project
            }))
        })
        .await
    }

    /// Returns the key and its secret, which is shown only once.
    pub async fn create_key(
        &self,
        asked: KeyRequest,
        made_by: &Access,
        ticket: Option<Ticket>,
    ) -> Result<(ApiKey, String), Error> {
        let secret = new_secret();
        let new = NewKey {
            name: asked.name,
            project: asked.project,
            scopes: asked.scopes,
            expires_at: asked.expires_at,
            made_by: Some(made_by.key),
        };
        let core = self.core();
        let id = time_ordered(core.now(), random());
        let sealed = core.vault.seal(id.as_bytes(), secret.as_bytes());
        let replay = Replay::Key { id, sealed };
        let completion = core.idempotency.completion(ticket.as_ref(), &replay);
        let act = core.act(&made_by.by).answering(completion);
        core.db.create_key_as(id, &new, &secret, &act).await?;
        core.live.directory_changed().await?;
        let keys = core.directory.keys();
        let key = keys.into_iter().find(|key| key.id == id);
        Ok((key.ok_or(Error::Unavailable)?, secret))
    }

    /// A created key with its secret, for a replay; `sealed` comes from [`Replay::Key`].
    pub async fn key_again(
        &self,
        access: &Access,
        id: Uuid,
        sealed: &[u8],
    ) -> Result<(ApiKey, String), Error> {
        let keys = self.list_keys(access).await?;
        let key = keys.into_iter().find(|key| key.id == id);
        let opened = self.core().vault.open(id.as_bytes(), sealed).ok();
        let secret = opened.and_then(|(plain, _)| String::from_utf8(plain).ok());
        Ok((key.ok_or(Error::NotFound)?, secret.ok_or(Error::NotFound)?))
    }

    /// The keys that the caller's key covers, newest first.
    pub async fn list_keys(&self, access: &Access) -> Result<Vec<ApiKey>, Error> {
        self.core().directory.refresh().await?;
        let mut keys = self.core().directory.keys();
        keys.retain(|key| covers(access, key));
        Ok(keys)
    }

    /// Revokes a key. Revoking a revoked key changes nothing.
    pub async fn revoke_key(&self, access: &Access, id: Uuid) -> Result<(), Error> {
        let keys = self.list_keys(access).await?;
        let key = keys.iter().find(|key| key.id == id);
        let act = self.core().act(&access.by);
        let db = &self.core().db;
        db.revoke_key(key.ok_or(Error::NotFound)?, &act).await?;
        self.core().live.directory_changed().await
    }

    /// Stores which keys were used.
    pub(in crate::gateway) async fn note_key_uses(&self) -> Result<(), StorageError> {
        let used = self.core().directory.take_used_keys();
        let minute = Duration::from_secs(60);
        // Minutes are precise enough; more would reveal needless detail about a site's traffic.
        let now = span::floor(self.core().now(), minute);
        self.core().db.note_key_uses(&used, now).await
    }
}

/// Instance keys are visible only to callers that cover every project.
fn covers(access: &Access, key: &ApiKey) -> bool {
    match key.project {
        Some(project) => access.covers(project),
        None => access.project.is_none(),
    }
}

/// A project's overrides after a merge patch, if the resulting policy is valid.
pub fn change_overrides(
    book: &PolicyBook,
    project: &Project,
    change: &Value,
) -> Result<String, ProjectError> {
    let mut overrides = parsed(&project.overrides);
    book.patch(&mut overrides, change);
    let overrides = overrides.to_string();
    book.read(&overrides).map_err(ProjectError::Policy)?;
    Ok(overrides)
}

/// Changes a project's policy directly in the database. A running server acts on it within [`DIRECTORY_AGE`](crate::gateway::DIRECTORY_AGE).
pub async fn change_policy_of(
    db: &Db,
    book: &PolicyBook,
    project: &Project,
    change: &Value,
    (by, now): (&By, DateTime<Utc>),
) -> Result<Project, ProjectError> {
    let overrides = change_overrides(book, project, change)?;
    let budgets = |overrides: &str| book.read(overrides).map(|policy| policy.budgets);
    let before = budgets(&project.overrides).unwrap_or_default();
    let after = budgets(&overrides).map_err(ProjectError::Policy)?;
    let rates = Rates::new(db.list_exchange_rates().await?);
    let convert = |money: Money, to| {
        let exact = rates.convert(money.amount, money.currency, to, now.date_naive());
        exact.map(Exact::rounded)
    };
    prepare_budgets(db, project.id, &before, &after, now, convert).await?;
    let act = Act::of(by, now);
    if !db.set_overrides(project, &overrides, &act).await? {
        return Err(Error::Unavailable.into());
    }
    Ok(Project {
        overrides,
        ..project.clone()
    })
}
