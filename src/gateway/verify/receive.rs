//! Receives a provider's report: authenticates it, applies it to its attempt, and answers once the change is durable.

use tracing::Instrument as _;
use uuid::Uuid;

use super::persist::{Needs, Transition};
use super::room::Verify;
use crate::channels::{
    About, Arrival, CallbackError, CallbackMethod, CallbackRequest, Incoming, Reply,
};
use crate::gateway::error::Error;
use crate::storage::ListQuery;
use crate::verification::attempt::AttemptStatus;
use crate::verification::id::AttemptId;
use crate::verification::phone::PhoneNumber;
use crate::verification::{Source, Verification};

/// What a report changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is stored with this attempt, or was already.
    By(AttemptId),
    /// It is about no attempt of this provider.
    NoAttempt,
}

#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("the callback is not authentic")]
    NotAuthentic,
    #[error("malformed callback: {0}")]
    Malformed(String),
    /// The provider has nothing to say to a GET at this address.
    #[error("the callback's method is not supported")]
    NoGet,
    #[error(transparent)]
    Failed(#[from] Error),
}

impl Verify {
    /// Answers what the provider wants to read, once its reports are durable. A report for an unknown attempt is accepted
    /// without effect, because the provider would only repeat a rejected one.
    pub async fn receive_report(&self, request: CallbackRequest<'_>) -> Result<Reply, ReportError> {
        let line = self.core().provider(request.provider).ok_or(
            match (request.method, request.token) {
                (CallbackMethod::Get, None) => ReportError::NoGet,
                _ => ReportError::NotAuthentic,
            },
        )?;
        let provider = &line.provider;
        let count = |result: &'static str| {
            metrics::counter!("pinroute_callbacks_total", "provider" => request.provider.to_owned(), "result" => result)
                .increment(1);
        };
        let attempt = match request
            .token
            .map(|token| self.read_token(request.provider, token))
        {
            Some(None) => {
                count("not_authentic");
                return Err(ReportError::NotAuthentic);
            }
            known => known.flatten(),
        };
        let address = self.callback_address(&request);
        let arrival = Arrival {
            now: self.core().now(),
            url: &address,
            attempt,
        };
        let outcome = match provider.read_callback(&request, &arrival) {
            Ok(read) => {
                for incoming in &read.reports {
                    self.take_report(request.provider, incoming).await?;
                }
                Ok(read.reply)
            }
            Err(CallbackError::NoGet) => return Err(ReportError::NoGet),
            Err(CallbackError::NotAuthentic) => Err(ReportError::NotAuthentic),
            Err(CallbackError::Malformed(what)) => Err(ReportError::Malformed(what)),
            Err(CallbackError::Stale(reports)) => {
                for incoming in &reports {
                    self.doubt(request.provider, incoming).await?;
                }
                Err(ReportError::NotAuthentic)
            }
        };
        let result = match &outcome {
            Ok(_) => "taken",
            Err(ReportError::NotAuthentic) => "not_authentic",
            Err(_) => "refused",
        };
        count(result);
        outcome
    }

    /// Takes a report that is known to be `provider`'s, however it arrived, and answers once it is durable.
    pub async fn take_report(
        &self,
        provider: &str,
        incoming: &Incoming,
    ) -> Result<Taken, ReportError> {
        let Some((v, ordinal)) = self.subject(provider, &incoming.about).await? else {
            tracing::info!(provider, "delivery report for an unknown attempt");
            return Ok(Taken::NoAttempt);
        };
        let report = &incoming.report;
        let mut stage = self.core().stage("report");
        if stage.is_open() {
            stage.set("pinroute.provider", provider.to_owned());
            stage.set("pinroute.attempt", v.id.attempt(ordinal).to_string());
            stage.set(
                "pinroute.outcome",
                report.status.map_or("none", AttemptStatus::as_str),
            );
            stage.link(v.record.trace.as_deref());
        }
        let inner = stage.inner().unwrap_or_else(tracing::Span::none);
        let updated = self
            .update(v, Needs::Offers, |v, offers, now| {
                let changed = v.report(ordinal, report, Source::Callback, offers, now);
                Ok(Transition::of(changed))
            })
            .instrument(inner)
            .await?;
        drop(stage);
        Ok(Taken::By(self.go_on(updated).id.attempt(ordinal)))
    }

    /// A stale report proves nothing, but it is a reason to ask the provider.
    async fn doubt(&self, provider: &str, incoming: &Incoming) -> Result<(), Error> {
        let Some((v, ordinal)) = self.subject(provider, &incoming.about).await? else {
            return Ok(());
        };
        let updated = self
            .update(v, Needs::Nothing, |v, _, now| {
                Ok(Transition::of(v.ask_now(ordinal, now)))
            })
            .await?;
        self.go_on(updated);
        Ok(())
    }

    /// Finds the verification and the attempt of a report, if the attempt belongs to this provider.
    async fn subject(
        &self,
        provider: &str,
        about: &About,
    ) -> Result<Option<(Verification, u8)>, Error> {
        let db = &self.core().db;
        let candidates: Vec<Verification> = match about {
            About::Attempt(attempt) => {
                let found = db.find(attempt.verification()).await;
                found.map_err(Error::from)?.into_iter().collect()
            }
            About::Message { digits, .. } => {
                let phone = Some(PhoneNumber::from_storage(format!("+{digits}")));
                let query = ListQuery {
                    phone,
                    limit: 50,
                    ..ListQuery::default()
                };
                let found = db.list_verifications(&query).await;
                found.map_err(Error::from)?
            }
        };
        Ok(candidates.into_iter().find_map(|v| {
            let ordinal = v
                .record
                .attempts
                .iter()
                .filter(|attempt| attempt.provider == provider)
                .find(|attempt| match about {
                    About::Attempt(id) => v.attempt_id(attempt) == *id,
                    About::Message { message_id, .. } => {
                        attempt.message_id.as_ref() == Some(message_id)
                    }
                })?
                .ordinal;
            Some((v, ordinal))
        }))
    }

    /// The address as the provider knows it, independent of proxies, with the request's query. Signatures may cover it.
    fn callback_address(&self, request: &CallbackRequest<'_>) -> String {
        let mut address = format!(
            "{}/callbacks/{}",
            self.core().settings.public_url,
            request.provider
        );
        for (mark, part) in [
            ("/", request.token.unwrap_or_default()),
            ("?", request.query),
        ] {
            if !part.is_empty() {
                address.push_str(mark);
                address.push_str(part);
            }
        }
        address
    }

    /// Reads a token of the form `<attempt id>.<mac>`. `None` unless the MAC fits this provider and attempt.
    fn read_token(&self, provider: &str, token: &str) -> Option<AttemptId> {
        let (attempt, mac) = token.split_once('.')?;
        let attempt = Uuid::parse_str(attempt).ok()?;
        self.core()
            .vault
            .callback_mac_fits(provider, attempt.as_bytes(), mac)
            .then(|| AttemptId::from_uuid(attempt))
    }
}
