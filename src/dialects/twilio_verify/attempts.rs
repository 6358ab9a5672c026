//! `/v2/Attempts`: the messages of this dialect's verifications, newest first, with what each cost; and their sums.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};

use super::caller::{Caller, Service};
use super::fault::Fault;
use super::form::Form;
use super::list::{self, Page};
use super::wire::address;
use super::{answer, sid};
use crate::gateway::{Error, ListQuery, ReportKind};
use crate::reports::query::{Group, Query};
use crate::verification::Verification;
use crate::verification::asked::Face;
use crate::verification::attempt::Attempt;
use crate::verification::id::{AttemptId, ProjectId, VerificationId};
use crate::verification::phone::PhoneNumber;

/// Verifications that are read at once, and for one page at most. So a page of a rare filter may come short, with a next one.
const AT_ONCE: i64 = 200;
const MOST: i64 = 10_000;

/// How long after its start a verification may send again.
const LONGEST_LIFE: TimeDelta = TimeDelta::hours(25);

const CHANNELS: [&str; 6] = ["sms", "telegram", "call", "email", "whatsapp", "rbm"];

/// The filters of a list or a sum.
struct Filter {
    from: Option<DateTime<Utc>>,
    before: Option<DateTime<Utc>>,
    to: Option<PhoneNumber>,
    country: Option<String>,
    channel: Option<&'static str>,
    project: Option<ProjectId>,
    verification: Option<VerificationId>,
    is_converted: Option<bool>,
}

impl Filter {
    const NAMES: [&str; 8] = [
        "DateCreatedAfter",
        "DateCreatedBefore",
        "ChannelData.To",
        "Country",
        "Channel",
        "VerifyServiceSid",
        "VerificationSid",
        "Status",
    ];

    fn read(caller: &Caller, form: &Form) -> Result<Self, Fault> {
        let service = form.text("VerifyServiceSid");
        let service = service.map(|sid| caller.service(sid)).transpose()?;
        let project = service
            .map(|service| service.project)
            .or(caller.access.project);
        let to = form.text("ChannelData.To").map(|text| {
            let number = caller.gateway.verify().read_searched_number(project, text);
            number.map_err(|error| Fault::parameter("ChannelData.To", &error.to_string()))
        });
        let verification = form.text("VerificationSid").map(|text| {
            let fault = || Fault::parameter("VerificationSid", "must be a SID that begins with VE");
            sid::read_verification(text).ok_or_else(fault)
        });
        let status = form.word("Status", &["converted", "unconverted"])?;
        Ok(Self {
            from: time(form, "DateCreatedAfter")?,
            before: time(form, "DateCreatedBefore")?,
            to: to.transpose()?,
            country: form.text("Country").map(str::to_uppercase),
            channel: form.word("Channel", &CHANNELS)?,
            project,
            verification: verification.transpose()?,
            is_converted: status.map(|status| status == "converted"),
        })
    }

    fn admits(&self, v: &Verification, attempt: &Attempt) -> bool {
        let is_channel = |channel: &str| attempt.channel.as_str() == channel;
        let is_country = |country: &str| v.record.country.to_string() == country;
        let is_late = |from| attempt.created_at >= from;
        let is_early = |before| attempt.created_at < before;
        self.project.is_none_or(|project| v.project == project)
            && self
                .to
                .as_ref()
                .is_none_or(|to| v.phone.as_ref() == Some(to))
            && self.channel.is_none_or(is_channel)
            && self.country.as_deref().is_none_or(is_country)
            && self.from.is_none_or(is_late)
            && self.before.is_none_or(is_early)
            && self
                .is_converted
                .is_none_or(|wanted| wanted == answer::is_converted(v, attempt))
    }
}

