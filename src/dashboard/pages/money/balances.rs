//! `/dashboard/balances`: the balance with each provider, and the form to book a top-up or an adjustment.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::NaiveDate;
use maud::{Markup, html};
use uuid::Uuid;

use super::reversal;

use crate::access::Right;
use crate::dashboard::frame::fault::Fault;
use crate::dashboard::frame::fields::{Fields, FormErrors, Input, once};
use crate::dashboard::frame::forms::Form;
use crate::dashboard::frame::rights::{Books, Posted, SeesMoney, Signed};
use crate::dashboard::frame::shell;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::pages::parts::accounts::{difference, runway};
use crate::dashboard::text::faults::filled;
use crate::gateway::{Balance, BookError, Gateway, NewEntry, Replay, Unsettled};
use crate::ledger::entry::{Entry, Kind};
use crate::locale::numbers::Decimals;
use crate::money::{Micros, Money};
use crate::reports::calendar::midnight;

pub const PATH: &str = "/dashboard/balances";
const LONGEST_NOTE: usize = 500;
/// Unsettled charges shown; the API lists all of them.
const SHOWN: usize = 50;

pub async fn show(
    signed: Signed<SeesMoney>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let view = &signed.view;
    // A link may fill in the form.
    let form = Form::parse(request.query_string());
    let booked = match Uuid::try_parse(form.text("booked")) {
        Ok(id) => gateway.finance().entry(id).await.ok(),
        Err(_) => None,
    };
    let booked = booked.filter(|entry| entry.kind.is_by_hand());
    page(view, &gateway, &form, &FormErrors::default(), booked).await
}

async fn page(
    view: &Viewer,
    gateway: &Gateway,
    form: &Form,
    wrong: &FormErrors,
    booked: Option<Entry>,
) -> Result<HttpResponse, Fault> {
    let t = view.t.money;
    let balances = gateway
        .finance()
        .explained_balances()
        .await
        .map_err(|trouble| view.trouble(&trouble))?;
    let unsettled = gateway
        .finance()
        .unsettled(None)
        .await
        .map_err(|trouble| view.trouble(&trouble))?;
    let notice = match booked {
        Some(entry) => {
            let reversed = gateway.finance().reversed(std::slice::from_ref(&entry));
            let reversed = reversed.await.map_err(|trouble| view.trouble(&trouble))?;
            said(view, &entry, &balances, !reversed.is_empty())
        }
        None => shell::nothing(),
    };
    let today = view.today(gateway.now());
    let body = html! {
        (shell::heading(t.balances, Some(t.balances_lead), &shell::nothing()))
        (notice)
        section class="panel" { (accounts(view, &balances, today)) }
        @if view.may(Right::Book) {
            section class="panel" id="book" {
                h2 { (t.book) }
                (booking(view, &balances, Fields { t: view.t, form, wrong }))
                p class="hint" { (t.book_lead) }
            }
        }
        @if !unsettled.is_empty() {
            section class="panel" { h2 { (t.unsettled) } p class="hint" { (t.unsettled_why) } (open(view, &unsettled)) }
        }
    };
    Ok(view.form_page(wrong, t.balances, PATH, &body))
}

/// What was just booked, what the balance is now, and how to take it back.
fn said(view: &Viewer, entry: &Entry, balances: &[Balance], is_reversed: bool) -> Markup {
    let t = view.t.money;
    let amount = view.locale().exact(entry.money);
    let day = view.locale().day(view.today(entry.at));
    let kind = show::kind(view.t, entry.kind).to_lowercase();
    let what = filled(
        t.booked_entry,
        &[&format!("{kind} {amount}"), &entry.provider, &day],
    );
    let mut balances = balances.iter();
    let account = balances.find(|balance| {
        balance.provider == entry.provider && balance.currency == entry.money.currency
    });
    html! {
        div class="notice good" role="status" {
            p { (what) @if let Some(note) = &entry.note { ": " q { (note) } } }
            @if let Some(account) = account {
                p { (filled(t.new_balance, &[&view.locale().exact(Money::new(account.computed, account.currency))])) }
            }
            div class="acts" {
                a class="button quiet" href=(reversal::place(entry)) { (t.see_entry) }
                @if is_reversed { (show::state("off", t.reversed)) } @else { (reversal::button(view, entry)) }
            }
        }
    }
}

