//! `/dashboard/statement`: a month's costs and balances, laid out for printing or saving as PDF.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use maud::{Markup, html};

use super::ledger;
use crate::dashboard::frame::fault::Fault;
use crate::dashboard::frame::fields::{Fields, FormErrors, Input};
use crate::dashboard::frame::forms::Form;
use crate::dashboard::frame::rights::{SeesMoney, Signed};
use crate::dashboard::frame::shell;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::pages::parts::figures::{spent, sums, table};
use crate::dashboard::text::faults::filled;
use crate::gateway::{AccountMonth, Balance, Gateway, LedgerQuery, ReportKind};
use crate::ledger::entry::{Entry, Kind};
use crate::locale::numbers::Decimals;
use crate::money::{Micros, Money};
use crate::reports::calendar::midnight;
use crate::reports::exchange::Missing;
use crate::reports::query::{Group, Query};
use crate::reports::table::Table;

pub const PATH: &str = "/dashboard/statement";

/// `?month=2026-11`; by default the current month.
pub async fn show(
    signed: Signed<SeesMoney>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let view = &signed.view;
    let t = view.t.money;
    let form = Form::parse(request.query_string());
    let now = gateway.now().with_timezone(&view.zone);
    let mut wrong = FormErrors::default();
    let days = Days::read(view, &form, now.date_naive(), &mut wrong);
    let reports = reports(&signed, &gateway, &days).await?;
    let (from, before) = days.moments(view);
    let accounts = gateway.finance().account_month(from, before).await;
    let accounts = accounts.map_err(|trouble| view.trouble(&trouble))?;
    let by_hand = by_hand(&signed, &gateway, (from, before)).await?;
    let month = days.first.format("%Y-%m").to_string();
    let title = format!("{}: {}", t.statement, view.locale().month(days.first));
    let printed = view.locale().minute(&now);
    let reported = if days.last >= now.date_naive() {
        let balances = gateway.finance().balances().await;
        balances.map_err(|trouble| view.trouble(&trouble))?
    } else {
        Vec::new()
    };
    let reversed = gateway.finance().reversed(&by_hand).await;
    let reversed = reversed.map_err(|trouble| view.trouble(&trouble))?;
    let fields = Fields {
        t: view.t,
        form: &form,
        wrong: &wrong,
    };
    let print = html! {
        (neighbours(view, &days, now.date_naive()))
        button type="button" class="quiet" data-print { (t.print) }
    };
    let body = html! {
        div class="statement" {
            @if !view.operator().is_empty() { p class="operator" { (view.operator()) } }
            (shell::heading(&title, Some(&lead(view, &days, now.date_naive())), &print))
            p class="printed hint" { (view.public("")) ", " (printed) }
            (fields.summary())
            form class="filters" method="get" action="/dashboard/statement" {
                (fields.line_with(t.month, "month", Input::Month, &month, Some(&filled(view.t.such_as, &["2026-11"]))))
                button type="submit" { (view.t.show) }
            }
            @if let Some((_, Ok(report))) = reports.first() { (sums(spent(view, report))) }
            section class="panel" { h2 { (t.balances) } (months(view, &accounts, &reported)) }
            @for (title, report) in &reports { section class="panel" { h2 { (title) } (part(view, title, report)) } }
            @if !by_hand.is_empty() { section class="panel" { h2 { (t.booked_by_hand) } (ledger::table(view, &by_hand, &gateway, &reversed)) } }
        }
    };
    Ok(view.form_page(&wrong, &title, PATH, &body))
}

/// The days of a month.
struct Days {
    first: NaiveDate,
    last: NaiveDate,
    /// The first day of the next month.
    next: NaiveDate,
}

impl Days {
    /// The month in the field `month`, else the current one.
    fn read(view: &Viewer, form: &Form, today: NaiveDate, wrong: &mut FormErrors) -> Self {
        let typed = form.text("month");
        let asked = NaiveDate::parse_from_str(&format!("{typed}-01"), "%Y-%m-%d")
            .ok()
            .filter(|day| (1970..9_000).contains(&day.year()));
        if asked.is_none() && !typed.is_empty() {
            wrong.note("month", filled(view.t.faults.not_a_month, &[typed]));
        }
        let first = asked.unwrap_or_else(|| today.with_day(1).unwrap_or(today));
        let next = first.checked_add_months(Months::new(1)).unwrap_or(first);
        let last = next.pred_opt().unwrap_or(first);
        Self { first, last, next }
    }

    /// When the month begins, and when the next one does.
    fn moments(&self, view: &Viewer) -> (DateTime<Utc>, DateTime<Utc>) {
        let begin = |day| midnight(day, view.zone).to_utc();
        (begin(self.first), begin(self.next))
    }
}

fn lead(view: &Viewer, days: &Days, today: NaiveDate) -> String {
    let (t, zone) = (view.t.money, view.zone.name());
    let lead = format!(
        "{}: {}, {zone}",
        t.statement_lead,
        view.locale().days(days.first, days.last)
    );
    if days.last >= today {
        return format!("{lead}. {}", t.month_open);
    }
    lead
}

