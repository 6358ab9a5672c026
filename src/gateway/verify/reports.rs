//! Reports about a verification to the address that its request named, as some dialects promise.
//!
//! A report is a delivery like a webhook's, under the id of its host, so that a host that is slow or gone delays no other.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::room::Verify;
use crate::gateway::notices::{Endpoint, Notices, OneByOne, note};
use crate::gateway::shared::{Reports, SiteReport, ToReport};
use crate::secret::random;
use crate::storage::{Delivery, DeliveryState, HostLimit, StorageError};
use crate::verification::asked::Asked;
use crate::verification::id::{ProjectId, time_ordered};
use crate::verification::{Verification, span};
use crate::webhooks::address;
use crate::webhooks::client::context_headers;

/// Hosts that a project may name in [`NAMED_WITHIN`].
const MOST_HOSTS: i64 = 20;
const NAMED_WITHIN: Duration = Duration::from_hours(24);
/// A host that was admitted so recently is not looked up.
const KNOWN_FOR: Duration = Duration::from_hours(1);

/// The first pause between tries, and how many there are; each is twice the one before. Ten tries within an hour.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const PAUSES: u32 = 9;

/// Failures in a row after which a host rests.
const PATIENCE: i64 = 20;
const REST: Duration = Duration::from_mins(10);

impl Verify {
    /// An address for reports, as it is called: https, not private, and of not too many hosts. `None`: it is refused.
    pub async fn admit_report_address(
        &self,
        project: ProjectId,
        text: &str,
    ) -> Result<Option<String>, StorageError> {
        let client = self.notices().client();
        let Ok(url) = client.read_secure(text) else {
            return Ok(None);
        };
        let Some(id) = self.host_id(project, &url) else {
            return Ok(None);
        };
        let now = self.core().now();
        let is_known = |at: &DateTime<Utc>| now < span::after(*at, KNOWN_FOR);
        if self.hosts().get(&id).is_some_and(is_known) {
            return Ok(Some(url));
        }
        if client.examine(&url).await.is_err() {
            return Ok(None);
        }
        let limit = HostLimit {
            most: MOST_HOSTS,
            since: span::before(now, NAMED_WITHIN),
        };
        let admitted = self
            .core()
            .db
            .admit_report_host(id, project, now, limit)
            .await?;
        if admitted {
            let mut hosts = self.hosts();
            hosts.retain(|_, at| is_known(at));
            hosts.insert(id, now);
        }
        Ok(admitted.then_some(url))
    }

    /// Starts sending due reports, with a task per host. Returns the number of tasks started.
    pub async fn start_reports(&self) -> Result<usize, StorageError> {
        let core = self.core();
        let mut dialects = core.settings.dialects.iter();
        if !dialects.any(|dialect| dialect.reports.is_some()) {
            return Ok(0);
        }
        let due = core.db.find_due_report_hosts(core.now()).await?;
        let host = |id| {
            Arc::new(Host {
                verify: self.clone(),
                id,
            })
        };
        let started = due.into_iter().filter(|id| self.notices().serve(host(*id)));
        Ok(started.count())
    }

