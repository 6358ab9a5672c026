//! `pinroute integrations …`: manages programs that have their codes delivered.

mod choices;

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Failure, say, settings};
use crate::integrations::{HIDDEN, Kind, MOST, Preset, Settings, new_secret, paste};
use crate::secret::random;
use crate::storage::{Call, Db, Integration, Project};
use crate::verification::id::time_ordered;
use crate::verification::span;
use choices::{Choices, kind, read_secret};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List all integrations, without their secrets.
    List {
        /// One JSON object on one line.
        #[arg(long)]
        json: bool,
    },
    /// Create an integration. Its address and secret go into the other program; the secret is shown only once.
    Create {
        /// The project's name.
        #[arg(long, default_value = "default")]
        project: String,
        /// supabase, zitadel, authgear, or generic for any other program; `vonage_application` for Vonage's clients.
        #[arg(long, value_parser = kind)]
        kind: Kind,
        #[command(flatten)]
        choices: Choices,
        #[arg(long)]
        json: bool,
    },
    /// Show an integration, and what came of its last calls.
    Show {
        id: Uuid,
        #[arg(long)]
        json: bool,
    },
    /// Change an integration. A new secret replaces the old one at once; `rotate` keeps it for a day.
    Set {
        id: Uuid,
        #[command(flatten)]
        choices: Choices,
        #[arg(long)]
        json: bool,
    },
    /// Give an integration a new secret. For 24 hours the old one is good too, except with `vonage_application`.
    Rotate {
        id: Uuid,
        /// The secret that the other program made; - reads it from standard input.
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
        #[arg(long)]
        json: bool,
    },
    /// Delete an integration. Its calls are refused from then on.
    Delete {
        id: Uuid,
        #[arg(long)]
        json: bool,
    },
}

pub fn run(file: Option<&Path>, command: Command) -> Result<(), Failure> {
    settings::with_db(file, async |db, clock, settings| {
        let desk = Desk {
            db,
            now: clock.now(),
            projects: db.list_projects().await.map_err(Failure::from)?,
            public_url: settings.public_url.trim_end_matches('/'),
            allow_private: settings.webhooks.allow_private,
        };
        match command {
            Command::List { json } => desk.list(json).await,
            Command::Create {
                project,
                kind,
                choices,
                json,
            } => desk.create(&project, kind, choices, json).await,
            Command::Show { id, json } => desk.show(id, json).await,
            Command::Set { id, choices, json } => desk.set(id, choices, json).await,
            Command::Rotate {
                id,
                secret_file,
                json,
            } => desk.rotate(id, secret_file.as_deref(), json).await,
            Command::Delete { id, json } => desk.delete(id, json).await,
        }
    })
}

/// The database, and what answers need besides.
struct Desk<'a> {
    db: &'a Db,
    now: DateTime<Utc>,
    projects: Vec<Project>,
    public_url: &'a str,
    /// Webhooks may go to private addresses.
    allow_private: bool,
}