/// A time, or a date, which is its first moment.
fn time(form: &Form, name: &str) -> Result<Option<DateTime<Utc>>, Fault> {
    let Some(text) = form.text(name) else {
        return Ok(None);
    };
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    let date = || {
        text.parse()
            .map(|date: NaiveDate| date.and_time(chrono::NaiveTime::MIN).and_utc())
    };
    let read = time.ok().or_else(|| date().ok());
    let expected = "must be a time such as 2026-11-01T10:00:00Z, or a date";
    read.map(Some)
        .ok_or_else(|| Fault::parameter(name, expected))
}

pub async fn list(caller: Caller, request: HttpRequest) -> Result<HttpResponse, Fault> {
    let form = Form::read(request.query_string().as_bytes())?;
    let page = Page::read(&form)?;
    let filter = Filter::read(&caller, &form)?;
    let after = page.token.as_deref().map(|token| {
        let fault = || Fault::parameter("PageToken", "must come from the page before");
        sid::read_attempt(token).ok_or_else(fault)
    });
    let found = find(&caller, &filter, after.transpose()?, page.size).await;
    let (found, next) = found.map_err(|error| Fault::of(error, Fault::max_sends, "/Attempts"))?;
    let next = next.map(|next| sid::written("VL", next.uuid()));
    let query: Vec<(&str, &str)> = Filter::NAMES
        .into_iter()
        .filter_map(|name| Some((name, form.text(name)?)))
        .collect();
    let items = ("attempts", found);
    let body = list::answer(
        &caller.gateway,
        ("/Attempts", &query),
        items,
        &page,
        next.as_deref(),
    );
    Ok(HttpResponse::Ok().json(body))
}

/// At most `size` attempts after one in the list, and the last one if more may follow.
async fn find(
    caller: &Caller,
    filter: &Filter,
    after: Option<AttemptId>,
    size: usize,
) -> Result<(Vec<Value>, Option<AttemptId>), Error> {
    let mut found = Vec::new();
    let mut last = after;
    let mut read = 0;
    // The verification of the attempt that the page before ended with may have more of them.
    let mut batch = match (filter.verification, after) {
        (Some(id), _) => one(caller, id).await?,
        (None, Some(after)) => one(caller, after.verification()).await?,
        (None, None) => Vec::new(),
    };
    loop {
        for v in &batch {
            let service = Service::of(&caller.gateway, v.project);
            let attempts: Vec<&Attempt> = answer::tried(v).collect();
            for attempt in attempts.into_iter().rev() {
                let id = v.attempt_id(attempt);
                // Ids of verifications of one millisecond interleave, so they are compared within one alone.
                let is_before = |after: AttemptId| after.verification() == v.id && id >= after;
                if v.face() != Face::Twilio || after.is_some_and(is_before) {
                    continue;
                }
                if filter.admits(v, attempt) {
                    if found.len() == size {
                        return Ok((found, last));
                    }
                    found.push(answer::attempt(&caller.gateway, &service, v, attempt));
                }
                last = Some(id);
            }
        }
        if filter.verification.is_some() {
            return Ok((found, None));
        }
        if read >= MOST {
            return Ok((found, last));
        }
        let query = ListQuery {
            project: filter.project,
            phone: filter.to.clone(),
            from: filter.from.map(|from| from - LONGEST_LIFE),
            before: filter.before,
            cursor: batch
                .last()
                .map(|v| v.id)
                .or(last.map(AttemptId::verification)),
            limit: AT_ONCE,
            ..ListQuery::default()
        };
        batch = caller.gateway.verify().list(&caller.access, query).await?;
        read += AT_ONCE;
        if batch.is_empty() {
            return Ok((found, None));
        }
    }
}

