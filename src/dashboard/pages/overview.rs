//! `/dashboard`: today compared with yesterday and last week at the same hour; charts of the last weeks; providers and budgets.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use maud::{Markup, html};

use crate::access::Right;
use crate::dashboard::frame::fault::Fault;
use crate::dashboard::frame::forms::Form;
use crate::dashboard::frame::rights::{Anyone, Signed};
use crate::dashboard::frame::shell;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::pages::parts::accounts::{difference, runway};
use crate::dashboard::pages::parts::charts::{Axis, Kind, Series, chart, float, units};
use crate::dashboard::pages::parts::figures::{
    amount, count, percent, seconds, share, sums, table, word,
};
use crate::dashboard::pages::parts::jobs::jobs;
use crate::dashboard::text::faults::filled;
use crate::gateway::{Balance, BudgetState, Gateway, ReportKind};
use crate::ledger::tally::QUARTER;
use crate::money::{Currency, Micros, Money};
use crate::reports::query::{Group, Query};
use crate::reports::table::Table;
use crate::verification::route::Channel;

pub const PATH: &str = "/dashboard";

/// Ranges of the charts, in days.
const RANGES: [u64; 3] = [7, 30, 90];

pub async fn show(
    signed: Signed<Anyone>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let view = &signed.view;
    if !signed.may(Right::Money) {
        return Ok(view.go("/dashboard/verifications"));
    }
    let t = view.t.money;
    let (now, access) = (gateway.now(), signed.access());
    let today = now.with_timezone(&view.zone).date_naive();
    let back = |days| today.checked_sub_days(Days::new(days)).unwrap_or(today);
    let asked = Form::parse(request.query_string())
        .text("days")
        .parse()
        .ok();
    let days = RANGES
        .into_iter()
        .find(|days| asked == Some(*days))
        .unwrap_or(30);
    let report = async |kind, from, groups, cut| {
        let currency = gateway.reporting_currency();
        let query = Query::new(Some(from), Some(today), view.zone, groups, currency, now);
        let mut query = query.expect("at most ninety days up to today are a valid range");
        query.cut = cut;
        let made = gateway.finance().report(&access, kind, query).await;
        made.map_err(|trouble| view.trouble(&trouble))
    };
    let hour = Hour::of(now, view);
    let figures = async |from, cut| {
        let by_channel = vec![Group::Day, Group::Channel];
        let costs = report(ReportKind::Costs, from, by_channel, cut).await?;
        let funnel = report(ReportKind::Conversion, from, vec![Group::Day], cut).await?;
        let both = costs.and_then(|costs| {
            Ok(Figures {
                costs,
                funnel: funnel?,
            })
        });
        Ok::<_, Fault>(both)
    };
    let so_far = figures(back(7), Some(hour.seconds)).await?;
    let history = figures(back(days - 1), None).await?;
    let health = report(ReportKind::Conversion, back(1), vec![Group::Provider], None).await?;
    let trouble = |trouble| view.trouble(&trouble);
    let balances = gateway.finance().explained_balances().await;
    let balances = balances.map_err(trouble)?;
    let budgets = gateway.finance().budgets(&access).await.map_err(trouble)?;
    let ranges = html! {
        nav class="ranges" aria-label=(t.range) {
            @for one in RANGES {
                a href=(format!("/dashboard?days={one}")) aria-current=[(one == days).then_some("true")] { (one) " " (view.locale().counted(one, t.day_forms)) }
            }
        }
    };
    let body = html! {
        (shell::heading(t.overview, Some(&filled(t.overview_lead, &[&hour.clock])), &shell::nothing()))
        @match (so_far, history) {
            (Ok(so_far), Ok(history)) => {
                (cards(view, &so_far, [today, back(1), back(7)]))
                (charts(view, &history, (back(days - 1), today), &ranges))
            },
            (Err(missing), _) | (_, Err(missing)) => p class="notice bad" role="alert" { (view.t.faults.missing(&missing, view.locale())) },
        }
        (jobs(view, &gateway))
        (providers(view, &gateway, &balances, health.ok().as_ref()))
        (brakes(view, &gateway, &budgets))
    };
    Ok(view.page(t.overview, PATH, &body))
}

/// The time of day up to which days are compared.
struct Hour {
    /// Since midnight, up to the end of the current quarter of an hour.
    seconds: i64,
    /// The same as a clock time.
    clock: String,
}

impl Hour {
    fn of(now: DateTime<Utc>, view: &Viewer) -> Self {
        let today = now.with_timezone(&view.zone).date_naive();
        let begun = crate::reports::calendar::midnight(today, view.zone);
        let since = (now.timestamp() - begun.timestamp()).div_euclid(QUARTER) * QUARTER + QUARTER;
        let end = begun + TimeDelta::seconds(since);
        Self {
            seconds: since,
            clock: if end.date_naive() > today {
                "24:00".to_owned()
            } else {
                end.format("%H:%M").to_string()
            },
        }
    }
}