impl Desk<'_> {
    async fn list(&self, json: bool) -> Result<(), Failure> {
        let all = self.db.list_integrations().await.map_err(Failure::from)?;
        if json {
            let items: Vec<Value> = all.iter().map(|one| self.body(one)).collect();
            say(&json!({ "items": items }).to_string());
        } else {
            for one in &all {
                let (kind, project) = (kind_of(one), self.project(one));
                say(&format!(
                    "{}  {kind:<20} {project:<16} {}",
                    one.id, one.name
                ));
            }
        }
        Ok(())
    }

    async fn create(
        &self,
        project: &str,
        kind: Kind,
        choices: Choices,
        json: bool,
    ) -> Result<(), Failure> {
        let found = self.projects.iter().find(|known| known.name == project);
        let found = found.ok_or_else(|| {
            Failure::Wrong(vec![format!(
                "--project: no project `{project}`; `pinroute projects list` shows all"
            )])
        })?;
        let all = self.db.list_integrations().await.map_err(Failure::from)?;
        let own = all.iter().filter(|one| one.project == found.id);
        if own.count() >= MOST {
            let why = format!("the project already has {MOST} integrations; delete one first");
            return Err(Failure::Failed(why));
        }
        let title = choices.preset().map_or(kind.title(), Preset::title);
        let mut made = Integration {
            id: time_ordered(self.now, random()),
            project: found.id,
            kind,
            name: title.to_owned(),
            settings: Settings::default(),
            version: 1,
            secret: None,
            previous: None,
            created_at: self.now,
        };
        choices.apply(&mut made, self.allow_private)?;
        made.secret = made.secret.or_else(|| new_secret(kind, random()));
        let stored = self
            .db
            .create_integration(&made, None, &settings::act(self.now))
            .await;
        stored.map_err(Failure::from)?;
        settings::in_force().await;
        self.tell(&made, made.secret.as_deref(), json);
        Ok(())
    }

    async fn show(&self, id: Uuid, json: bool) -> Result<(), Failure> {
        let found = self.find(id).await?;
        let calls = self.db.list_calls(id).await.map_err(Failure::from)?;
        if json {
            let mut body = self.body(&found);
            body["last_calls"] = calls.iter().map(call).collect();
            say(&body.to_string());
            return Ok(());
        }
        self.tell(&found, None, false);
        for call in &calls {
            let at = call.at.format("%F %T");
            let line = format!("{at}  {:<22} {}", call.outcome, call.detail);
            say(line.trim_end());
        }
        Ok(())
    }

    async fn set(&self, id: Uuid, choices: Choices, json: bool) -> Result<(), Failure> {
        let before = self.find(id).await?;
        let mut after = before.clone();
        let is_secret_given = choices.is_secret_given();
        choices.apply(&mut after, self.allow_private)?;
        let secret = after.secret.as_deref().filter(|_| is_secret_given);
        let (act, both) = (settings::act(self.now), (&before, &after));
        let changed = self.db.change_integration(both, secret, &act).await;
        if !changed.map_err(Failure::from)? {
            let why = "it was changed meanwhile; run the command again".to_owned();
            return Err(Failure::Failed(why));
        }
        if is_secret_given {
            after.previous = None;
        }
        settings::in_force().await;
        self.tell(&after, None, json);
        Ok(())
    }

    async fn rotate(&self, id: Uuid, file: Option<&Path>, json: bool) -> Result<(), Failure> {
        let mut found = self.find(id).await?;
        let secret = match file {
            Some(file) => Some(read_secret(found.kind, file)?),
            None => new_secret(found.kind, random()),
        };
        if secret.is_some() && secret == found.secret {
            let why = "--secret-file: holds the current secret".to_owned();
            return Err(Failure::Wrong(vec![why]));
        }
        let none = "--secret-file: is required, since the other program makes the secret";
        let secret = secret.ok_or_else(|| Failure::Wrong(vec![none.to_owned()]))?;
        let until = span::after(self.now, found.kind.overlap());
        let act = settings::act(self.now);
        let rotated = self.db.rotate_integration(&found, &secret, until, &act);
        if !rotated.await.map_err(Failure::from)? {
            return Err(no_such(id));
        }
        settings::in_force().await;
        found.previous = found.secret.take().map(|before| (before, until));
        found.secret = Some(secret.clone());
        self.tell(&found, Some(&secret), json);
        Ok(())
    }

    async fn delete(&self, id: Uuid, json: bool) -> Result<(), Failure> {
        let (found, act) = (self.find(id).await?, settings::act(self.now));
        let deleted = self.db.delete_integration(&found, &act).await;
        if !deleted.map_err(Failure::from)? {
            return Err(no_such(id));
        }
        settings::in_force().await;
        if json {
            say(&json!({ "id": id, "deleted": true }).to_string());
        } else {
            say(&format!("Integration {id} is deleted."));
        }
        Ok(())
    }

    async fn find(&self, id: Uuid) -> Result<Integration, Failure> {
        let all = self.db.list_integrations().await.map_err(Failure::from)?;
        all.into_iter()
            .find(|integration| integration.id == id)
            .ok_or_else(|| no_such(id))
    }

    /// `secret`: to be shown this once.
    fn tell(&self, integration: &Integration, secret: Option<&str>, json: bool) {
        if json {
            let mut body = self.body(integration);
            if let Some(secret) = secret {
                let name = if integration.kind.is_hook() {
                    "secret"
                } else {
                    "signature_secret"
                };
                body[name] = json!(secret);
            }
            say(&body.to_string());
            return;
        }
        let url = integration.url(self.public_url);
        say(&format!("{}  {}", integration.id, integration.name));
        say(&format!("address: {url}"));
        if let Some((_, until)) = integration.previous_at(self.now) {
            let until = until.format("%F %T");
            say(&format!("The previous secret is good until {until} UTC."));
        }
        let lines = |secret| paste(integration.kind, &integration.settings, &url, secret);
        match secret {
            Some(secret) => say(&format!(
                "secret:  {secret}\nIt is not shown again. In the other program:\n\n{}",
                lines(secret)
            )),
            None if integration.secret.is_none() => say(&format!(
                "In the other program, which makes the secret:\n\n{}\n\nThen: pinroute integrations set {} --secret-file -",
                lines(HIDDEN),
                integration.id
            )),
            None => {}
        }
    }

    /// The same fields as the API's.
    fn body(&self, integration: &Integration) -> Value {
        let settings = &integration.settings;
        let is_generic = integration.kind == Kind::Generic;
        let mut methods = vec!["POST"];
        methods.extend(settings.admits_get().then_some("GET"));
        let mut body = json!({
            "id": integration.id,
            "project": self.project(integration),
            "kind": integration.kind,
            "name": integration.name,
            "url": integration.url(self.public_url),
            "preset": settings.preset,
            "auth": is_generic.then(|| settings.auth.kind.as_str()),
            "auth_name": settings.auth.name(),
            "default_country": settings.default_country,
            "ttl": settings.ttl.map(|ttl| ttl.as_secs()),
            "fields": settings.fields,
            "methods": methods,
            "sms_text": settings.sms_text,
            "allow_messages": settings.allow_messages,
            "has_secret": integration.secret.is_some(),
            "created_at": integration.created_at,
            "previous_secret_expires_at": integration.previous_at(self.now).map(|(_, until)| until),
        });
        if let Some(application) = &settings.application {
            body["application_id"] = json!(integration.id);
            body["public_key"] = json!(application.public_key);
            if let Some(url) = &application.status_url {
                body["status_url"] = json!(url);
            }
        }
        body
    }

    fn project(&self, integration: &Integration) -> &str {
        let mut projects = self.projects.iter();
        let found = projects.find(|project| project.id == integration.project);
        found.map_or("", |project| &project.name)
    }
}

fn no_such(id: Uuid) -> Failure {
    Failure::Failed(format!(
        "no integration {id}; `pinroute integrations list` shows all"
    ))
}

fn call(call: &Call) -> Value {
    let detail = Some(&call.detail).filter(|detail| !detail.is_empty());
    json!({ "at": call.at, "outcome": call.outcome, "detail": detail, "verification_id": call.verification })
}

fn kind_of(integration: &Integration) -> String {
    let kind = integration.kind.as_str();
    match integration.settings.preset {
        Some(preset) => format!("{kind} {}", preset.as_str()),
        None => kind.to_owned(),
    }
}
