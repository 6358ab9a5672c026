//! Runs what is due in a verification whose lease is ours: sends, status questions, follow-ups, turns.

use std::collections::hash_map::Entry;

use tokio::sync::watch;

use super::leased::{Duty, Kept};
use super::room::{LEASE, Verify};
use crate::delivery::{Draft, Message, Receipt, SendError};
use crate::gateway::core::ProviderSlot;
use crate::gateway::error::Error;
use crate::storage::StorageError;
use crate::verification::agenda::Task;
use crate::verification::attempt::{AttemptStatus, FollowUpKind};
use crate::verification::id::{AttemptId, VerificationId};
use crate::verification::{Source, Verification, span};

/// A success is reported for an hour at most: after that the code is erased (architecture, point 8).
const FOLLOW_UP_TRIES: u8 = 7;

type Progress = Option<watch::Sender<Verification>>;

/// Marks a verification as being worked on, until the work ends in any way.
struct Working<'a> {
    verify: &'a Verify,
    id: VerificationId,
    has_ended: bool,
}

impl<'a> Working<'a> {
    /// `None`: a task of this process is on it already, and has been asked to look again before it ends.
    fn on(verify: &'a Verify, id: VerificationId) -> Option<Self> {
        match verify.working().entry(id.uuid()) {
            Entry::Occupied(mut busy) => {
                busy.insert(true);
                None
            }
            Entry::Vacant(free) => {
                free.insert(false);
                Some(Self {
                    verify,
                    id,
                    has_ended: false,
                })
            }
        }
    }

    /// Whether a look was asked for since the last one. With `false` the work has ended, and another task may begin.
    fn look_again(&mut self) -> bool {
        let mut working = self.verify.working();
        match working.get_mut(&self.id.uuid()) {
            Some(asked) if *asked => {
                *asked = false;
                true
            }
            _ => {
                working.remove(&self.id.uuid());
                self.has_ended = true;
                false
            }
        }
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.verify.working().remove(&self.id.uuid());
        }
    }
}

impl Verify {
    /// Takes the leases of verifications that have something due and works on them; answers how many there were.
    pub async fn work_on_due(&self, limit: i64) -> Result<usize, StorageError> {
        let now = self.core().now();
        let due = self
            .core()
            .db
            .claim_due(self.replica(), now, span::after(now, LEASE), limit)
            .await?;
        let count = due.len();
        for v in due {
            self.spawn_work(v, None, None);
        }
        Ok(count)
    }

    /// Keeps the leases of what is being worked on.
    pub async fn renew_leases(&self) -> Result<(), StorageError> {
        let mut ids: Vec<_> = self.working().keys().copied().collect();
        // In the order in which the writer locks rows, so that the two never wait for each other.
        ids.sort_unstable();
        metrics::gauge!("pinroute_work_in_progress")
            .set(u32::try_from(ids.len()).unwrap_or(u32::MAX));
        let until = span::after(self.core().now(), LEASE);
        self.core().db.renew(self.replica(), &ids, until).await
    }

