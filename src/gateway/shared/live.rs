//! Live changes: whoever listens on this replica learns of every verification that changes, here or on another replica.

use tokio::runtime::Handle;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio_util::sync::CancellationToken;

use super::directory::Directory;
use crate::gateway::error::Error;
use crate::shared_state::{News, Replicas};
use crate::verification::id::VerificationId;

/// Changes that a listener may lag behind before it misses some.
const BACKLOG: usize = 1_024;

#[derive(Clone, Debug)]
pub struct Live {
    changes: Sender<Option<VerificationId>>,
    directory: Directory,
    replicas: Replicas,
    is_alone: bool,
    runtime: Handle,
}

impl Live {
    /// `is_alone`: no other process can serve the same database. Must be called inside the runtime.
    pub(in crate::gateway) fn new(
        directory: Directory,
        replicas: Replicas,
        is_alone: bool,
    ) -> Self {
        Self {
            changes: broadcast::channel(BACKLOG).0,
            directory,
            replicas,
            is_alone,
            runtime: Handle::current(),
        }
    }

    /// Receives the id of each verification that changes; `None`: some may have been missed.
    #[must_use]
    pub fn listen(&self) -> Receiver<Option<VerificationId>> {
        self.changes.subscribe()
    }

    /// Whether [`Live::listen`] misses nothing: there is no other replica, or its news arrive.
    #[must_use]
    pub fn sees_all_changes(&self) -> bool {
        self.is_alone || self.replicas.hears()
    }

    /// Passes on the news of other replicas, until `stop`.
    pub async fn follow_replicas(&self, stop: &CancellationToken) {
        let follow = |news| match news {
            Some(News::Verification(id)) => self.publish(Some(id)),
            Some(News::Directory) => self.refresh_soon(),
            None => {
                self.publish(None);
                self.refresh_soon();
            }
        };
        self.replicas.run(stop, follow).await;
    }

    /// Publishes a change of this replica, here and to the others.
    pub(in crate::gateway) fn announce(&self, changed: VerificationId) {
        self.publish(Some(changed));
        self.replicas.tell(News::Verification(changed));
    }

    /// Applies a change of projects, keys or webhooks that this replica made, at once here and soon on the others.
    pub(in crate::gateway) async fn directory_changed(&self) -> Result<(), Error> {
        self.directory.refresh().await?;
        self.replicas.tell(News::Directory);
        Ok(())
    }

    fn publish(&self, changed: Option<VerificationId>) {
        // An error means that nobody listens.
        let _ = self.changes.send(changed);
    }

    fn refresh_soon(&self) {
        let directory = self.directory.clone();
        self.runtime.spawn(async move {
            if let Err(error) = directory.refresh().await {
                tracing::debug!(%error, "projects and keys could not be read; the next refresh will");
            }
        });
    }
}
