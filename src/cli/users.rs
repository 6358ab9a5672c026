//! `pinroute users …`: manages dashboard users.

use std::path::Path;

use serde_json::{Value, json};

use super::{Failure, say, settings};
use crate::app;
use crate::gateway::{Invitation, Role, User, UserFault, Users, read_email};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Create a user and print a one-time link for setting the password.
    Create {
        #[arg(value_parser = read_email)]
        email: String,
        /// owner (everything), finance (money; phone numbers masked), support (verifications).
        #[arg(long, value_parser = role)]
        role: Role,
        /// One JSON object on one line.
        #[arg(long)]
        json: bool,
    },
    /// List all users.
    List {
        #[arg(long)]
        json: bool,
    },
    /// Disable a user immediately.
    Disable {
        #[arg(value_parser = read_email)]
        email: String,
        #[arg(long)]
        json: bool,
    },
    /// Enable a disabled user.
    Enable {
        #[arg(value_parser = read_email)]
        email: String,
        #[arg(long)]
        json: bool,
    },
    /// Print a new one-time link for setting the password.
    Reset {
        #[arg(value_parser = read_email)]
        email: String,
        #[arg(long)]
        json: bool,
    },
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text)
        .ok_or_else(|| format!("`{text}` is not a role; use owner, finance or support"))
}

pub fn run(file: Option<&Path>, command: Command) -> Result<(), Failure> {
    settings::with_db(file, async |db, clock, settings| {
        let (users, act) = (Users::new(db.clone()), settings::act(clock.now()));
        let url = app::public_url(settings, settings.listen);
        let url = url.trim_end_matches('/');
        match command {
            Command::Create { email, role, json } => {
                let made = users.create(&email, role, &act).await;
                print(&made.map_err(|fault| refused(&fault, &email))?, url, json);
            }
            Command::Reset { email, json } => {
                let user = users.find_by_email(&email).await;
                let user = user.map_err(|fault| refused(&fault, &email))?;
                let made = users.invite(user.id, &act).await;
                print(&made.map_err(|fault| refused(&fault, &email))?, url, json);
            }
            Command::Disable { email, json } => {
                let user = users.find_by_email(&email).await;
                let user = user.map_err(|fault| refused(&fault, &email))?;
                let done = users.disable(user.id, false, &act).await;
                done.map_err(|fault| refused(&fault, &email))?;
                tell_force(&user, false, json);
            }
            Command::Enable { email, json } => {
                let user = users.find_by_email(&email).await;
                let user = user.map_err(|fault| refused(&fault, &email))?;
                let done = users.enable(user.id, &act).await;
                done.map_err(|fault| refused(&fault, &email))?;
                tell_force(&user, true, json);
            }
            Command::List { json } => {
                let all = users.list().await?;
                if json {
                    let items: Vec<Value> = all.iter().map(body).collect();
                    say(&json!({ "items": items }).to_string());
                } else {
                    for user in all {
                        let state = if user.disabled_at.is_some() {
                            "  disabled"
                        } else {
                            ""
                        };
                        say(&format!(
                            "{}  {:8} {}{state}",
                            user.id,
                            user.role.as_str(),
                            user.email
                        ));
                    }
                }
            }
        }
        Ok(())
    })
}

fn body(user: &User) -> Value {
    json!({
        "id": user.id, "email": user.email, "role": user.role.as_str(), "created_at": user.created_at,
        "last_sign_in_at": user.last_sign_in_at, "disabled_at": user.disabled_at,
    })
}

fn print(made: &Invitation, url: &str, json: bool) {
    let (user, link) = (&made.user, format!("{url}{}", made.link.path));
    if json {
        let output = json!({
            "id": user.id, "email": user.email, "role": user.role.as_str(), "link": link, "expires_at": made.link.expires_at,
        });
        say(&output.to_string());
        return;
    }
    say(&link);
    say(&format!(
        "Send this link to {} for setting a password. It works once, until {}.",
        user.email,
        made.link.expires_at.format("%Y-%m-%d %H:%M UTC")
    ));
}

fn tell_force(user: &User, in_force: bool, json: bool) {
    if json {
        say(&json!({ "id": user.id, "email": user.email, "disabled": !in_force }).to_string());
    } else {
        let state = if in_force { "enabled" } else { "disabled" };
        say(&format!("{} is {state}.", user.email));
    }
}

fn refused(fault: &UserFault, email: &str) -> Failure {
    match fault {
        UserFault::Storage(error) => Failure::Failed(error.to_string()),
        other => Failure::Wrong(vec![format!("{email}: {other}")]),
    }
}
