//! `pinroute secrets …`: seals with the current key what is sealed with a previous one, while servers run.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{Failure, complain, say, settings};
use crate::storage::{Db, Table};
use crate::verification::id::time_of;
use crate::verification::span;

/// How long after a verification that was sealed with a previous key that key is still needed: its code is compared with a hash under it for a
/// day, and providers report about its messages for some days, to addresses that are signed with it.
const NEEDED: Duration = Duration::from_hours(3 * 24);
/// How often a chunk is tried again that others changed meanwhile, and the pause before.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Encrypt numbers and secrets with the current key, in chunks, whether or not a server is running; say when the previous keys may go.
    Rotate {
        #[arg(long)]
        json: bool,
    },
}

pub fn run(file: Option<&Path>, command: &Command) -> Result<(), Failure> {
    let Command::Rotate { json } = *command;
    settings::with_db(file, async |db, clock, settings| {
        if settings.previous_secret_keys.is_empty() {
            return Err(Failure::Wrong(vec![
                "previous_secret_keys: is empty, so everything is read with secret_key alone; to rotate, list the old key there and \
                set the new one"
                    .to_owned(),
            ]));
        }
        let secrets = db.reseal_secrets().await?;
        // First those in the hot table, which may be moved meanwhile; last those that came back to it.
        let mut numbers = reseal(db, Table::Hot, Uuid::nil()).await?;
        numbers += reseal(db, Table::Past, db.resealed_to().await?).await?;
        let late = reseal(db, Table::Hot, Uuid::nil()).await?;
        if late > 0 {
            complain(&format!(
                "{late} verifications were encrypted with a previous key meanwhile: a server still has it as its secret_key; run this again \
                when none has"
            ));
        }
        let now = clock.now();
        let until = db.newest_resealed().await?;
        let until = until.map(|newest| span::after(newest, NEEDED));
        let until = until.filter(|until| *until > now);
        show(numbers + late, secrets, until, json);
        Ok(())
    })
}

/// Returns how many were sealed anew.
async fn reseal(db: &Db, table: Table, first: Uuid) -> Result<u64, Failure> {
    let is_shown = std::io::stderr().is_terminal();
    let (mut after, mut count, mut tries) = (first, 0, 0);
    loop {
        let began = Instant::now();
        let chunk = db.reseal(table, after).await?;
        count += chunk.count;
        if !chunk.is_whole {
            tries += 1;
            if tries > TRIES {
                return Err(Failure::Failed(
                    "others keep changing the same verifications; run this again, it goes on from here".to_owned(),
                ));
            }
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        tries = 0;
        let Some(next) = chunk.next else { break };
        if table == Table::Past {
            db.note_resealed_to(next).await?;
        }
        if is_shown {
            let day = time_of(next).date_naive();
            let _ = write!(std::io::stderr(), "\r{count} encrypted anew, up to {day} ");
        }
        after = next;
        if chunk.count > 0 {
            // Callers go first: the database has as much time for them alone as the chunk took.
            tokio::time::sleep(began.elapsed()).await;
        }
    }
    if is_shown {
        let _ = writeln!(std::io::stderr());
    }
    Ok(count)
}

/// `until`: how long the previous keys are needed.
fn show(numbers: u64, secrets: u64, until: Option<DateTime<Utc>>, json: bool) {
    let until = until.map(|until| until.to_rfc3339_opts(SecondsFormat::Secs, true));
    if json {
        say(
            &json!({ "verifications": numbers, "secrets": secrets, "needed_until": until })
                .to_string(),
        );
        return;
    }
    say(&format!(
        "{numbers} verifications and {secrets} secrets were encrypted anew; all are under the current key now."
    ));
    say(&match until {
        Some(until) => format!(
            "Keep the previous keys until {until}: codes and reports of messages that were sent under them are checked by them until then."
        ),
        None => "The previous keys may go: remove them from previous_secret_keys.".to_owned(),
    });
}
