//! `POST /v1/verifications`.

use std::net::IpAddr;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::VerificationBody;
use crate::api::caller::{Caller, Verify};
use crate::api::idempotency;
use crate::api::input::{Fields, integer, printable, text};
use crate::api::openapi::parameters::Idempotency;
use crate::api::openapi::sets::{self, IpAddress};
use crate::api::problem::{Code as ProblemCode, Problem};
use crate::gateway::{Gateway, StartRequest};
use crate::verification::Wording;
use crate::verification::code::Code;
use crate::verification::phone::{Country, PhoneError, PhoneNumber};
use crate::verification::route::Channel;
use crate::verification::text::is_locale;

/// What a site asks for. Only `phone_number` is required.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = StartVerification)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "the shape for the OpenAPI document; the handler reads field by field to name every fault"
)]
pub struct StartBody {
    /// In international form; brackets, dots, hyphens and spaces are dropped.
    #[schema(max_length = 40)]
    phone_number: String,
    /// A code that the site made itself; otherwise one is made.
    #[schema(pattern = "^[0-9]{4,8}$")]
    code: Option<String>,
    /// Digits of the code that is made.
    #[schema(minimum = 4, maximum = 8)]
    code_length: Option<u8>,
    /// Seconds until the verification expires.
    #[schema(minimum = 30, maximum = 86_400)]
    ttl: Option<u32>,
    /// The language of the message (BCP 47).
    #[schema(max_length = 35, pattern = "^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
    locale: Option<String>,
    /// Restricts and orders the project's route.
    #[schema(value_type = Option<Vec<sets::Channel>>, min_items = 1)]
    channels: Option<Vec<String>>,
    /// Comes back with the verification. Two requests with the same number and payload are the same verification.
    #[schema(max_length = 512)]
    payload: Option<String>,
    client: Option<ClientBody>,
    /// Adds the line that lets a browser fill the code in on this host (WebOTP). With `android_app_hash` it is left out, since both
    /// must be the last line.
    #[schema(
        max_length = 253,
        pattern = r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$"
    )]
    web_domain: Option<String>,
    /// Adds the line that lets an Android app fill the code in (SMS Retriever).
    #[schema(pattern = "^[A-Za-z0-9+/]{11}$")]
    android_app_hash: Option<String>,
    /// Seconds that the answer may wait for the first provider; 2 by default. The send goes on regardless.
    #[schema(minimum = 0, maximum = 10, default = 2.0)]
    wait: Option<f64>,
    /// For a key of the whole instance: the project's name, else `default`.
    #[schema(min_length = 1, max_length = 100)]
    project: Option<String>,
}

/// Who asks, for the limits.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ClientInfo)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the shape for the OpenAPI document")]
struct ClientBody {
    /// The visitor's address; codes per address are limited.
    #[schema(value_type = Option<IpAddress>, inline)]
    ip: Option<String>,
    #[schema(max_length = 1_024)]
    user_agent: Option<String>,
}

const DEFAULT_WAIT: Duration = Duration::from_secs(2);

/// Start a verification and send its code
///
/// Durable before it is answered. While the number has a pending verification with the same `payload` and `code`, that one
/// is answered with 200 and `reused`, and nothing is sent.
#[utoipa::path(
    post, operation_id = "startVerification", path = "/v1/verifications", tag = "Verifications",
    params(Idempotency),
    request_body = StartBody,
    responses(
        (status = 201, description = "Started", body = VerificationBody),
        (status = 200, description = "There was a pending one like it", body = VerificationBody),
    ),
    security(("key" = ["verify"]))
)]
pub async fn start(
    caller: Caller<Verify>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let mut fields = Fields::read(&request, &body)?;
    let named = fields.take("project", text(1, 100));
    let asked = Asked::read(&mut fields);
    fields.finish()?;
    let (phone, country) = read_phone(&asked.phone_number)?;
    let project = caller.project_or_default(&gateway, named.as_deref())?;
    let start = StartRequest {
        project,
        phone,
        country,
        code: asked.code,
        code_length: asked.code_length,
        ttl: asked.ttl,
        channels: asked.channels,
        payload: asked.payload,
        wording: asked.wording,
        client_ip: asked.client_ip,
        wait: asked.wait,
    };
    idempotency::once(
        &gateway,
        &caller.access,
        (Some(project), "/v1/verifications"),
        &request,
        &body,
        async |ticket| {
            let started = gateway.start(start, ticket).await;
            let started = started.map_err(|error| Problem::of_start(error, gateway.now()))?;
            let status = if started.reused { 200 } else { 201 };
            Ok(super::answer(status, &started.verification, started.reused))
        },
    )
    .await
}

