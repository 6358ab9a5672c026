//! The site that the program's pages are served from.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

/// Where the program is reached, and through whom.
#[derive(Clone, Debug)]
pub struct Site {
    /// Without a trailing slash; https makes cookies secure.
    pub public_url: String,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Arc<[IpNet]>,
    /// How long a browser keeps the cookie of a session.
    pub session_longest: Duration,
}

impl Site {
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}
