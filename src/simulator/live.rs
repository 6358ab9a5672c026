//! The page's event stream: phones and provider pauses, sent whenever they change.
//!
//! Arrivals are computed from timestamps and the clock (see [`super`]), so nothing signals them. Each open stream
//! polls.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::time::Interval;

use super::world::{World, lock};

/// How often a stream polls the phones. It asks the gateway for pauses at every fifth poll.
const LOOK: Duration = Duration::from_millis(200);
const LOOKS_PER_PAUSE: u32 = 5;
/// Polls without news before the stream sends a keep-alive comment.
const QUIET: u32 = 50;

struct Stream {
    world: Data<World>,
    ticks: Interval,
    looks: u32,
    quiet: u32,
    phones: String,
    pauses: String,
}

pub(super) async fn events(world: Data<World>) -> HttpResponse {
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let stream = Stream {
        world,
        ticks,
        looks: 0,
        quiet: 0,
        phones: String::new(),
        pauses: String::new(),
    };
    let lines = stream::unfold(stream, async |mut stream| {
        let line = stream.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(line)), stream))
    });
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(("cache-control", "no-store"))
        .streaming(Box::pin(lines))
}

impl Stream {
    async fn next(&mut self) -> Option<String> {
        loop {
            tokio::select! {
                () = self.world.stopping.cancelled() => return None,
                _ = self.ticks.tick() => {}
            }
            let mut news = String::new();
            let recent = lock(&self.world.phones).recent(self.world.clock.now());
            note(&mut news, "phones", &json!(recent), &mut self.phones);
            if self.looks.is_multiple_of(LOOKS_PER_PAUSE) {
                let pauses = pauses(&self.world).await;
                note(&mut news, "pauses", &pauses, &mut self.pauses);
            }
            self.looks = self.looks.wrapping_add(1);
            self.quiet = if news.is_empty() { self.quiet + 1 } else { 0 };
            if self.quiet >= QUIET {
                self.quiet = 0;
                news.push_str(": still here\n\n");
            }
            if !news.is_empty() {
                return Some(news);
            }
        }
    }
}

/// Appends an event if its data differs from the last one sent.
fn note(news: &mut String, kind: &str, items: &Value, last: &mut String) {
    let data = json!({ "items": items }).to_string();
    if data != *last {
        let _ = write!(news, "event: {kind}\ndata: {data}\n\n");
        *last = data;
    }
}

/// The paused providers, read from the gateway's `/readyz`. Empty without a gateway or when it does not answer.
pub(super) async fn pauses(world: &World) -> Value {
    let asked = async {
        let url = format!("http://{}/readyz", world.gateway.as_ref()?.address);
        let answer = world.outbound.get(url).send().await.ok()?;
        let state: Value = serde_json::from_slice(&answer.bytes().await.ok()?).ok()?;
        state.get("paused").cloned()
    };
    asked.await.unwrap_or_else(|| json!([]))
}
