//! Options of the dashboard, set at start.

use crate::web::Site;

#[derive(Clone, Debug)]
pub struct Options {
    pub site: Site,
    /// Whether every page carries the sandbox banner.
    pub sandbox: bool,
}
