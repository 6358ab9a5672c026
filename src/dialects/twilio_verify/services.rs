//! `/v2/Services`: projects. What Pinroute lacks has Twilio's default.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::caller::{Caller, Service};
use super::fault::Fault;
use super::form::Form;
use super::list::{self, Page};
use super::verifications::BRAND;
use super::wire::address;
use crate::gateway::{Error, Gateway, ProjectError};
use crate::message::text::is_brand;
use crate::verification::policy::Policy;
use crate::web::Body;

fn shown(gateway: &Gateway, service: &Service) -> Value {
    let projects = gateway.directory().projects();
    let project = projects
        .iter()
        .find(|project| project.id == service.project);
    let policy = &service.policy;
    let name = project.map_or("", |project| project.name.as_str());
    let name = if policy.brand.is_empty() {
        name
    } else {
        &policy.brand
    };
    let created = service.created(gateway);
    let url = address(gateway, &format!("/Services/{}", service.sid));
    json!({
        "sid": service.sid,
        "account_sid": service.account_sid,
        "friendly_name": name,
        "code_length": policy.code_length,
        "lookup_enabled": false,
        "psd2_enabled": false,
        "skip_sms_to_landlines": false,
        "dtmf_input_required": true,
        "tts_name": null,
        "do_not_share_warning_enabled": false,
        "custom_code_enabled": policy.twilio.custom_codes,
        "push": null,
        "totp": null,
        "default_template_sid": null,
        "whatsapp": null,
        "passkeys": null,
        "verify_event_subscription_enabled": false,
        "date_created": created,
        "date_updated": created,
        "url": url,
        "links": {
            "verifications": format!("{url}/Verifications"),
            "verification_checks": format!("{url}/VerificationCheck"),
            "rate_limits": format!("{url}/RateLimits"),
            "messaging_configurations": format!("{url}/MessagingConfigurations"),
            "entities": format!("{url}/Entities"),
            "webhooks": format!("{url}/Webhooks"),
            "access_tokens": format!("{url}/AccessTokens"),
        },
    })
}

pub async fn list(caller: Caller, request: HttpRequest) -> Result<HttpResponse, Fault> {
    let page = Page::read(&Form::read(request.query_string().as_bytes())?)?;
    let services = caller.services();
    let items = services
        .iter()
        .map(|service| shown(&caller.gateway, service));
    let items = ("services", items.collect());
    let body = list::whole(&caller.gateway, "/Services", items, &page);
    Ok(HttpResponse::Ok().json(body))
}

pub async fn fetch(caller: Caller, service: web::Path<String>) -> Result<HttpResponse, Fault> {
    let service = caller.service(&service)?;
    Ok(HttpResponse::Ok().json(shown(&caller.gateway, &service)))
}

/// A project of this name. Only a key of the whole instance may create one.
pub async fn create(caller: Caller, body: Body<Fault>) -> Result<HttpResponse, Fault> {
    caller.must_be_admin()?;
    if caller.access.project.is_some() {
        return Err(Fault::forbidden(
            "This requires a key of the whole instance",
        ));
    }
    let form = Form::read(&body)?;
    let name = form.required("FriendlyName")?;
    let slug: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let slug = slug.trim_matches('-').to_owned();
    if crate::gateway::check_name(&slug).is_err() {
        return Err(Fault::parameter(
            "FriendlyName",
            "must contain a letter or digit, and at most 30 characters",
        ));
    }
    let policy = settings(&form)?;
    let made = caller
        .gateway
        .admin()
        .create_project(&slug, &policy, &caller.access.by, None)
        .await;
    let project = made?;
    let service = Service::of(&caller.gateway, project.id);
    Ok(HttpResponse::Created().json(shown(&caller.gateway, &service)))
}

pub async fn update(
    caller: Caller,
    service: web::Path<String>,
    body: Body<Fault>,
) -> Result<HttpResponse, Fault> {
    let service = caller.service(&service)?;
    caller.must_be_admin()?;
    let settings = settings(&Form::read(&body)?)?;
    change(&caller, &service, |_| Ok(settings.clone())).await?;
    let service = Service::of(&caller.gateway, service.project);
    Ok(HttpResponse::Ok().json(shown(&caller.gateway, &service)))
}

pub async fn delete(caller: Caller, service: web::Path<String>) -> Result<HttpResponse, Fault> {
    caller.service(&service)?;
    Err(Fault::forbidden(
        "A service cannot be deleted here: it is a project, with its history",
    ))
}

/// Changes the project's rules by a patch that depends on them as they are.
pub async fn change(
    caller: &Caller,
    service: &Service,
    patch: impl Fn(&Policy) -> Result<Value, Fault>,
) -> Result<(), Fault> {
    let name = caller.gateway.directory().project_name(service.project);
    let name = name.unwrap_or_default();
    let admin = caller.gateway.admin();
    admin.change_policy_by(&caller.access, &name, patch).await?;
    Ok(())
}

/// The settings that a project has, as a change of its policy.
fn settings(form: &Form) -> Result<Value, Fault> {
    let mut change = json!({});
    if let Some(name) = form.text("FriendlyName") {
        if !is_brand(name) {
            return Err(Fault::parameter("FriendlyName", BRAND));
        }
        change["brand"] = json!(name);
    }
    let expected = "must be a whole number from 4 to 8";
    if let Some(length) = form.parsed::<u8>("CodeLength", expected)? {
        if !(4..=8).contains(&length) {
            return Err(Fault::parameter("CodeLength", expected));
        }
        change["code_length"] = json!(length);
    }
    if let Some(custom) = form.flag("CustomCodeEnabled")? {
        change["twilio"] = json!({ "custom_codes": custom });
    }
    Ok(change)
}

impl From<ProjectError> for Fault {
    fn from(error: ProjectError) -> Self {
        match error {
            ProjectError::NameTaken => {
                Self::parameter("FriendlyName", "a project of this name exists")
            }
            ProjectError::Policy(faults) => {
                let fault = faults.first();
                let (pointer, detail) = fault.map_or(("", ""), |it| (&*it.pointer, &*it.detail));
                Self::parameter(pointer, detail)
            }
            ProjectError::Failed(error) => error.into(),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::of(error, Self::max_sends, "/Services")
    }
}
