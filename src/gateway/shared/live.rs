//! Live change events: listeners on this replica receive the id of every verification that changes, on any replica.

use tokio::runtime::Handle;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio_util::sync::CancellationToken;

use super::directory::Directory;
use crate::gateway::error::Error;
use crate::shared_state::{News, Replicas};
use crate::verification::id::VerificationId;

/// Events that a listener may lag behind before it misses some.
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
    /// `is_alone`: no other process can serve the same database. Must be called within the runtime.
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

    /// Whether [`Live::listen`] sees every change: there are no other replicas, or their news arrives through Redis.
    #[must_use]
    pub fn sees_all_changes(&self) -> bool {
        self.is_alone || self.replicas.is_connected()
    }

    /// Passes on news from other replicas until `stop` is cancelled.
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

    /// Publishes a change made by this replica, locally and to the others.
    pub(in crate::gateway) fn announce(&self, changed: VerificationId) {
        self.publish(Some(changed));
        self.replicas.publish(News::Verification(changed));
    }

    /// Refreshes this replica's directory after a change to projects, keys or webhooks, and notifies the other
    /// replicas.
    pub(in crate::gateway) async fn directory_changed(&self) -> Result<(), Error> {
        self.directory.refresh().await?;
        self.replicas.publish(News::Directory);
        Ok(())
    }

    fn publish(&self, changed: Option<VerificationId>) {
        // An error only means that there are no listeners.
        let _ = self.changes.send(changed);
    }

    fn refresh_soon(&self) {
        let directory = self.directory.clone();
        self.runtime.spawn(async move {
            if let Err(error) = directory.refresh().await {
                tracing::debug!(%error, "cannot refresh projects and keys; the next refresh tries again");
            }
        });
    }
}
