//! `/dashboard/verifications/{id}`: a verification with its timeline, attempts and costs.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use uuid::Uuid;

use crate::dashboard::frame::fault::{Fault, Kind};
use crate::dashboard::frame::rights::{SeesVerifications, Signed};
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::pages::parts::guard;
use crate::gateway::{Decision, Gateway, LedgerQuery};
use crate::ledger::entry::Entry;
use crate::verification::Verification;
use crate::verification::id::VerificationId;

pub async fn show(
    signed: Signed<SeesVerifications>,
    gateway: web::Data<Gateway>,
    id: web::Path<String>,
) -> Result<HttpResponse, Fault> {
    let (view, t) = (&signed.view, signed.view.t);
    let Ok(id) = Uuid::try_parse(&id) else {
        return Err(view.fault(Kind::NotFound));
    };
    let access = signed.access();
    let v = gateway
        .verify()
        .find(&access, VerificationId::from_uuid(id))
        .await;
    let v = v.map_err(|trouble| view.trouble(&trouble))?;
    let query = LedgerQuery {
        verification: Some(v.id),
        limit: 200,
        ..LedgerQuery::default()
    };
    let mut entries = gateway
        .finance()
        .list_ledger(&access, query)
        .await
        .map_err(|trouble| view.trouble(&trouble))?;
    entries.reverse();
    let decisions = gateway.verify().decisions_of(v.id).await;
    let decisions = decisions.map_err(|trouble| view.trouble(&trouble))?;
    let body = html! {
        p class="back" { a href="/dashboard/verifications" { "← " (t.verifications) } }
        div class="heading" { div { h1 { (show::number(view, v.phone.as_ref())) } p class="lead" { (show::status(t, v.record.status)) " " (show::whole_id(v.id.uuid())) } } }
        section class="panel" {
            dl class="facts" {
                div { dt { (t.project) } dd { (gateway.directory().project_name(v.project).unwrap_or_default()) } }
                div { dt { (t.country) } dd { (show::country(view, &v.record.country.to_string())) } }
                div { dt { (t.time) } dd { (show::time(view, v.record.created_at)) } }
                div { dt { (t.expires) } dd { (show::time(view, v.record.expires_at)) } }
                @if v.is_message() { div { dt { (t.content) } dd { (t.text_without_code) } } }
                @else { div { dt { (t.checks) } dd { (v.checks_left()) } } }
                div { dt { (t.sends) } dd { (v.sends_left()) } }
                div { dt { (t.cost) } dd { (show::costs(view, &v)) } }
            }
        }
        div class="two" {
            section class="panel" { h2 { (t.timeline) } (timeline(view, &v)) }
            div {
                section class="panel" { h2 { (t.attempts) } (attempts(view, &v)) }
                section class="panel" { h2 { (t.entries) } (ledger(view, &entries)) }
                @if !decisions.is_empty() { section class="panel" { h2 { (t.guard.verdict) } (verdicts(view, &gateway, &decisions)) } }
            }
        }
    };
    let title = format!("{} {}", t.verifications, v.id);
    Ok(view.page(&title, super::verifications::PATH, &body))
}

fn timeline(view: &Viewer, v: &Verification) -> Markup {
    let t = view.t;
    html! {
        ol class="timeline" {
            @for event in &v.record.events {
                @let (name, tone) = show::event(t, event.kind);
                li class=(tone) {
                    (show::time(view, event.at)) " " strong { (name) }
                    @if let Some(attempt) = event.attempt.and_then(|ordinal| v.attempt(ordinal)) { " " (show::channel(attempt.channel)) }
                    @if let Some(money) = event.money { " " (show::money(view, money)) }
                    @if let Some(reason) = event.reason { span class="hint" { " " (show::reason(t, reason)) } }
                }
            }
        }
    }
}

/// What the guard decided about it, the newest first, and the buttons of the last decision.
fn verdicts(view: &Viewer, gateway: &Gateway, decisions: &[Decision]) -> Markup {
    let t = view.t;
    html! {
        ol class="timeline" {
            @for one in decisions {
                li {
                    (show::time(view, one.at)) " " (guard::outcome(t, one.outcome)) " " span class="hint" { (guard::on(t, one.on)) }
                    (guard::reasons(view, one))
                }
            }
        }
        @if let Some(last) = decisions.first() { (guard::buttons(view, gateway, last)) }
    }
}

fn attempts(view: &Viewer, v: &Verification) -> Markup {
    let t = view.t;
    show::table(
        t.attempts,
        &html! {
            thead { tr { th scope="col" { (t.channel) } th scope="col" { (t.provider) } th scope="col" { (t.status) } th scope="col" class="figure" { (t.cost) } } }
            tbody {
                @for attempt in &v.record.attempts {
                    tr {
                        th scope="row" { (show::channel(attempt.channel)) }
                        td data-label=(t.provider) { (attempt.provider) }
                        td data-label=(t.status) { (show::attempt(t, attempt.status)) @if let Some(reason) = attempt.reason { p class="hint reason" { (show::reason(t, reason)) } } }
                        td class="figure first" data-label=(t.cost) { (show::money(view, attempt.cost.money)) p class="hint" { (show::cost_state(t, attempt.cost.state)) @if attempt.cost.guessed { " · " (t.basis_estimated) } } }
                    }
                }
            }
        },
    )
}

fn ledger(view: &Viewer, entries: &[Entry]) -> Markup {
    html! {
        @if entries.is_empty() { p class="hint" { (view.t.no_entries) } }
        @else { (crate::dashboard::pages::money::ledger::short_table(view, entries)) }
    }
}
