//! Takes a provider's report: authenticated, then applied to the attempt that it is about, and answered once it is durable.

use uuid::Uuid;

use super::persist::Transition;
use super::room::Verify;
use crate::delivery::{About, CallbackError, Incoming, RawCallback};
use crate::gateway::error::Error;
use crate::storage::ListQuery;
use crate::verification::id::AttemptId;
use crate::verification::phone::PhoneNumber;
use crate::verification::{Source, Verification};

/// A request to `/callbacks/…`, as it came.
#[derive(Clone, Copy, Debug)]
pub struct CallbackRequest<'a> {
    pub provider: &'a str,
    /// The last segment of the path, for providers that do not sign.
    pub token: Option<&'a str>,
    /// Lower-case names.
    pub headers: &'a [(String, String)],
    pub query: &'a str,
    pub body: &'a [u8],
}

#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("the callback is not authentic")]
    NotAuthentic,
    #[error("the callback cannot be read: {0}")]
    Malformed(String),
    #[error("the database cannot be reached")]
    Unavailable,
}

impl Verify {
    /// A report about what we do not know is taken and changes nothing: a provider that is refused would only repeat it.
    pub async fn receive_report(&self, request: CallbackRequest<'_>) -> Result<(), ReportError> {
        let line = self
            .core()
            .provider(request.provider)
            .ok_or(ReportError::NotAuthentic)?;
        let provider = &line.provider;
        let attempt = match request.token {
            Some(token) => Some(
                self.read_token(request.provider, token)
                    .ok_or(ReportError::NotAuthentic)?,
            ),
            None => None,
        };
        let address = self.callback_address(&request);
        let raw = RawCallback {
            now: self.core().now(),
            url: &address,
            attempt,
            headers: request.headers,
            query: request.query,
            body: request.body,
        };
        let outcome = match provider.read_callback(&raw) {
            Ok(reports) => {
                for incoming in &reports {
                    self.apply(request.provider, incoming).await?;
                }
                Ok(())
            }
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
            Ok(()) => "taken",
            Err(ReportError::NotAuthentic) => "not_authentic",
            Err(_) => "refused",
        };
        metrics::counter!("pinroute_callbacks_total", "provider" => request.provider.to_owned(), "result" => result)
            .increment(1);
        outcome
    }

    async fn apply(&self, provider: &str, incoming: &Incoming) -> Result<(), ReportError> {
        let Some((v, ordinal)) = self.subject(provider, &incoming.about).await? else {
            tracing::info!(provider, "a report is about no attempt of ours");
            return Ok(());
        };
        let report = &incoming.report;
        let v = self
            .update(v, |v, offers, now| {
                let changed = v.report(ordinal, report, Source::Callback, offers, now);
                Ok(Transition::of(changed))
            })
            .await
            .map_err(|_| ReportError::Unavailable)?;
        self.nudge(&v.v);
        Ok(())
    }

    /// A stale report says nothing, but it is a reason to ask.
    async fn doubt(&self, provider: &str, incoming: &Incoming) -> Result<(), ReportError> {
        let Some((v, ordinal)) = self.subject(provider, &incoming.about).await? else {
            return Ok(());
        };
        let v = self
            .update(v, |v, _, now| Ok(Transition::of(v.ask_now(ordinal, now))))
            .await
            .map_err(|_| ReportError::Unavailable)?;
        self.nudge(&v.v);
        Ok(())
    }

    /// The verification and the attempt that a report is about, if that attempt is this provider's.
    async fn subject(
        &self,
        provider: &str,
        about: &About,
    ) -> Result<Option<(Verification, u8)>, ReportError> {
        let unavailable = |_| ReportError::Unavailable;
        let candidates = match about {
            About::Attempt(attempt) => match self.read(attempt.verification()).await {
                Ok(v) => vec![v],
                Err(Error::NotFound) => Vec::new(),
                Err(other) => return Err(unavailable(other)),
            },
            About::Message { digits, .. } => {
                let phone = Some(PhoneNumber::from_storage(format!("+{digits}")));
                let query = ListQuery {
                    phone,
                    limit: 50,
                    ..ListQuery::default()
                };
                self.core()
                    .db
                    .list_verifications(&query)
                    .await
                    .map_err(|error| unavailable(error.into()))?
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

    /// The address that the provider was given, whatever proxies have made of it, with the query that it came with.
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

    /// `attempt id . mac`: the attempt, when the mac is ours for it and this provider.
    fn read_token(&self, provider: &str, token: &str) -> Option<AttemptId> {
        let (attempt, mac) = token.split_once('.')?;
        let attempt = Uuid::parse_str(attempt).ok()?;
        self.core()
            .vault
            .callback_mac_fits(provider, attempt.as_bytes(), mac)
            .then(|| AttemptId::from_uuid(attempt))
    }
}
