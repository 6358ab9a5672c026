//! `/dashboard/guard/lists`: who is let through and whom nothing is sent to, and the form to add an entry.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::TimeDelta;
use maud::{Markup, html};
use uuid::Uuid;

use crate::abuse::lists::{Entry, LONGEST_NOTE, List, Match, Matched, WIDE_DAYS};
use crate::access::Right;
use crate::dashboard::frame::fault::{Fault, Kind};
use crate::dashboard::frame::fields::{Fields, FormErrors, Input, once, sure};
use crate::dashboard::frame::forms::Form;
use crate::dashboard::frame::rights::{Posted, SeesVerifications, SetsRules, Signed};
use crate::dashboard::frame::shell;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::pages::parts::list::{self, older};
use crate::dashboard::text::Texts;
use crate::dashboard::text::faults::filled;
use crate::gateway::{EntryFault, EntryRequest, Error, Gateway};
use crate::verification::Verification;
use crate::verification::id::{ProjectId, VerificationId};
use crate::verification::phone::Country;

pub const PATH: &str = "/dashboard/guard/lists";

/// Every project, as a project's name.
const EVERY: &str = "*";
const LONGEST_DAYS: i64 = 3_650;
/// What typed text is cut to before it is read.
const LONGEST_VALUE: usize = 60;

const FILTERS: [&str; 2] = ["list", "project"];

pub async fn list(
    signed: Signed<SeesVerifications>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let t = signed.view.t;
    let done = show::was_done(
        &request,
        &[("added", t.guard.added), ("removed", t.removed)],
    );
    let asked = Form::parse(request.query_string());
    let none = FormErrors::default();
    page(&signed, &gateway, &asked, (&Form::default(), &none), done).await
}

/// `asked`: the filters of the list; `typed`: the form as submitted, with its errors.
async fn page<R>(
    signed: &Signed<R>,
    gateway: &Gateway,
    asked: &Form,
    (typed, wrong): (&Form, &FormErrors),
    done: Option<&str>,
) -> Result<HttpResponse, Fault> {
    let view = &signed.view;
    let (t, m) = (view.t, view.t.guard);
    let found = gateway.admin().list_entries(&signed.access()).await;
    let mut found = found.map_err(|trouble| view.trouble(&trouble))?;
    let mut astray = FormErrors::default();
    let project = list::project(view, gateway, asked, &mut astray);
    let kind = list::chosen(view, asked, "list", List::parse, &mut astray);
    let before = Uuid::try_parse(asked.text("cursor")).ok();
    found.retain(|entry| {
        (project.is_none() || entry.project.is_none() || entry.project == project)
            && kind.is_none_or(|kind| entry.list == kind)
            && before.is_none_or(|before| entry.id < before)
            && !entry.is_over(gateway.now())
    });
    let cursor = list::cut(&mut found).map(|last| last.id.to_string());
    let fields = Fields {
        t,
        form: typed,
        wrong,
    };
    let filters = Fields {
        t,
        form: asked,
        wrong: &astray,
    };
    let body = html! {
        (shell::heading(m.lists, Some(m.lists_lead), &shell::nothing()))
        (show::done(done))
        @if signed.may(Right::Rules) { section class="panel" { h2 { (m.entry_new) } (new(view, gateway, fields)) } }
        (narrow(view, gateway, filters))
        @if found.is_empty() { div class="empty" { h2 { (m.entry_none) } p { (m.entry_none_why) } } }
        @else {
            section class="panel" {
                (table(view, gateway, &found))
                (older(view, PATH, asked, &FILTERS, cursor))
            }
        }
    };
    let wrong = if wrong.is_empty() { &astray } else { wrong };
    Ok(view.form_page(wrong, m.lists, PATH, &body))
}

fn kinds(t: &Texts) -> impl Iterator<Item = (String, String)> {
    List::ALL
        .into_iter()
        .map(|list| (list.as_str().to_owned(), list_name(t, list).to_owned()))
}

fn list_name(t: &Texts, list: List) -> &'static str {
    match list {
        List::Allow => t.guard.list_allow,
        List::Block => t.guard.list_block,
    }
}

fn what(t: &Texts, kind: Matched) -> &'static str {
    match kind {
        Matched::Number => t.guard.what_number,
        Matched::Prefix => t.guard.what_prefix,
        Matched::Country => t.guard.what_country,
        Matched::Ip => t.guard.what_ip,
        Matched::Asn => t.guard.what_asn,
    }
}

