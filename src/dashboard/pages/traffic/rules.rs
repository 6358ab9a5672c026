//! The guard's rules on its page, with what they came to and the buttons that switch them; and the ranges that are blocked now.

use maud::{Markup, html};

use crate::abuse::guard::rules::{Mode, Rule};
use crate::access::Right;
use crate::dashboard::frame::fields::act_on;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::pages::parts::guard as words;
use crate::dashboard::text::faults::filled;
use crate::gateway::{Decided, Gateway, GuardOutcomes, OpenBlock, RuleOutcome, Sequel};
use crate::money::Money;

use super::scope::{PATH, Scope};

/// Amounts, one per currency.
pub fn money(view: &Viewer, sums: &[Money]) -> Markup {
    html! {
        @if sums.is_empty() { span class="none" { "—" } }
        @for sum in sums { div { (show::short(view, *sum)) } }
    }
}

pub fn table(view: &Viewer, gateway: &Gateway, scope: &Scope, outcomes: &GuardOutcomes) -> Markup {
    let (t, m) = (view.t, view.t.guard);
    let (may_switch, has_money) = (view.may(Right::Rules), view.may(Right::Money));
    let buttons = if scope.project.is_empty() {
        m.in_all.to_owned()
    } else {
        filled(m.in_one, &[&scope.project])
    };
    let none = RuleOutcome::default();
    html! {
        section class="panel wraps" {
            h2 { (m.rules) }
            p class="hint" { (m.rules_lead) @if may_switch { " " (buttons) } }
            (show::table(m.rules, &html! {
                thead { tr {
                    th scope="col" { (m.rule) } th scope="col" { (m.mode) }
                    th scope="col" { (m.did) } th scope="col" { (m.would) }
                    th scope="col" class="figure" { (show::term(m.people, m.people_why)) }
                    @if has_money { th scope="col" class="figure" { (m.spent) } th scope="col" class="figure" { (m.wasted) } }
                    @if may_switch { th scope="col" { span class="unseen" { (m.mode) } } }
                } }
                tbody {
                    @for rule in words::RULES {
                        @let outcome = outcomes.rules.get(&rule).unwrap_or(&none);
                        tr {
                            th scope="row" { a href=(scope.decisions(&[("rule", rule.as_str())])) { (words::rule(t, rule)) } }
                            td class="first" data-label=(m.mode) { (modes(view, gateway, scope, rule)) }
                            td data-label=(m.did) { (stopped(view, &outcome.enforced)) }
                            td data-label=(m.would) { (stopped(view, &outcome.in_shadow)) }
                            (people(view, &outcome.sequel))
                            @if has_money {
                                td class="figure" data-label=(m.spent) { (money(view, &outcome.sequel.spent)) }
                                td class="figure" data-label=(m.wasted) { (money(view, &outcome.sequel.wasted)) }
                            }
                            @if may_switch { td class="acts pairs" { (switches(view, gateway, scope, rule)) } }
                        }
                    }
                }
            }))
        }
    }
}

/// How many verifications were approved later, of how many.
pub fn people(view: &Viewer, sequel: &Sequel) -> Markup {
    let count = |value| view.locale().count(value);
    html! {
        td class="figure" data-label=(view.t.guard.people) {
            @if sequel.verifications == 0 { span class="none" { "—" } }
            @else { (count(sequel.approved)) " / " (count(sequel.verifications)) }
        }
    }
}

fn stopped(view: &Viewer, decided: &Decided) -> Markup {
    let m = view.t.guard;
    let parts = [
        (m.of_challenge, decided.challenged),
        (m.of_deny, decided.denied),
    ];
    html! {
        @if decided.stopped() == 0 { span class="none" { "—" } }
        @for (words, count) in parts.into_iter().filter(|(_, count)| *count > 0) {
            div { (filled(words, &[&view.locale().count(count)])) }
        }
    }
}