/// The fields of a request, read but not yet acted upon.
struct Asked {
    phone_number: String,
    code: Option<Code>,
    code_length: Option<u8>,
    ttl: Option<Duration>,
    channels: Option<Vec<Channel>>,
    payload: Option<String>,
    wording: Wording,
    client_ip: Option<String>,
    wait: Duration,
}

impl Asked {
    fn read(fields: &mut Fields) -> Self {
        let phone_number = fields
            .require("phone_number", text(0, 40))
            .unwrap_or_default();
        let code = fields.take("code", |value| {
            value
                .as_str()
                .and_then(Code::parse)
                .ok_or_else(|| "must be 4 to 8 digits".to_owned())
        });
        let code_length = fields
            .take("code_length", integer(4..=8))
            .and_then(|n| u8::try_from(n).ok());
        let ttl = fields
            .take("ttl", integer(30..=86_400))
            .map(Duration::from_secs);
        let channels = fields.take("channels", channels);
        let payload = fields.take("payload", text(0, 512));
        let wording = Wording {
            locale: fields.take("locale", locale),
            web_domain: fields.take("web_domain", host),
            android_app_hash: fields.take("android_app_hash", app_hash),
            template: None,
        };
        let client_ip = fields.object("client", |client| {
            client.take("user_agent", text(0, 1_024));
            client.take("ip", |value| {
                let ip: Option<IpAddr> = value.as_str().and_then(|text| text.parse().ok());
                ip.map(network)
                    .ok_or_else(|| "must be an IP address".to_owned())
            })
        });
        let wait = fields.take("wait", |value| match value.as_f64() {
            Some(seconds @ 0.0..=10.0) => Ok(Duration::from_secs_f64(seconds)),
            _ => Err("must be a number of seconds from 0 to 10".to_owned()),
        });
        Self {
            phone_number,
            code,
            code_length,
            ttl,
            channels,
            payload,
            wording,
            client_ip: client_ip.flatten(),
            wait: wait.unwrap_or(DEFAULT_WAIT),
        }
    }
}

/// Whom the limit counts: an IPv4 address, or the /64 that one IPv6 household has to itself.
fn network(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

pub(in crate::api) fn read_phone(text: &str) -> Result<(PhoneNumber, Country), Problem> {
    PhoneNumber::parse(text).map_err(|error| {
        let code = match error {
            PhoneError::Invalid => ProblemCode::PhoneNumberInvalid,
            PhoneError::Unsupported(_) => ProblemCode::PhoneNumberUnsupported,
        };
        Problem::field(code, "/phone_number", error.to_string())
    })
}

fn channels(value: &Value) -> Result<Vec<Channel>, String> {
    let items = value
        .as_array()
        .filter(|items| !items.is_empty())
        .ok_or("must be a list of one or more channels")?;
    let mut channels = Vec::new();
    for item in items {
        let channel = item.as_str().ok_or("must be a list of strings")?;
        let channel: Channel = channel.parse().map_err(|_| {
            format!(
                "`{}` is not a channel; there are telegram and sms",
                printable(channel)
            )
        })?;
        if channels.contains(&channel) {
            return Err(format!("names {channel} twice"));
        }
        channels.push(channel);
    }
    Ok(channels)
}

pub(in crate::api) fn locale(value: &Value) -> Result<String, String> {
    value
        .as_str()
        .filter(|text| is_locale(text))
        .map(str::to_owned)
        .ok_or_else(|| "must be a language such as ru or pt-BR".to_owned())
}

/// A host as it must stand after the `@` of a WebOTP line: no scheme, no port.
pub(in crate::api) fn host(value: &Value) -> Result<String, String> {
    let fault = || "must be a host name such as shop.example, without scheme or port".to_owned();
    let text = value
        .as_str()
        .filter(|text| (1..=253).contains(&text.len()))
        .ok_or_else(fault)?;
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.split('.').all(label) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(fault())
    }
}

pub(in crate::api) fn app_hash(value: &Value) -> Result<String, String> {
    value
        .as_str()
        .filter(|text| {
            text.len() == 11
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b))
        })
        .map(str::to_owned)
        .ok_or_else(|| "must be the 11 characters of the app's SMS Retriever hash".to_owned())
}
