//! `…/Verifications`: start, fetch, cancel, and the site's word of success.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use chrono::TimeDelta;

use super::answer;
use super::caller::{Caller, Service};
use super::fault::Fault;
use super::form::Form;
use super::sid;
use crate::gateway::{Error, ListQuery, SecondStart, StartRequest, Visitor};
use crate::message::{Wording, text};
use crate::verification::asked::{Asked, Face, Tag};
use crate::verification::code::Code;
use crate::verification::numbers::Parsed;
use crate::verification::policy::SmsMeans;
use crate::verification::route::{Channel, Step};
use crate::verification::{Refusal, Resend, Status, Verification, digits};
use crate::web::{Body, client};

/// How long the answer may wait for the first provider, as in our own API.
const WAIT: Duration = Duration::from_secs(2);

/// Two requests within this time are one: a double click, or a library that tries again.
const TWICE: Duration = Duration::from_secs(2);
const ONE: TimeDelta = TimeDelta::seconds(2);

/// Twilio's channels, and Telegram.
const CHANNELS: [&str; 8] = [
    "sms", "telegram", "whatsapp", "call", "email", "sna", "rcs", "auto",
];

/// What a name in a text may be.
pub const BRAND: &str =
    "must be one line of at most 30 characters, without braces and without four digits in a row";

const MOST_TAGS: usize = 10;
const LONGEST_TAG: usize = 128;

pub async fn create(
    caller: Caller,
    service: web::Path<String>,
    body: Body<Fault>,
) -> Result<HttpResponse, Fault> {
    let service = caller.service(&service)?;
    let form = Form::read(&body)?;
    let to = number(&caller, &service, form.required("To")?)?;
    let channel = form.word("Channel", &CHANNELS)?;
    let channel = channel.ok_or_else(|| Fault::parameter("Channel", "is required"))?;
    let code = own_code(&service, &form)?;
    let start = start(&service, &form, to, channel, code.clone())?;
    let verify = caller.gateway.verify();
    let path = format!("/Services/{}/Verifications", service.sid);
    let phone = start.to.phone.clone();
    let found = verify.find_of_number(&caller.access, service.project, &phone);
    let found = found
        .await
        .map_err(|error| Fault::of(error, Fault::max_sends, &path))?;
    let v = if let Some(v) = found {
        let keys = start.limit_keys;
        let second = (channel, code.as_ref(), keys.as_slice());
        again(&caller, &service, v, second, &path).await?
    } else {
        // Of two at once, the later one is answered with the verification of the first.
        let started = verify.start(start, None).await;
        let started = started.map_err(|error| Fault::of_start(error, &path))?;
        if started.reused {
            must_have_code(&caller, &started.verification, code.as_ref())?;
        }
        started.verification
    };
    let body = answer::verification(&caller.gateway, &service, &v);
    Ok(HttpResponse::Created().json(body))
}

/// While a verification is pending, its code stays.
fn must_have_code(caller: &Caller, v: &Verification, code: Option<&Code>) -> Result<(), Fault> {
    let verify = caller.gateway.verify();
    if code.is_some_and(|code| !verify.has_code(v, code)) {
        return Err(Fault::parameter(
            "CustomCode",
            "differs from the code of the verification that is pending for this number",
        ));
    }
    Ok(())
}

