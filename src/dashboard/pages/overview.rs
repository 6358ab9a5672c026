//! `/dashboard`: today beside yesterday and last week, thirty days as charts, and how the providers are.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::Days;
use maud::{Markup, html};

use super::figures::{Series, amount, chart, count, grouped, short, table, units, word};
use crate::dashboard::access::{Anyone, Right, Signed};
use crate::dashboard::fault::Fault;
use crate::dashboard::shell::{self, Section};
use crate::dashboard::text::money::MoneyTexts;
use crate::gateway::{Balance, BudgetState, Gateway, ReportKind};
use crate::money::{Currency, Micros, Money};
use crate::reports::query::{Group, Query};
use crate::reports::table::Table;

/// What one day shows.
#[derive(Clone, Copy, Default)]
struct Day {
    verifications: i64,
    approved: i64,
    by_telegram: i64,
    net: i64,
    sms: i64,
}

impl Day {
    fn share(part: i64, of: i64) -> Option<i64> {
        (of > 0).then(|| (part * 100 + of / 2) / of)
    }
}

pub async fn show(
    signed: Signed<Anyone>,
    gateway: web::Data<Gateway>,
    _: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let view = &signed.view;
    if !signed.may(Right::Money) {
        return Ok(view.go("/dashboard/verifications"));
    }
    let t = view.t.money;
    let currency = gateway.reporting_currency();
    let groups = vec![Group::Day, Group::Channel];
    let query = Query::new(None, None, chrono_tz::UTC, groups, currency, gateway.now())
        .expect("the last thirty days are in order");
    let (from, today) = (query.from, query.to);
    let access = signed.access();
    let made = gateway.report(&access, ReportKind::Costs, query).await;
    let made = made.map_err(|trouble| view.trouble(&trouble))?;
    let balances = gateway
        .balances()
        .await
        .map_err(|trouble| view.trouble(&trouble))?;
    let budgets = gateway
        .budgets(&access)
        .await
        .map_err(|trouble| view.trouble(&trouble))?;
    let body = html! {
        (shell::heading(t.overview, Some(t.overview_lead), &shell::nothing()))
        @match made {
            Err(missing) => p class="notice bad" role="alert" { (missing.to_string()) },
            Ok(report) => {
                (cards(t, &report, today, currency))
                (charts(t, &report, from, today, currency))
            },
        }
        (providers(t, &gateway, &balances))
        (brakes(t, &gateway, &budgets))
    };
    Ok(view.page(t.overview, Section::Overview, &body))
}

/// How a day's figure is written.
type Figure<'a> = Box<dyn Fn(&Day) -> String + 'a>;

fn of_day(report: &Table, day: chrono::NaiveDate) -> Day {
    let mut sum = Day::default();
    let day = day.to_string();
    for row in report
        .rows
        .iter()
        .filter(|row| word(report, row, "day") == day)
    {
        let verifications = count(report, row, "verifications");
        sum.verifications += verifications;
        sum.approved += count(report, row, "approved");
        if word(report, row, "channel") == "telegram" {
            sum.by_telegram += verifications;
        }
        sum.net += amount(report, row, "net").0;
        sum.sms += amount(report, row, "sms_equivalent").0;
    }
    sum
}

