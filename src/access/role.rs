//! The roles of users who sign in to the dashboard.

/// What it allows is decided by [`may`](super::may).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Owner,
    Finance,
    Support,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Owner, Self::Finance, Self::Support];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Finance => "finance",
            Self::Support => "support",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}