async fn one(caller: &Caller, id: VerificationId) -> Result<Vec<Verification>, Error> {
    match caller.gateway.verify().find_own(&caller.access, id).await {
        Ok(v) => Ok(vec![v]),
        Err(Error::NotFound) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

pub async fn fetch(caller: Caller, text: web::Path<String>) -> Result<HttpResponse, Fault> {
    let path = format!("/Attempts/{text}");
    let not_found = || Fault::not_found(&path);
    let id = sid::read_attempt(&text).ok_or_else(not_found)?;
    let found = one(&caller, id.verification()).await;
    let found = found.map_err(|error| Fault::of(error, Fault::max_sends, &path))?;
    let v = found.first().ok_or_else(not_found)?;
    let attempt = answer::tried(v).find(|attempt| v.attempt_id(attempt) == id);
    let service = Service::of(&caller.gateway, v.project);
    let body = answer::attempt(&caller.gateway, &service, v, attempt.ok_or_else(not_found)?);
    Ok(HttpResponse::Ok().json(body))
}

/// Sums of the reports, so those of the whole project, by days in UTC. Of one verification they are counted.
pub async fn summary(caller: Caller, request: HttpRequest) -> Result<HttpResponse, Fault> {
    let form = Form::read(request.query_string().as_bytes())?;
    let filter = Filter::read(&caller, &form)?;
    let fault = |error| Fault::of(error, Fault::max_sends, "/Attempts/Summary");
    if filter.verification.is_none() {
        for name in ["ChannelData.To", "DestinationPrefix", "Status"] {
            if form.text(name).is_some() {
                let why = "does not filter the summary, which reads the sums of reports";
                return Err(Fault::parameter(name, why));
            }
        }
    }
    let (total, converted) = if let Some(id) = filter.verification {
        let found = one(&caller, id).await.map_err(fault)?;
        let attempts = found
            .iter()
            .flat_map(|v| answer::tried(v).map(move |a| (v, a)));
        let counted: Vec<bool> = attempts.map(|(v, a)| answer::is_converted(v, a)).collect();
        (counted.len(), counted.iter().filter(|it| **it).count())
    } else {
        sums(&caller, &filter).await?
    };
    #[expect(clippy::cast_precision_loss, reason = "counts, far below 2^52")]
    let share = if total == 0 {
        0.0
    } else {
        converted as f64 * 100.0 / total as f64
    };
    Ok(HttpResponse::Ok().json(json!({
        "total_attempts": total,
        "total_converted": converted,
        "total_unconverted": total - converted,
        "conversion_rate_percentage": share.to_string(),
        "url": address(&caller.gateway, "/Attempts/Summary"),
    })))
}

async fn sums(caller: &Caller, filter: &Filter) -> Result<(usize, usize), Fault> {
    let now = caller.gateway.now();
    let day = |at: DateTime<Utc>| at.date_naive();
    // Whole days: the last one is that of the last moment before the end.
    let last = filter
        .before
        .map(|before| before - TimeDelta::microseconds(1));
    let (from, to) = (filter.from.map(day), last.map(day));
    let groups = vec![Group::Channel, Group::Country];
    let currency = caller.gateway.reporting_currency();
    let query = Query::new(from, to, chrono_tz::Tz::UTC, groups, currency, now);
    let query = query.map_err(|fault| Fault::parameter("DateCreatedAfter", &fault.to_string()))?;
    let query = Query {
        project: filter.project.map(|project| project.0),
        ..query
    };
    let fault = |error| Fault::of(error, Fault::max_sends, "/Attempts/Summary");
    let report = caller
        .gateway
        .finance()
        .report(&caller.access, ReportKind::Conversion, query);
    let Ok(table) = report.await.map_err(fault)? else {
        return Ok((0, 0));
    };
    let (mut total, mut converted) = (0, 0);
    for row in table.rows() {
        let row = serde_json::to_value(row).unwrap_or_default();
        let is = |name: &str, wanted: Option<&str>| wanted.is_none_or(|it| row[name] == it);
        if is("channel", filter.channel) && is("country", filter.country.as_deref()) {
            let count = |name: &str| {
                let count = row[name].as_u64().unwrap_or(0);
                usize::try_from(count).unwrap_or(usize::MAX)
            };
            total += count("requested");
            converted += count("approved");
        }
    }
    Ok((total, converted))
}
