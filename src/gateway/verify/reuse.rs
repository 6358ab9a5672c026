//! A start that finds a verification like the one it asks for: it is answered with that one, and nothing is sent.

use super::request::{StartRequest, Started};
use super::room::{SECOND_LOOK, Verify};
use crate::gateway::error::Error;
use crate::gateway::shared::{Access, Replay, Ticket};
use crate::secret::random;
use crate::storage::StorageError;
use crate::verification::Verification;
use crate::verification::asked::Face;
use crate::verification::code::Code;
use crate::verification::id::ProjectId;
use crate::verification::phone::PhoneNumber;

impl Verify {
    pub(super) async fn find_reusable(
        &self,
        reuse_key: [u8; 16],
    ) -> Result<Option<Verification>, Error> {
        let db = &self.core().db;
        let found = match db.find_pending(reuse_key).await {
            // A row that cannot be read must not keep its number from being verified for ever.
            Err(StorageError::Inconsistent { .. }) => {
                db.give_up_reuse(reuse_key, random()).await?;
                None
            }
            found => found?,
        };
        let Some(found) = found else {
            return Ok(None);
        };
        let found = self.up_to_date(found).await?;
        Ok(found.is_pending().then_some(found))
    }

    /// Looks twice: the requests of a double click can exhaust the limit before the first of them is stored.
    pub(super) async fn find_or_await_reusable(
        &self,
        reuse_key: [u8; 16],
    ) -> Result<Option<Verification>, Error> {
        if let Some(found) = self.find_reusable(reuse_key).await? {
            return Ok(Some(found));
        }
        tokio::time::sleep(SECOND_LOOK).await;
        self.find_reusable(reuse_key).await
    }

    pub(super) async fn reused(
        &self,
        verification: Verification,
        ticket: Option<&Ticket>,
    ) -> Result<Started, Error> {
        let replay = Replay::Verification {
            id: verification.id,
            status: 200,
            reused: true,
        };
        self.core()
            .idempotency
            .complete_alone(ticket.cloned(), &replay)
            .await?;
        Ok(Started {
            verification,
            reused: true,
        })
    }

    /// There is at most one pending verification with the same key: of our own API per project, phone number, payload and
    /// site-chosen code; of a dialect whatever the payload and the code; of Telegram's, which sends each time, any number; of an
    /// integration per request.
    pub(super) fn reuse_key(&self, request: &StartRequest) -> [u8; 16] {
        let (project, phone) = (
            request.project.0.as_bytes(),
            request.to.phone.as_str().as_bytes(),
        );
        match request
            .asked
            .as_ref()
            .map_or(Face::Native, |asked| asked.face)
        {
            Face::Native => {}
            Face::Telegram => return random(),
            face @ Face::Integration { .. } => return self.request_reuse_key(face, request),
            face => return self.number_reuse_key(face, request.project, &request.to.phone),
        }
        let present = |text: Option<&str>| match text {
            Some(text) => format!("={text}"),
            None => String::new(),
        };
        self.core().vault.lookup(&[
            b"reuse",
            project,
            phone,
            present(request.payload.as_deref()).as_bytes(),
            present(request.code.as_ref().map(Code::as_str)).as_bytes(),
        ])
    }

    /// For a face that recognizes a request by what the host sends.
    fn request_reuse_key(&self, face: Face, start: &StartRequest) -> [u8; 16] {
        let request = start.asked.as_ref().and_then(|asked| asked.request);
        let (face, phone) = (face.origin(), start.to.phone.as_str().as_bytes());
        self.core().vault.lookup(&[
            b"reuse of an integration",
            start.project.0.as_bytes(),
            phone,
            face.as_bytes(),
            &request.map(|hash| hash.0).unwrap_or_default(),
        ])
    }

    /// Of a face that has one verification per number, whatever its payload and its code.
    fn number_reuse_key(&self, face: Face, project: ProjectId, phone: &PhoneNumber) -> [u8; 16] {
        let (face, phone) = (face.origin(), phone.as_str().as_bytes());
        let project = project.0.as_bytes();
        let parts: [&[u8]; 4] = [b"reuse of a dialect", project, phone, face.as_bytes()];
        self.core().vault.lookup(&parts)
    }

    /// The number's verification in the caller's dialect: the newest one that is open, or locked and not expired.
    pub async fn find_of_number(
        &self,
        access: &Access,
        project: ProjectId,
        phone: &PhoneNumber,
    ) -> Result<Option<Verification>, Error> {
        let key = self.number_reuse_key(access.face, project, phone);
        let Some(found) = self.core().db.find_newest(key).await? else {
            return Ok(None);
        };
        let found = self.up_to_date(found).await?;
        let is_kept = found.is_open() || found.is_locked();
        Ok(Some(found).filter(|v| is_kept && self.core().now() < v.record.expires_at))
    }
}