fn new(view: &Viewer, gateway: &Gateway, fields: Fields<'_>) -> Markup {
    let (t, m) = (view.t, view.t.guard);
    let projects = gateway.directory().projects().into_iter();
    let projects: Vec<_> = projects
        .map(|project| (project.name.clone(), project.name))
        .chain([(EVERY.to_owned(), t.every_project.to_owned())])
        .collect();
    let kinds: Vec<_> = kinds(t).collect();
    let whats = Matched::ALL.map(|kind| (kind.as_str().to_owned(), what(t, kind).to_owned()));
    html! {
        (fields.summary())
        form class="filters" method="post" action=(PATH) {
            (shell::token(view))
            (once())
            (fields.choice(m.list, "kind", &kinds, List::Block.as_str()))
            (fields.choice(m.what, "match", &whats, Matched::Prefix.as_str()))
            (fields.line_with(m.value, "value", Input::Text, "", Some(m.value_hint)))
            (fields.choice(t.project, "project", &projects, "default"))
            (fields.line_with(m.days, "days", Input::Decimal, "", Some(m.days_hint)))
            (fields.line(t.note, "note", Input::Text, ""))
            button type="submit" { (m.add) }
        }
        p class="hint" { (m.entry_hint) }
    }
}

fn narrow(view: &Viewer, gateway: &Gateway, fields: Fields<'_>) -> Markup {
    let t = view.t;
    let kinds = list::any(t, kinds(t));
    html! {
        (fields.summary())
        form class="filters" method="get" action=(PATH) {
            (fields.choice(t.guard.list, "list", &kinds, ""))
            (list::projects(view, gateway, fields))
            button type="submit" { (t.show) }
        }
    }
}

fn table(view: &Viewer, gateway: &Gateway, entries: &[Arc<Entry>]) -> Markup {
    let (t, m) = (view.t, view.t.guard);
    show::table(
        m.lists,
        &html! {
            thead { tr {
                th scope="col" { (m.value) } th scope="col" { (m.list) } th scope="col" { (t.project) } th scope="col" { (t.note) }
                th scope="col" { (t.access.created) } th scope="col" { (m.until) } th scope="col" { span class="unseen" { (m.remove) } }
            } }
            tbody { @for entry in entries { (row(view, gateway, entry)) } }
        },
    )
}

fn row(view: &Viewer, gateway: &Gateway, entry: &Entry) -> Markup {
    let (t, m) = (view.t, view.t.guard);
    let project = match entry.project {
        None => t.every_project.to_owned(),
        Some(id) => gateway.directory().project_name(id).unwrap_or_default(),
    };
    let tone = match entry.list {
        List::Allow => "good",
        List::Block => "bad",
    };
    html! {
        tr {
            th scope="row" { (value(view, &entry.matches)) p class="hint" { (what(t, entry.matches.kind())) } }
            td class="first" data-label=(m.list) { (show::state(tone, list_name(t, entry.list))) }
            td data-label=(t.project) { (project) }
            td class="words" data-label=(t.note) { (entry.note) }
            td data-label=(t.access.created) { (show::minute(view, entry.created_at)) }
            td data-label=(m.until) { @match entry.expires_at { Some(at) => (show::minute(view, at)), None => (t.never) } }
            td class="acts" {
                @if view.may(Right::Rules) {
                    (sure(view, &format!("{PATH}/{}/remove", entry.id), (m.remove, &entry.id.to_string()), m.remove_why, &[]))
                }
            }
        }
    }
}

/// What an entry is about; of a number only what the viewer may see.
fn value(view: &Viewer, matches: &Match) -> Markup {
    match matches {
        Match::Number(number) => show::number(view, Some(number)),
        Match::Erased(_) => show::number(view, None),
        Match::Country(country) => show::country(view, &country.to_string()),
        Match::Prefix(_) | Match::Ip(_) | Match::Asn(_) => {
            html! { span class="number" { (matches.value()) } }
        }
    }
}

pub async fn add(
    posted: Posted<SetsRules>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    let (signed, form) = (&posted.signed, &posted.form);
    let view = &signed.view;
    let mut wrong = FormErrors::default();
    if let Some(asked) = read(signed, &gateway, form, &mut wrong).await? {
        let added = gateway
            .admin()
            .add_entry(&asked, &signed.access(), None)
            .await;
        match added {
            Ok(_) => return Ok(view.go(&format!("{PATH}?done=added"))),
            Err(EntryFault::Failed(trouble)) => return Err(view.trouble(&trouble)),
            Err(EntryFault::Full(most)) => {
                wrong.note("value", filled(view.t.guard.full, &[&most.to_string()]));
            }
            Err(EntryFault::Field("note", _)) => wrong.note("note", view.t.guard.wide_note),
            Err(EntryFault::Field(..)) => wrong.note("days", view.t.guard.wide_days),
        }
    }
    page(signed, &gateway, &Form::default(), (form, &wrong), None).await
}

