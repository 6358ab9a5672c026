//! The time and the projects that the guard's page shows, as its links and buttons carry them.

use crate::dashboard::frame::forms::encoded;
use crate::gateway::{Gateway, Project};
use crate::reports::query::Query;

use super::decisions;

pub const PATH: &str = "/dashboard/guard";

/// The fields of the query that links and buttons keep.
pub const FILTERS: [&str; 6] = ["shown", "from", "to", "tz", "currency", "project"];

/// The time and the projects that the page shows.
pub struct Scope {
    /// The only project's name; empty: all.
    pub project: String,
    pub projects: Vec<Project>,
    /// The filters, as buttons send them.
    fields: Vec<(&'static str, String)>,
    /// The days, as the page of decisions reads them.
    days: [(&'static str, String); 2],
}

impl Scope {
    pub fn of(gateway: &Gateway, project: &str, query: &Query) -> Self {
        let mut projects = gateway.directory().projects();
        projects.retain(|one| project.is_empty() || one.name == project);
        let days = [
            ("from", query.from.to_string()),
            ("to", query.to.to_string()),
        ];
        let mut fields = vec![
            ("shown", "1".to_owned()),
            ("tz", query.zone.name().to_owned()),
            ("currency", query.currency.to_string()),
            ("project", project.to_owned()),
        ];
        fields.extend(days.clone());
        Self {
            project: project.to_owned(),
            projects,
            fields,
            days,
        }
    }

    /// Whether rows must say which project they are of.
    pub fn is_mixed(&self) -> bool {
        self.projects.len() > 1
    }

    pub fn hidden(&self) -> Vec<(&str, &str)> {
        let fields = self.fields.iter();
        fields
            .map(|(name, value)| (*name, value.as_str()))
            .collect()
    }

    /// The address of the decisions of the same time and project, with more filters.
    pub fn decisions(&self, more: &[(&str, &str)]) -> String {
        let own = self
            .days
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let project = [("project", self.project.as_str())];
        let all = own.chain(project).chain(more.iter().copied());
        let parts: Vec<String> = all
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        format!("{}?{}", decisions::PATH, parts.join("&"))
    }
}
