//! The settings the dashboard is built with.

use crate::web::Site;

/// Settings of the dashboard.
#[derive(Clone, Debug)]
pub struct Options {
    pub site: Site,
    /// Adds a banner to every page.
    pub sandbox: bool,
}
