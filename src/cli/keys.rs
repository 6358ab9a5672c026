//! `pinroute keys …`: manages API keys.

use std::path::Path;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Failure, say, settings};
use crate::app;
use crate::gateway::{Credentials, Scope, key_name, new_secret};
use crate::storage::{ApiKey, NewKey, Project};
use crate::verification::id::ProjectId;
use crate::verification::span;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Create an API key. It is shown only once.
    Create {
        /// The project's name; '*' creates an instance key for all projects.
        #[arg(long)]
        project: String,
        /// verify (websites), finance (reads reports and the ledger), admin (everything).
        #[arg(long, value_name = "S[,S…]", value_delimiter = ',', required = true, value_parser = scope)]
        scope: Vec<Scope>,
        /// What you call it, to tell keys apart.
        #[arg(long, value_parser = key_name)]
        name: Option<String>,
        /// Lifetime, such as 90d; without it the key does not expire.
        #[arg(long, value_parser = expiry)]
        expires: Option<std::time::Duration>,
        /// One JSON object on one line.
        #[arg(long)]
        json: bool,
    },
    /// List all API keys, without their secrets.
    List {
        #[arg(long)]
        json: bool,
    },
    /// Revoke an API key. When the command returns, no running server accepts it any more.
    Revoke {
        id: Uuid,
        #[arg(long)]
        json: bool,
    },
}

pub fn run(file: Option<&Path>, command: Command) -> Result<(), Failure> {
    settings::with_db(file, async |db, clock, settings| {
        let now = clock.now();
        let projects = db.list_projects().await.map_err(Failure::from)?;
        match command {
            Command::Create {
                project,
                scope,
                name,
                expires,
                json,
            } => {
                let project_id = find(&projects, &project)?;
                let mut names: Vec<&str> = scope.iter().map(|scope| scope.as_str()).collect();
                names.dedup();
                let expires_at = expires.map(|expires| span::after(now, expires));
                let key = new_secret();
                let new = NewKey {
                    name: name.clone(),
                    project: project_id,
                    scopes: names.join(","),
                    expires_at,
                    made_by: None,
                };
                let made = db.create_key(&new, &key, &settings::act(now)).await;
                let id = made.map_err(Failure::from)?;
                if json {
                    let own = projects.iter().find(|own| Some(own.id) == project_id);
                    let policy =
                        own.and_then(|own| app::policies(settings).read(&own.overrides).ok());
                    let credentials = Credentials {
                        public_url: settings.public_url.trim_end_matches('/'),
                        project: project_id,
                        policy: policy.as_ref(),
                        id,
                        secret: &key,
                        scopes: &new.scopes,
                    };
                    let dialects = app::dialects_of(settings);
                    let dialects: Vec<_> = dialects.iter().map(|offered| offered.dialect).collect();
                    let body = json!({ "id": id, "name": name, "key": key, "project": project, "project_id": project_id.map(|id| id.0), "scopes": names, "expires_at": expires_at, "dialects": credentials.of(&dialects) });
                    say(&body.to_string());
                } else {
                    say(&key);
                    say(&format!(
                        "Key {id} of project {project} ({}); it is not shown again.",
                        names.join(", ")
                    ));
                }
            }
            Command::List { json } => {
                let keys = db.list_keys().await.map_err(Failure::from)?;
                if json {
                    say(&listed(&projects, &keys).to_string());
                } else {
                    for key in &keys {
                        say(&line(&projects, key, now));
                    }
                }
            }
            Command::Revoke { id, json } => {
                let keys = db.list_keys().await.map_err(Failure::from)?;
                let key = keys.iter().find(|key| key.id == id);
                let revoked = match key {
                    Some(key) => db.revoke_key(key, &settings::act(now)).await,
                    None => Ok(false),
                };
                if !revoked.map_err(Failure::from)? {
                    return Err(Failure::Failed(format!(
                        "no active key {id}; `pinroute keys list` shows all"
                    )));
                }
                settings::in_force().await;
                if json {
                    say(&json!({ "id": id, "revoked_at": now }).to_string());
                } else {
                    say(&format!("Key {id} is revoked."));
                }
            }
        }
        Ok(())
    })
}

fn listed(projects: &[Project], keys: &[ApiKey]) -> Value {
    let items = keys.iter().map(|key| {
        json!({
            "id": key.id,
            "name": key.name,
            "project": name(projects, key.project),
            "scopes": key.scopes.split(',').collect::<Vec<_>>(),
            "created_at": key.created_at,
            "expires_at": key.expires_at,
            "revoked_at": key.revoked_at,
            "last_used_at": key.last_used_at,
        })
    });
    json!({ "items": items.collect::<Vec<_>>() })
}

fn line(projects: &[Project], key: &ApiKey, now: DateTime<Utc>) -> String {
    let state = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {}", at.format("%F")),
        (None, Some(at)) if at <= now => format!("expired {}", at.format("%F")),
        (None, Some(at)) => format!("until {}", at.format("%F")),
        (None, None) => "active".to_owned(),
    };
    let used = key.last_used_at.map_or("never used".to_owned(), |at| {
        format!("used {}", at.format("%F %R"))
    });
    let project = name(projects, key.project);
    let named = key.name.as_deref().unwrap_or("-");
    format!(
        "{}  {named:<20} {project:<16} {:<22} {state:<18} {used}",
        key.id, key.scopes
    )
}

fn find(projects: &[Project], name: &str) -> Result<Option<ProjectId>, Failure> {
    if name == "*" {
        return Ok(None);
    }
    let found = projects.iter().find(|project| project.name == name);
    let missing = || {
        Failure::Wrong(vec![format!(
            "--project: no project `{name}`; `pinroute projects list` shows all, '*' means all projects"
        )])
    };
    found.map(|project| Some(project.id)).ok_or_else(missing)
}

fn name(projects: &[Project], id: Option<ProjectId>) -> String {
    match id {
        None => "*".to_owned(),
        Some(id) => match projects.iter().find(|project| project.id == id) {
            Some(project) => project.name.clone(),
            None => id.0.to_string(),
        },
    }
}

fn expiry(text: &str) -> Result<std::time::Duration, String> {
    let span = span::parse(text)?;
    if span.is_zero() {
        Err("must be longer than zero".to_owned())
    } else {
        Ok(span)
    }
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).ok_or_else(|| "must be verify, finance or admin".to_owned())
}
