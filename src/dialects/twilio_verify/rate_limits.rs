//! `…/RateLimits` and their `…/Buckets`: the project's `limits.keys`. A bucket is one rate of a limit.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use uuid::Uuid;

use super::caller::{Caller, Service};
use super::fault::Fault;
use super::form::Form;
use super::list::{self, Page};
use super::services::change;
use super::sid;
use super::wire::address;
use crate::gateway::Gateway;
use crate::verification::policy::{Quota, is_limit_name};
use crate::web::Body;

/// Of a project, and of a limit.
const MOST_LIMITS: usize = 10;
const MOST_BUCKETS: usize = 10;

/// A bucket's longest interval: limits count for a day at most elsewhere, too.
const LONGEST: u64 = 30 * 86_400;

/// A limit of a service.
struct Limit {
    service: Service,
    name: String,
    rates: Vec<Quota>,
}

impl Limit {
    fn find(caller: &Caller, service: Service, text: &str) -> Result<Self, Fault> {
        let mut keys = service.policy.limits.keys.iter();
        let found = keys.find(|(name, _)| limit_sid(&caller.gateway, &service, name) == text);
        let path = format!("/Services/{}/RateLimits/{text}", service.sid);
        let (name, rates) = found.ok_or_else(|| Fault::not_found(&path))?;
        Ok(Self {
            name: name.clone(),
            rates: rates.clone(),
            service,
        })
    }

    fn sid(&self, gateway: &Gateway) -> String {
        limit_sid(gateway, &self.service, &self.name)
    }

    fn path(&self, gateway: &Gateway) -> String {
        format!(
            "/Services/{}/RateLimits/{}",
            self.service.sid,
            self.sid(gateway)
        )
    }

    /// `description` is not kept.
    fn shown(&self, gateway: &Gateway, description: Option<&str>) -> Value {
        let url = address(gateway, &self.path(gateway));
        json!({
            "sid": self.sid(gateway),
            "service_sid": self.service.sid,
            "account_sid": self.service.account_sid,
            "unique_name": self.name,
            "description": description,
            "date_created": self.service.created(gateway),
            "date_updated": self.service.created(gateway),
            "url": url,
            "links": { "buckets": format!("{url}/Buckets") },
        })
    }

    fn bucket(&self, gateway: &Gateway, rate: Quota) -> Value {
        let sid = self.bucket_sid(gateway, rate);
        json!({
            "sid": sid,
            "rate_limit_sid": self.sid(gateway),
            "service_sid": self.service.sid,
            "account_sid": self.service.account_sid,
            "max": rate.count,
            "interval": rate.window.as_secs(),
            "date_created": self.service.created(gateway),
            "date_updated": self.service.created(gateway),
            "url": address(gateway, &format!("{}/Buckets/{sid}", self.path(gateway))),
        })
    }

    fn bucket_sid(&self, gateway: &Gateway, rate: Quota) -> String {
        let parts: [&[u8]; 4] = [
            b"twilio bucket",
            self.service.project.0.as_bytes(),
            self.name.as_bytes(),
            &rate.window.as_secs().to_be_bytes(),
        ];
        sid::written("BL", Uuid::from_bytes(gateway.verify().tag(&parts)))
    }

    fn find_bucket(&self, gateway: &Gateway, text: &str) -> Result<Quota, Fault> {
        let mut rates = self.rates.iter().copied();
        let found = rates.find(|rate| self.bucket_sid(gateway, *rate) == text);
        let path = format!("{}/Buckets/{text}", self.path(gateway));
        found.ok_or_else(|| Fault::not_found(&path))
    }

    /// Changes its rates, as they are by then.
    async fn change(
        &self,
        caller: &Caller,
        to: impl Fn(&[Quota]) -> Result<Vec<Quota>, Fault>,
    ) -> Result<(), Fault> {
        let path = self.path(&caller.gateway);
        change(caller, &self.service, |policy| {
            let rates = policy.limits.keys.get(&self.name);
            let rates = to(rates.ok_or_else(|| Fault::not_found(&path))?)?;
            Ok(json!({ "limits": { "keys": { &self.name: rates } } }))
        })
        .await
    }
}

