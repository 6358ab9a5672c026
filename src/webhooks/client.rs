//! Sends a message: one POST, no redirects, and only to public addresses, which are checked at each connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::{self, AddressError};
use super::signature;
use crate::channels::transport;
use crate::trace::Context;

/// Time limit for a receiver's answer.
pub const LIMIT: Duration = Duration::from_secs(10);
/// Time limit for the DNS query when an address is registered.
const LOOK_UP: Duration = Duration::from_secs(2);

#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    allow_private: bool,
}

/// One message, ready to send.
#[derive(Debug)]
pub struct Message {
    pub id: String,
    /// Time of this try, in seconds since 1970.
    pub timestamp: i64,
    pub body: Vec<u8>,
    /// Of the try; the receiver can go on with it.
    pub trace: Option<Context>,
}

/// The result of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The status of the receiver's answer; `None`: there was no answer.
    pub status: Option<u16>,
    /// Why the try failed; `None`: it succeeded.
    pub error: Option<String>,
    pub took: Duration,
}

impl Client {
    pub fn new(allow_private: bool) -> Result<Self, reqwest::Error> {
        let http = transport::client(|builder| {
            // A proxy would look names up itself, past the guard.
            let builder = builder.no_proxy().connect_timeout(LIMIT / 2);
            if allow_private {
                builder
            } else {
                builder.dns_resolver(Arc::new(Guard))
            }
        })?;
        Ok(Self {
            http,
            allow_private,
        })
    }

    /// Checks an address, including what its name resolves to. A name that cannot be resolved yet is accepted, since it
    /// is checked again at each connection.
    pub async fn examine(&self, text: &str) -> Result<String, AddressError> {
        let url = address::read(text, self.allow_private)?;
        if !self.allow_private
            && let Some(name) = url.domain()
            && let Ok(Ok(found)) = tokio::time::timeout(LOOK_UP, look_up(name)).await
            && let Some(private) = found.iter().find(|found| !address::is_public(found.ip()))
        {
            return Err(AddressError::Private(private.ip().to_string()));
        }
        Ok(url.into())
    }

    /// Makes one try.
    pub async fn send(&self, url: &str, secrets: &[String], message: Message) -> Outcome {
        let began = Instant::now();
        let answer = match address::read(url, self.allow_private) {
            Ok(url) => self.post(url, secrets, message).await,
            Err(error) => Err(format!("the address {error}")),
        };
        Outcome::of(answer, refusal, began.elapsed())
    }

    /// Makes one try with headers of the caller's own. `takes`: which statuses mean success.
    pub async fn report(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
        takes: fn(u16) -> bool,
    ) -> Outcome {
        let began = Instant::now();
        let answer = match address::read(url, self.allow_private) {
            Ok(url) => {
                let mut request = self.http.post(url);
                for (name, value) in headers {
                    request = request.header(*name, value);
                }
                Self::sent(request, body).await
            }
            Err(error) => Err(format!("the address {error}")),
        };
        let refusal = |status| (!takes(status)).then(|| format!("answered {status}"));
        Outcome::of(answer, refusal, began.elapsed())
    }

    /// Checks an address for reports as far as possible without a DNS query; it is https unless private addresses are allowed.
    pub fn read_secure(&self, text: &str) -> Result<String, AddressError> {
        let url = address::read(text, self.allow_private)?;
        if url.scheme() == "https" || self.allow_private {
            Ok(url.into())
        } else {
            Err(AddressError::Scheme("http".to_owned()))
        }
    }

    async fn post(
        &self,
        url: reqwest::Url,
        secrets: &[String],
        message: Message,
    ) -> Result<u16, String> {
        let signed = signature::sign(secrets, &message.id, message.timestamp, &message.body);
        let mut request = self.http.post(url);
        for (name, value) in context_headers(message.trace.as_ref()) {
            request = request.header(name, value);
        }
        let request = request
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.timestamp.to_string())
            .header("webhook-signature", signed);
        Self::sent(request, message.body).await
    }

    async fn sent(request: reqwest::RequestBuilder, body: Vec<u8>) -> Result<u16, String> {
        let request = request
            .timeout(LIMIT)
            .header("content-type", "application/json");
        let sent = request.body(body).send().await;
        // The answer's body has no meaning and is not read.
        sent.map(|answer| answer.status().as_u16())
            .map_err(|error| describe(&error))
    }
}

/// A trace's context as headers.
pub fn context_headers(trace: Option<&Context>) -> impl Iterator<Item = (&'static str, String)> {
    let parent = trace.map(|trace| ("traceparent", trace.parent()));
    let state = trace.and_then(|trace| trace.state.clone());
    parent
        .into_iter()
        .chain(state.map(|state| ("tracestate", state)))
}

impl Outcome {
    fn of(
        answer: Result<u16, String>,
        refusal: impl Fn(u16) -> Option<String>,
        took: Duration,
    ) -> Self {
        let (status, error) = match answer {
            Ok(status) => (Some(status), refusal(status)),
            Err(error) => (None, Some(error)),
        };
        Self {
            status,
            error,
            took,
        }
    }
}

/// Why a status counts as a failure; `None`: success.
fn refusal(status: u16) -> Option<String> {
    match status {
        200..=299 => None,
        300..=399 => Some(format!(
            "answered {status}: a redirect, which is not followed; register the address that it leads to"
        )),
        _ => Some(format!("answered {status}")),
    }
}

/// The failure in words, without the URL.
fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", LIMIT.as_secs());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let kind = if error.is_connect() {
        "could not connect"
    } else {
        "the exchange broke off"
    };
    let cause: String = cause.to_string().chars().take(200).collect();
    format!("{kind}: {cause}")
}

/// A resolver that returns only public addresses. It runs at each connection, so a DNS record changed after the
/// registration, or between two queries, cannot lead to a private address.
struct Guard;

#[derive(Debug, thiserror::Error)]
#[error("the name leads to a private address")]
struct OnlyPrivate;

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = look_up(name.as_str()).await?;
            let had_any = !found.is_empty();
            let public: Vec<SocketAddr> = found
                .into_iter()
                .filter(|found| address::is_public(found.ip()))
                .collect();
            if had_any && public.is_empty() {
                return Err(OnlyPrivate.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

async fn look_up(name: &str) -> std::io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((name, 0)).await?.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The resolver runs at each connection, so this also covers DNS records that change later.
    #[tokio::test]
    async fn a_name_that_leads_into_the_house_is_not_connected_to() {
        let guarded = Client::new(false).unwrap();
        let refused = guarded
            .http
            .get("http://localhost:1/")
            .send()
            .await
            .unwrap_err();
        assert_eq!(
            describe(&refused),
            "could not connect: the name leads to a private address"
        );
        let open = Client::new(true).unwrap();
        let refused = open
            .http
            .get("http://localhost:1/")
            .send()
            .await
            .unwrap_err();
        assert!(
            !describe(&refused).contains("private"),
            "{}",
            describe(&refused)
        );
    }
}
