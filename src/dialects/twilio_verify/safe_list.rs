//! `/v2/SafeList/Numbers`: always empty. Nothing judges traffic that a number could be excepted from: limits and budgets hold for all.

use actix_web::{HttpResponse, web};

use super::caller::Caller;
use super::fault::Fault;

pub async fn add(_: Caller) -> Result<HttpResponse, Fault> {
    Err(Fault::forbidden(
        "There is no safe list here: limits and budgets hold for every number",
    ))
}

pub async fn find(_: Caller, number: web::Path<String>) -> Result<HttpResponse, Fault> {
    Err(Fault::not_found(&format!("/SafeList/Numbers/{number}")))
}
