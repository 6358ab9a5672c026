//! `POST /`: starts a request.

use std::time::Duration;

use actix_web::HttpResponse;
use serde_json::{Value, json};

use super::caller::Caller;
use super::check;
use super::fault::{Fault, Invalid};
use super::fields::{Fields, flag, string};
use super::reports;
use super::wire::CLIENT_REF;
use super::workflow;
use crate::gateway::{Error, StartRequest, Visitor};
use crate::message::{Wording, text};
use crate::verification::asked::{Asked, Face, Tag};
use crate::verification::code::Code;
use crate::verification::route::Workflow;
use crate::web::Body;
use crate::web::fields::{integer, text as text_of};

/// How long the answer may wait for the first provider, as in our own API.
const WAIT: Duration = Duration::from_secs(2);

/// Seconds.
const TIMEOUTS: std::ops::RangeInclusive<u64> = 15..=900;
const TIMEOUT: u64 = 300;

const LENGTH: u64 = 4;
const CHECKS: u32 = 3;

/// In characters.
const LONGEST: usize = 16;

struct Start {
    brand: String,
    workflow: Vec<workflow::Asked>,
    locale: Option<String>,
    each: Duration,
    client_ref: Option<String>,
    code_length: u8,
    code: Option<Code>,
}

pub async fn start(caller: Caller, body: Body<Fault>) -> Result<HttpResponse, Fault> {
    let mut fields = Fields::read(&body)?;
    let start = read(&mut fields);
    let start = fields.finish(start)?;
    let report_to = report_address(&caller).await?;
    let request = request(&caller, start, report_to)?;
    let verify = caller.gateway.verify();
    let started = verify.start(request, None).await?;
    let v = started.verification;
    if started.reused {
        return Err(Fault::pending(v.id));
    }
    // Vonage refuses such a number before it takes a message, too.
    if reports::was_refused(&v) {
        return Err(bad_number("does not exist"));
    }
    Ok(HttpResponse::Accepted().json(json!({ "request_id": v.id.uuid() })))
}

fn read(fields: &mut Fields) -> Option<Start> {
    let brand = fields.require("brand", brand);
    let workflow = workflow::read(fields);
    let locale = fields.take("locale", |value| string(value).map(str::to_owned));
    let timeout = fields.take("channel_timeout", integer(TIMEOUTS));
    let client_ref = fields.take("client_ref", text_of(1, LONGEST));
    let length = fields.take("code_length", integer(LENGTH..=Code::LONGEST.into()));
    let code = fields.take("code", check::code);
    // Nothing judges traffic yet that a request could be excepted from.
    fields.take("fraud_check", flag);
    Some(Start {
        brand: brand?,
        workflow,
        locale,
        each: Duration::from_secs(timeout.unwrap_or(TIMEOUT)),
        client_ref,
        code_length: u8::try_from(length.unwrap_or(LENGTH)).ok()?,
        code,
    })
}

fn brand(value: &Value) -> Result<String, String> {
    let brand = text_of(1, LONGEST)(value)?;
    if text::is_brand(&brand) {
        Ok(brand)
    } else {
        Err("must be one line without braces and without four digits in a row".to_owned())
    }
}

/// Where webhooks about the request go. An address that was admitted once may no longer be.
async fn report_address(caller: &Caller) -> Result<Option<String>, Fault> {
    let Some(url) = &caller.status_url else {
        return Ok(None);
    };
    let verify = caller.gateway.verify();
    let admitted = verify.admit_report_address(caller.project, url).await;
    let admitted = admitted.map_err(Error::from)?;
    if admitted.is_none() {
        tracing::warn!(application = %caller.access.key, "the status_url is refused now; no webhooks about this request");
    }
    Ok(admitted)
}

fn request(
    caller: &Caller,
    start: Start,
    report_to: Option<String>,
) -> Result<StartRequest, Fault> {
    let Caller {
        gateway, project, ..
    } = caller;
    let to = start
        .workflow
        .first()
        .map(|step| workflow::digits(&step.to));
    let to = format!("+{}", to.unwrap_or_default());
    let to = gateway.verify().read_number(*project, &to);
    let to = to.map_err(|error| bad_number(&error.to_string()))?;
    let policy = gateway.directory().policy(*project);
    let stages =
        workflow::stages(&start.workflow, &policy.route, policy.vonage.sms).map_err(|place| {
            let reason = "is not in the project's route";
            Fault::invalid(vec![Invalid::new(
                format!("workflow[{place}].channel"),
                reason,
            )])
        })?;
    let words = start.workflow.iter().map(|step| step.channel.as_str());
    let client_ref = start.client_ref.map(|value| Tag {
        name: CLIENT_REF.to_owned(),
        value,
    });
    Ok(StartRequest {
        project: *project,
        to,
        asked: Some(Box::new(Asked {
            face: Face::Vonage,
            key: report_to.is_some().then_some(caller.access.key),
            report_to,
            channel: Some(words.collect::<Vec<_>>().join(",")),
            tags: client_ref.into_iter().collect(),
            ..Asked::default()
        })),
        id: None,
        code_length: Some(start.code_length).filter(|_| start.code.is_none()),
        code: start.code,
        ttl: None,
        begin_within: None,
        channels: None,
        workflow: Some(Workflow {
            stages,
            each: start.each,
            max_checks: CHECKS,
        }),
        payload: None,
        wording: Wording {
            locale: start.locale.as_deref().and_then(text::locale_of),
            android_app_hash: start.workflow.into_iter().find_map(|step| step.app_hash),
            ..Wording::default()
        },
        limit_keys: Vec::new(),
        brand: Some(start.brand),
        visitor: Visitor::default(),
        wait: WAIT,
    })
}

fn bad_number(reason: &str) -> Fault {
    Fault::invalid(vec![Invalid::new("workflow[0].to", reason)])
}
