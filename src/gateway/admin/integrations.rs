//! Integrations of a project: create, find, change, rotate, delete; and what came of their last calls.

use std::sync::Arc;

use uuid::Uuid;

use super::calls::KEPT;
use super::contended::contended;
use super::room::Admin;
use crate::gateway::error::Error;
use crate::gateway::shared::{Access, Replay, Ticket};
use crate::integrations::{Kind, MOST, Settings, new_secret};
use crate::secret::random;
use crate::storage::{Call, Integration, StorageError};
use crate::verification::id::{ProjectId, VerificationId, time_ordered};
use crate::verification::span;

/// A project's request for an integration.
#[derive(Clone, Debug)]
pub struct IntegrationRequest {
    pub project: ProjectId,
    pub kind: Kind,
    pub name: String,
    pub settings: Settings,
    /// `None`: we make it, or the other program will.
    pub secret: Option<String>,
}

/// What to change of an integration.
#[derive(Clone, Debug)]
pub struct IntegrationChange {
    pub name: String,
    pub settings: Settings,
    /// The old one is then no longer good.
    pub secret: Option<String>,
}

impl Admin {
    /// With its secret, if we have made it or it was given. `None`: the project already has [`MOST`].
    pub async fn create_integration(
        &self,
        asked: IntegrationRequest,
        made_by: &Access,
        ticket: Option<Ticket>,
    ) -> Result<Option<Arc<Integration>>, Error> {
        let core = self.core();
        core.directory.refresh().await?;
        let known = core.directory.integrations();
        let own = known.iter().filter(|known| known.project == asked.project);
        if own.count() >= MOST {
            return Ok(None);
        }
        let now = core.now();
        let integration = Integration {
            id: time_ordered(now, random()),
            project: asked.project,
            kind: asked.kind,
            name: asked.name,
            settings: asked.settings,
            version: 1,
            secret: asked.secret.or_else(|| new_secret(asked.kind, random())),
            previous: None,
            created_at: now,
        };
        let replay = self.replay(integration.id, 201, integration.secret.as_deref());
        let completion = core.idempotency.completion(ticket.as_ref(), &replay);
        let act = core.act(&made_by.by).answering(completion);
        core.db
            .create_integration(&integration, Some(made_by.key), &act)
            .await?;
        core.live.directory_changed().await?;
        Ok(Some(Arc::new(integration)))
    }

    /// An integration of a project that the key covers.
    pub async fn find_integration(
        &self,
        access: &Access,
        id: Uuid,
    ) -> Result<Arc<Integration>, Error> {
        let found = self.core().directory.integration(id).await?;
        found
            .filter(|integration| access.covers(integration.project))
            .ok_or(Error::NotFound)
    }

    /// Those that the key covers, oldest first, after `cursor`.
    pub async fn list_integrations(
        &self,
        access: &Access,
        project: Option<ProjectId>,
        cursor: Option<Uuid>,
    ) -> Result<Vec<Arc<Integration>>, Error> {
        self.core().directory.refresh().await?;
        let mut all = self.core().directory.integrations();
        all.retain(|integration| {
            access.covers(integration.project)
                && project.is_none_or(|project| integration.project == project)
                && cursor.is_none_or(|cursor| integration.id > cursor)
        });
        Ok(all)
    }

    /// Changes what `change` makes of it as it is.
    pub async fn change_integration<E: From<Error>>(
        &self,
        access: &Access,
        id: Uuid,
        change: impl Fn(&Integration) -> Result<IntegrationChange, E>,
    ) -> Result<Arc<Integration>, E> {
        contended(async || {
            let core = self.core();
            core.directory.refresh().await.map_err(Error::from)?;
            let before = self.find_integration(access, id).await?;
            let IntegrationChange {
                name,
                settings,
                secret,
            } = change(&before)?;
            let after = Integration {
                name,
                settings,
                ..(*before).clone()
            };
            let (act, both) = (core.act(&access.by), (&*before, &after));
            let changed = core.db.change_integration(both, secret.as_deref(), &act);
            if !changed.await.map_err(Error::from)? {
                return Ok(None);
            }
            core.live.directory_changed().await?;
            Ok(Some(self.find_integration(access, id).await?))
        })
        .await
    }

