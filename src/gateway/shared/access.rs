//! What a caller may do, and on whose verifications.

use std::net::IpAddr;

use uuid::Uuid;

use crate::access::Scope;
use crate::audit::By;
use crate::storage::{ApiKey, Integration, User};
use crate::verification::asked::Face;
use crate::verification::id::ProjectId;

/// What a key may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    pub key: Uuid,
    /// Whose changes they are, for the audit log.
    pub by: By,
    /// `None`: every project.
    pub project: Option<ProjectId>,
    /// Whose verifications it may act on.
    pub face: Face,
    scopes: Vec<Scope>,
}

impl Access {
    /// For a dashboard user: every project and scope. The dashboard checks the user's role itself.
    #[must_use]
    pub fn of_person(user: &User) -> Self {
        Self {
            key: user.id,
            by: By::user(user.id, &user.email),
            project: None,
            face: Face::Native,
            scopes: vec![Scope::Admin],
        }
    }

    /// To read every project, for the program itself.
    #[must_use]
    pub fn of_program() -> Self {
        Self {
            key: Uuid::nil(),
            by: By::command_line(None),
            project: None,
            face: Face::Native,
            scopes: Vec::new(),
        }
    }

    /// The same key from this address.
    #[must_use]
    pub fn from(self, client: Option<IpAddr>) -> Self {
        Self {
            by: self.by.from(client),
            ..self
        }
    }

    /// The same key through another face.
    #[must_use]
    pub fn through(self, face: Face) -> Self {
        Self { face, ..self }
    }

    /// Of a key that is valid.
    pub(super) fn of_key(key: &ApiKey) -> Self {
        Self {
            key: key.id,
            by: By::key(key.id, key.name.clone()),
            project: key.project,
            face: Face::Native,
            scopes: key.scopes.split(',').filter_map(Scope::parse).collect(),
        }
    }

    /// For an integration: its own verifications.
    #[must_use]
    pub fn of_integration(integration: &Integration) -> Self {
        Self {
            key: integration.id,
            by: By::key(integration.id, Some(integration.name.clone())),
            project: Some(integration.project),
            face: Face::Integration { id: integration.id },
            scopes: vec![Scope::Verify],
        }
    }

    #[must_use]
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }

    #[must_use]
    pub fn covers(&self, project: ProjectId) -> bool {
        self.project.is_none_or(|own| own == project)
    }
}