fn accounts(view: &Viewer, balances: &[Balance], today: NaiveDate) -> Markup {
    let t = view.t.money;
    let heads = [
        (t.computed, t.computed_why),
        (t.reported, t.reported_why),
        (t.drift, t.drift_why),
    ];
    let digits: Decimals = balances
        .iter()
        .flat_map(|balance| {
            let amounts = [Some(balance.computed), balance.reported, balance.drift()];
            let amounts = amounts.into_iter().flatten();
            amounts.map(|amount| Money::new(amount, balance.currency))
        })
        .collect();
    show::table(
        t.balances,
        &html! {
            thead { tr {
                th scope="col" { (view.t.provider) }
                @for (name, why) in heads { th scope="col" class="figure" { (show::term(name, why)) } }
                @for name in [t.threshold, t.runway] { th scope="col" class="figure" { (name) } }
            } }
            tbody { @for balance in balances { (account(view, balance, digits.of(balance.currency), today)) } }
        },
    )
}

fn account(view: &Viewer, balance: &Balance, digits: usize, today: NaiveDate) -> Markup {
    let t = view.t.money;
    let money = |amount: Micros| show::rounded(view, Money::new(amount, balance.currency), digits);
    let perhaps = |amount: Option<Micros>| html! { @match amount { Some(amount) => (money(amount)), None => "—" } };
    html! {
        tr {
            th scope="row" { (balance.provider) @if balance.is_low() { " " (show::state("bad", t.low)) } }
            td class="figure first" data-label=(t.computed) { (money(balance.computed)) }
            td class="figure" data-label=(t.reported) { (perhaps(balance.reported)) @if let Some(at) = balance.reported_at { p class="hint" { (show::minute(view, at)) } } }
            td class="figure" data-label=(t.drift) { (perhaps(balance.drift())) (difference(view, balance)) }
            td class="figure" data-label=(t.threshold) { @match balance.threshold { Some(least) => (show::short(view, Money::new(least, balance.currency))), None => "—" } }
            td class="figure" data-label=(t.runway) { (runway(view, balance, today, true)) }
        }
    }
}

fn booking(view: &Viewer, balances: &[Balance], fields: Fields<'_>) -> Markup {
    let t = view.t;
    let accounts: Vec<_> = balances
        .iter()
        .map(|balance| {
            let account = format!("{} {}", balance.provider, balance.currency);
            (account.clone(), account)
        })
        .collect();
    let kinds = [Kind::TopUp, Kind::Adjustment]
        .map(|kind| (kind.as_str().to_owned(), show::kind(t, kind).to_owned()));
    html! {
        (fields.summary())
        form class="filters" method="post" action=(PATH) {
            (shell::token(view))
            (once())
            (fields.choice(t.money.account, "account", &accounts, ""))
            (fields.choice(t.kind, "kind", &kinds, "top_up"))
            (fields.line(t.amount, "amount", Input::Decimal, ""))
            (fields.line(t.note, "note", Input::Text, ""))
            (fields.line(t.money.booked_on, "day", Input::Date, ""))
            button type="submit" { (t.money.book) }
        }
    }
}

