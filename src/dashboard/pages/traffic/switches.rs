//! The buttons of the guard's page: the mode of a rule, and the end of a block.

use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::abuse::guard::rules::{Mode, Rule};
use crate::dashboard::frame::fault::{Fault, Kind};
use crate::dashboard::frame::forms::Form;
use crate::dashboard::frame::rights::{Posted, SetsRules};
use crate::dashboard::pages::parts::list;
use crate::gateway::{Error, Gateway, ProjectError};

use super::scope::{FILTERS, PATH};

/// Back to the page with its filters, and what was done.
fn back(form: &Form, done: &str) -> String {
    let address = list::address(PATH, form, &FILTERS);
    let mark = if address.contains('?') { '&' } else { '?' };
    format!("{address}{mark}done={done}")
}

/// Switches a rule, in the project that the page shows or in all of them: the same change of their policies as over REST.
pub async fn switch(
    posted: Posted<SetsRules>,
    gateway: web::Data<Gateway>,
    names: web::Path<(String, String)>,
) -> Result<HttpResponse, Fault> {
    let (signed, form) = (&posted.signed, &posted.form);
    let view = &signed.view;
    let trouble = |trouble: Error| view.trouble(&trouble);
    let (rule, mode) = names.into_inner();
    let mode = Mode::parse(&mode).filter(|mode| *mode != Mode::Off);
    let (Some(rule), Some(mode)) = (Rule::parse(&rule), mode) else {
        return Err(view.fault(Kind::NotFound));
    };
    let (admin, access) = (gateway.admin(), signed.access());
    let mut projects = admin.list_projects(&access).await.map_err(trouble)?;
    let only = form.text("project");
    projects.retain(|project| only.is_empty() || project.name == only);
    if projects.is_empty() {
        return Err(view.fault(Kind::NotFound));
    }
    let change = json!({ "guard": { "rules": { rule.as_str(): { "mode": mode.as_str() } } } });
    let mut is_whole = true;
    for project in projects {
        if gateway.directory().policy(project.id).guard.mode(rule) == mode {
            continue;
        }
        match admin.change_policy(&access, &project.name, &change).await {
            // Or it was removed meanwhile.
            Ok(_) | Err(ProjectError::Failed(Error::NotFound)) => {}
            Err(ProjectError::Failed(error)) => return Err(trouble(error)),
            // What it overrides cannot be read.
            Err(ProjectError::Policy(_) | ProjectError::NameTaken) => is_whole = false,
        }
    }
    let done = match (is_whole, mode) {
        (false, _) => "partly",
        (true, Mode::On) => "on",
        (true, Mode::Shadow | Mode::Off) => "shadow",
    };
    Ok(view.go(&back(form, done)))
}

/// Ends a block at once.
pub async fn unblock(
    posted: Posted<SetsRules>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let signed = &posted.signed;
    let ended = gateway.verify().end_block(&signed.access(), &id).await;
    let has_ended = ended.map_err(|trouble| signed.view.trouble(&trouble))?;
    let done = if has_ended { "unblocked" } else { "over" };
    Ok(signed.view.go(&back(&posted.form, done)))
}
