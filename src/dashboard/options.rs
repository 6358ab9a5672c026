//! The settings the dashboard is built with.

use std::sync::Arc;

use ipnet::IpNet;

/// Settings of the dashboard.
#[derive(Clone, Debug)]
pub struct Options {
    /// Without a trailing slash; https makes cookies secure.
    pub public_url: String,
    /// Adds a banner to every page.
    pub sandbox: bool,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Arc<[IpNet]>,
}
