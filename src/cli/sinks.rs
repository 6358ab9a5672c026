//! `pinroute sinks …`: shows what waits for the sinks of events, and redelivers it.

use std::path::Path;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Failure, say, settings};
use crate::clock::Clock;
use crate::config::Settings;
use crate::storage::{Backlog, Db, Delivery, DeliveryQuery, DeliveryState};
use crate::webhooks::sinks::id_of;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the sinks, and how many events wait for each or are dead.
    List {
        #[arg(long)]
        json: bool,
    },
    /// List the newest events of a sink.
    Messages {
        name: String,
        /// Only those in this state: pending, delivered, dead.
        #[arg(long, value_parser = state)]
        state: Option<DeliveryState>,
        /// At most so many, 1 to 1000.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=1_000))]
        limit: i64,
        /// Events older than the one with this id.
        #[arg(long)]
        cursor: Option<Uuid>,
        #[arg(long)]
        json: bool,
    },
    /// Send all dead events of a sink again, or those with the given ids.
    Redeliver {
        name: String,
        ids: Vec<Uuid>,
        #[arg(long)]
        json: bool,
    },
}

pub fn run(file: Option<&Path>, command: Command) -> Result<(), Failure> {
    settings::with_db(file, async |db, clock, settings| match command {
        Command::List { json } => list(db, clock, settings, json).await,
        Command::Messages {
            name,
            state,
            limit,
            cursor,
            json,
        } => {
            let webhook = find(db, settings, &name).await?;
            let query = DeliveryQuery {
                webhook,
                state,
                cursor,
                limit,
            };
            let messages = db.list_deliveries(&query).await?;
            if json {
                let items: Vec<Value> = messages.iter().map(written).collect();
                say(&json!({ "items": items }).to_string());
            } else {
                for message in &messages {
                    say(&line(message));
                }
            }
            Ok(())
        }
        Command::Redeliver { name, ids, json } => {
            let configured = settings.events.sinks.iter().any(|sink| sink.name == name);
            if !configured {
                return Err(unknown(&name));
            }
            let count = redeliver(db, clock.now(), id_of(&name), &ids).await?;
            if json {
                say(&json!({ "sink": name, "redelivered": count }).to_string());
            } else {
                say(&format!("Sink {name}: {count} sent again."));
            }
            Ok(())
        }
    })
}

async fn list(db: &Db, clock: &Clock, settings: &Settings, json: bool) -> Result<(), Failure> {
    let now = clock.now();
    let mut items = Vec::new();
    for sink in &settings.events.sinks {
        let backlog = db.backlog(id_of(&sink.name)).await?;
        let mut item = json!({
            "name": sink.name, "kind": sink.target.kind(), "to": sink.target.shown(),
            "numbers": sink.numbers.as_str(), "events": sink.events.split(',').collect::<Vec<_>>(),
        });
        add(&mut item, &backlog, now);
        items.push(item);
    }
    for (id, name) in db.list_sinks().await? {
        if !settings.events.sinks.iter().any(|sink| sink.name == name) {
            let mut item =
                json!({ "name": name, "kind": null, "to": null, "numbers": null, "events": null });
            add(&mut item, &db.backlog(id).await?, now);
            items.push(item);
        }
    }
    if json {
        say(&json!({ "items": items }).to_string());
        return Ok(());
    }
    for item in &items {
        let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
        let to = if item["kind"].is_null() {
            "no longer configured".to_owned()
        } else {
            format!(
                "{} {}, numbers {}",
                text("kind"),
                text("to"),
                text("numbers")
            )
        };
        let oldest = match item["oldest_seconds"].as_i64() {
            Some(seconds) => format!(", the oldest due for {seconds} s"),
            None => String::new(),
        };
        say(&format!(
            "{:<16} {} pending{oldest}, {} dead  {to}",
            text("name"),
            item["pending"],
            item["dead"]
        ));
    }
    Ok(())
}

fn add(item: &mut Value, backlog: &Backlog, now: DateTime<Utc>) {
    item["pending"] = json!(backlog.pending);
    item["dead"] = json!(backlog.dead);
    item["oldest_seconds"] = json!(backlog.age(now).map(|age| age.num_seconds()));
}

/// The id of a sink that is configured, or was.
async fn find(db: &Db, settings: &Settings, name: &str) -> Result<Uuid, Failure> {
    let configured = settings.events.sinks.iter().any(|sink| sink.name == name);
    if configured
        || db
            .list_sinks()
            .await?
            .iter()
            .any(|(_, known)| known == name)
    {
        return Ok(id_of(name));
    }
    Err(unknown(name))
}

fn unknown(name: &str) -> Failure {
    Failure::Wrong(vec![format!(
        "no sink `{name}` is configured; `pinroute sinks list` shows all"
    )])
}

/// Makes messages due now, all dead ones or those with these ids; running servers send them.
async fn redeliver(db: &Db, now: DateTime<Utc>, sink: Uuid, ids: &[Uuid]) -> Result<u64, Failure> {
    if ids.is_empty() {
        return Ok(db.redeliver_dead(sink, now).await?);
    }
    let mut count = 0;
    for id in ids {
        if db.redeliver(sink, *id, now).await?.is_none() {
            return Err(Failure::Failed(format!(
                "no event {id} is stored for this sink; {count} before it are sent again"
            )));
        }
        count += 1;
    }
    Ok(count)
}

fn written(message: &Delivery) -> Value {
    let error = message.history.last().and_then(|last| last.error.as_ref());
    json!({
        "id": message.id,
        "type": message.event,
        "time": message.at,
        "verification_id": message.verification,
        "state": message.state.as_str(),
        "tried": message.tried,
        "last_error": error,
    })
}

fn line(message: &Delivery) -> String {
    let about = message
        .verification
        .map_or("-".to_owned(), |id| id.to_string());
    let error = message
        .history
        .last()
        .and_then(|last| last.error.as_deref());
    format!(
        "{}  {}  {:<24} {about:<36}  {:<9} tried {}  {}",
        message.id,
        message.at.format("%F %T"),
        message.event,
        message.state.as_str(),
        message.tried,
        error.unwrap_or_default()
    )
}

fn state(text: &str) -> Result<DeliveryState, String> {
    let mut known = DeliveryState::ALL.into_iter();
    known
        .find(|state| state.as_str() == text)
        .ok_or_else(|| "must be pending, delivered or dead".to_owned())
}