/// A report, or the exchange rates it lacks.
type Made = Result<Table, Missing>;

/// The costs of the month by title, grouped in one way each.
async fn reports(
    signed: &Signed<SeesMoney>,
    gateway: &Gateway,
    days: &Days,
) -> Result<Vec<(&'static str, Made)>, Fault> {
    let (view, t) = (&signed.view, signed.view.t.money);
    let currency = gateway.reporting_currency();
    let (from, to) = (Some(days.first), Some(days.last));
    let mut reports = Vec::new();
    for (title, groups) in [
        (t.by_channel, vec![Group::Channel, Group::Provider]),
        (t.by_country, vec![Group::Country]),
        (t.by_project, vec![Group::Project]),
        (t.by_day, vec![Group::Day]),
    ] {
        let query = Query::new(from, to, view.zone, groups, currency, gateway.now())
            .expect("the first day of a month is before its last");
        let made = gateway
            .finance()
            .report(&signed.access(), ReportKind::Costs, query)
            .await;
        reports.push((title, made.map_err(|trouble| view.trouble(&trouble))?));
    }
    Ok(reports)
}

fn part(view: &Viewer, title: &str, report: &Made) -> Markup {
    html! {
        @match report {
            Ok(report) => (table(view, report, title)),
            Err(missing) => p class="notice bad" { (view.t.faults.missing(missing, view.locale())) },
        }
    }
}

/// Links to the months before and after.
fn neighbours(view: &Viewer, days: &Days, today: NaiveDate) -> Markup {
    let before = days.first.checked_sub_months(Months::new(1));
    let after = Some(days.next).filter(|next| *next <= today);
    let link = |day: NaiveDate, relation: &str, text: String| {
        let to = format!("{PATH}?month={}", day.format("%Y-%m"));
        html! { a class="button quiet" href=(to) rel=(relation) { (text) } }
    };
    let name = |day| view.locale().month(day);
    html! {
        @if let Some(day) = before { (link(day, "prev", format!("← {}", name(day)))) }
        @if let Some(day) = after { (link(day, "next", format!("{} →", name(day)))) }
    }
}

/// Opening balance, movements and closing balance of each account; what the provider reports, while the month lasts.
fn months(view: &Viewer, accounts: &[AccountMonth], reported: &[Balance]) -> Markup {
    let t = view.t.money;
    let heads = [
        t.opening,
        t.by_hand,
        view.column("charged"),
        view.column("refunded"),
        t.closing,
    ];
    let amounts = |account: &AccountMonth| {
        let charged = Micros(-account.charged.0);
        let (opening, closing) = (account.opening, account.closing());
        [opening, account.by_hand, charged, account.refunded, closing]
    };
    let digits: Decimals = accounts
        .iter()
        .flat_map(|account| amounts(account).map(|amount| Money::new(amount, account.currency)))
        .collect();
    show::table(
        t.balances,
        &html! {
            thead { tr {
                th scope="col" { (view.t.provider) }
                @for name in heads { th scope="col" class="figure" { (name) } }
                @if !reported.is_empty() { th scope="col" class="figure" { (show::term(t.reported, t.reported_why)) } }
            } }
            tbody {
                @for account in accounts {
                    @let money = |amount: Micros| show::rounded(view, Money::new(amount, account.currency), digits.of(account.currency));
                    tr {
                        th scope="row" { (account.provider) }
                        @for (place, (name, amount)) in heads.into_iter().zip(amounts(account)).enumerate() {
                            td class=(if place == 4 { "figure first" } else { "figure" }) data-label=(name) { (money(amount)) }
                        }
                        @if !reported.is_empty() {
                            @let own = reported.iter().find(|balance| balance.provider == account.provider && balance.currency == account.currency);
                            td class="figure" data-label=(t.reported) {
                                @match own.and_then(|balance| balance.reported) { Some(amount) => (money(amount)), None => "—" }
                                @if let Some(at) = own.and_then(|balance| balance.reported_at) { p class="hint" { (show::minute(view, at)) } }
                            }
                        }
                    }
                }
            }
        },
    )
}

/// Top-ups and adjustments, oldest first, up to 500 of each kind.
async fn by_hand(
    signed: &Signed<SeesMoney>,
    gateway: &Gateway,
    (from, before): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<Entry>, Fault> {
    let mut found = Vec::new();
    for kind in [Kind::TopUp, Kind::Adjustment] {
        let query = LedgerQuery {
            kind: Some(kind),
            from: Some(from),
            before: Some(before),
            limit: 500,
            ..LedgerQuery::default()
        };
        let entries = gateway.finance().list_ledger(&signed.access(), query).await;
        found.extend(entries.map_err(|trouble| signed.view.trouble(&trouble))?);
    }
    found.sort_by_key(|entry| (entry.at, entry.id));
    Ok(found)
}
