//! Options of the dashboard, set at start.

use crate::web::Site;

#[derive(Clone, Debug)]
pub struct Options {
    pub site: Site,
    /// The company's name, for statements; empty: not given.
    pub operator_name: String,
    /// In a sandbox, the URL of the virtual phones: every page carries a banner that links to them.
    pub sandbox: Option<String>,
}