    /// Waits until every due report was tried. For tests, which run work by name.
    pub async fn deliver_due_reports(&self) -> Result<(), StorageError> {
        while self.start_reports().await? > 0 || self.notices().is_busy() {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// The messages about the new events of `v`: to webhooks, and to the address that its request named.
    pub(super) fn announcements(&self, v: &Verification) -> Vec<Delivery> {
        let mut messages = self.notices().messages(v);
        messages.extend(self.reports_for(v));
        messages
    }

    fn reports_for(&self, v: &Verification) -> Vec<Delivery> {
        let asked = v.record.asked.as_ref();
        let url = asked.and_then(|asked| asked.report_to.as_ref());
        let host = url.and_then(|url| self.host_id(v.project, url));
        let (Some(host), Some(reports)) = (host, self.reports_of(v)) else {
            return Vec::new();
        };
        let at = v.news().last().map_or(self.core().now(), |news| news.at);
        let names = (reports.caused_by)(v).into_iter();
        names
            .map(|name| Delivery {
                verification: Some(v.id),
                ..Delivery::new(time_ordered(at, random()), host, &name, at)
            })
            .collect()
    }

    /// `None`: the dialect is switched off, or has no reports.
    fn reports_of(&self, v: &Verification) -> Option<Reports> {
        let mut dialects = self.core().settings.dialects.iter();
        dialects.find(|dialect| dialect.face == v.face())?.reports
    }

    /// Sends a claimed report once, and returns it updated with the outcome, for recording.
    async fn try_report(&self, delivery: Delivery) -> Delivery {
        let (core, began) = (self.core(), self.core().now());
        let found = match delivery.verification {
            Some(id) => core.db.find(id).await,
            None => Ok(None),
        };
        // Nothing was sent; it is due again when the claim expires.
        let Ok(v) = found else {
            return delivery;
        };
        let report = v
            .as_ref()
            .and_then(|v| self.write_report(v, &delivery.event, began));
        let Some((url, mut report, takes)) = report else {
            // The dialect is switched off, the key is gone, or there is no word for it any more: nobody waits for it.
            return Delivery {
                state: DeliveryState::Dead,
                due_at: None,
                tried: delivery.tried + 1,
                ..delivery
            };
        };
        let begun = v.as_ref().and_then(|v| v.record.trace.as_deref());
        let (stage, trace) = core.sends("webhook", begun);
        report.headers.extend(context_headers(trace.as_ref()));
        let outcome = self
            .notices()
            .client()
            .report(&url, &report.headers, report.body, takes)
            .await;
        note(stage, &delivery, &outcome);
        let pause = (delivery.round < PAUSES).then(|| FIRST_PAUSE * 2_u32.pow(delivery.round));
        self.notices().tried(delivery, began, outcome, pause)
    }

    fn write_report(&self, v: &Verification, name: &str, now: DateTime<Utc>) -> Option<Written> {
        let Asked { key, report_to, .. } = v.record.asked.as_deref()?;
        let reports = self.reports_of(v)?;
        let to_report = ToReport {
            v,
            secret: &self.secret_of((*key)?)?,
            now,
            convert: &|money, to| self.finance().convert(money, to, now),
        };
        let report = (reports.write)(&to_report, name)?;
        Some((report_to.clone()?, report, reports.takes))
    }

    /// Of a key, or of an integration.
    fn secret_of(&self, caller: Uuid) -> Option<Vec<u8>> {
        let directory = &self.core().directory;
        if let Some(hash) = directory.key_hash(caller) {
            return Some(hash.to_vec());
        }
        let integrations = directory.integrations();
        let integration = integrations.iter().find(|known| known.id == caller)?;
        integration.secret.clone().map(String::into_bytes)
    }

    /// A host of one project.
    fn host_id(&self, project: ProjectId, url: &str) -> Option<Uuid> {
        let host = address::host(url)?;
        let parts: [&[u8]; 3] = [b"report host", project.0.as_bytes(), host.as_bytes()];
        Some(Uuid::from_bytes(self.core().vault.lookup(&parts)))
    }
}

/// An address, what is sent there, and which answers mean that it was taken.
type Written = (String, SiteReport, fn(u16) -> bool);

/// A host that takes reports.
struct Host {
    verify: Verify,
    id: Uuid,
}

impl Endpoint for Host {
    fn id(&self) -> Uuid {
        self.id
    }

    fn send_due<'a>(&'a self, notices: &'a Notices) -> BoxFuture<'a, Result<(), StorageError>> {
        notices.deliver_each(self).boxed()
    }
}

impl OneByOne for Host {
    fn try_once<'a>(&'a self, _: &'a Notices, delivery: Delivery) -> BoxFuture<'a, Delivery> {
        self.verify.try_report(delivery).boxed()
    }

    fn answered<'a>(&'a self, tried: &'a [Delivery]) -> BoxFuture<'a, Result<(), StorageError>> {
        self.note(tried).boxed()
    }
}

impl Host {
    async fn note(&self, tried: &[Delivery]) -> Result<(), StorageError> {
        let core = self.verify.core();
        let mut states = tried.iter().map(|delivery| delivery.state);
        if states.any(|state| state == DeliveryState::Delivered) {
            return core.db.report_host_answered(self.id).await;
        }
        let failures = i64::try_from(tried.len()).unwrap_or(i64::MAX);
        let until = span::after(core.now(), REST);
        let limit = (PATIENCE, until);
        if core.db.report_host_failed(self.id, failures, limit).await? {
            tracing::warn!(host = %self.id, "a host takes no reports; it rests");
        }
        Ok(())
    }
}
