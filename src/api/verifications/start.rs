//! `POST /v1/verifications`.

use std::net::IpAddr;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};

use super::VerificationBody;
use crate::api::body::{RawBody, body, nested};
use crate::api::caller::{Caller, Verify};
use crate::api::forms::{self, text};
use crate::api::idempotency;
use crate::api::openapi::parameters::Idempotency;
use crate::api::problem::{Code, Problem};
use crate::api::values::bad_number;
use crate::gateway::{Gateway, StartRequest, Visitor};
use crate::message::Wording;
use crate::verification::code;
use crate::verification::route::Channel;
use crate::web::Fields;

body! {
    /// The verification to start. Only `phone_number` is required.
    closed struct StartBody as "StartVerification" {
        /// In international form, or as it is written in the project's `default_country`. Digits of any script, whatever
        /// separates them; a number that cannot be read is `phone_number_invalid`.
        required phone_number: String = forms::phone_number(),
        /// A code that the site generated itself; otherwise one is generated.
        optional code: Option<code::Code> = forms::code(),
        /// Digits of the generated code.
        optional code_length: Option<u8> = forms::code_length(),
        /// Seconds until the verification expires.
        optional ttl: Option<Duration> = forms::seconds(30..=86_400),
        /// The language of the message: a tag (BCP 47), also as platforms write it (`ru_RU`). One that cannot be read counts as
        /// absent.
        optional locale: Option<String> = forms::locale(),
        /// Restricts and orders the project's route.
        optional channels: Option<Vec<Channel>> = forms::channels(),
        /// Returned with the verification. Two requests with the same number and payload are the same verification.
        optional payload: Option<String> = text(0..=512),
        optional client: Option<ClientBody> = nested(ClientBody::read),
        /// Values for limits of the project's own (`limits.keys`): at most so many codes are sent for the same value. Only keyed hashes of
        /// them are stored.
        optional limit_keys: Option<Vec<(String, String)>> = forms::limit_keys(),
        /// Adds the line that lets a browser fill the code in on this host (WebOTP). Ignored with `android_app_hash`, since both
        /// must be the last line.
        optional web_domain: Option<String> = forms::host(),
        /// Adds the line that lets an Android app fill the code in (SMS Retriever).
        optional android_app_hash: Option<String> = forms::app_hash(),
        /// Seconds that the answer may wait for the first provider; 2 by default. The send goes on regardless.
        optional wait: Option<Duration> = forms::fractional_seconds(0..=10),
        /// With a key of the whole instance: the project's name; `default` if omitted.
        optional project: Option<String> = forms::project(),
    }
}

body! {
    /// The visitor, for the limits.
    closed struct ClientBody as "ClientInfo" {
        /// The visitor's address, also with a port or as `X-Forwarded-For` lists it; codes per address are limited. One that
        /// cannot be read counts as absent.
        optional ip: Option<IpAddr> = forms::ip_address(),
        /// The visitor's browser; only a keyed hash of it is stored.
        optional user_agent: Option<String> = forms::user_agent(),
    }
}

impl ClientBody {
    fn visitor(self) -> Visitor {
        Visitor {
            ip: self.ip,
            user_agent: self.user_agent,
        }
    }
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
        (status = 200, description = "A verification like it was pending already", body = VerificationBody),
    ),
    security(("key" = ["verify"]))
)]
pub async fn start(
    caller: Caller<Verify>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let asked = Fields::read_json(&request, &body, StartBody::read)?;
    let project = caller.project_or_default(&gateway, asked.project.as_deref())?;
    let keys = asked.limit_keys.iter().flatten();
    let unknown = gateway
        .verify()
        .unknown_limit(project, keys.map(|(name, _)| name));
    if let Some(name) = unknown {
        let pointer = format!("/limit_keys/{name}");
        let detail = "is not a limit of this project (`limits.keys`)";
        return Err(Problem::field(Code::InvalidRequest, &pointer, detail));
    }
    let number = gateway.verify().read_number(project, &asked.phone_number);
    let start = StartRequest {
        project,
        to: number.map_err(bad_number)?,
        asked: None,
        id: None,
        code: asked.code,
        code_length: asked.code_length,
        ttl: asked.ttl,
        begin_within: None,
        channels: asked.channels,
        workflow: None,
        payload: asked.payload,
        wording: Wording {
            locale: asked.locale,
            web_domain: asked.web_domain,
            android_app_hash: asked.android_app_hash,
            ..Wording::default()
        },
        limit_keys: asked.limit_keys.unwrap_or_default(),
        brand: None,
        visitor: asked.client.map(ClientBody::visitor).unwrap_or_default(),
        wait: asked.wait.unwrap_or(DEFAULT_WAIT),
    };
    idempotency::once(
        &gateway,
        (Some(project), "/v1/verifications"),
        &request,
        &body,
        async |ticket| {
            let started = gateway.verify().start(start, ticket).await;
            let started = started.map_err(|error| Problem::of_start(error, gateway.now()))?;
            let status = if started.reused { 200 } else { 201 };
            Ok(super::answer(status, &started.verification, started.reused))
        },
        async |replay| super::again(&gateway, &caller.access, replay).await,
    )
    .await
}
