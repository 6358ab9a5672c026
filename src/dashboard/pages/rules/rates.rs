//! `/dashboard/rates`: the expected price of messages from a given day on, and the form to add one.

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
use crate::gateway::{Account, Gateway};
use crate::ledger::rates::{Rate, Unit};
use crate::locale::numbers::Decimals;
use crate::money::{Micros, Money};
use crate::verification::phone::Country;
use crate::verification::route::Channel;

pub const PATH: &str = "/dashboard/rates";

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
    let rates = gateway.finance().rates().await;
    let rates = rates.map_err(|trouble| view.trouble(&trouble))?;
    let fields = Fields { t, form, wrong };
    let body = html! {
        (shell::heading(m.rates, Some(m.rates_lead), &shell::nothing()))
        (show::done(done))
        section class="panel" { h2 { (m.rate_new) } (new(view, gateway, fields)) }
        section class="panel" { (card(view, gateway, &rates)) }
    };
    Ok(view.form_page(wrong, m.rates, PATH, &body))
}

fn new(view: &Viewer, gateway: &Gateway, fields: Fields<'_>) -> Markup {
    let (t, m) = (view.t, view.t.rules);
    let accounts: Vec<_> = gateway
        .finance()
        .accounts()
        .map(|account| {
            let words = format!("{} ({})", account.provider, account.currency);
            (account.provider.to_owned(), words)
        })
        .collect();
    let usual = (String::new(), m.unit_usual.to_owned());
    let units = Unit::ALL.map(|unit| (unit.as_str().to_owned(), unit_name(view, unit).to_owned()));
    let units: Vec<_> = std::iter::once(usual).chain(units).collect();
    html! {
        (fields.summary())
        form class="filters" method="post" action=(PATH) {
            (shell::token(view))
            (fields.line(m.from_date, "from_date", Input::Date, &gateway.now().date_naive().to_string()))
            (fields.choice(t.provider, "provider", &accounts, ""))
            (fields.line_with(t.country, "country", Input::Code, "", Some(m.country_or_rest)))
            (fields.choice(m.unit, "unit", &units, ""))
            (fields.line(m.price, "amount", Input::Decimal, ""))
            button type="submit" { (t.keep) }
        }
        p class="hint" { (m.upsert_hint) }
    }
}

fn unit_name(view: &Viewer, unit: Unit) -> &'static str {
    match unit {
        Unit::Message => view.t.rules.unit_message,
        Unit::Segment => view.t.rules.unit_segment,
    }
}

/// The rates, followed by the configured prices, which apply before the first rate.
fn card(view: &Viewer, gateway: &Gateway, rates: &[Rate]) -> Markup {
    let (t, m) = (view.t, view.t.rules);
    let accounts: Vec<Account<'_>> = gateway.finance().accounts().collect();
    let digits: Decimals = accounts
        .iter()
        .flat_map(|account| configured(account).into_iter().map(|(_, price)| price))
        .chain(rates.iter().map(|rate| rate.price))
        .collect();
    show::table(
        m.rates,
        &html! {
            thead { tr {
                th scope="col" { (t.channel) } th scope="col" { (t.provider) } th scope="col" { (t.country) }
                th scope="col" { (m.from_date) } th scope="col" class="figure" { (m.price) } th scope="col" { (m.unit) }
            } }
            tbody {
                @for rate in rates {
                    (row(view, rate.channel, &rate.provider, rate.country, &view.locale().day(rate.from), rate.price, (rate.unit, digits.of(rate.price.currency))))
                }
                @for account in &accounts {
                    @for (country, price) in configured(account) {
                        (row(view, account.channel, account.provider, country, m.configured, price, (account.unit, digits.of(price.currency))))
                    }
                }
            }
        },
    )
}

fn configured(account: &Account<'_>) -> Vec<(Option<Country>, Money)> {
    let prices = account.prices;
    let own = prices.by_country.iter();
    own.map(|(country, price)| (Some(*country), *price))
        .chain(prices.rest.map(|price| (None, price)))
        .map(|(country, price)| (country, Money::new(price, account.currency)))
        .collect()
}

fn row(
    view: &Viewer,
    channel: Channel,
    provider: &str,
    country: Option<Country>,
    from: &str,
    price: Money,
    (unit, digits): (Unit, usize),
) -> Markup {
    let t = view.t;
    html! {
        tr {
            th scope="row" { (show::channel(channel)) }
            td data-label=(t.provider) { (provider) }
            td data-label=(t.country) { @match country { Some(country) => (show::country(view, &country.to_string())), None => { (t.rules.rest_of_world) " " span class="hint" { "*" } } } }
            td data-label=(t.rules.from_date) { (from) }
            td class="figure first" data-label=(t.rules.price) { (show::rounded(view, price, digits)) }
            td data-label=(t.rules.unit) { (unit_name(view, unit)) }
        }
    }
}

pub async fn set(
    posted: Posted<SetsRules>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    let (view, form) = (&posted.signed.view, &posted.form);
    let mut wrong = FormErrors::default();
    if let Some(rate) = read(view, &gateway, form, &mut wrong) {
        let put = gateway
            .finance()
            .put_rates(std::slice::from_ref(&rate), &posted.signed.access().by)
            .await;
        match put.map_err(|trouble| view.trouble(&trouble))? {
            Ok(()) => return Ok(view.go("/dashboard/rates?done=saved")),
            Err(fault) => wrong.note(fault.field, view.t.faults.rate(&fault.problem)),
        }
    }
    page(view, &gateway, form, &wrong, None).await
}

fn read(view: &Viewer, gateway: &Gateway, form: &Form, wrong: &mut FormErrors) -> Option<Rate> {
    let t = view.t.faults;
    let mut accounts = gateway.finance().accounts();
    let account = accounts.find(|account| account.provider == form.text("provider"));
    if account.is_none() {
        wrong.note("provider", t.choose);
    }
    let from = wrong.day(view, "from_date", form);
    let country = match form.text("country") {
        "*" => Some(None),
        "" => {
            wrong.note("country", t.required);
            None
        }
        code => {
            let read = Country::existing(&code.to_ascii_uppercase());
            let read = wrong.or_note("country", read, |_| filled(t.not_a_country, &[code]));
            read.map(Some)
        }
    };
    let unit = match form.text("unit") {
        "" => account.as_ref().map(|account| account.unit),
        name => Unit::parse(name),
    };
    if unit.is_none() && account.is_some() {
        wrong.note("unit", t.choose);
    }
    let amount = wrong.amount(view, "amount", form);
    if amount.is_some_and(|amount| amount < Micros::ZERO) {
        wrong.note("amount", t.negative);
    }
    let account = account?;
    let rate = Rate {
        from: from?,
        channel: account.channel,
        provider: account.provider.to_owned(),
        country: country?,
        unit: unit?,
        price: Money::new(amount?, account.currency),
    };
    wrong.is_empty().then_some(rate)
}
