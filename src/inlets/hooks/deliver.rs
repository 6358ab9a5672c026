//! Takes a code or a text from a host. The host is answered once the verification is durable; the send and its fallback run behind.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};

use super::answer::{self, Refused};
use super::find::{find, find_newer};
use super::request;
use crate::gateway::{Access, Gateway, Integration, Known, Ordered, StartRequest, Visitor};
use crate::inlets::fault::Fault;
use crate::integrations::{Content, Order, SmsText, Unread, order};
use crate::message::{Wording, segments, text};
use crate::verification::asked::{Asked, Face};
use crate::verification::code::Code;
use crate::verification::id::VerificationId;
use crate::verification::route::Channel;
use crate::web::{self as kit, Body, client};

/// How long a code may be good, as in our own API.
const SHORTEST_TTL: Duration = Duration::from_secs(30);
const LONGEST_TTL: Duration = Duration::from_hours(24);

/// What came of a call, for people.
struct Done {
    outcome: &'static str,
    detail: String,
    id: VerificationId,
}

pub async fn deliver(
    gateway: web::Data<Gateway>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
    body: Body<Fault>,
) -> Result<HttpResponse, Fault> {
    receive(&gateway, &path, &request, &body).await
}

/// Of programs that can only GET: the query is the request.
pub async fn deliver_by_get(
    gateway: web::Data<Gateway>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    receive(&gateway, &path, &request, &[]).await
}

async fn receive(
    gateway: &Gateway,
    path: &(String, String),
    request: &HttpRequest,
    body: &[u8],
) -> Result<HttpResponse, Fault> {
    let mut integration = find(gateway, path).await?;
    if request.method() == Method::GET && !integration.settings.admits_get() {
        return Err(kit::Fault::method_not_allowed("POST").into());
    }
    let is_authentic = |it: &Integration| request::is_authentic(gateway, it, request, body);
    let mut may_pass = is_authentic(&integration);
    if !may_pass && let Some(newer) = find_newer(gateway, &integration).await {
        may_pass = is_authentic(&newer);
        integration = newer;
    }
    let done = if may_pass {
        kit::account::of_project(request, Some(integration.project.0));
        act(gateway, &integration, request, body).await
    } else {
        Err(Refused::unauthorized())
    };
    let admin = gateway.admin();
    let kind = integration.kind.as_str();
    let count = |result: &'static str| {
        metrics::counter!("pinroute_hooks_total", "kind" => kind, "result" => result).increment(1);
    };
    Ok(match done {
        Ok(Done {
            outcome,
            detail,
            id,
        }) => {
            count("delivered");
            admin.note_call(integration.id, outcome, &detail, Some(id));
            answer::accepted(id)
        }
        Err(refused) => {
            let (code, why) = (refused.code, &refused.message);
            count(match refused.status {
                401 => "not_authentic",
                500.. => "failed",
                _ => "refused",
            });
            if refused.status == 401 {
                admin.note_stranger(integration.id, code, why);
            } else {
                admin.note_call(integration.id, code, why, None);
            }
            answer::refused(&integration, &refused)
        }
    })
}

async fn act(
    gateway: &Gateway,
    integration: &Integration,
    request: &HttpRequest,
    body: &[u8],
) -> Result<Done, Refused> {
    let said = request::said(integration, request, body).await;
    let said = said.map_err(Refused::unreadable)?;
    let order = order(integration.kind, &integration.settings, &said);
    let content = order.content()?;
    let verify = gateway.verify();
    let to = verify.read_hosts_number(integration, order.phone()?)?;
    let (code, wording, remark) = match content {
        Content::Code(code) => {
            let (wording, remark) = wording(gateway, integration, &order, &code);
            (code, wording, remark)
        }
        Content::Message(text) => {
            let (code, wording) = message(gateway, integration, text)?;
            (code, wording, Some("a text without a code".to_owned()))
        }
    };
    // Other channels carry codes alone.
    let channels = wording.is_message.then(|| vec![Channel::Sms]);
    let ttl = order.ttl.or(integration.settings.ttl);
    let face = Face::Integration { id: integration.id };
    let start = StartRequest {
        project: integration.project,
        asked: Some(Box::new(Asked {
            face,
            request: Some(verify.request_hash(order.id.as_deref(), &to.phone, &code)),
            ..Asked::default()
        })),
        to,
        id: None,
        code: Some(code),
        code_length: None,
        ttl: ttl.map(|ttl| ttl.clamp(SHORTEST_TTL, LONGEST_TTL)),
        begin_within: None,
        channels,
        workflow: None,
        payload: None,
        wording,
        limit_keys: Vec::new(),
        brand: None,
        visitor: Visitor {
            ip: order.ip.as_deref().and_then(client::read),
            user_agent: None,
        },
        wait: Duration::ZERO,
    };
    let access = Access::of_integration(integration);
    let known = Known {
        is_replayable: integration.kind.is_replayable(),
        is_identified: order.id.is_some(),
    };
    let (outcome, v) = match verify.order(&access, start, known).await? {
        Ordered::Started(v) => ("sent", v),
        Ordered::SentAgain(v) => ("sent_again", v),
        Ordered::Repeated(v) => ("repeated", v),
        Ordered::Replayed => return Err(Refused::unauthorized()),
    };
    if v.is_refused() {
        return Err(if v.waits_for_provider() {
            Refused::paused()
        } else {
            Refused::undeliverable()
        });
    }
    Ok(Done {
        outcome,
        detail: remark.unwrap_or_default(),
        id: v.id,
    })
}

/// A text without a code, in a code's place.
fn message(
    gateway: &Gateway,
    integration: &Integration,
    text: String,
) -> Result<(Code, Wording), Refused> {
    if !integration.settings.allow_messages {
        return Err(Unread::NoCode.into());
    }
    let most = gateway.directory().policy(integration.project).max_segments;
    let (_, count) = segments::count(&text);
    if count > most {
        let why = format!("The text takes {count} segments, and max_segments is {most}.");
        return Err(Refused::unreadable(why));
    }
    let wording = Wording {
        is_message: true,
        ..Wording::default()
    };
    Ok((Code::of_message(text), wording))
}

/// The host's text, if it is used; and for people why it is not.
fn wording(
    gateway: &Gateway,
    integration: &Integration,
    order: &Order,
    code: &Code,
) -> (Wording, Option<String>) {
    let locale = order.locale.as_deref().and_then(text::locale_of);
    let projects = Wording {
        locale,
        ..Wording::default()
    };
    if integration.settings.sms_text == SmsText::Template || order.text.is_none() {
        return (projects, None);
    }
    let Some(template) = order.template(code) else {
        let why = "the project's text is used: the request's is only the code, or the code is not in it as it is";
        return (projects, Some(why.to_owned()));
    };
    let hosts = Wording {
        template: Some(template),
        ..projects.clone()
    };
    let most = gateway.directory().policy(integration.project).max_segments;
    let (_, count) = segments::count(&text::render(code.as_str(), &hosts));
    if count > most {
        let why = format!(
            "the project's text is used: the request's takes {count} segments, and max_segments is {most}"
        );
        return (projects, Some(why));
    }
    (hosts, None)
}
