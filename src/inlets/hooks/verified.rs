//! `/hooks/{kind}/{id}/verified`: the host tells that a visitor has entered the right code, so that reports are true.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use super::answer;
use super::find::{find, unavailable};
use crate::gateway::{Error, Gateway, Scope};
use crate::inlets::fault::Fault;
use crate::verification::Refusal;
use crate::verification::asked::Face;
use crate::verification::code::Code;
use crate::verification::digits::fold;
use crate::verification::id::VerificationId;
use crate::web::fields::text;
use crate::web::{self as kit, Body, Challenge, Fields, credentials};

const NONE: &str = "No verification of this integration is open for this number or id, or it was with another code.";

/// By a key of scope `verify` that covers the integration's project, never by the hook's own secret.
pub async fn verified(
    gateway: web::Data<Gateway>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
    body: Body<Fault>,
) -> Result<HttpResponse, Fault> {
    let integration = find(&gateway, &path).await?;
    let refused = || credentials::refused(Challenge::Bearer, "The API key is missing or invalid.");
    let key = credentials::bearer(&request).ok_or_else(refused)?;
    let access = gateway.directory().authenticate(key, gateway.now()).await;
    let access = access.map_err(|error| unavailable(&Error::from(error)))?;
    let access = access
        .filter(|access| access.allows(Scope::Verify) && access.covers(integration.project))
        .ok_or_else(refused)?
        .through(Face::Integration { id: integration.id });
    kit::account::of_project(&request, Some(integration.project.0));
    let mut fields = Fields::json(&request, &body)?;
    let number = fields.take("phone_number", text(1, 60));
    let id = fields.take("id", read_id);
    let code = fields.take("code", read_code);
    if !fields.has_faults() && number.is_some() == id.is_some() {
        let why = "give `phone_number`, or the `id` of the hook's answer".to_owned();
        fields.fault("phone_number", why);
    }
    let mut to = None;
    if let Some(number) = number {
        match gateway.verify().read_hosts_number(&integration, &number) {
            Ok(read) => to = Some(read.phone),
            Err(error) => fields.fault("phone_number", error.to_string()),
        }
    }
    fields.finish()?;
    let verify = gateway.verify();
    let found = match (id, to) {
        (Some(id), _) => match verify.find_own(&access, id).await {
            Ok(v) => Some(v).filter(|v| {
                v.project == integration.project
                    && code.as_ref().is_none_or(|code| verify.has_code(v, code))
            }),
            Err(Error::NotFound) => None,
            Err(error) => return Err(unavailable(&error).into()),
        },
        (None, Some(phone)) => {
            let project = integration.project;
            let found = verify.find_ordered(&access, project, &phone, code.as_ref());
            found.await.map_err(|error| unavailable(&error))?
        }
        (None, None) => None,
    };
    let none = || kit::Fault::new(kit::Kind::NotFound, NONE);
    let found = found.ok_or_else(none)?;
    match verify.vouch(&access, found.id, None).await {
        Ok(v) => Ok(answer::accepted(v.id)),
        Err(Error::NotFound | Error::Refused(Refusal::NotPending(_) | Refusal::Expired)) => {
            Err(none().into())
        }
        Err(error) => Err(unavailable(&error).into()),
    }
}

fn read_id(value: &Value) -> Result<VerificationId, String> {
    let id = value
        .as_str()
        .and_then(|text| uuid::Uuid::parse_str(text).ok());
    id.map(VerificationId::from_uuid)
        .ok_or_else(|| "must be the id of the hook's answer".to_owned())
}

fn read_code(value: &Value) -> Result<Code, String> {
    let code = value
        .as_str()
        .and_then(|text| Code::parse_outside(&fold(text)));
    code.ok_or_else(|| "must be 4 to 10 letters and digits".to_owned())
}
