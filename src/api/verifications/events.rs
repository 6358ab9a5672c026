//! `GET /v1/verifications/{id}/events`: the timeline as JSON, and `…/stream`: live.

use std::collections::VecDeque;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::caller::{Caller, Verify};
use crate::api::openapi::parameters::Resume;
use crate::api::openapi::sets::{Channel, EventType, Reason};
use crate::api::problem::Problem;
use crate::api::values::{MoneyBody, rfc3339};
use crate::gateway::{Access, Gateway};
use crate::verification::Verification;
use crate::verification::event::Event;
use crate::verification::id::VerificationId;
use crate::web::sse;

/// How often a quiet stream sends a sign of life, which keeps proxies from closing it.
const BEAT: u32 = 8;
/// How often a stream looks whether its key still works.
const WATCH: Duration = Duration::from_secs(2);
/// How often it polls while it does not see changes of other replicas.
const LOOK: Duration = Duration::from_secs(1);

/// One line of the timeline.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventBody {
    /// Counts from 1 within the verification; for `Last-Event-ID`.
    #[schema(pattern = "^[0-9]+$")]
    id: String,
    #[serde(rename = "type")]
    #[schema(value_type = EventType)]
    kind: &'static str,
    #[schema(value_type = String, format = DateTime)]
    at: String,
    /// The attempt of the event.
    #[schema(required)]
    attempt_id: Option<Uuid>,
    /// The attempt's channel.
    #[schema(value_type = Option<Channel>, required)]
    channel: Option<&'static str>,
    #[schema(value_type = Option<Reason>, required)]
    reason: Option<&'static str>,
    /// The amount charged or refunded.
    #[schema(required)]
    money: Option<MoneyBody>,
}

/// The whole timeline, oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventList)]
pub struct EventsBody {
    items: Vec<EventBody>,
    /// Always null: a timeline is short.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// List a verification's events
///
/// With `Accept: text/event-stream` it is the stream at `…/events/stream`.
#[utoipa::path(
    get, operation_id = "listVerificationEvents", path = "/v1/verifications/{id}/events", tag = "Verifications",
    params(("id" = Uuid, Path, description = "The verification's id")),
    responses((status = 200, description = "The timeline", body = EventsBody)),
    security(("key" = ["verify"]))
)]
pub async fn events(
    caller: Caller<Verify>,
    gateway: web::Data<Gateway>,
    stop: web::Data<CancellationToken>,
    id: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    if sse::wants_stream(&request) {
        return stream_events(caller, gateway, stop, id, request).await;
    }
    let id = super::path_id(&id)?;
    let found = gateway.verify().find(&caller.access, id).await;
    let v = found.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    let events = v.record.events.iter();
    let body = EventsBody {
        items: events.map(|event| EventBody::of(&v, event)).collect(),
        next_cursor: None,
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::VARY, "accept"))
        .json(body))
}

/// Stream a verification's events
///
/// Server-sent events, live until the verification is over: `id` counts from 1, `event` is the type, and `data` is an `Event` of the
/// timeline as JSON. `Last-Event-ID` resumes a stream.
#[utoipa::path(
    get, operation_id = "streamVerificationEvents", path = "/v1/verifications/{id}/events/stream", tag = "Verifications",
    params(("id" = Uuid, Path, description = "The verification's id"), Resume),
    responses(
        (status = 200, description = "The timeline", body = String, content_type = "text/event-stream"),
        (status = 204, description = "The verification is over, and `Last-Event-ID` is its last event"),
    ),
    security(("key" = ["verify"]))
)]
pub async fn stream_events(
    caller: Caller<Verify>,
    gateway: web::Data<Gateway>,
    stop: web::Data<CancellationToken>,
    id: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let id = super::path_id(&id)?;
    // Listen before looking, so that nothing falls between.
    let changes = gateway.live().listen();
    let found = gateway.verify().find(&caller.access, id).await;
    let v = found.map_err(|trouble| Problem::of(trouble, gateway.now()))?;
    let mut live = Live {
        gateway: gateway.get_ref().clone(),
        access: caller.access,
        stop: stop.get_ref().clone(),
        id,
        changes,
        seen: sse::last_event_id(&request),
        waiting: VecDeque::new(),
        quiet: 0,
        over: false,
    };
    live.take(&v);
    if live.over && live.waiting.is_empty() {
        return Ok(sse::over());
    }
    live.waiting.push_front(sse::retry(2_000));
    let lines = stream::unfold(live, async |mut live| {
        let line = live.next().await?;
        Some((
            Ok::<_, std::convert::Infallible>(web::Bytes::from(line)),
            live,
        ))
    });
    Ok(sse::stream(lines))
}

/// A timeline that is being streamed.
struct Live {
    gateway: Gateway,
    access: Access,
    stop: CancellationToken,
    id: VerificationId,
    changes: Receiver<Option<VerificationId>>,
    /// The last event that was put in line.
    seen: u32,
    waiting: VecDeque<String>,
    /// Looks without anything to send, since the last line.
    quiet: u32,
    over: bool,
}

impl Live {
    fn take(&mut self, v: &Verification) {
        for event in v.record.events.iter().filter(|event| event.seq > self.seen) {
            let body = EventBody::of(v, event);
            let data = serde_json::to_string(&body).expect("an event is texts and numbers");
            self.waiting
                .push_back(sse::event(event.seq, body.kind, &data));
        }
        self.seen = v
            .record
            .events
            .last()
            .map_or(self.seen, |event| event.seq.max(self.seen));
        self.over = !v.is_open();
    }

    /// The next piece to send; `None`: the stream ends.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(line) = self.waiting.pop_front() {
                self.quiet = 0;
                return Some(line);
            }
            if self.over {
                return None;
            }
            let sees_all = self.gateway.live().sees_all_changes();
            let look = tokio::select! {
                () = self.stop.cancelled() => return None,
                () = changed(&mut self.changes, self.id) => true,
                () = tokio::time::sleep(if sees_all { WATCH } else { LOOK }) => !sees_all,
            };
            let now = self.gateway.now();
            if !self.gateway.directory().still_works(&self.access, now) {
                return None;
            }
            self.quiet += 1;
            let is_beat = self.quiet >= BEAT;
            if look || is_beat {
                match self.gateway.verify().find(&self.access, self.id).await {
                    Ok(v) => self.take(&v),
                    Err(_) => return None,
                }
            }
            if is_beat && self.waiting.is_empty() {
                self.waiting.push_back(sse::COMMENT.to_owned());
            }
        }
    }
}

async fn changed(changes: &mut Receiver<Option<VerificationId>>, id: VerificationId) {
    use tokio::sync::broadcast::error::RecvError;
    loop {
        match changes.recv().await {
            Ok(Some(other)) if other != id => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}

impl EventBody {
    fn of(v: &Verification, event: &Event) -> Self {
        let attempt = event.attempt.and_then(|ordinal| v.attempt(ordinal));
        Self {
            id: event.seq.to_string(),
            kind: event.kind.name(),
            at: rfc3339(event.at),
            attempt_id: attempt.map(|attempt| v.attempt_id(attempt).uuid()),
            channel: attempt.map(|attempt| attempt.channel.as_str()),
            reason: event
                .reason
                .map(crate::verification::attempt::Reason::as_str),
            money: event.money.map(MoneyBody::from),
        }
    }
}
