//! `/v2/Templates`: the texts of each project that has its own.

use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::caller::{Caller, Service};
use super::fault::Fault;
use super::form::Form;
use super::list::{self, Page};
use super::sid;

pub async fn list(caller: Caller, request: HttpRequest) -> Result<HttpResponse, Fault> {
    let page = Page::read(&Form::read(request.query_string().as_bytes())?)?;
    let services = caller.services();
    let with_texts = services
        .iter()
        .filter(|service| !service.policy.templates.is_empty());
    let items = with_texts.map(|service| shown(&caller, service)).collect();
    let body = list::whole(&caller.gateway, "/Templates", ("templates", items), &page);
    Ok(HttpResponse::Ok().json(body))
}

fn shown(caller: &Caller, service: &Service) -> Value {
    let projects = caller.gateway.directory().projects();
    let project = projects
        .iter()
        .find(|project| project.id == service.project);
    let Service { policy, .. } = service;
    let translations: Map<String, Value> = policy
        .templates
        .iter()
        .map(|(locale, text)| {
            let translation = json!({
                "is_default_translation": locale == "en",
                "status": "approved",
                "locale": locale,
                "text": text,
                "date_created": null,
                "date_updated": null,
            });
            (locale.clone(), translation)
        })
        .collect();
    let id = caller
        .gateway
        .verify()
        .tag(&[b"twilio template", service.project.0.as_bytes()]);
    json!({
        "sid": sid::written("HJ", Uuid::from_bytes(id)),
        "account_sid": service.account_sid,
        "friendly_name": project.map_or("", |project| project.name.as_str()),
        "channels": ["sms"],
        "translations": translations,
    })
}