fn cards(t: &MoneyTexts, report: &Table, today: chrono::NaiveDate, currency: Currency) -> Markup {
    let back = |days| today.checked_sub_days(Days::new(days)).unwrap_or(today);
    let days = [today, back(1), back(7)].map(|day| of_day(report, day));
    let money =
        |day: &Day, of: fn(&Day) -> i64| format!("{} {currency}", short(Micros(of(day)), currency));
    let percent =
        |share: Option<i64>| share.map_or_else(|| "—".to_owned(), |share| format!("{share} %"));
    let figures: [(&str, Figure<'_>); 5] = [
        (t.spend, Box::new(|day| money(day, |day| day.net))),
        (t.verifications, Box::new(|day| grouped(day.verifications))),
        (
            t.approval_rate,
            Box::new(|day| percent(Day::share(day.approved, day.verifications))),
        ),
        (
            t.telegram_share,
            Box::new(|day| percent(Day::share(day.by_telegram, day.verifications))),
        ),
        (
            t.savings,
            Box::new(|day| money(day, |day| day.sms - day.net)),
        ),
    ];
    html! {
        ul class="cards" {
            @for (name, figure) in &figures {
                li class="card" {
                    h2 { (name) }
                    p class="big" { (figure(&days[0])) }
                    dl {
                        div { dt { (t.yesterday) } dd { (figure(&days[1])) } }
                        div { dt { (t.week_ago) } dd { (figure(&days[2])) } }
                    }
                    @if *name == t.savings { p class="hint" { (t.savings_why) } }
                }
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a chart is not exact")]
fn charts(
    t: &MoneyTexts,
    report: &Table,
    from: chrono::NaiveDate,
    to: chrono::NaiveDate,
    currency: Currency,
) -> Markup {
    let days: Vec<String> = from
        .iter_days()
        .take_while(|day| *day <= to)
        .map(|day| day.to_string())
        .collect();
    let by_channel =
        |channel: &str, of: &dyn Fn(&[crate::reports::table::Cell]) -> f64| -> Vec<f64> {
            let value = |day: &String| {
                let rows = report.rows.iter().filter(|row| {
                    word(report, row, "day") == day && word(report, row, "channel") == channel
                });
                rows.map(|row| of(row)).sum()
            };
            days.iter().map(value).collect()
        };
    let net = |row: &[crate::reports::table::Cell]| units(amount(report, row, "net"));
    let made = |row: &[crate::reports::table::Cell]| count(report, row, "verifications") as f64;
    let both = |of: &dyn Fn(&[crate::reports::table::Cell]) -> f64| {
        [("Telegram", "telegram"), ("SMS", "sms")].map(|(label, channel)| Series {
            label: label.to_owned(),
            values: by_channel(channel, of),
        })
    };
    html! {
        div class="two" {
            section class="panel" {
                h2 { (t.spend_by_day) " " span class="hint" { (currency.as_str()) } }
                (chart(t.spend_by_day, "bars", currency.as_str(), &days, &both(&net)))
            }
            section class="panel" {
                h2 { (t.verifications_by_day) }
                (chart(t.verifications_by_day, "bars", "", &days, &both(&made)))
            }
        }
        details class="panel" { summary { (t.figures) } (table(t, report, t.spend_by_day)) }
    }
}

fn providers(t: &MoneyTexts, gateway: &Gateway, balances: &[Balance]) -> Markup {
    let pauses = gateway.pauses();
    html! {
        section class="panel" {
            h2 { (t.providers) }
            div class="scroll" tabindex="0" role="region" aria-label=(t.providers) {
                table class="figures" {
                    thead { tr { th scope="col" { (t.provider) } th scope="col" {} th scope="col" class="figure" { (t.balances) } th scope="col" class="figure" { (t.runway) } } }
                    tbody {
                        @for balance in balances {
                            @let paused = pauses.iter().any(|pause| pause.provider == balance.provider);
                            @let left = balance.reported.unwrap_or(balance.computed);
                            tr {
                                th scope="row" { (balance.provider) }
                                td {
                                    @if paused { span class="badge bad" { (t.paused) } } @else { span class="badge good" { (t.healthy) } }
                                    @if balance.threshold.is_some_and(|least| left < least) { " " span class="badge bad" { (t.low) } }
                                }
                                td class="figure" { (short(left, balance.currency)) " " (balance.currency.as_str()) }
                                td class="figure" { @match balance.runway_days { Some(days) => { (days.to_string()) " " (t.days) }, None => "—" } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn brakes(t: &MoneyTexts, gateway: &Gateway, budgets: &[BudgetState]) -> Markup {
    html! {
        @if !budgets.is_empty() {
            section class="panel" {
                h2 { (t.budgets) }
                ul class="meters" { @for state in budgets { li { (meter(t, gateway, state)) } } }
            }
        }
    }
}

/// How much of a budget is used.
pub fn meter(t: &MoneyTexts, gateway: &Gateway, state: &BudgetState) -> Markup {
    let budget = &state.budget;
    let used = Micros(state.spent.0.saturating_add(state.reserved.0));
    let name = gateway
        .directory()
        .project_name(state.project)
        .unwrap_or_default();
    let period = super::figures::name(t, budget.period.as_str());
    let country = budget
        .country
        .map(|country| format!(" · {country}"))
        .unwrap_or_default();
    let limit = budget.limit;
    html! {
        div class="meter" {
            span { (name) " · " (period) (country) }
            meter min="0" max=(limit.amount.0) value=(used.0.min(limit.amount.0)) low=(limit.amount.0 / 2) high=(limit.amount.0 / 5 * 4) optimum="0" aria-label=(name) {}
            span class="figure" { (Money::new(used, limit.currency).decimal()) " / " (limit.decimal()) " " (limit.currency.as_str()) }
        }
    }
}