/// The number has a verification: the same code once more, or nothing where that would be too much.
async fn again(
    caller: &Caller,
    service: &Service,
    v: Verification,
    (channel, code, limit_keys): (&'static str, Option<&Code>, &[(String, String)]),
    path: &str,
) -> Result<Verification, Fault> {
    let verify = caller.gateway.verify();
    if v.is_locked() {
        return Err(Fault::max_checks());
    }
    must_have_code(caller, &v, code)?;
    let is_recent = caller.gateway.now() - v.record.last_send_at < ONE;
    if !is_recent
        && v.record
            .attempts
            .iter()
            .any(|attempt| attempt.status.in_flight())
    {
        return Err(Fault::concurrent());
    }
    let before = v
        .record
        .asked
        .as_ref()
        .and_then(|asked| asked.channel.clone());
    let is_other = before.is_some_and(|before| before != channel);
    let wanted = match channel {
        "sms" if is_other => Some(Channel::Sms),
        "sms" | "auto" => None,
        other if is_other => Some(carried(other)?),
        _ => None,
    };
    // Another channel is the project's, though the first start asked for one alone.
    let is_asked = |step: &&Step| wanted.is_none_or(|wanted| step.channel == wanted);
    let steps = service.policy.route.iter().filter(|_| is_other);
    let steps: Vec<Step> = steps.filter(is_asked).cloned().collect();
    let second = SecondStart {
        channel,
        steps: &steps,
        limit_keys,
    };
    let resend = Resend {
        channel: wanted,
        pause: Some(TWICE),
        last_again: true,
        ..Resend::default()
    };
    let id = v.id;
    match verify
        .resend(&caller.access, id, resend, Some(second), None)
        .await
    {
        // So it was asked for twice.
        Err(Error::Refused(Refusal::ResendTooSoon(_))) => {
            let found = verify.find_own(&caller.access, id).await;
            found.map_err(|error| Fault::of(error, Fault::max_sends, path))
        }
        sent => sent.map_err(|error| Fault::of(error, Fault::max_sends, path)),
    }
}

fn start(
    service: &Service,
    form: &Form,
    to: Parsed,
    channel: &'static str,
    code: Option<Code>,
) -> Result<StartRequest, Fault> {
    for name in ["Amount", "Payee"] {
        if form.text(name).is_some() {
            return Err(Fault::unsupported("payments (PSD2)"));
        }
    }
    form.word("RiskCheck", &["enable", "disable"])?;
    let channels = match channel {
        "sms" if service.policy.twilio.sms == SmsMeans::Literal => Some(vec![Channel::Sms]),
        "sms" | "auto" => None,
        other => Some(vec![carried(other)?]),
    };
    let brand = form.text("CustomFriendlyName");
    if brand.is_some_and(|brand| !text::is_brand(brand)) {
        return Err(Fault::parameter("CustomFriendlyName", BRAND));
    }
    let app_hash = form.text("AppHash");
    if app_hash.is_some_and(|hash| !text::is_app_hash(hash)) {
        return Err(Fault::parameter(
            "AppHash",
            "must be 11 characters of base64",
        ));
    }
    Ok(StartRequest {
        project: service.project,
        to,
        asked: Some(Box::new(Asked {
            face: Face::Twilio,
            channel: Some(channel.to_owned()),
            tags: tags(form)?,
            ..Asked::default()
        })),
        id: None,
        code,
        code_length: None,
        ttl: None,
        begin_within: None,
        channels,
        workflow: None,
        payload: None,
        wording: Wording {
            locale: form.text("Locale").and_then(text::locale_of),
            android_app_hash: app_hash.map(str::to_owned),
            ..Wording::default()
        },
        limit_keys: form.texts("RateLimits")?,
        brand: brand.map(str::to_owned),
        visitor: Visitor {
            ip: form.text("DeviceIp").and_then(client::read),
            user_agent: None,
        },
        wait: WAIT,
    })
}

/// A channel by Twilio's name, if we have such a one.
fn carried(name: &str) -> Result<Channel, Fault> {
    let channel = if name == "call" { "voice" } else { name };
    let none = || Fault::new(400, 60_223, format!("Delivery channel disabled: {name}"));
    channel.parse().map_err(|_| none())
}

fn own_code(service: &Service, form: &Form) -> Result<Option<Code>, Fault> {
    let Some(text) = form.text("CustomCode") else {
        return Ok(None);
    };
    if !service.policy.twilio.custom_codes {
        return Err(Fault::unsupported("custom codes"));
    }
    let code = Code::parse_outside(&digits::fold(text));
    let expected = "must be 4 to 10 letters and digits";
    code.map(Some)
        .ok_or_else(|| Fault::parameter("CustomCode", expected))
}

fn tags(form: &Form) -> Result<Vec<Tag>, Fault> {
    let tags = form.texts("Tags")?;
    let fits = |text: &str| text.chars().count() <= LONGEST_TAG;
    if tags.len() > MOST_TAGS || !tags.iter().all(|(name, value)| fits(name) && fits(value)) {
        let expected = "may have at most 10 members, of 128 characters each";
        return Err(Fault::parameter("Tags", expected));
    }
    let tag = |(name, value)| Tag { name, value };
    Ok(tags.into_iter().map(tag).collect())
}

pub fn number(caller: &Caller, service: &Service, text: &str) -> Result<Parsed, Fault> {
    // In a form, a plus sign that is not encoded arrives as a space.
    let text = match text.strip_prefix(' ') {
        Some(digits) => format!("+{digits}"),
        None => text.to_owned(),
    };
    let read = caller.gateway.verify().read_number(service.project, &text);
    read.map_err(|error| Fault::of_number(&error))
}

/// Found by SID or by number.
async fn find(caller: &Caller, service: &Service, id: &str) -> Result<Verification, Fault> {
    let path = format!("/Services/{}/Verifications/{id}", service.sid);
    let verify = caller.gateway.verify();
    let found = if let Some(id) = sid::read_verification(id) {
        verify.find_own(&caller.access, id).await.map(Some)
    } else {
        let number = verify.read_number(service.project, id);
        let number = number.map_err(|_| Fault::not_found(&path))?;
        let project = service.project;
        verify
            .find_of_number(&caller.access, project, &number.phone)
            .await
    };
    let found = found.map_err(|error| Fault::of(error, Fault::max_sends, &path))?;
    let found = found.filter(|v| v.project == service.project);
    found.ok_or_else(|| Fault::not_found(&path))
}

/// The newest verification of a number in this dialect, whatever became of it.
async fn newest(
    caller: &Caller,
    service: &Service,
    number: &str,
) -> Result<Option<Verification>, Fault> {
    let verify = caller.gateway.verify();
    let Ok(number) = verify.read_number(service.project, number) else {
        return Ok(None);
    };
    let query = ListQuery {
        project: Some(service.project),
        phone: Some(number.phone),
        limit: 20,
        ..ListQuery::default()
    };
    let found = verify.list(&caller.access, query).await;
    let found = found.map_err(|error| Fault::of(error, Fault::max_sends, "/Verifications"))?;
    Ok(found.into_iter().find(|v| v.face() == Face::Twilio))
}

/// One that is approved or over is not found, unless it was canceled.
pub async fn fetch(
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Fault> {
    let (service, id) = path.into_inner();
    let service = caller.service(&service)?;
    let v = find(&caller, &service, &id).await?;
    let is_over = match v.record.status {
        Status::Approved { .. } | Status::Expired => true,
        Status::Locked | Status::Failed => caller.gateway.now() >= v.record.expires_at,
        Status::Pending | Status::Canceled => false,
    };
    if is_over {
        return Err(Fault::not_found(&format!(
            "/Services/{}/Verifications/{id}",
            service.sid
        )));
    }
    Ok(HttpResponse::Ok().json(answer::verification(&caller.gateway, &service, &v)))
}

pub async fn update(
    caller: Caller,
    path: web::Path<(String, String)>,
    body: Body<Fault>,
) -> Result<HttpResponse, Fault> {
    let (service, id) = path.into_inner();
    let service = caller.service(&service)?;
    let status = Form::read(&body)?.word("Status", &["canceled", "approved"])?;
    let status = status.ok_or_else(|| Fault::parameter("Status", "is required"))?;
    let verify = caller.gateway.verify();
    let found = match find(&caller, &service, &id).await {
        // A word of success comes late, too.
        Err(fault) if status == "approved" => newest(&caller, &service, &id).await?.ok_or(fault)?,
        found => found?,
    };
    let changed = if status == "canceled" {
        verify.cancel(&caller.access, found.id, None).await
    } else {
        verify.vouch(&caller.access, found.id, None).await
    };
    let path = format!("/Services/{}/Verifications/{id}", service.sid);
    let v = changed.map_err(|error| Fault::of(error, Fault::max_sends, &path))?;
    Ok(HttpResponse::Ok().json(answer::verification(&caller.gateway, &service, &v)))
}
