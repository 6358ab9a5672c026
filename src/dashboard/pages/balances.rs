//! `/dashboard/balances`: what is left with each provider, and booking a top-up or an adjustment.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use crate::dashboard::access::{Books, Posted, Right, SeesMoney, Signed};
use crate::dashboard::fault::Fault;
use crate::dashboard::forms::Form;
use crate::dashboard::shell::{self, Section};
use crate::dashboard::show;
use crate::dashboard::view::View;
use crate::gateway::{Balance, BookError, Gateway, NewEntry, Unsettled};
use crate::ledger::entry::Kind;
use crate::money::{Currency, Micros, Money};

pub async fn show(
    signed: Signed<SeesMoney>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    page(
        &signed.view,
        &gateway,
        StatusCode::OK,
        &Form::default(),
        None,
    )
    .await
}

async fn page(
    view: &View,
    gateway: &Gateway,
    status: StatusCode,
    form: &Form,
    said: Option<(&str, &str)>,
) -> Result<HttpResponse, Fault> {
    let t = view.t.money;
    let balances = gateway
        .balances()
        .await
        .map_err(|trouble| view.trouble(&trouble))?;
    let unsettled = gateway
        .unsettled(None)
        .await
        .map_err(|trouble| view.trouble(&trouble))?;
    let body = html! {
        (shell::heading(t.balances, Some(t.balances_lead), &shell::nothing()))
        @if let Some((tone, words)) = said { p class={ "notice " (tone) } role="status" { (words) } }
        section class="panel" { (accounts(view, &balances)) }
        @if view.may(Right::Book) { section class="panel" { h2 { (t.book) } (booking(view, &balances, form)) } }
        @if !unsettled.is_empty() { section class="panel" { h2 { (t.unsettled) } p class="hint" { (t.unsettled_why) } (open(view, &unsettled)) } }
    };
    Ok(view.answer(status, t.balances, Some(Section::Balances), &body))
}

fn accounts(view: &View, balances: &[Balance]) -> Markup {
    let t = view.t.money;
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(t.balances) {
            table class="figures" {
                thead { tr {
                    th scope="col" { (t.provider) }
                    @for name in [t.computed, t.reported, t.drift, t.threshold, t.runway] { th scope="col" class="figure" { (name) } }
                } }
                tbody {
                    @for balance in balances {
                        @let money = |amount: Micros| show::money(Money::new(amount, balance.currency));
                        tr {
                            th scope="row" { (balance.provider) }
                            td class="figure" { (money(balance.computed)) }
                            td class="figure" { @match balance.reported { Some(amount) => { (money(amount)) @if let Some(at) = balance.reported_at { p class="hint" { (show::time(at)) } } }, None => "—" } }
                            td class="figure" { @match balance.drift() { Some(amount) => (money(amount)), None => "—" } }
                            td class="figure" { @match balance.threshold { Some(amount) => (money(amount)), None => "—" } }
                            td class="figure" { @match balance.runway_days { Some(days) => { (days.to_string()) " " (t.days) }, None => "—" } }
                        }
                    }
                }
            }
        }
    }
}

fn booking(view: &View, balances: &[Balance], form: &Form) -> Markup {
    let t = view.t.money;
    html! {
        form class="filters" method="post" action="/dashboard/balances" {
            (shell::token(view))
            label { span { (t.provider) }
                select name="account" {
                    @for balance in balances {
                        @let account = format!("{} {}", balance.provider, balance.currency);
                        option value=(account) selected[account == form.text("account")] { (account) }
                    }
                }
            }
            label { span { (view.t.kind) }
                select name="kind" {
                    option value="top_up" { (t.top_up) }
                    option value="adjustment" selected[form.text("kind") == "adjustment"] { (t.adjustment) }
                }
            }
            label { span { (t.amount) } input type="text" name="amount" value=(form.text("amount")) inputmode="decimal" size="10" required autocomplete="off"; }
            label { span { (t.note) } input type="text" name="note" value=(form.text("note")) maxlength="500" size="30"; }
            button type="submit" { (t.book) }
        }
    }
}

fn open(view: &View, unsettled: &[Unsettled]) -> Markup {
    let t = view.t.money;
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(t.unsettled) {
            table class="figures" {
                thead { tr { th scope="col" { (view.t.time) } th scope="col" { (t.channel) } th scope="col" { (t.provider) } th scope="col" class="figure" { (t.amount) } th scope="col" { (t.written_off) } } }
                tbody {
                    @for one in unsettled {
                        tr {
                            td { a href=(format!("/dashboard/verifications/{}", one.attempt.verification())) { (show::time(one.created_at)) } }
                            td { (show::channel(one.channel)) }
                            td { (one.provider) }
                            td class="figure" { (show::money(one.estimate)) }
                            td { (show::time(one.written_off_at)) }
                        }
                    }
                }
            }
        }
    }
}

pub async fn book(
    posted: Posted<Books>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    let (view, form) = (&posted.signed.view, &posted.form);
    let wrong = StatusCode::UNPROCESSABLE_ENTITY;
    let refused =
        async |words: String| page(view, &gateway, wrong, form, Some(("bad", &words))).await;
    let kind = if form.text("kind") == "adjustment" {
        Kind::Adjustment
    } else {
        Kind::TopUp
    };
    let Some((provider, currency)) = form.text("account").split_once(' ') else {
        return refused("account: choose one".to_owned()).await;
    };
    let Ok(currency) = currency.parse::<Currency>() else {
        return refused("account: choose one".to_owned()).await;
    };
    let amount = match form.text("amount").replace(',', ".").parse::<Micros>() {
        Ok(amount) if amount.0 == 0 || (kind == Kind::TopUp && amount.0 < 0) => {
            return refused(
                "amount: must be more than 0; a correction downwards is an adjustment".to_owned(),
            )
            .await;
        }
        Ok(amount) => amount,
        Err(error) => return refused(format!("amount: {error}")).await,
    };
    let note = form.text("note");
    if kind == Kind::Adjustment && note.is_empty() {
        return refused("note: an adjustment needs a reason".to_owned()).await;
    }
    let new = NewEntry {
        provider: provider.to_owned(),
        kind,
        money: Money::new(amount, currency),
        note: Some(
            note.chars()
                .filter(|c| !c.is_control())
                .take(500)
                .collect::<String>(),
        )
        .filter(|note| !note.is_empty()),
        author: posted.signed.user.email.clone(),
        at: None,
    };
    match gateway.book(new, None).await {
        Ok(_) => {
            page(
                view,
                &gateway,
                StatusCode::OK,
                &Form::default(),
                Some(("good", view.t.money.booked)),
            )
            .await
        }
        Err(BookError::Trouble(trouble)) => Err(view.trouble(&trouble)),
        Err(error) => refused(format!("account: {error}")).await,
    }
}
