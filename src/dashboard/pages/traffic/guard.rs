//! `/dashboard/guard`: sends, approvals and spend by country and range over time with what the guard stopped; its rules, with what they
//! stopped or would have stopped, in money and in people; and the ranges that are blocked now.

use std::collections::{BTreeMap, HashMap};

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use maud::{Markup, html};

use crate::access::Right;
use crate::dashboard::frame::fault::Fault;
use crate::dashboard::frame::rights::{SeesVerifications, Signed};
use crate::dashboard::frame::shell;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::pages::parts::charts::{Axis, Kind, Series, chart, float, spending};
use crate::dashboard::pages::parts::figures::{amount, count, percent, share, sums, word};
use crate::dashboard::pages::parts::filters::{Asked, asked};
use crate::dashboard::text::faults::filled;
use crate::gateway::{Decided, Gateway, GuardOutcomes, ReportKind};
use crate::money::{Micros, Money};
use crate::reports::query::{Group, Query};
use crate::reports::table::Table;

use super::scope::{PATH, Scope};
use super::{ranges, rules};

/// Countries that have a line of their own.
const LINES: usize = 5;

/// What the page shows.
struct Seen {
    query: Query,
    /// What the time is grouped by.
    across: Group,
    /// The periods, as the reports label them.
    x: Vec<String>,
    funnel: Option<Table>,
    /// `None`: the viewer may not see money, or an exchange rate is missing.
    costs: Option<Table>,
    /// Why there is no money.
    missing: Option<String>,
    outcomes: GuardOutcomes,
}

async fn look(
    signed: &Signed<SeesVerifications>,
    gateway: &Gateway,
    mut query: Query,
) -> Result<Seen, Fault> {
    let view = &signed.view;
    let trouble = |trouble| view.trouble(&trouble);
    let across = if query.from == query.to {
        Group::Hour
    } else {
        Group::Day
    };
    query.groups = vec![across, Group::Country];
    let (_, periods) = query.wanted(&[], true);
    let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    let bounds: Vec<(DateTime<Utc>, DateTime<Utc>)> = periods
        .iter()
        .map(|period| (at(period.starts_at), at(period.ends_at)))
        .collect();
    let project = query.project.map(crate::verification::id::ProjectId);
    let outcomes = gateway.verify().guard_outcomes(project, &bounds).await;
    let (finance, access) = (gateway.finance(), signed.access());
    let funnel = finance.report(&access, ReportKind::Conversion, query.clone());
    let funnel = funnel.await.map_err(trouble)?.ok();
    let (mut costs, mut missing) = (None, None);
    if signed.may(Right::Money) {
        let report = finance.report(&access, ReportKind::Costs, query.clone());
        match report.await.map_err(trouble)? {
            Ok(table) => costs = Some(table),
            Err(rates) => missing = Some(view.t.faults.missing(&rates, view.locale())),
        }
    }
    Ok(Seen {
        x: periods.iter().map(|period| period.label(across)).collect(),
        query,
        across,
        funnel,
        costs,
        missing,
        outcomes: outcomes.map_err(trouble)?,
    })
}