/// Refuses a second bucket of one interval.
fn must_be_alone(rates: &[Quota], rate: Quota) -> Result<(), Fault> {
    if rates.iter().any(|known| known.window == rate.window) {
        return Err(Fault::new(
            400,
            60_211,
            "A bucket with this Interval exists",
        ));
    }
    Ok(())
}

fn limit_sid(gateway: &Gateway, service: &Service, name: &str) -> String {
    let parts: [&[u8]; 3] = [
        b"twilio limit",
        service.project.0.as_bytes(),
        name.as_bytes(),
    ];
    sid::written("RK", Uuid::from_bytes(gateway.verify().tag(&parts)))
}

pub async fn list(
    caller: Caller,
    service: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let service = caller.service(&service)?;
    let page = Page::read(&Form::read(request.query_string().as_bytes())?)?;
    let limits = service
        .policy
        .limits
        .keys
        .iter()
        .map(|(name, rates)| Limit {
            service: service.clone(),
            name: name.clone(),
            rates: rates.clone(),
        });
    let items = limits
        .map(|limit| limit.shown(&caller.gateway, None))
        .collect();
    let path = format!("/Services/{}/RateLimits", service.sid);
    let body = list::whole(&caller.gateway, &path, ("rate_limits", items), &page);
    Ok(HttpResponse::Ok().json(body))
}

pub async fn create(
    caller: Caller,
    service: web::Path<String>,
    body: Body<Fault>,
) -> Result<HttpResponse, Fault> {
    let service = caller.service(&service)?;
    caller.must_be_admin()?;
    let form = Form::read(&body)?;
    let name = form.required("UniqueName")?.to_owned();
    if !is_limit_name(&name) {
        let message = "UniqueName must be 1 to 64 letters, digits, dots, hyphens and underscores";
        return Err(Fault::new(400, 60_209, message));
    }
    change(&caller, &service, |policy| {
        let known = &policy.limits.keys;
        if known.contains_key(&name) {
            return Err(Fault::new(
                400,
                60_208,
                "A rate limit with this UniqueName exists",
            ));
        }
        if known.len() >= MOST_LIMITS {
            return Err(Fault::new(
                400,
                60_207,
                "Max rate limits per service reached",
            ));
        }
        Ok(json!({ "limits": { "keys": { &name: [] } } }))
    })
    .await?;
    let limit = Limit {
        service,
        name,
        rates: Vec::new(),
    };
    let body = limit.shown(&caller.gateway, form.text("Description"));
    Ok(HttpResponse::Created().json(body))
}

