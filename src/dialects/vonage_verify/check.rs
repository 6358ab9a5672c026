//! `POST /{id}`: checks a code.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::caller::Caller;
use super::fault::Fault;
use super::fields::{Fields, string};
use super::request;
use crate::verification::code::Code;
use crate::verification::digits;
use crate::web::Body;

/// The last wrong code is answered like the others; the next request says that there are no more, until the request would have ended.
pub async fn check(
    caller: Caller,
    id: web::Path<String>,
    body: Body<Fault>,
) -> Result<HttpResponse, Fault> {
    let v = request::find(&caller, &id).await?;
    if v.is_locked() && caller.gateway.now() >= v.record.expires_at {
        return Err(Fault::no_request(&v.id.uuid().to_string()));
    }
    let mut fields = Fields::read(&body)?;
    let code = fields.require("code", code);
    let code = fields.finish(code)?;
    let verify = caller.gateway.verify();
    let checked = verify.check(&caller.access, v.id, &code, None).await;
    let checked = checked.map_err(|error| Fault::of(error, v.id))?;
    if !checked.valid {
        return Err(Fault::wrong_code());
    }
    Ok(HttpResponse::Ok().json(json!({ "request_id": v.id.uuid(), "status": "completed" })))
}

pub fn code(value: &Value) -> Result<Code, String> {
    let code = Code::parse_outside(&digits::fold(string(value)?));
    code.ok_or_else(|| "must be 4 to 10 letters and digits".to_owned())
}
