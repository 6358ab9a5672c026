//! The one outbound client to providers: no redirects, an identified user agent, and failures distinguished by whether the
//! request can have left.

use std::borrow::Cow;
use std::error::Error as _;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::verification::attempt::SendError;

/// More than this of an answer is not read.
const ANSWER_LIMIT: usize = 64 * 1024;

/// How long a connection is kept for the next send: within a burst. A server that closes an idle connection just when a
/// request is written to it leaves in doubt whether it has read it, and servers wait for seconds before they close.
const KEPT_IDLE: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
pub struct HttpClient(reqwest::Client);

/// An answer of any status.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    #[must_use]
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

impl HttpClient {
    pub fn new() -> Result<Self, reqwest::Error> {
        let client = client(|builder| {
            builder
                // Well within the limit of any send: if no connection is made by then, nothing was sent.
                .connect_timeout(Duration::from_secs(2))
                .pool_idle_timeout(KEPT_IDLE)
                .tcp_nodelay(true)
        })?;
        Ok(Self(client))
    }

    pub fn request(&self, method: reqwest::Method, url: &str) -> reqwest::RequestBuilder {
        self.0.request(method, url)
    }
}

/// Builds a client with the settings that all clients of this program share, and those `particular` to one.
///
/// It trusts the system's roots, or Mozilla's where the system has none.
pub fn client(
    particular: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> Result<reqwest::Client, reqwest::Error> {
    let builder = || {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that builds it"
        )]
        let builder = reqwest::Client::builder();
        particular(
            builder
                .redirect(reqwest::redirect::Policy::none())
                .user_agent(concat!("pinroute/", env!("CARGO_PKG_VERSION"))),
        )
    };
    builder().build().or_else(|_| {
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS
            .iter()
            .filter_map(|der| reqwest::Certificate::from_der(der).ok());
        builder().tls_certs_only(roots).build()
    })
}

/// An answer to a question that changes nothing.
#[derive(Debug)]
pub struct Looked {
    pub answer: Answer,
    /// The server's time.
    pub date: Option<DateTime<Utc>>,
}

/// Asks what changes nothing; the fault says why there is no answer, without the URL.
pub async fn look(request: reqwest::RequestBuilder, timeout: Duration) -> Result<Looked, String> {
    let response = request.timeout(timeout).send().await;
    let response = response.map_err(|error| told(&error))?;
    let date = response.headers().get(reqwest::header::DATE);
    let date = date.and_then(|date| DateTime::parse_from_rfc2822(date.to_str().ok()?).ok());
    let status = response.status().as_u16();
    let body = response.bytes().await.map_err(|error| told(&error))?;
    Ok(Looked {
        answer: Answer {
            status,
            body: utf8(&body).into_owned(),
        },
        date: date.map(|date| date.to_utc()),
    })
}

/// Why there is no answer, in the words of the cause that says most.
#[must_use]
pub fn told(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    match (error.is_timeout(), error.is_connect()) {
        (true, _) => "no answer in time".to_owned(),
        (false, true) => format!("no connection ({cause})"),
        // Without a cause of its own it would show the URL.
        (false, false) if error.source().is_none() => "the answer cannot be read".to_owned(),
        (false, false) => cause.to_string(),
    }
}

/// Logs an answer that did not accept a message. That a provider refuses the account is for an operator to mend.
pub fn note_refusal(provider: &str, answer: &Answer, error: SendError) {
    let status = answer.status;
    if matches!(status, 401 | 403) {
        metrics::counter!("pinroute_alarms_total", "provider" => provider.to_owned()).increment(1);
        tracing::error!(
            alarm = true,
            provider,
            status,
            "the provider refuses the account's key: check its headers and its account"
        );
    } else {
        tracing::warn!(provider, status, %error, "an SMS was not accepted");
    }
}

/// What a provider wrote, as UTF-8 without a byte order mark: some write the mark, UTF-16, or single bytes of an older
/// encoding among ASCII, which become U+FFFD.
#[must_use]
pub fn utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.as_chunks::<2>().0.iter().map(|pair| unit(*pair));
        let text: String = char::decode_utf16(units)
            .map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        Cow::Owned(text.into_bytes())
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | [rest @ .., 0] => utf8(rest),
        bytes => match String::from_utf8_lossy(bytes) {
            Cow::Borrowed(_) => Cow::Borrowed(bytes),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
    }
}

/// Sends once. [`SendError::Unavailable`]: nothing left; [`SendError::Unknown`]: it may have.
pub async fn send(
    request: reqwest::RequestBuilder,
    timeout: Duration,
) -> Result<Answer, SendError> {
    let mut response = match request.timeout(timeout).send().await {
        Ok(response) => response,
        Err(error) => {
            let left = !(error.is_connect() || error.is_builder());
            // The URL may hold a secret or a number.
            tracing::warn!(error = %error.without_url(), may_have_left = left, "a provider did not answer");
            return Err(if left {
                SendError::Unknown
            } else {
                SendError::Unavailable
            });
        }
    };
    let status = response.status().as_u16();
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_LIMIT => {
                body.extend_from_slice(&chunk);
            }
            Ok(None) => {
                let body = utf8(&body).into_owned();
                return Ok(Answer { status, body });
            }
            Ok(Some(_)) => {
                tracing::warn!(limit = ANSWER_LIMIT, "a provider's answer is too long");
                return Err(SendError::Unknown);
            }
            Err(error) => {
                tracing::warn!(error = %error.without_url(), "a provider's answer broke off");
                return Err(SendError::Unknown);
            }
        }
    }
}
