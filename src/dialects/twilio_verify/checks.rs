//! `…/VerificationCheck`: checks a code, by number or by SID.

use actix_web::{HttpResponse, web};

use super::answer;
use super::caller::Caller;
use super::fault::Fault;
use super::form::Form;
use super::sid;
use super::verifications::number;
use crate::verification::code::Code;
use crate::verification::digits;
use crate::web::Body;

pub async fn check(
    caller: Caller,
    service: web::Path<String>,
    body: Body<Fault>,
) -> Result<HttpResponse, Fault> {
    let service = caller.service(&service)?;
    let form = Form::read(&body)?;
    let path = format!("/Services/{}/VerificationCheck", service.sid);
    let verify = caller.gateway.verify();
    let code = Code::parse_outside(&digits::fold(form.required("Code")?));
    let code =
        code.ok_or_else(|| Fault::parameter("Code", "must be 4 to 10 letters and digits"))?;
    let found = match (form.text("VerificationSid"), form.text("To")) {
        (Some(text), _) => {
            let id = sid::read_verification(text).ok_or_else(|| Fault::not_found(&path))?;
            verify.find_own(&caller.access, id).await.map(Some)
        }
        (None, Some(text)) => {
            let to = number(&caller, &service, text)?;
            verify
                .find_of_number(&caller.access, service.project, &to.phone)
                .await
        }
        (None, None) => {
            let message = "No target verification specified: `To` or `VerificationSid` is required";
            return Err(Fault::new(400, 60_221, message));
        }
    };
    let fault = |error| Fault::of(error, Fault::max_checks, &path);
    let v = found
        .map_err(fault)?
        .filter(|v| v.project == service.project);
    let v = v.ok_or_else(|| Fault::not_found(&path))?;
    if v.is_locked() && caller.gateway.now() >= v.record.expires_at {
        return Err(Fault::not_found(&path));
    }
    let checked = verify
        .check(&caller.access, v.id, &code, None)
        .await
        .map_err(fault)?;
    let body = answer::check(&service, &v, checked.valid, checked.proof.as_deref());
    Ok(HttpResponse::Ok().json(body))
}