/// The figures of days: costs by channel, and what became of verifications.
struct Figures {
    costs: Table,
    funnel: Table,
}

/// The figures of one or several days.
#[derive(Clone, Copy, Default)]
struct Sum {
    verifications: i64,
    approved: i64,
    /// Of the verifications, those of which nobody has said what was entered.
    unchecked: i64,
    by_telegram: i64,
    net: i64,
    sms: i64,
}

impl Sum {
    /// Sums the rows whose day fits.
    fn of(figures: &Figures, fits: impl Fn(&str) -> bool) -> Self {
        let mut sum = Self::default();
        let Figures {
            costs: report,
            funnel,
        } = figures;
        let rows = funnel.rows.iter();
        for row in rows.filter(|row| fits(word(funnel, row, "day"))) {
            sum.unchecked += count(funnel, row, "checked_by_host");
        }
        for row in &report.rows {
            if !fits(word(report, row, "day")) {
                continue;
            }
            let verifications = count(report, row, "verifications");
            sum.verifications += verifications;
            sum.approved += count(report, row, "approved");
            if word(report, row, "channel").parse().is_ok_and(is_telegram) {
                sum.by_telegram += verifications;
            }
            sum.net += amount(report, row, "net").0;
            sum.sms += amount(report, row, "sms_equivalent").0;
        }
        sum
    }

    fn approval(&self) -> Option<i64> {
        share(self.approved, self.verifications - self.unchecked)
    }

    fn telegram(&self) -> Option<i64> {
        share(self.by_telegram, self.verifications)
    }

    fn saved(&self) -> Micros {
        Micros(self.sms - self.net)
    }

    /// The figures of [`headlines`].
    fn figures(&self, view: &Viewer, currency: Currency) -> [Markup; 5] {
        let money = |amount| show::short(view, Money::new(amount, currency));
        let plain = |text: String| html! { (text) };
        [
            money(Micros(self.net)),
            plain(view.locale().count(self.verifications)),
            plain(percent(view, self.approval())),
            plain(percent(view, self.telegram())),
            money(self.saved()),
        ]
    }
}

/// Whether a channel counts towards the Telegram share. An exhaustive match, so the compiler asks about a new channel; the texts
/// `telegram_share` and `rates_by_day` name the share.
fn is_telegram(channel: Channel) -> bool {
    match channel {
        Channel::Telegram => true,
        Channel::Sms | Channel::Other(_) => false,
    }
}

fn headlines(view: &Viewer) -> [&'static str; 5] {
    let t = view.t;
    [
        t.money.spend,
        t.verifications,
        t.money.approval_rate,
        t.money.telegram_share,
        t.money.savings,
    ]
}

fn cards(view: &Viewer, figures: &Figures, days: [NaiveDate; 3]) -> Markup {
    let t = view.t.money;
    let [today, yesterday, week_ago] = days.map(|day| {
        let day = day.to_string();
        Sum::of(figures, |of| of == day).figures(view, figures.costs.currency)
    });
    html! {
        ul class="cards" {
            @for (place, name) in headlines(view).into_iter().enumerate() {
                li class="card" {
                    h2 { (name) }
                    p class="big" { (today[place]) }
                    dl {
                        div { dt { (t.yesterday) } dd { (yesterday[place]) } }
                        div { dt { (t.week_ago) } dd { (week_ago[place]) } }
                    }
                }
            }
        }
    }
}