    /// Works on one verification now, if something is due and nobody is on it.
    pub(super) fn nudge(&self, v: &Verification) {
        if !self.is_due(v) || self.working().contains_key(&v.id.uuid()) {
            return;
        }
        let (verify, id) = (self.clone(), v.id);
        self.core().spawn(async move {
            let now = verify.core().now();
            match verify
                .core()
                .db
                .claim(id, verify.replica(), now, span::after(now, LEASE))
                .await
            {
                Ok(Some(v)) => verify.work(v, None, None).await,
                // Whoever holds the lease sees what is due before giving it up.
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "a verification is left to the next look at what is due")
                }
            }
        });
    }

    pub(super) fn spawn_work(&self, v: Verification, ours: Option<u8>, progress: Progress) {
        let verify = self.clone();
        self.core()
            .spawn(async move { verify.work(v, ours, progress).await });
    }

    async fn work(&self, v: Verification, ours: Option<u8>, progress: Progress) {
        let id = v.id;
        // A lease is the replica's, work is the task's: what a task of ours is already on is left to it, with the lease.
        let Some(mut working) = Working::on(self, id) else {
            return;
        };
        let mut done = self.run_due(v, ours, &progress).await;
        while working.look_again() {
            done = self.run_again(id, &progress).await;
        }
        if let Err(trouble) = done {
            // The lease lapses, and the next to look takes over from what is stored.
            tracing::warn!(verification = %id, error = %trouble, "work on a verification broke off");
        }
    }

    /// Something became due, and its lease was taken for this replica, while the last of the work before it ended.
    async fn run_again(&self, id: VerificationId, progress: &Progress) -> Result<(), Error> {
        let now = self.core().now();
        let until = span::after(now, LEASE);
        match self
            .core()
            .db
            .reclaim(id, self.replica(), now, until)
            .await?
        {
            Some(v) => self.run_due(v, None, progress).await,
            None => Ok(()),
        }
    }

    /// `ours`: the attempt that we ourselves have stored as `sending`. One that is found so otherwise belongs to a lost send.
    async fn run_due(
        &self,
        mut v: Verification,
        mut ours: Option<u8>,
        progress: &Progress,
    ) -> Result<(), Error> {
        let unknown_after = self.core().settings.unknown_after;
        loop {
            let now = self.core().now();
            let next = v.next_task(unknown_after);
            let Some((_, task)) = next.filter(|(due, _)| *due <= now) else {
                let wake_at = next.map(|(due, _)| due);
                return Ok(self.core().db.release(&v, self.replica(), wake_at).await?);
            };
            // Boxed: thousands may wait for their turn to send, and each should be small.
            let kept = match task {
                Task::Interrupted(ordinal) if ours == Some(ordinal) => {
                    self.deliver(v, ordinal).await?
                }
                Task::Interrupted(ordinal) => {
                    tracing::warn!(attempt = %v.id.attempt(ordinal), "a send was interrupted; it may have left");
                    Box::pin(self.transition_leased(v, Duty::Timer, |v, offers, now| {
                        v.interrupted(ordinal, offers, now);
                    }))
                    .await?
                }
                Task::Turn => {
                    Box::pin(self.transition_leased(v, Duty::Timer, |v, offers, now| {
                        v.turn(unknown_after, offers, now);
                    }))
                    .await?
                }
                Task::Send(_) => {
                    Box::pin(self.transition_leased(v, Duty::Send, |v, offers, now| {
                        v.turn(unknown_after, offers, now);
                    }))
                    .await?
                }
                Task::Ask(ordinal) => Box::pin(self.ask(v, ordinal)).await?,
                Task::Bill(ordinal) => Box::pin(self.ask_price(v, ordinal)).await?,
                Task::FollowUp(ordinal, kind) => Box::pin(self.follow_up(v, ordinal, kind)).await?,
            };
            if let Some(progress) = progress {
                progress.send_replace(kept.v.clone());
            }
            if !kept.held {
                return Ok(());
            }
            // What we have stored as `sending` stays ours when another task comes before its send.
            let still_ours = |ordinal: &u8| {
                kept.v
                    .attempt(*ordinal)
                    .is_some_and(|attempt| attempt.status == AttemptStatus::Sending)
            };
            ours = kept.began.or(ours.filter(still_ours));
            v = kept.v;
        }
    }

    /// Sends the attempt that is stored as `sending`, and keeps what came of it. When the next step follows at once, it is
    /// stored as `sending` in the same change.
    async fn deliver(&self, mut v: Verification, ordinal: u8) -> Result<Kept, Error> {
        let line = v
            .attempt(ordinal)
            .and_then(|attempt| self.core().provider(&attempt.provider));
        let mut permit = None;
        if let Some(line) = line {
            permit = line.permits.try_acquire().ok();
            if permit.is_none() {
                permit = line.permits.acquire().await.ok();
                // Its turn has come late: perhaps nobody waits for the code any more.
                v = self.read(v.id).await?;
            }
        }
        // Another replica may have taken it for lost, and sent the next step.
        let is_ours = v
            .attempt(ordinal)
            .is_some_and(|attempt| attempt.status == AttemptStatus::Sending);
        let outcome = if is_ours && v.is_pending() && !v.is_overdue(self.core().now()) {
            Box::pin(self.send(&v, ordinal)).await
        } else {
            Err(SendError::Canceled)
        };
        drop(permit);
        Box::pin(self.transition_leased(v, Duty::Evidence, |v, offers, now| {
            v.sent(ordinal, outcome.clone(), offers, now);
        }))
        .await
    }

    async fn send(&self, v: &Verification, ordinal: u8) -> Result<Receipt, SendError> {
        let (Some(attempt), Some(code)) = (v.attempt(ordinal), &v.code) else {
            return Err(SendError::Unavailable);
        };
        let Some(line) = self.core().provider(&attempt.provider) else {
            // It was taken out of the configuration meanwhile.
            return Err(SendError::Unavailable);
        };
        let provider = &line.provider;
        if !self.core().shared.pauses.begin(provider.name()) {
            return Err(SendError::Paused);
        }
        let id = v.attempt_id(attempt);
        let message = Message {
            attempt: id,
            phone: &v.phone,
            draft: Draft {
                country: v.record.country,
                code,
                wording: &v.record.wording,
            },
            ttl: v.message_ttl(attempt),
            callback_url: &self.callback_url(provider.name(), attempt.channel.converses(), id),
        };
        let began = std::time::Instant::now();
        let outcome = provider.send(&message).await;
        metrics::histogram!("pinroute_send_seconds", "provider" => provider.name().to_owned())
            .record(began.elapsed());
        if let Ok(Receipt {
            balance: Some(left),
            ..
        }) = &outcome
        {
            self.finance().balance_reported(provider.name(), *left);
        }
        self.core()
            .shared
            .pauses
            .learn(provider.name(), self.number_key(v), &outcome)
            .await;
        let word = match &outcome {
            Ok(_) => "accepted",
            Err(error) => error.verdict().1.as_str(),
        };
        metrics::counter!("pinroute_sends_total", "provider" => provider.name().to_owned(), "outcome" => word).increment(1);
        outcome
    }

    /// Telegram signs its reports; any other provider's address holds a token for the one attempt.
    fn callback_url(&self, provider: &str, signs: bool, attempt: AttemptId) -> String {
        let base = &self.core().settings.public_url;
        if signs {
            return format!("{base}/callbacks/{provider}");
        }
        let mac = self
            .core()
            .vault
            .callback_mac(provider, attempt.uuid().as_bytes());
        format!("{base}/callbacks/{provider}/{attempt}.{mac}")
    }

    async fn ask(&self, v: Verification, ordinal: u8) -> Result<Kept, Error> {
        let asked = match self.conversation(&v, ordinal) {
            Some((line, message_id)) => line.provider.ask(&message_id).await.ok(),
            None => None,
        };
        self.transition_leased(v, Duty::Evidence, |v, offers, now| match &asked {
            Some(report) => {
                v.report(ordinal, report, Source::Asked, offers, now);
            }
            None => v.ask_failed(ordinal, now),
        })
        .await
    }

    async fn ask_price(&self, v: Verification, ordinal: u8) -> Result<Kept, Error> {
        let asked = match self.conversation(&v, ordinal) {
            Some((line, message_id)) => line.provider.ask(&message_id).await.ok(),
            None => None,
        };
        self.transition_leased(v, Duty::Evidence, |v, offers, now| {
            v.billed(ordinal, asked.as_ref(), offers, now);
        })
        .await
    }

    async fn follow_up(
        &self,
        v: Verification,
        ordinal: u8,
        kind: FollowUpKind,
    ) -> Result<Kept, Error> {
        let told = match (self.conversation(&v, ordinal), kind, &v.code) {
            (Some((line, id)), FollowUpKind::ReportSuccess, Some(code)) => {
                line.provider.report_success(&id, code).await
            }
            (Some((line, id)), FollowUpKind::Revoke, _) => line.provider.revoke(&id).await,
            // Nobody left to tell, or nothing left to say.
            _ => Ok(()),
        };
        let tries = v
            .attempt(ordinal)
            .and_then(|a| a.follow_up)
            .map_or(0, |f| f.tries);
        let again = told.is_err() && tries < FOLLOW_UP_TRIES;
        self.transition_leased(v, Duty::Evidence, |v, _, now| {
            // 10, 20, 40 … 640 s: about 21 minutes in all.
            let pause = std::time::Duration::from_secs(10 << tries.min(FOLLOW_UP_TRIES));
            v.followed_up(ordinal, again.then(|| span::after(now, pause)));
        })
        .await
    }

    fn conversation(&self, v: &Verification, ordinal: u8) -> Option<(&ProviderSlot, String)> {
        let attempt = v.attempt(ordinal)?;
        Some((
            self.core().provider(&attempt.provider)?,
            attempt.message_id.clone()?,
        ))
    }

    fn is_due(&self, v: &Verification) -> bool {
        v.next_task(self.core().settings.unknown_after)
            .is_some_and(|(due, _)| due <= self.core().now())
    }

    /// Waits until nothing is due in this verification and nobody works on it: for tests, which run work by name.
    pub async fn settle(&self, id: VerificationId) -> Result<Verification, Error> {
        loop {
            let v = self.read(id).await?;
            if !self.is_due(&v) && !self.working().contains_key(&id.uuid()) {
                return Ok(v);
            }
            self.work_on_due(256).await?;
            tokio::task::yield_now().await;
        }
    }
}
