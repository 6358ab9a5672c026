//! Who acts.

use std::net::IpAddr;

use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    /// Of the dashboard.
    User,
    /// An API key, or an integration with its own secret.
    Key,
    /// The command line.
    Cli,
}

impl ActorKind {
    pub const ALL: [Self; 3] = [Self::User, Self::Key, Self::Cli];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Key => "key",
            Self::Cli => "cli",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub kind: ActorKind,
    /// `None`: the command line.
    pub id: Option<Uuid>,
    /// A user's e-mail address, a key's name, or the user of the operating system.
    pub name: Option<String>,
}

/// Who acts, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    pub actor: Actor,
    /// `None`: on the machine itself, or not known.
    pub client: Option<IpAddr>,
}

impl By {
    #[must_use]
    pub fn user(id: Uuid, email: &str) -> Self {
        Self::of(ActorKind::User, Some(id), Some(email.to_owned()))
    }

    #[must_use]
    pub fn key(id: Uuid, name: Option<String>) -> Self {
        Self::of(ActorKind::Key, Some(id), name)
    }

    /// `name`: of the operating system's user, if it is known.
    #[must_use]
    pub fn command_line(name: Option<String>) -> Self {
        let name = name.unwrap_or_else(|| ActorKind::Cli.as_str().to_owned());
        Self::of(ActorKind::Cli, None, Some(name))
    }

    fn of(kind: ActorKind, id: Option<Uuid>, name: Option<String>) -> Self {
        let actor = Actor { kind, id, name };
        Self {
            actor,
            client: None,
        }
    }

    #[must_use]
    pub fn from(self, client: Option<IpAddr>) -> Self {
        Self { client, ..self }
    }
}