fn charts(
    view: &Viewer,
    figures: &Figures,
    (from, to): (NaiveDate, NaiveDate),
    ranges: &Markup,
) -> Markup {
    let report = &figures.costs;
    let (t, currency) = (view.t.money, report.currency);
    let days: Vec<String> = from
        .iter_days()
        .take_while(|day| *day <= to)
        .map(|day| day.to_string())
        .collect();
    let of_day: Vec<Sum> = days
        .iter()
        .map(|day| Sum::of(figures, |of| of == day))
        .collect();
    let all = Sum::of(figures, |_| true);
    let length = u64::try_from(days.len()).unwrap_or_default();
    let forms = view.locale().counted(length, t.last_days);
    let heading = filled(forms, &[&length.to_string()]);
    let by_channel = |of: &dyn Fn(&[crate::reports::table::Cell]) -> f64| {
        Channel::ALL.map(|channel| {
            let value = |day: &String| {
                let rows = report.rows.iter().filter(|row| {
                    word(report, row, "day") == day
                        && word(report, row, "channel") == channel.as_str()
                });
                Some(rows.map(|row| of(row)).sum())
            };
            Series {
                label: channel.label().to_owned(),
                values: days.iter().map(value).collect(),
            }
        })
    };
    let lines = |label: &str, of: &dyn Fn(&Sum) -> Option<f64>| Series {
        label: label.to_owned(),
        values: of_day.iter().map(of).collect(),
    };
    let spend = by_channel(&|row| units(amount(report, row, "net")));
    let made = by_channel(&|row| float(count(report, row, "verifications")));
    let rates = [
        lines(t.approval_rate, &|sum| sum.approval().map(float)),
        lines(t.telegram_share, &|sum| sum.telegram().map(float)),
    ];
    let sms = [
        lines(view.column("sms_equivalent"), &|sum| {
            Some(units(Micros(sum.sms)))
        }),
        lines(view.column("net"), &|sum| Some(units(Micros(sum.net)))),
    ];
    let unit = currency.as_str();
    let axis = Axis::of(view, "day", &days, true);
    let panel = |name: &str, unit: &str, kind: Kind, series: &[Series], why: Option<&str>| {
        html! {
            section class="panel" {
                h3 { (name) " " span class="hint" { (unit) } }
                (chart(view, name, (kind, unit), &axis, series))
                @if let Some(why) = why { p class="hint" { (why) } }
            }
        }
    };
    if all.verifications == 0 && all.net == 0 {
        return html! {
            div class="heading" { h2 { (heading) } (ranges) }
            div class="panel empty" {
                h2 { (t.nothing_yet) }
                @if view.is_sandbox() { p { (t.seed_hint) } p { code { "pinroute seed --verifications 5000" } } }
                @else { p { (t.nothing_yet_why) } }
            }
        };
    }
    html! {
        div class="heading" { h2 { (heading) } (ranges) }
        (sums(headlines(view).into_iter().zip(all.figures(view, currency))))
        div class="two" {
            (panel(t.spend_by_day, unit, Kind::Bars, &spend, None))
            (panel(t.verifications_by_day, "", Kind::Bars, &made, None))
            (panel(t.against_sms, unit, Kind::Lines, &sms, Some(t.savings_why)))
            (panel(t.rates_by_day, "%", Kind::Lines, &rates, None))
        }
        details class="panel" { summary { (t.figures) } (table(view, report, t.figures)) }
    }
}

fn providers(
    view: &Viewer,
    gateway: &Gateway,
    balances: &[Balance],
    health: Option<&Table>,
) -> Markup {
    let today = view.today(gateway.now());
    let (t, pauses) = (view.t.money, gateway.pauses());
    let delivered = |provider: &str| {
        let report = health?;
        let mut rows = report.rows.iter();
        let row = rows.find(|row| word(report, row, "provider") == provider)?;
        let of = |stage| count(report, row, stage);
        let half = seconds(report, row, "delivered_p50");
        Some((share(of("delivered"), of("sent")), half))
    };
    html! {
        section class="panel" {
            h2 { (t.providers) }
            (show::table(t.providers, &html! {
                thead { tr {
                    th scope="col" { (view.t.provider) } th scope="col" { (t.state) }
                    @for name in [t.delivered_of, t.delivered_within, t.left, t.runway] { th scope="col" class="figure" { (name) } }
                } }
                tbody {
                    @for balance in balances {
                        @let pause = pauses.iter().find(|pause| pause.provider == balance.provider);
                        @let (delivered, half) = delivered(&balance.provider).unwrap_or_default();
                        tr {
                            th scope="row" { (balance.provider) }
                            td data-label=(t.state) {
                                @match pause {
                                    Some(pause) => (show::state("bad", &filled(t.paused_until, &[&pause.until.with_timezone(&view.zone).format("%H:%M:%S").to_string()]))),
                                    None => (show::state("good", t.healthy)),
                                }
                                @if balance.is_low() { " " (show::state("bad", t.low)) }
                            }
                            td class="figure" data-label=(t.delivered_of) { (percent(view, delivered)) }
                            td class="figure" data-label=(t.delivered_within) { @match half { Some(half) => (view.locale().seconds(half)), None => "—" } }
                            td class="figure first" data-label=(t.left) {
                                (show::short(view, Money::new(balance.left(), balance.currency)))
                                @if balance.drift().is_some_and(|drift| drift != Micros::ZERO) { (difference(view, balance)) }
                            }
                            td class="figure" data-label=(t.runway) { (runway(view, balance, today, false)) }
                        }
                    }
                }
            }))
        }
    }
}

fn brakes(view: &Viewer, gateway: &Gateway, budgets: &[BudgetState]) -> Markup {
    html! {
        @if !budgets.is_empty() {
            section class="panel" {
                h2 { (view.t.money.budgets) }
                ul class="meters" { @for state in budgets { li { (crate::dashboard::pages::rules::budgets::meter(view, gateway, state)) } } }
            }
        }
    }
}