async fn read(
    signed: &Signed<SetsRules>,
    gateway: &Gateway,
    form: &Form,
    wrong: &mut FormErrors,
) -> Result<Option<EntryRequest>, Fault> {
    let view = &signed.view;
    let (t, m) = (view.t.faults, view.t.guard);
    let kind = List::parse(form.text("kind"));
    if kind.is_none() {
        wrong.note("kind", t.choose);
    }
    let project = match form.text("project") {
        EVERY => Some(None),
        name => gateway.directory().find_project(name).map(Some),
    };
    if project.is_none() {
        wrong.note("project", t.choose);
    }
    let what = Matched::parse(form.text("match"));
    if what.is_none() {
        wrong.note("match", t.choose);
    }
    let matches = match (what, project) {
        (Some(what), Some(project)) => {
            matched(signed, gateway, form, (what, project), wrong).await?
        }
        _ => None,
    };
    let note: String = form
        .text("note")
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    if note.chars().count() > LONGEST_NOTE {
        wrong.note(
            "note",
            filled(t.too_long_text, &[&LONGEST_NOTE.to_string()]),
        );
    }
    // What allows more than a number must end soon, and have a reason.
    let is_wide = kind == Some(List::Allow) && what.is_some_and(|what| what != Matched::Number);
    let days: Option<i64> = form.text("days").parse().ok();
    let days = days.filter(|days| (1..=LONGEST_DAYS).contains(days));
    if is_wide && days.is_none_or(|days| days > WIDE_DAYS) {
        wrong.note("days", m.wide_days);
    } else if days.is_none() && !form.text("days").is_empty() {
        wrong.note("days", t.days);
    }
    if is_wide && note.is_empty() {
        wrong.note("note", m.wide_note);
    }
    let (Some(list), Some(project), Some(matches)) = (kind, project, matches) else {
        return Ok(None);
    };
    let asked = EntryRequest {
        project,
        list,
        matches,
        note,
        expires_at: days.map(|days| gateway.now() + TimeDelta::days(days)),
        overrules: true,
    };
    Ok(wrong.is_empty().then_some(asked))
}

/// What the entry is about. Without a value, the number of the verification: who clicks need not see it.
async fn matched(
    signed: &Signed<SetsRules>,
    gateway: &Gateway,
    form: &Form,
    (what, project): (Matched, Option<ProjectId>),
    wrong: &mut FormErrors,
) -> Result<Option<Match>, Fault> {
    let view = &signed.view;
    let (t, m) = (view.t.faults, view.t.guard);
    let typed: String = form.text("value").chars().take(LONGEST_VALUE).collect();
    let verification = Uuid::try_parse(form.text("verification")).ok();
    let read = match (what, typed.as_str(), verification) {
        (Matched::Number, "", Some(id)) => {
            let id = VerificationId::from_uuid(id);
            return match gateway.verify().find(&signed.access(), id).await {
                Ok(Verification {
                    phone: Some(phone), ..
                }) => Ok(Some(Match::Number(phone))),
                Ok(_) | Err(Error::NotFound) => {
                    wrong.note("value", m.gone);
                    Ok(None)
                }
                Err(trouble) => Err(view.trouble(&trouble)),
            };
        }
        (_, "", _) => Err(t.required.to_owned()),
        (Matched::Number, text, _) => gateway
            .verify()
            .read_searched_number(project, text)
            .map(Match::Number)
            .map_err(|_| m.bad_number.to_owned()),
        (Matched::Prefix, text, _) => {
            Match::parse(what, text).map_err(|_| filled(m.bad_match_prefix, &[text]))
        }
        (Matched::Country, text, _) => Country::existing(&text.to_ascii_uppercase())
            .map(Match::Country)
            .map_err(|_| filled(t.not_a_country, &[text])),
        (Matched::Ip, text, _) => Match::parse(what, text).map_err(|_| filled(m.bad_ip, &[text])),
        (Matched::Asn, text, _) => Match::parse(what, text).map_err(|_| filled(m.bad_asn, &[text])),
    };
    Ok(wrong.or_note("value", read, |words| words))
}

pub async fn remove(
    posted: Posted<SetsRules>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let signed = &posted.signed;
    let view = &signed.view;
    let id = Uuid::try_parse(&id).map_err(|_| view.fault(Kind::NotFound))?;
    let removed = gateway.admin().delete_entry(&signed.access(), id).await;
    removed.map_err(|trouble| view.trouble(&trouble))?;
    Ok(view.go(&format!("{PATH}?done=removed")))
}
