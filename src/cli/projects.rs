//! `pinroute projects …`

use std::path::Path;

use serde_json::json;

use super::{Failure, say, settings};
use crate::storage::{Project, StorageError};

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
        /// Small letters, digits, hyphens and underscores.
        #[arg(value_parser = name)]
        name: String,
        #[arg(long)]
        json: bool,
    },
}

pub fn run(file: Option<&Path>, command: Command) -> Result<(), Failure> {
    settings::with_db(file, async |db, clock| match command {
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
            let project = match db.create_project(&name, clock.now()).await {
                Ok(project) => project,
                Err(StorageError::Exists) => {
                    return Err(Failure::Failed(format!(
                        "a project `{name}` exists already; choose another name"
                    )));
                }
                Err(error) => return Err(error.into()),
            };
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
    })
}

fn body(project: &Project) -> serde_json::Value {
    json!({ "id": project.id.0, "name": project.name, "created_at": project.created_at })
}

fn name(text: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
        && text.as_bytes()[0].is_ascii_alphanumeric();
    if fits {
        Ok(text.to_owned())
    } else {
        Err("1 to 64 small letters, digits, hyphens and underscores, beginning with a letter or digit".to_owned())
    }
}
