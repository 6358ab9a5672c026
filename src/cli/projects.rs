//! `pinroute projects …`: manages projects and their policies.

use std::path::Path;

use serde_json::{Value, json};

use super::{Failure, say, settings};
use crate::app;
use crate::gateway::{PolicyBook, ProjectError, change_policy_of, check_name, parsed_overrides};
use crate::storage::{Db, Project};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List all projects.
    List {
        /// One JSON object on one line.
        #[arg(long)]
        json: bool,
    },
    /// Create a project: one site or app, with its own keys.
    Create {
        /// Lowercase letters, digits, hyphens and underscores.
        #[arg(value_parser = name)]
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// Show a project's policy: its overrides and all effective values.
    Show {
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// Change a project's policy. When the command returns, running servers follow it.
    Set {
        name: String,
        #[arg(
            help = "Keys of [defaults], such as code_length=4, ttl=5m, countries.deny='[\"KP\"]' or templates.ru='Код {code}'"
        )]
        #[arg(value_name = "KEY=VALUE", value_parser = assignment)]
        set: Vec<(String, Value)>,
        /// Restore the default of this key.
        #[arg(long, value_name = "KEY")]
        unset: Vec<String>,
        #[arg(long)]
        json: bool,
    },
}

pub fn run(file: Option<&Path>, command: Command) -> Result<(), Failure> {
    settings::with_db(file, async |db, clock, settings| match command {
        Command::List { json } => {
            let projects = db.list_projects().await.map_err(Failure::from)?;
            if json {
                let items: Vec<_> = projects.iter().map(body).collect();
                say(&json!({ "items": items }).to_string());
            } else {
                for project in projects {
                    say(&format!("{}  {}", project.id.0, project.name));
                }
            }
            Ok(())
        }
        Command::Create { name, json } => {
            let made = db
                .create_project(&name, "{}", &settings::act(clock.now()))
                .await;
            let project = made.map_err(|error| refused(error.into(), &name))?;
            settings::in_force().await;
            if json {
                say(&body(&project).to_string());
            } else {
                say(&format!("Created project {name} ({}).", project.id.0));
                say(&format!(
                    "Next: pinroute keys create --project {name} --scope verify"
                ));
            }
            Ok(())
        }
        Command::Show { name, json } => {
            show(&find(db, &name).await?, &app::policies(settings), json);
            Ok(())
        }
        Command::Set {
            name,
            set,
            unset,
            json,
        } => {
            if set.is_empty() && unset.is_empty() {
                let mend = "nothing to change; give KEY=VALUE or --unset KEY";
                return Err(Failure::Wrong(vec![mend.to_owned()]));
            }
            let (project, policies) = (find(db, &name).await?, app::policies(settings));
            let usual = policies.effective(&json!({}));
            let strange = unset.iter().filter(|key| {
                let first = key.split('.').next().unwrap_or_default();
                usual.get(first).is_none()
            });
            let strange: Vec<String> = strange
                .map(|key| {
                    format!(
                        "--unset {key}: unknown key; `pinroute projects show {name}` lists them"
                    )
                })
                .collect();
            if !strange.is_empty() {
                return Err(Failure::Wrong(strange));
            }
            let change = change(set, unset);
            let by = (&settings::operator(), clock.now());
            let changed = change_policy_of(db, &policies, &project, &change, by).await;
            let project = changed.map_err(|error| refused(error, &name))?;
            settings::in_force().await;
            show(&project, &policies, json);
            Ok(())
        }
    })
}

async fn find(db: &Db, name: &str) -> Result<Project, Failure> {
    let projects = db.list_projects().await.map_err(Failure::from)?;
    let found = projects.into_iter().find(|project| project.name == name);
    found.ok_or_else(|| {
        Failure::Wrong(vec![format!(
            "no project `{name}`; `pinroute projects list` shows all"
        )])
    })
}

fn show(project: &Project, policies: &PolicyBook, json: bool) {
    let overrides = parsed_overrides(&project.overrides);
    let effective = policies.effective(&overrides);
    if json {
        let mut body = body(project);
        body["policy"] = overrides;
        body["effective"] = effective;
        say(&body.to_string());
        return;
    }
    say(&format!("{}  {}", project.id.0, project.name));
    for (key, value) in effective.as_object().into_iter().flatten() {
        let own = if overrides.get(key).is_some() {
            "*"
        } else {
            " "
        };
        say(&format!("{own} {key:<14} {value}"));
    }
    say("* overridden by the project; all other values come from [defaults]");
}

fn body(project: &Project) -> Value {
    json!({ "id": project.id.0, "name": project.name, "created_at": project.created_at })
}

fn name(text: &str) -> Result<String, String> {
    check_name(text)?;
    Ok(text.to_owned())
}

/// Parses `KEY=VALUE`; a value that is not valid JSON is taken as a string.
fn assignment(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text
        .split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or("must be KEY=VALUE, such as code_length=4 or ttl=5m")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((key.to_owned(), value))
}

/// Builds a merge patch from assignments; `countries.deny` sets the member `deny` of `countries`.
fn change(set: Vec<(String, Value)>, unset: Vec<String>) -> Value {
    let mut change = json!({});
    let cleared = unset.into_iter().map(|key| (key, Value::Null));
    for (key, value) in set.into_iter().chain(cleared) {
        let mut place = &mut change;
        for part in key.split('.') {
            if !place.is_object() {
                *place = json!({});
            }
            place = &mut place[part];
        }
        *place = value;
    }
    change
}

fn refused(error: ProjectError, name: &str) -> Failure {
    match error {
        ProjectError::NameTaken => Failure::Failed(format!(
            "a project `{name}` already exists; choose another name"
        )),
        ProjectError::Policy(faults) => Failure::Wrong(
            faults
                .into_iter()
                .map(|fault| {
                    let key = fault
                        .pointer
                        .trim_start_matches("/policy/")
                        .replace('/', ".");
                    // Here a key is given without the object that it belongs to in the API.
                    format!("{key}: {}", fault.detail.replace("`policy.", "`"))
                })
                .collect(),
        ),
        ProjectError::Failed(trouble) => Failure::Failed(format!(
            "{trouble}, or the project was changed at the same time; try again"
        )),
    }
}
