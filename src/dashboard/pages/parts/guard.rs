//! The guard's decisions in words, and the buttons that let something through or block it.

use maud::{Markup, html};

use crate::abuse::guard::cells::Cell;
use crate::abuse::guard::rules::{Mode, Rule};
use crate::abuse::guard::verdict::{Fired, Outcome, Window};
use crate::access::Right;
use crate::dashboard::frame::fields::act_on;
use crate::dashboard::frame::show;
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::text::Texts;
use crate::dashboard::text::faults::filled;
use crate::gateway::{Decision, Gateway, On};

/// How long an entry lasts that a click makes.
const DAYS: &str = "30";

/// The rules that can fire. That by autonomous system has no database to ask yet.
pub const RULES: [Rule; 9] = [
    Rule::UnverifiedCountry,
    Rule::UnverifiedPrefix,
    Rule::UnverifiedIp,
    Rule::UnverifiedNetwork,
    Rule::CountriesPerIp,
    Rule::Velocity,
    Rule::LineType,
    Rule::Listed,
    Rule::Monitored,
];

pub fn rule(t: &Texts, rule: Rule) -> &'static str {
    let m = t.guard;
    match rule {
        Rule::UnverifiedCountry => m.rule_country,
        Rule::UnverifiedPrefix => m.rule_prefix,
        Rule::UnverifiedIp => m.rule_ip,
        Rule::UnverifiedNetwork => m.rule_network,
        Rule::UnverifiedAsn => m.rule_asn,
        Rule::CountriesPerIp => m.rule_countries,
        Rule::Velocity => m.rule_velocity,
        Rule::LineType => m.rule_line,
        Rule::Listed => m.rule_listed,
        Rule::Monitored => m.rule_monitored,
    }
}

pub fn mode(t: &Texts, mode: Mode) -> &'static str {
    match mode {
        Mode::Off => t.guard.mode_off,
        Mode::Shadow => t.guard.mode_shadow,
        Mode::On => t.guard.mode_on,
    }
}

pub fn outcome_name(t: &Texts, outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allow => t.guard.allow,
        Outcome::Challenge => t.guard.challenge,
        Outcome::Deny => t.guard.deny,
    }
}

pub fn outcome(t: &Texts, outcome: Outcome) -> Markup {
    let tone = match outcome {
        Outcome::Allow => "off",
        Outcome::Challenge => "wait",
        Outcome::Deny => "bad",
    };
    show::state(tone, outcome_name(t, outcome))
}

/// What was to be sent.
pub fn on(t: &Texts, on: On) -> &'static str {
    match on {
        On::Create => t.guard.on_create,
        On::Resend => t.guard.on_resend,
        On::Fallback => t.guard.on_fallback,
    }
}

/// Why it was decided so: a sentence for each rule that fired.
pub fn reasons(view: &Viewer, decision: &Decision) -> Markup {
    let m = view.t.guard;
    html! {
        ul class="reasons" {
            @for fired in &decision.rules {
                li {
                    (why(view, decision, fired))
                    @if fired.mode != Mode::On {
                        " " span class="hint" { "(" (mode(view.t, fired.mode)) ": " (would(view.t, fired.effect)) ")" }
                    }
                }
            }
        }
        @if decision.is_owner { p class="hint" { (m.owner) } }
    }
}

fn would(t: &Texts, effect: Outcome) -> &'static str {
    if effect == Outcome::Deny {
        t.guard.would_deny
    } else {
        t.guard.would_challenge
    }
}

/// One rule's reason, as a sentence without its full stop.
fn why(view: &Viewer, decision: &Decision, fired: &Fired) -> String {
    let (m, locale) = (view.t.guard, view.locale());
    let [value, limit] = [fired.value, fired.threshold].map(|count| locale.count(count.into()));
    let counted = |forms| locale.counted(fired.value.into(), forms);
    let country = || {
        let code = decision.facts.cells.country.to_string();
        locale.country(&code).map_or(code, str::to_owned)
    };
    let window = match fired.window {
        Window::Hour => m.hours_1,
        Window::Day | Window::Block | Window::Now => m.hours_24,
    };
    match fired.rule {
        Rule::LineType => m.why_line.to_owned(),
        Rule::Listed => m.why_listed.to_owned(),
        Rule::Monitored => m.why_monitored.to_owned(),
        Rule::CountriesPerIp => filled(counted(m.why_countries), &[&value, &limit]),
        Rule::Velocity => filled(counted(m.why_velocity), &[&value, &country(), &limit]),
        _ if fired.window == Window::Block => filled(m.why_block, &[&decision.prefix]),
        _ => {
            let place = match fired.cell {
                Cell::Country(_) => filled(m.to_country, &[&country()]),
                Cell::Prefix(_) | Cell::Number | Cell::Host(_) => {
                    filled(m.to_range, &[&decision.prefix])
                }
                Cell::Ip(_) => m.from_address.to_owned(),
                Cell::Network(_) => m.from_network.to_owned(),
                Cell::Asn(_) => m.from_asn.to_owned(),
            };
            filled(counted(m.why_unverified), &[&value, &place, window, &limit])
        }
    }
}

/// Buttons that add an entry to the lists for the decision's range, and for its number if its verification was kept. Nothing without
/// the right.
pub fn buttons(view: &Viewer, gateway: &Gateway, decision: &Decision) -> Markup {
    if !view.may(Right::Rules) {
        return html! {};
    }
    let m = view.t.guard;
    let project = gateway
        .directory()
        .project_name(decision.facts.cells.project);
    let project = project.unwrap_or_default();
    let verification = decision.verification.map(|id| id.to_string());
    let note = note(view, decision);
    let of = format!("{}, {}", decision.prefix, decision.id);
    let add = |list: &str, what: &str, name: &str| {
        let value = if what == "prefix" {
            &decision.prefix
        } else {
            ""
        };
        let hidden = [
            ("project", project.as_str()),
            ("kind", list),
            ("match", what),
            ("value", value),
            ("verification", verification.as_deref().unwrap_or_default()),
            ("days", DAYS),
            ("note", note.as_str()),
        ];
        let path = crate::dashboard::pages::traffic::lists::PATH;
        act_on(view, path, (name, &of), &hidden)
    };
    html! {
        (add("allow", "prefix", m.allow_range)) (add("block", "prefix", m.block_range))
        @if verification.is_some() { (add("allow", "number", m.allow_number)) (add("block", "number", m.block_number)) }
    }
}

/// What the entry says about where it comes from: the day, the person, the rules. No number.
fn note(view: &Viewer, decision: &Decision) -> String {
    let day = decision.at.with_timezone(&view.zone).date_naive();
    let who = view.user.as_ref().map_or("", |user| user.email.as_str());
    let mut rules: Vec<&str> = Vec::new();
    for fired in &decision.rules {
        let name = fired.rule.as_str();
        if !rules.contains(&name) {
            rules.push(name);
        }
    }
    let values = [&view.locale().day(day), who, &rules.join(", ")];
    let text = filled(view.t.guard.one_click_note, &values);
    text.chars()
        .take(crate::abuse::lists::LONGEST_NOTE)
        .collect()
}
