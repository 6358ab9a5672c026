//! The ranges of numbers on the guard's page: what was decided about them, and what became of their verifications.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::access::Right;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::pages::parts::charts::{Series, float};
use crate::gateway::{Gateway, GuardOutcomes, RangeOutcome};

use super::rules::{money, people};
use super::scope::Scope;

/// Decisions over time about the ranges with most; `places` periods.
pub fn series(outcomes: &GuardOutcomes, places: usize) -> Vec<Series> {
    let mut all: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (place, range, count) in &outcomes.by_range {
        let own = all.entry(range).or_insert_with(|| vec![0; places]);
        if let Some(sum) = own.get_mut(*place) {
            *sum += count;
        }
    }
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.iter().sum::<i64>()));
    let all = all.into_iter();
    all.map(|(name, counts)| Series {
        label: name.to_owned(),
        values: counts.into_iter().map(|count| Some(float(count))).collect(),
    })
    .collect()
}

pub fn table(view: &Viewer, gateway: &Gateway, scope: &Scope, ranges: &[RangeOutcome]) -> Markup {
    let m = view.t.guard;
    let has_money = view.may(Right::Money);
    html! {
        section class="panel wraps" {
            h2 { (m.ranges) }
            @if ranges.is_empty() { p class="hint" { (m.none) "." } }
            @else {
                p class="hint" { (m.ranges_lead) }
                (show::table(m.ranges, &html! {
                    thead { tr {
                        th scope="col" { (m.range) }
                        @for name in [m.challenge, m.deny, m.in_shadow] { th scope="col" class="figure" { (name) } }
                        th scope="col" class="figure" { (show::term(m.people, m.people_why)) }
                        @if has_money { th scope="col" class="figure" { (m.spent) } th scope="col" class="figure" { (m.wasted) } }
                        th scope="col" class="figure" { (show::term(m.now, m.now_why)) }
                    } }
                    tbody { @for one in ranges { (row(view, gateway, scope, one)) } }
                }))
            }
        }
    }
}

fn row(view: &Viewer, gateway: &Gateway, scope: &Scope, one: &RangeOutcome) -> Markup {
    let m = view.t.guard;
    let count = |value: i64| view.locale().count(value);
    let on = &one.on;
    let code = on.country.to_string();
    let project = gateway.directory().project_name(on.project);
    let project = project.filter(|_| scope.is_mixed());
    let decided = [
        (m.challenge, on.decided.challenged),
        (m.deny, on.decided.denied),
        (m.in_shadow, on.decided.allowed),
    ];
    html! {
        tr {
            th scope="row" {
                a class="number" href=(scope.decisions(&[("prefix", &on.prefix)])) { (on.prefix) }
                p class="hint" { (view.locale().country(&code).unwrap_or(&code)) @if let Some(project) = project { " · " (project) } }
            }
            @for (place, (name, value)) in decided.into_iter().enumerate() {
                td class=(if place == 0 { "figure first" } else { "figure" }) data-label=(name) { (count(value)) }
            }
            (people(view, &one.sequel))
            @if view.may(Right::Money) {
                td class="figure" data-label=(m.spent) { (money(view, &one.sequel.spent)) }
                td class="figure" data-label=(m.wasted) { (money(view, &one.sequel.wasted)) }
            }
            td class="figure" data-label=(m.now) {
                @match &one.now {
                    Some(now) => { (count(now.unverified_day.into())) " / " (count(now.verified_day.into())) },
                    None => span class="none" { "—" },
                }
            }
        }
    }
}