/// The rule's modes, each with how many of the projects have it.
fn counts(gateway: &Gateway, scope: &Scope, rule: Rule) -> [(Mode, usize); 3] {
    Mode::ALL.map(|mode| {
        let projects = scope.projects.iter();
        let count = projects
            .filter(|one| gateway.directory().policy(one.id).guard.mode(rule) == mode)
            .count();
        (mode, count)
    })
}

fn modes(view: &Viewer, gateway: &Gateway, scope: &Scope, rule: Rule) -> Markup {
    let all = scope.projects.len();
    let counts = counts(gateway, scope, rule);
    let shown = counts.into_iter().rev().filter(|(_, count)| *count > 0);
    html! {
        @for (mode, count) in shown {
            @let tone = match mode { Mode::On => "good", Mode::Shadow => "wait", Mode::Off => "off" };
            @let name = words::mode(view.t, mode);
            div {
                @if count == all { (show::state(tone, name)) }
                @else { (show::state(tone, &filled(view.t.guard.mode_of, &[name, &count.to_string(), &all.to_string()]))) }
            }
        }
    }
}

fn switches(view: &Viewer, gateway: &Gateway, scope: &Scope, rule: Rule) -> Markup {
    let m = view.t.guard;
    let name = words::rule(view.t, rule);
    let counts = counts(gateway, scope, rule);
    let is_all = |mode| {
        let count = counts.iter().find(|(one, _)| *one == mode);
        count.is_some_and(|(_, count)| *count == scope.projects.len())
    };
    let hidden = scope.hidden();
    let button = |mode: Mode, words| {
        let path = format!("{}/rules/{}/{}", PATH, rule.as_str(), mode.as_str());
        act_on(view, &path, (words, name), &hidden)
    };
    html! {
        @if !is_all(Mode::On) { (button(Mode::On, m.enforce)) }
        @if !is_all(Mode::Shadow) { (button(Mode::Shadow, m.to_shadow)) }
    }
}

pub fn blocks(view: &Viewer, gateway: &Gateway, scope: &Scope, blocks: &[OpenBlock]) -> Markup {
    let (t, m) = (view.t, view.t.guard);
    let hidden = scope.hidden();
    html! {
        section class="panel" {
            h2 { (m.blocks) }
            @if blocks.is_empty() { p class="hint" { (m.blocks_none) } }
            @else {
                p class="hint" { (m.blocks_lead) }
                (show::table(m.blocks, &html! {
                    thead { tr {
                        th scope="col" { (m.range) } th scope="col" { (t.project) } th scope="col" { (m.level) } th scope="col" { (m.until) }
                        @if view.may(Right::Rules) { th scope="col" { span class="unseen" { (m.unblock) } } }
                    } }
                    tbody { @for block in blocks { (block_row(view, gateway, scope, block, &hidden)) } }
                }))
            }
        }
    }
}

fn block_row(
    view: &Viewer,
    gateway: &Gateway,
    scope: &Scope,
    block: &OpenBlock,
    hidden: &[(&str, &str)],
) -> Markup {
    let (t, m) = (view.t, view.t.guard);
    let project = gateway.directory().project_name(block.project);
    let project = project.unwrap_or_default();
    let range = block.range.as_deref();
    let level = match block.level {
        0 | 1 => m.level_1,
        2 => m.level_2,
        _ => m.level_3,
    };
    let of = format!("{}, {project}", range.unwrap_or(m.range_unknown));
    let end = format!("{}/blocks/{}/end", PATH, block.id());
    html! {
        tr {
            th scope="row" {
                @match range {
                    Some(range) => a class="number" href=(scope.decisions(&[("prefix", range)])) { (range) },
                    None => (m.range_unknown),
                }
            }
            td data-label=(t.project) { (project) }
            td class="first" data-label=(m.level) { (level) }
            td data-label=(m.until) { (show::minute(view, block.until)) }
            @if view.may(Right::Rules) { td class="acts" { (act_on(view, &end, (m.unblock, &of), hidden)) } }
        }
    }
}