pub async fn show(
    signed: Signed<SeesVerifications>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Fault> {
    let view = &signed.view;
    let m = view.t.guard;
    let groups = [Group::Day, Group::Country];
    let asked = asked(view, &gateway, request.query_string(), &groups);
    let done = show::was_done(
        &request,
        &[
            ("on", m.switched_on),
            ("shadow", m.switched_back),
            ("partly", m.partly),
            ("unblocked", m.unblocked),
            ("over", m.not_blocked),
        ],
    );
    let seen = match asked.query.clone() {
        Some(query) => Some(look(&signed, &gateway, query).await?),
        None => None,
    };
    let has_money = signed.may(Right::Money);
    let body = html! {
        (shell::heading(m.guard, Some(m.guard_lead), &shell::nothing()))
        (show::done(done))
        (asked.show_ungrouped(view, &gateway, PATH, has_money))
        @if let Some(seen) = &seen { (sections(view, &gateway, &asked, seen).await?) }
    };
    Ok(view.form_page(&asked.wrong, m.guard, PATH, &body))
}

async fn sections(
    view: &Viewer,
    gateway: &Gateway,
    asked: &Asked,
    seen: &Seen,
) -> Result<Markup, Fault> {
    let project = seen.query.project.map(crate::verification::id::ProjectId);
    let blocks = gateway.verify().blocks(project).await;
    let blocks = blocks.map_err(|trouble| view.trouble(&trouble))?;
    let scope = Scope::of(gateway, asked.project(), &seen.query);
    let countries = by_country(seen);
    let m = view.t.guard;
    let since = seen.outcomes.since;
    Ok(html! {
        @if let Some(words) = &seen.missing { p class="notice bad" role="alert" { (words) } }
        @if let Some(since) = since {
            @let at = view.locale().minute(&since.with_timezone(&view.zone));
            p class="notice wait" { (filled(m.cut, &[&at])) }
        }
        @if seen.outcomes.summed_up > 0 {
            @let count = view.locale().count(seen.outcomes.summed_up);
            p class="notice wait" { (filled(m.summed_up, &[&count])) }
        }
        (rules::blocks(view, gateway, &scope, &blocks))
        @if countries.is_empty() { div class="panel empty" { h2 { (view.t.money.nothing_yet) } p { (m.none_why) } } }
        @else {
            (totals(view, seen, &countries))
            (charts(view, gateway, seen, &countries))
            section class="panel wraps" { h2 { (m.countries) } (table(view, seen, &scope, &countries)) }
        }
        (rules::table(view, gateway, &scope, &seen.outcomes))
        (ranges::table(view, gateway, &scope, &seen.outcomes.ranges))
    })
}

/// The figures of one country, or of all.
#[derive(Clone, Copy, Default)]
struct Figures {
    requested: i64,
    sent: i64,
    approved: i64,
    /// Of the requested, those of which nobody has said what was entered.
    unchecked: i64,
    net: Micros,
    decided: Decided,
}

impl Figures {
    fn approval(&self) -> Option<i64> {
        share(self.approved, self.requested - self.unchecked)
    }

    fn add(&mut self, other: &Self) {
        self.requested += other.requested;
        self.sent += other.sent;
        self.approved += other.approved;
        self.unchecked += other.unchecked;
        self.net = Micros(self.net.0.saturating_add(other.net.0));
        let decided = &mut self.decided;
        decided.allowed += other.decided.allowed;
        decided.challenged += other.decided.challenged;
        decided.denied += other.decided.denied;
    }
}

/// The figures of each country in each period, by their place on the axis.
type ByCountry = BTreeMap<String, BTreeMap<usize, Figures>>;

fn by_country(seen: &Seen) -> ByCountry {
    let mut all = ByCountry::new();
    let across = seen.across.as_str();
    let labels = seen.x.iter().enumerate();
    let places: HashMap<&str, usize> = labels.map(|(place, x)| (x.as_str(), place)).collect();
    let place = |table: &Table, row: &[_]| places.get(word(table, row, across)).copied();
    if let Some(table) = &seen.funnel {
        for row in &table.rows {
            let Some(place) = place(table, row) else {
                continue;
            };
            let own = all.entry(word(table, row, "country").to_owned());
            let figures = own.or_default().entry(place).or_default();
            figures.requested += count(table, row, "requested");
            figures.sent += count(table, row, "sent");
            figures.approved += count(table, row, "approved");
            figures.unchecked += count(table, row, "checked_by_host");
        }
    }
    if let Some(table) = &seen.costs {
        for row in &table.rows {
            let Some(place) = place(table, row) else {
                continue;
            };
            let own = all.entry(word(table, row, "country").to_owned());
            let net = &mut own.or_default().entry(place).or_default().net;
            *net = Micros(net.0.saturating_add(amount(table, row, "net").0));
        }
    }
    for one in &seen.outcomes.by_country {
        let own = all.entry(one.country.to_string()).or_default();
        let figures = Figures {
            decided: one.decided,
            ..Figures::default()
        };
        own.entry(one.period).or_default().add(&figures);
    }
    all
}

fn sum<'a>(all: impl IntoIterator<Item = &'a Figures>) -> Figures {
    let mut sum = Figures::default();
    for figures in all {
        sum.add(figures);
    }
    sum
}

/// Countries by how much was requested there, or stopped; most first.
fn in_order(countries: &ByCountry) -> Vec<(&str, Figures)> {
    let mut all: Vec<_> = countries
        .iter()
        .map(|(name, places)| (name.as_str(), sum(places.values())))
        .collect();
    let weight = |figures: &Figures| figures.requested + figures.decided.stopped();
    all.sort_by_key(|(_, figures)| std::cmp::Reverse(weight(figures)));
    all
}

