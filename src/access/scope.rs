//! What an API key may do.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Websites: verifications.
    Verify,
    /// Reads reports and the ledger; numbers are masked.
    Finance,
    /// Everything.
    Admin,
}

impl Scope {
    pub const ALL: [Self; 3] = [Self::Verify, Self::Finance, Self::Admin];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Finance => "finance",
            Self::Admin => "admin",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}