    /// Gives an integration a new secret: the given one, or one that we make. For a day the old one of a hook is good too.
    pub async fn rotate_integration(
        &self,
        access: &Access,
        id: Uuid,
        secret: String,
        ticket: Option<Ticket>,
    ) -> Result<Arc<Integration>, Error> {
        let found = self.find_integration(access, id).await?;
        let core = self.core();
        let until = span::after(core.now(), found.kind.overlap());
        let replay = self.replay(id, 200, Some(&secret));
        let completion = core.idempotency.completion(ticket.as_ref(), &replay);
        let act = core.act(&access.by).answering(completion);
        let rotated = core.db.rotate_integration(&found, &secret, until, &act);
        if !rotated.await? {
            return Err(Error::NotFound);
        }
        core.live.directory_changed().await?;
        self.find_integration(access, id).await
    }

    /// With the secret of this answer, which a later one may replace.
    fn replay(&self, id: Uuid, status: u16, secret: Option<&str>) -> Replay {
        let seal = |secret: &str| self.core().vault.seal(id.as_bytes(), secret.as_bytes());
        Replay::Integration {
            id,
            status,
            sealed: secret.map(seal),
        }
    }

    /// An integration with the secret that an earlier answer showed, which may have been replaced since; `sealed` comes from
    /// [`Replay::Integration`].
    pub async fn integration_again(
        &self,
        access: &Access,
        id: Uuid,
        sealed: Option<&[u8]>,
    ) -> Result<Integration, Error> {
        let found = self.find_integration(access, id).await?;
        let secret = sealed.and_then(|sealed| {
            let (plain, _) = self.core().vault.open(id.as_bytes(), sealed).ok()?;
            String::from_utf8(plain).ok()
        });
        Ok(Integration {
            secret,
            ..(*found).clone()
        })
    }

    /// Nothing is delivered for it any more. Its verifications stay.
    pub async fn delete_integration(&self, access: &Access, id: Uuid) -> Result<(), Error> {
        let found = self.find_integration(access, id).await?;
        let act = self.core().act(&access.by);
        if !self.core().db.delete_integration(&found, &act).await? {
            return Err(Error::NotFound);
        }
        self.core().live.directory_changed().await
    }

    /// Remembers what came of a call, for people. It is stored within a second; of many, the last ones.
    pub fn note_call(
        &self,
        integration: Uuid,
        outcome: &str,
        detail: &str,
        verification: Option<VerificationId>,
    ) {
        let at = self.core().now();
        self.calls().note(Call {
            id: time_ordered(at, random()),
            integration,
            at,
            outcome: outcome.to_owned(),
            detail: detail.to_owned(),
            verification: verification.map(VerificationId::uuid),
        });
    }

    /// Like [`Self::note_call`], of one that is not authentic: anyone can make such calls, so one a minute is noted.
    pub fn note_stranger(&self, integration: Uuid, outcome: &str, detail: &str) {
        if self
            .calls()
            .is_first_stranger(integration, self.core().now())
        {
            self.note_call(integration, outcome, detail, None);
        }
    }

    /// Stores the calls that were noted since the last time.
    pub async fn store_calls(&self) -> Result<(), StorageError> {
        let noted = self.calls().take();
        if noted.is_empty() {
            return Ok(());
        }
        let kept = i64::try_from(KEPT).unwrap_or(i64::MAX);
        self.core().db.note_calls(&noted, kept).await
    }

    /// The last calls, newest first.
    pub async fn list_calls(&self, access: &Access, id: Uuid) -> Result<Vec<Call>, Error> {
        self.find_integration(access, id).await?;
        self.store_calls().await?;
        Ok(self.core().db.list_calls(id).await?)
    }
}
