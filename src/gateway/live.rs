//! Who listens hears at once what changes, on this replica and on the others.

use tokio::sync::broadcast::Receiver;
use tokio_util::sync::CancellationToken;

use super::{Gateway, Trouble};
use crate::shared_state::News;
use crate::verification::id::VerificationId;

impl Gateway {
    /// Hears the id of each verification that changes; `None`: some may have been missed.
    #[must_use]
    pub fn listen(&self) -> Receiver<Option<VerificationId>> {
        self.0.changed.subscribe()
    }

    /// Whether [`Gateway::listen`] hears all there is: there is no other replica, or what it tells arrives.
    #[must_use]
    pub fn hears_all(&self) -> bool {
        self.0.db.is_alone() || self.0.shared.replicas.hears()
    }

    /// Passes on what other replicas tell, until `stop`.
    pub async fn hear_replicas(&self, stop: &CancellationToken) {
        let heard = |news| match news {
            Some(News::Verification(id)) => self.tell_listeners(Some(id)),
            Some(News::Directory) => self.refresh_soon(),
            None => {
                self.tell_listeners(None);
                self.refresh_soon();
            }
        };
        self.0.shared.replicas.run(stop, heard).await;
    }

    pub(super) fn tell_listeners(&self, changed: Option<VerificationId>) {
        // Nobody may be listening.
        let _ = self.0.changed.send(changed);
    }

    /// What this process has changed about projects, keys or webhooks is in force here, and soon on every replica.
    pub(super) async fn directory_changed(&self) -> Result<(), Trouble> {
        self.0.directory.refresh().await?;
        self.0.shared.replicas.tell(News::Directory);
        Ok(())
    }

    fn refresh_soon(&self) {
        let directory = self.0.directory.clone();
        self.0.runtime.spawn(async move {
            if let Err(error) = directory.refresh().await {
                tracing::debug!(%error, "the next refresh will tell");
            }
        });
    }
}