pub async fn fetch(
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Fault> {
    let (service, id) = path.into_inner();
    let limit = Limit::find(&caller, caller.service(&service)?, &id)?;
    Ok(HttpResponse::Ok().json(limit.shown(&caller.gateway, None)))
}

/// Only the description could change, which is not kept.
pub async fn update(
    caller: Caller,
    path: web::Path<(String, String)>,
    body: Body<Fault>,
) -> Result<HttpResponse, Fault> {
    let (service, id) = path.into_inner();
    let limit = Limit::find(&caller, caller.service(&service)?, &id)?;
    caller.must_be_admin()?;
    let form = Form::read(&body)?;
    let body = limit.shown(&caller.gateway, form.text("Description"));
    Ok(HttpResponse::Ok().json(body))
}

pub async fn delete(
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Fault> {
    let (service, id) = path.into_inner();
    let limit = Limit::find(&caller, caller.service(&service)?, &id)?;
    caller.must_be_admin()?;
    let gone = json!({ "limits": { "keys": { limit.name: null } } });
    change(&caller, &limit.service, |_| Ok(gone.clone())).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub async fn list_buckets(
    caller: Caller,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let (service, id) = path.into_inner();
    let limit = Limit::find(&caller, caller.service(&service)?, &id)?;
    let page = Page::read(&Form::read(request.query_string().as_bytes())?)?;
    let rates = limit
        .rates
        .iter()
        .map(|rate| limit.bucket(&caller.gateway, *rate));
    let items = ("buckets", rates.collect());
    let path = format!("{}/Buckets", limit.path(&caller.gateway));
    let body = list::whole(&caller.gateway, &path, items, &page);
    Ok(HttpResponse::Ok().json(body))
}

pub async fn create_bucket(
    caller: Caller,
    path: web::Path<(String, String)>,
    body: Body<Fault>,
) -> Result<HttpResponse, Fault> {
    let (service, id) = path.into_inner();
    let limit = Limit::find(&caller, caller.service(&service)?, &id)?;
    caller.must_be_admin()?;
    let form = Form::read(&body)?;
    let (max, interval) = (max(&form)?, interval(&form)?);
    let rate = Quota {
        count: max.ok_or_else(|| Fault::parameter("Max", "is required"))?,
        window: interval.ok_or_else(|| Fault::parameter("Interval", "is required"))?,
    };
    let add = |rates: &[Quota]| {
        must_be_alone(rates, rate)?;
        if rates.len() >= MOST_BUCKETS {
            return Err(Fault::new(
                400,
                60_210,
                "Max buckets per rate limit reached",
            ));
        }
        Ok([rates, &[rate]].concat())
    };
    limit.change(&caller, add).await?;
    Ok(HttpResponse::Created().json(limit.bucket(&caller.gateway, rate)))
}

pub async fn fetch_bucket(
    caller: Caller,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, Fault> {
    let (service, id, bucket) = path.into_inner();
    let limit = Limit::find(&caller, caller.service(&service)?, &id)?;
    let rate = limit.find_bucket(&caller.gateway, &bucket)?;
    Ok(HttpResponse::Ok().json(limit.bucket(&caller.gateway, rate)))
}

/// A bucket of another interval is another one, with a SID of its own.
pub async fn update_bucket(
    caller: Caller,
    path: web::Path<(String, String, String)>,
    body: Body<Fault>,
) -> Result<HttpResponse, Fault> {
    let (service, id, bucket) = path.into_inner();
    let limit = Limit::find(&caller, caller.service(&service)?, &id)?;
    caller.must_be_admin()?;
    let before = limit.find_bucket(&caller.gateway, &bucket)?;
    let form = Form::read(&body)?;
    let rate = Quota {
        count: max(&form)?.unwrap_or(before.count),
        window: interval(&form)?.unwrap_or(before.window),
    };
    let replace = |rates: &[Quota]| {
        let others = rates
            .iter()
            .copied()
            .filter(|known| known.window != before.window);
        let others: Vec<Quota> = others.collect();
        must_be_alone(&others, rate)?;
        Ok([&others[..], &[rate]].concat())
    };
    limit.change(&caller, replace).await?;
    Ok(HttpResponse::Ok().json(limit.bucket(&caller.gateway, rate)))
}

pub async fn delete_bucket(
    caller: Caller,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, Fault> {
    let (service, id, bucket) = path.into_inner();
    let limit = Limit::find(&caller, caller.service(&service)?, &id)?;
    caller.must_be_admin()?;
    let gone = limit.find_bucket(&caller.gateway, &bucket)?;
    let left = |rates: &[Quota]| {
        let left = rates
            .iter()
            .copied()
            .filter(|rate| rate.window != gone.window);
        Ok(left.collect())
    };
    limit.change(&caller, left).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn max(form: &Form) -> Result<Option<u32>, Fault> {
    let expected = format!("must be a whole number from 1 to {}", Quota::MAX_COUNT);
    let max = form.parsed::<u32>("Max", &expected)?;
    match max {
        Some(max) if !(1..=Quota::MAX_COUNT).contains(&max) => {
            Err(Fault::parameter("Max", &expected))
        }
        max => Ok(max),
    }
}

fn interval(form: &Form) -> Result<Option<Duration>, Fault> {
    let expected = format!("must be a whole number of seconds from 1 to {LONGEST}");
    let interval = form.parsed::<u64>("Interval", &expected)?;
    match interval {
        Some(seconds) if !(1..=LONGEST).contains(&seconds) => {
            Err(Fault::parameter("Interval", &expected))
        }
        seconds => Ok(seconds.map(Duration::from_secs)),
    }
}