fn open(view: &Viewer, unsettled: &[Unsettled]) -> Markup {
    let t = view.t;
    let hidden = unsettled.len().saturating_sub(SHOWN);
    html! {
        (show::table(t.money.unsettled, &html! {
            thead { tr {
                th scope="col" { (show::time_head(view)) } th scope="col" { (t.channel) } th scope="col" { (t.provider) }
                th scope="col" class="figure" { (t.amount) } th scope="col" { (t.money.written_off) }
            } }
            tbody {
                @for one in unsettled.iter().take(SHOWN) {
                    tr {
                        th scope="row" { a href=(format!("/dashboard/verifications/{}", one.attempt.verification())) { (show::time(view, one.created_at)) } }
                        td data-label=(t.channel) { (show::channel(one.channel)) }
                        td data-label=(t.provider) { (one.provider) }
                        td class="figure first" data-label=(t.amount) { (show::money(view, one.estimate)) }
                        td data-label=(t.money.written_off) { (show::time(view, one.written_off_at)) }
                    }
                }
            }
        }))
        @if hidden > 0 { p class="hint" { (filled(t.money.unsettled_more, &[&hidden.to_string()])) " " code { "GET /v1/ledger/unsettled" } } }
    }
}

pub async fn book(
    posted: Posted<Books>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    let (view, form) = (&posted.signed.view, &posted.form);
    let mut wrong = FormErrors::default();
    let Some(new) = read(&posted, &mut wrong) else {
        return page(view, &gateway, form, &wrong, None).await;
    };
    let booked = posted
        .once(
            &gateway,
            async |ticket| {
                let (finance, by) = (gateway.finance(), posted.signed.access().by);
                let booked = finance.book(new, &by, Some(ticket));
                booked.await.map(|entry| entry.id)
            },
            async |replay| match replay {
                Replay::Entry { id } => Some(Ok(id)),
                _ => None,
            },
        )
        .await?;
    match booked {
        Ok(id) => Ok(view.go(&format!("{PATH}?booked={id}"))),
        Err(BookError::Failed(trouble)) => Err(view.trouble(&trouble)),
        Err(error) => {
            let field = match error {
                BookError::Future | BookError::TooOld => "day",
                BookError::TooMuch => "amount",
                _ => "account",
            };
            wrong.note(field, view.t.faults.booking(&error));
            page(view, &gateway, form, &wrong, None).await
        }
    }
}

fn read(posted: &Posted<Books>, wrong: &mut FormErrors) -> Option<NewEntry> {
    let (view, form) = (&posted.signed.view, &posted.form);
    let t = &view.t.faults;
    let kind = match form.text("kind") {
        "top_up" => Some(Kind::TopUp),
        "adjustment" => Some(Kind::Adjustment),
        _ => {
            wrong.note("kind", t.choose);
            None
        }
    };
    let account = form.text("account").split_once(' ');
    let account = account.and_then(|(provider, currency)| Some((provider, currency.parse().ok()?)));
    if account.is_none() {
        wrong.note("account", t.choose);
    }
    let amount = wrong.amount(view, "amount", form);
    if let Some(amount) = amount {
        if amount == Micros::ZERO {
            wrong.note("amount", t.not_positive);
        } else if kind == Some(Kind::TopUp) && amount < Micros::ZERO {
            wrong.note("amount", t.downwards);
        }
    }
    let note: String = form
        .text("note")
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    if kind == Some(Kind::Adjustment) && note.is_empty() {
        wrong.note("note", t.note_required);
    }
    if note.chars().count() > LONGEST_NOTE {
        wrong.note(
            "note",
            filled(t.too_long_text, &[&LONGEST_NOTE.to_string()]),
        );
    }
    let day = match form.text("day") {
        "" => None,
        _ => wrong.day(view, "day", form),
    };
    let ((provider, currency), amount, kind) = (account?, amount?, kind?);
    wrong.is_empty().then(|| NewEntry {
        provider: provider.to_owned(),
        kind,
        money: Money::new(amount, currency),
        note: Some(note).filter(|note| !note.is_empty()),
        author: posted.signed.user.email.clone(),
        at: day.map(|day| midnight(day, view.zone).to_utc()),
    })
}
