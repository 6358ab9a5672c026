//! Runs due tasks of verifications whose lease this replica holds: sends, status queries, follow-ups, timers.

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tracing::Instrument as _;

use super::leased::{Applied, Cause};
use super::metered;
use super::room::{LEASE, Verify};
use super::traced::word;
use super::working::Working;
use crate::channels::{Draft, Message, Notice, Receipt, SendError};
use crate::gateway::core::ProviderSlot;
use crate::gateway::error::Error;
use crate::storage::StorageError;
use crate::trace;
use crate::verification::abilities::Reports;
use crate::verification::agenda::Task;
use crate::verification::attempt::{AttemptStatus, FollowUpKind, Report};
use crate::verification::id::{AttemptId, VerificationId};
use crate::verification::route::Channel;
use crate::verification::{Source, Verification, span};

/// Retries of a follow-up, about 21 minutes in all. They must end, because a pending success report keeps the code from
/// being erased.
const FOLLOW_UP_TRIES: u8 = 7;

type Progress = Option<watch::Sender<Verification>>;

impl Verify {
    /// Takes the leases of at most `limit` verifications with due tasks and starts to work on them. Returns how many.
    pub async fn work_on_due(&self, limit: i64) -> Result<usize, StorageError> {
        if !self.core().clock.is_trusted() {
            return Ok(0);
        }
        let now = self.core().now();
        if self.was_set_back(now) {
            self.core()
                .db
                .wake_from_future(now, span::after(now, LEASE * 2))
                .await?;
        }
        if let Err(error) = self.rescue(now).await {
            tracing::warn!(%error, "cannot look for what dead replicas held; the next poll will");
        }
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

    /// Starts work on one verification if something is due and no task of this process works on it.
    pub(super) fn wake(&self, v: &Verification) {
        if !self.is_due(v) || self.working().contains_key(&v.id.uuid()) {
            return;
        }
        let (verify, id) = (self.clone(), v.id);
        let inner = trace::within(v.record.trace.as_deref());
        self.core().spawn_within(inner, async move {
            let now = verify.core().now();
            match verify
                .core()
                .db
                .claim(id, verify.replica(), now, span::after(now, LEASE))
                .await
            {
                Ok(Some(v)) => verify.work(v, None, None).await,
                // The lease's holder does all due work before releasing it.
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(verification = %id, %error, "cannot claim a verification; the next poll for due work will");
                }
            }
        });
    }

    pub(super) fn spawn_work(&self, v: Verification, ours: Option<u8>, progress: Progress) {
        let inner = trace::within(v.record.trace.as_deref());
        let work = self.boxed_work(v, ours, progress);
        self.core().spawn_within(inner, work);
    }

