//! `POST /{id}/next_workflow`, which goes on to the next step at once, and `DELETE /{id}`, which cancels.

use std::time::Duration;

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use serde_json::json;

use super::caller::Caller;
use super::fault::Fault;
use super::request;
use crate::gateway::Error;
use crate::verification::{Refusal, Resend};

/// It is a send that somebody asked for: caps, limits and budgets of the project hold.
pub async fn next(caller: Caller, id: web::Path<String>) -> Result<HttpResponse, Fault> {
    let v = request::find(&caller, &id).await?;
    let next = Resend {
        pause: Some(Duration::ZERO),
        next_stage: true,
        ..Resend::default()
    };
    let verify = caller.gateway.verify();
    match verify.resend(&caller.access, v.id, next, None, None).await {
        // The library for Python reads every answer as JSON, and the type of an empty one.
        Ok(_) => Ok(HttpResponse::Ok().json(json!({}))),
        Err(Error::Refused(Refusal::ChannelUnavailable { .. })) => Err(Fault::no_more_steps()),
        Err(error) => Err(Fault::of(error, v.id)),
    }
}

pub async fn cancel(caller: Caller, id: web::Path<String>) -> Result<HttpResponse, Fault> {
    let v = request::find(&caller, &id).await?;
    let verify = caller.gateway.verify();
    let canceled = verify.cancel(&caller.access, v.id, None).await;
    canceled.map_err(|error| Fault::of(error, v.id))?;
    let mut answer = HttpResponse::NoContent();
    Ok(answer.content_type(ContentType::json()).finish())
}
