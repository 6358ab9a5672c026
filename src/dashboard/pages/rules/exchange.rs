//! `/dashboard/exchange-rates`: exchange rates by day, and the form to add one.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};

use crate::dashboard::frame::fault::Fault;
use crate::dashboard::frame::fields::{Fields, FormErrors, Input};
use crate::dashboard::frame::forms::Form;
use crate::dashboard::frame::rights::{Posted, SetsRules, Signed};
use crate::dashboard::frame::shell;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::text::faults::filled;
use crate::gateway::Gateway;
use crate::reports::exchange::{ExchangeRate, Factor};

pub const PATH: &str = "/dashboard/exchange-rates";
/// Rows shown, newest first: enough for one currency's daily rates over a year.
const SHOWN: usize = 400;

pub async fn list(
    signed: Signed<SetsRules>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let view = &signed.view;
    let done = show::was_done(&request, &[("saved", view.t.saved)]);
    page(
        view,
        &gateway,
        &Form::default(),
        &FormErrors::default(),
        done,
    )
    .await
}

async fn page(
    view: &Viewer,
    gateway: &Gateway,
    form: &Form,
    wrong: &FormErrors,
    done: Option<&str>,
) -> Result<HttpResponse, Fault> {
    let (t, m) = (view.t, view.t.rules);
    let rates = gateway.finance().exchange_rates().await;
    let rates = rates.map_err(|trouble| view.trouble(&trouble))?;
    let fields = Fields { t, form, wrong };
    let today = gateway.now().date_naive().to_string();
    let body = html! {
        (shell::heading(m.exchange, Some(m.exchange_lead), &shell::nothing()))
        (show::done(done))
        section class="panel" {
            h2 { (m.exchange_new) }
            (fields.summary())
            form class="filters" method="post" action=(PATH) {
                (shell::token(view))
                (fields.line(t.money.day, "date", Input::Date, &today))
                (fields.line(m.one_of, "from", Input::Code, ""))
                (fields.line(m.is_worth, "to", Input::Code, gateway.reporting_currency().as_str()))
                (fields.line_with(m.rate, "rate", Input::Decimal, "", Some(&filled(t.such_as, &["0.0105"]))))
                button type="submit" { (t.keep) }
            }
            p class="hint" { (m.upsert_hint) }
        }
        @if rates.is_empty() { div class="empty" { h2 { (m.exchange_none) } p { (m.exchange_none_why) } } }
        @else { section class="panel" { (table(view, &rates)) } }
    };
    Ok(view.form_page(wrong, m.exchange, PATH, &body))
}

fn table(view: &Viewer, rates: &[ExchangeRate]) -> Markup {
    let (t, m) = (view.t, view.t.rules);
    show::table(
        m.exchange,
        &html! {
            thead { tr {
                th scope="col" { (t.money.day) } th scope="col" { (m.one_of) } th scope="col" class="figure" { (m.rate) } th scope="col" { (m.is_worth) }
            } }
            tbody {
                @for rate in rates.iter().take(SHOWN) {
                    tr {
                        th scope="row" { (view.locale().day(rate.day)) }
                        td data-label=(m.one_of) { (rate.from.as_str()) }
                        td class="figure first" data-label=(m.rate) { (view.locale().decimal(&rate.factor.to_decimal())) }
                        td data-label=(m.is_worth) { (rate.to.as_str()) }
                    }
                }
            }
        },
    )
}

pub async fn set(
    posted: Posted<SetsRules>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    let (view, form) = (&posted.signed.view, &posted.form);
    let mut wrong = FormErrors::default();
    let Some(rate) = read(view, form, &mut wrong) else {
        return page(view, &gateway, form, &wrong, None).await;
    };
    let put = gateway
        .finance()
        .put_exchange_rates(&[rate], &posted.signed.access().by)
        .await;
    put.map_err(|trouble| view.trouble(&trouble))?;
    Ok(view.go("/dashboard/exchange-rates?done=saved"))
}

fn read(view: &Viewer, form: &Form, wrong: &mut FormErrors) -> Option<ExchangeRate> {
    let t = view.t.faults;
    let day = wrong.day(view, "date", form);
    let from = wrong.currency(view, "from", form);
    let to = wrong.currency(view, "to", form);
    if from.is_some() && from == to {
        wrong.note("to", t.same_currency);
    }
    let text = wrong.decimal(view, "rate", form);
    let factor =
        text.and_then(|text| wrong.or_note("rate", Factor::parse(&text), |error| t.factor(&error)));
    let rate = ExchangeRate {
        day: day?,
        from: from?,
        to: to?,
        factor: factor?,
    };
    wrong.is_empty().then_some(rate)
}