    /// [`Self::work`] on the heap from the start: it is large, and would be copied by each future that it passes through.
    pub(super) fn boxed_work(
        &self,
        v: Verification,
        ours: Option<u8>,
        progress: Progress,
    ) -> BoxFuture<'static, ()> {
        let verify = self.clone();
        Box::pin(async move { verify.work(v, ours, progress).await })
    }

    async fn work(&self, v: Verification, ours: Option<u8>, progress: Progress) {
        let id = v.id;
        // The lease belongs to the replica, not to the task, so a lease alone does not exclude a second task of ours.
        let Some(mut working) = Working::on(self, id, ours.is_some()) else {
            return;
        };
        let mut done = self.run_due(v, ours, &progress).await;
        while working.look_again() {
            done = Box::pin(self.run_again(id, &progress)).await;
        }
        if let Err(trouble) = done {
            // The next poll for due work continues from the stored state.
            tracing::warn!(verification = %id, error = %trouble, "work on a verification failed");
            working.give_up();
        }
    }

    /// Runs tasks that became due, with the lease taken by this replica, while the previous round was ending.
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

    /// `ours`: the attempt that this task has stored as `sending`. Any other attempt in `sending` is a send that was
    /// lost.
    async fn run_due(
        &self,
        mut v: Verification,
        mut ours: Option<u8>,
        progress: &Progress,
    ) -> Result<(), Error> {
        let unknown_after = self.core().settings.unknown_after;
        loop {
            let now = self.core().now();
            let next = v.next_task(unknown_after, now);
            let Some((_, task)) = next.filter(|(due, _)| *due <= now) else {
                let wake_at = next.map(|(due, _)| due);
                let release = self.core().db.release(&v, self.replica(), wake_at);
                return Ok(Box::pin(release).await?);
            };
            // Boxed to keep the future small: thousands may wait for a permit to send.
            let kept = match task {
                Task::Interrupted(ordinal) if ours == Some(ordinal) => {
                    self.deliver(v, ordinal).await?
                }
                Task::Interrupted(ordinal) => {
                    tracing::warn!(verification = %v.id, attempt = %v.id.attempt(ordinal), "a send was interrupted; the message may have been sent");
                    Box::pin(self.transition_leased(v, Cause::Timer, |v, offers, now| {
                        v.interrupted(ordinal, offers, now);
                    }))
                    .await?
                }
                Task::Tick => {
                    Box::pin(self.transition_leased(v, Cause::Timer, |v, offers, now| {
                        v.tick(unknown_after, offers, now);
                    }))
                    .await?
                }
                Task::Send(_) => {
                    Box::pin(self.transition_leased(v, Cause::Send, |v, offers, now| {
                        v.tick(unknown_after, offers, now);
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
            // Our `sending` attempt stays ours if another task is due before its send.
            let still_ours = |ordinal: &u8| {
                kept.v
                    .attempt(*ordinal)
                    .is_some_and(|attempt| attempt.status == AttemptStatus::Sending)
            };
            ours = kept.began.or(ours.filter(still_ours));
            v = kept.v;
        }
    }

    /// Sends the attempt that is stored as `sending`, and stores the outcome. If the next step follows at once, the
    /// same change marks it as `sending`.
    async fn deliver(&self, mut v: Verification, ordinal: u8) -> Result<Applied, Error> {
        let line = v
            .attempt(ordinal)
            .and_then(|attempt| self.core().provider(&attempt.provider));
        let mut permit = None;
        if let Some(line) = line {
            permit = line.permits.try_acquire().ok();
            if permit.is_none() {
                permit = line.permits.acquire().await.ok();
                // The wait may have been long: the verification may have ended meanwhile.
                v = Box::pin(self.read(v.id)).await?;
            }
        }
        // Another replica may have declared this send lost and sent the next step.
        let is_ours = v
            .attempt(ordinal)
            .is_some_and(|attempt| attempt.status == AttemptStatus::Sending);
        let outcome = if is_ours && v.is_pending() && !v.is_overdue(self.core().now()) {
            let (mut stage, span) = self.calling("send", &v, ordinal);
            let outcome = Box::pin(self.send(&v, ordinal)).instrument(span).await;
            stage.conclude(word(&outcome));
            outcome
        } else {
            Err(SendError::Canceled)
        };
        drop(permit);
        Box::pin(
            self.transition_leased(v, Cause::Evidence, |v, offers, now| {
                v.sent(ordinal, outcome.clone(), offers, now);
            }),
        )
        .await
    }

    async fn send(&self, v: &Verification, ordinal: u8) -> Result<Receipt, SendError> {
        let (Some(attempt), Some(phone), Some(code)) = (v.attempt(ordinal), &v.phone, &v.code)
        else {
            return Err(SendError::Unavailable);
        };
        let Some(line) = self.core().provider(&attempt.provider) else {
            // The provider was removed from the configuration.
            return Err(SendError::Unavailable);
        };
        let provider = &line.provider;
        if !self.core().shared.pauses.begin(provider.name()) {
            return Err(SendError::Paused);
        }
        let id = v.attempt_id(attempt);
        let draft = Draft::new(v.record.country, code, &v.record.wording);
        let message = Message {
            attempt: id,
            phone,
            code,
            text: draft.text(),
            ttl: v.message_ttl(attempt),
            callback_url: &self.callback_url(provider.name(), provider.abilities().reports, id),
        };
        let began = std::time::Instant::now();
        let outcome = provider.send(&message).await;
        let sms = (attempt.channel == Channel::Sms).then_some(message.text);
        metered::sent(provider.name(), sms, &outcome, began.elapsed());
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
        outcome
    }

    /// The account's address, or one that holds a token for the one attempt.
    fn callback_url(&self, provider: &str, reports: Reports, attempt: AttemptId) -> String {
        let base = &self.core().settings.public_url;
        match reports {
            Reports::PerAccount | Reports::ByAsking | Reports::OnSession => {
                return format!("{base}/callbacks/{provider}");
            }
            Reports::PerAttempt | Reports::None => {}
        }
        let mac = self
            .core()
            .vault
            .callback_mac(provider, attempt.uuid().as_bytes());
        format!("{base}/callbacks/{provider}/{attempt}.{mac}")
    }

    async fn ask(&self, v: Verification, ordinal: u8) -> Result<Applied, Error> {
        let asked = self.report_of(&v, ordinal).await;
        self.transition_leased(v, Cause::Evidence, |v, offers, now| match &asked {
            Some(report) => {
                v.report(ordinal, report, Source::Asked, offers, now);
            }
            None => v.ask_failed(ordinal, now),
        })
        .await
    }

    async fn ask_price(&self, v: Verification, ordinal: u8) -> Result<Applied, Error> {
        let asked = self.report_of(&v, ordinal).await;
        self.transition_leased(v, Cause::Evidence, |v, offers, now| {
            v.billed(ordinal, asked.as_ref(), offers, now);
        })
        .await
    }

    /// What the provider says of an attempt when asked; `None` if it says nothing.
    async fn report_of(&self, v: &Verification, ordinal: u8) -> Option<Report> {
        let (line, message_id) = self.conversation(v, ordinal)?;
        let (mut stage, span) = self.calling("ask", v, ordinal);
        let asked = line.provider.ask(&message_id).instrument(span).await;
        stage.conclude(if asked.is_ok() {
            "answered"
        } else {
            "unavailable"
        });
        asked.ok()
    }

    async fn follow_up(
        &self,
        v: Verification,
        ordinal: u8,
        kind: FollowUpKind,
    ) -> Result<Applied, Error> {
        let notice = match (kind, &v.code) {
            (FollowUpKind::ReportSuccess, Some(code)) => Some(Notice::Success(code)),
            (FollowUpKind::ReportSuccess, None) => None,
            (FollowUpKind::Revoke, _) => Some(Notice::Revoke),
        };
        let sent = match (self.conversation(&v, ordinal), notice) {
            (Some((line, id)), Some(notice)) => {
                let (mut stage, span) = self.calling("notify", &v, ordinal);
                let told = line.provider.notify(&id, notice).instrument(span).await;
                stage.conclude(if told.is_ok() {
                    "accepted"
                } else {
                    "unavailable"
                });
                told
            }
            // The provider is no longer configured, or there is nothing left to report.
            _ => Ok(()),
        };
        let tries = v
            .attempt(ordinal)
            .and_then(|a| a.follow_up)
            .map_or(0, |f| f.tries);
        let again = sent.is_err() && tries < FOLLOW_UP_TRIES;
        self.transition_leased(v, Cause::Evidence, |v, _, now| {
            // 10, 20, 40 … 640 s.
            let pause = std::time::Duration::from_secs(10 << tries.min(FOLLOW_UP_TRIES));
            v.followed_up(ordinal, again.then(|| span::after(now, pause)), now);
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
        v.next_task(self.core().settings.unknown_after, self.core().now())
            .is_some_and(|(due, _)| due <= self.core().now())
    }

    /// Waits until nothing is due in this verification and no task works on it. For tests, which run work by name.
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
