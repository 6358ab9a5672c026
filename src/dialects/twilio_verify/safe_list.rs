//! `/v2/SafeList/Numbers`: the numbers that the account's project allows, in the guard's lists.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::caller::{Caller, Service};
use super::fault::Fault;
use super::form::Form;
use super::sid;
use super::wire::address;
use crate::abuse::lists::{Entry, List, Match};
use crate::gateway::{EntryFault, EntryRequest, Error};
use crate::verification::phone::PhoneNumber;
use crate::web::Body;

pub async fn add(caller: Caller, body: Body<Fault>) -> Result<HttpResponse, Fault> {
    caller.must_be_admin()?;
    let form = Form::read(&body)?;
    let service = account(&caller)?;
    let text = form.required("PhoneNumber")?;
    let number = caller
        .gateway
        .verify()
        .read_searched_number(Some(service.project), text);
    let number = number.map_err(|error| Fault::parameter("PhoneNumber", &error.to_string()))?;
    let known = find_entry(&caller, &service, &number).await?;
    if let Some(known) = known.filter(|known| known.expires_at.is_none()) {
        return Ok(HttpResponse::Created().json(shown(&caller, &known)));
    }
    let asked = EntryRequest {
        project: Some(service.project),
        list: List::Allow,
        matches: Match::Number(number),
        note: String::new(),
        expires_at: None,
        overrules: true,
    };
    let admin = caller.gateway.admin();
    let added = admin.add_entry(&asked, &caller.access, None).await;
    let entry = added.map_err(refused)?;
    Ok(HttpResponse::Created().json(shown(&caller, &entry)))
}

pub async fn find(caller: Caller, number: web::Path<String>) -> Result<HttpResponse, Fault> {
    let entry = named(&caller, &number).await?;
    Ok(HttpResponse::Ok().json(shown(&caller, &entry)))
}

pub async fn remove(caller: Caller, number: web::Path<String>) -> Result<HttpResponse, Fault> {
    caller.must_be_admin()?;
    let entry = named(&caller, &number).await?;
    let removed = caller
        .gateway
        .admin()
        .delete_entry(&caller.access, entry.id)
        .await;
    removed.map_err(|error| fault(error, &number))?;
    Ok(HttpResponse::NoContent().finish())
}

/// The project whose account the caller is; a key of the whole instance is of none.
fn account(caller: &Caller) -> Result<Service, Fault> {
    let [service] = <[Service; 1]>::try_from(caller.services()).map_err(|_| {
        Fault::forbidden(
            "The safe list is a project's: use a key of the project, with scope `admin`",
        )
    })?;
    Ok(service)
}

async fn named(caller: &Caller, text: &str) -> Result<Arc<Entry>, Fault> {
    let service = account(caller)?;
    let number = caller
        .gateway
        .verify()
        .read_searched_number(Some(service.project), text);
    let found = match number {
        Ok(number) => find_entry(caller, &service, &number).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| not_found(text))
}

async fn find_entry(
    caller: &Caller,
    service: &Service,
    number: &PhoneNumber,
) -> Result<Option<Arc<Entry>>, Fault> {
    let all = caller.gateway.admin().list_entries(&caller.access).await;
    let all = all.map_err(|error| fault(error, number.as_str()))?;
    let now = caller.gateway.now();
    let is_it = |entry: &Arc<Entry>| {
        entry.project == Some(service.project)
            && entry.list == List::Allow
            && matches!(&entry.matches, Match::Number(known) if known == number)
            && !entry.is_over(now)
    };
    Ok(all.into_iter().find(is_it))
}

fn shown(caller: &Caller, entry: &Entry) -> Value {
    let number = entry.matches.value();
    json!({
        "sid": sid::written("GN", entry.id),
        "phone_number": number,
        "url": address(&caller.gateway, &path(&number)),
    })
}

fn path(number: &str) -> String {
    format!("/SafeList/Numbers/{number}")
}

fn not_found(number: &str) -> Fault {
    Fault::not_found(&path(number))
}

fn refused(why: EntryFault) -> Fault {
    match why {
        EntryFault::Failed(error) => fault(error, ""),
        other => Fault::parameter("PhoneNumber", &other.to_string()),
    }
}

fn fault(error: Error, number: &str) -> Fault {
    Fault::of(error, Fault::max_sends, &path(number))
}
