//! The site that the program's pages are served from.

use std::time::Duration;

/// Where the program is reached, and through whom.
#[derive(Clone, Debug)]
pub struct Site {
    /// Without a trailing slash; https makes cookies secure.
    pub public_url: String,
    /// How long a browser keeps the cookie of a session.
    pub session_longest: Duration,
}

impl Site {
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}