fn totals(view: &Viewer, seen: &Seen, countries: &ByCountry) -> Markup {
    let (t, m) = (view.t, view.t.guard);
    let all = sum(countries.values().flat_map(BTreeMap::values));
    let plain = |value: i64| html! { (view.locale().count(value)) };
    let mut figures = vec![
        (m.requested, plain(all.requested)),
        (
            t.money.approval_rate,
            html! { (percent(view, all.approval())) },
        ),
    ];
    if let Some(costs) = &seen.costs {
        let net = show::short(view, Money::new(all.net, costs.currency));
        figures.push((t.money.spend, net));
    }
    figures.extend([
        (m.challenge, plain(all.decided.challenged)),
        (m.deny, plain(all.decided.denied)),
        (m.in_shadow, plain(all.decided.allowed)),
    ]);
    sums(figures)
}

fn charts(view: &Viewer, gateway: &Gateway, seen: &Seen, countries: &ByCountry) -> Markup {
    let (t, m) = (view.t, view.t.guard);
    let today = view.today(gateway.now());
    let is_open = seen.query.to >= today && seen.across == Group::Day;
    let axis = Axis::of(view, seen.across.as_str(), &seen.x, is_open);
    let mut of_place = vec![Figures::default(); seen.x.len()];
    for (place, figures) in countries.values().flatten() {
        if let Some(sum) = of_place.get_mut(*place) {
            sum.add(figures);
        }
    }
    let series = |label: &str, of: &dyn Fn(&Figures) -> i64| Series {
        label: label.to_owned(),
        values: of_place.iter().map(|one| Some(float(of(one)))).collect(),
    };
    let made = [
        series(t.approved, &|one| one.approved),
        series(m.not_approved, &|one| one.requested - one.approved),
    ];
    let decided = [
        series(m.challenge, &|one| one.decided.challenged),
        series(m.deny, &|one| one.decided.denied),
        series(m.in_shadow, &|one| one.decided.allowed),
    ];
    let order = in_order(countries);
    let asked_for = order.iter().filter(|(_, figures)| figures.requested > 0);
    let shares: Vec<Series> = asked_for
        .take(LINES)
        .map(|(name, _)| {
            let value = |place| countries.get(*name)?.get(&place)?.approval();
            Series {
                label: country_name(view, name),
                values: (0..seen.x.len())
                    .map(|place| value(place).map(float))
                    .collect(),
            }
        })
        .collect();
    let ranges = ranges::series(&seen.outcomes, seen.x.len());
    let panel = |name: &str, unit: &str, kind: Kind, series: &[Series]| {
        html! {
            @if !series.is_empty() {
                section class="panel" { h3 { (name) } (chart(view, name, (kind, unit), &axis, series)) }
            }
        }
    };
    html! {
        div class="two" {
            (panel(m.by_day, "", Kind::Bars, &made))
            (panel(m.decided_by_day, "", Kind::Bars, &decided))
            (panel(m.share_by_country, "%", Kind::Lines, &shares))
            @if let Some(costs) = &seen.costs { (spending(view, &seen.query, costs, today)) }
            (panel(m.ranges_by_day, "", Kind::Bars, &ranges))
        }
    }
}

fn country_name(view: &Viewer, code: &str) -> String {
    match view.locale().country(code) {
        Some(name) => name.to_owned(),
        None if code.is_empty() => "—".to_owned(),
        None => code.to_owned(),
    }
}

fn table(view: &Viewer, seen: &Seen, scope: &Scope, countries: &ByCountry) -> Markup {
    let (t, m) = (view.t, view.t.guard);
    let figure = |value: i64| view.locale().count(value);
    let currency = seen.costs.as_ref().map(|costs| costs.currency);
    let heads = [m.challenge, m.deny, m.in_shadow];
    show::table(
        m.countries,
        &html! {
            thead { tr {
                th scope="col" { (t.country) }
                @for name in [m.requested, t.sent, t.approved] { th scope="col" class="figure" { (name) } }
                @if currency.is_some() { th scope="col" class="figure" { (t.money.spend) } }
                @for name in heads { th scope="col" class="figure" { (name) } }
            } }
            tbody {
                @for (name, one) in in_order(countries) {
                    tr {
                        th scope="row" { a href=(scope.decisions(&[("country", name)])) { (country_name(view, name)) } }
                        td class="figure first" data-label=(m.requested) { (figure(one.requested)) }
                        td class="figure" data-label=(t.sent) { (figure(one.sent)) }
                        td class="figure" data-label=(t.approved) { (figure(one.approved)) p class="hint" { (percent(view, one.approval())) } }
                        @if let Some(currency) = currency {
                            td class="figure" data-label=(t.money.spend) { (show::short(view, Money::new(one.net, currency))) }
                        }
                        @for (name, value) in heads.into_iter().zip([one.decided.challenged, one.decided.denied, one.decided.allowed]) {
                            td class="figure" data-label=(name) { (figure(value)) }
                        }
                    }
                }
            }
        },
    )
}
