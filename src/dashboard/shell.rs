//! The frame of every page: banner, navigation, account menu, and the page in its midst.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::assets::{address, icon};
use super::forms::TOKEN;
use super::show;
use super::text::{Language, Texts};
use super::view::{Theme, View};
use crate::access::{Right, may};
use crate::gateway::User;

/// A place in the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Overview,
    Verifications,
    Conversion,
    Costs,
    Balances,
    Ledger,
    Budgets,
    Rates,
    Exchange,
    Keys,
    Webhooks,
    Users,
}

/// A word in the page's language.
type Title = fn(&Texts) -> &'static str;

/// The navigation in its order: groups, and what stands in them. A new page is a line here.
const NAVIGATION: &[(Title, &[Section])] = &[
    (|_| "", &[Section::Overview]),
    (
        |t| t.group_traffic,
        &[Section::Verifications, Section::Conversion],
    ),
    (
        |t| t.group_money,
        &[Section::Costs, Section::Balances, Section::Ledger],
    ),
    (
        |t| t.group_rules,
        &[Section::Budgets, Section::Rates, Section::Exchange],
    ),
    (
        |t| t.group_access,
        &[Section::Keys, Section::Webhooks, Section::Users],
    ),
];

impl Section {
    fn right(self) -> Right {
        match self {
            Self::Overview | Self::Conversion | Self::Costs | Self::Balances => Right::Money,
            Self::Verifications => Right::Verifications,
            Self::Ledger => Right::Ledger,
            Self::Budgets | Self::Rates | Self::Exchange => Right::Rules,
            Self::Keys | Self::Webhooks => Right::Keys,
            Self::Users => Right::Users,
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Overview => "/dashboard",
            Self::Verifications => "/dashboard/verifications",
            Self::Conversion => "/dashboard/conversion",
            Self::Costs => "/dashboard/costs",
            Self::Balances => "/dashboard/balances",
            Self::Ledger => "/dashboard/ledger",
            Self::Budgets => "/dashboard/budgets",
            Self::Rates => "/dashboard/rates",
            Self::Exchange => "/dashboard/exchange-rates",
            Self::Keys => "/dashboard/keys",
            Self::Webhooks => "/dashboard/webhooks",
            Self::Users => "/dashboard/users",
        }
    }

    fn name(self, t: &Texts) -> &'static str {
        match self {
            Self::Overview => t.money.overview,
            Self::Verifications => t.verifications,
            Self::Conversion => t.money.conversion,
            Self::Costs => t.money.costs,
            Self::Balances => t.money.balances,
            Self::Ledger => t.ledger,
            Self::Budgets => t.money.budgets,
            Self::Rates => t.manage.rates,
            Self::Exchange => t.manage.exchange,
            Self::Keys => t.manage.keys,
            Self::Webhooks => t.manage.webhooks,
            Self::Users => t.users,
        }
    }

    /// Strokes in a square of 24.
    fn icon(self) -> &'static str {
        match self {
            Self::Overview => "M4 4h7v9H4zM13 4h7v5h-7zM13 11h7v9h-7zM4 15h7v5H4z",
            Self::Verifications => "M12 3l7 3v5c0 4.5-3 8-7 10-4-2-7-5.500-7-10V6zM9 12l2 2 4-4",
            Self::Conversion => "M3 5h18l-7 8v6l-4 2v-8z",
            Self::Costs => "M4 20V4M4 20h16M8 16v-5M12 16V7M16 16v-8",
            Self::Balances => {
                "M3 7h16a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2zM3 7l12-4v4M16 13h2"
            }
            Self::Ledger => "M6 3h12v18l-3-2-3 2-3-2-3 2zM9 8h6M9 12h6",
            Self::Budgets => "M12 3a9 9 0 1 0 9 9M12 3v9h9M16 3.600a9 9 0 0 1 4.400 4.400",
            Self::Rates => "M4 4h7l9 9-7 7-9-9zM8 8h.01",
            Self::Exchange => "M4 8h14l-4-4M20 16H6l4 4",
            Self::Keys => "M8 15a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 11h9M18 11v4M15 11v2",
            Self::Webhooks => "M4 12h4l3-7 3 14 3-7h3",
            Self::Users => {
                "M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM3 20c0-3.500 2.500-5.500 6-5.500s6 2 6 5.500M16 4.500a3.500 3.500 0 0 1 0 6M18 15c2 .8 3 2.500 3 5"
            }
        }
    }
}

pub fn render(view: &View, title: &str, section: Option<Section>, body: &Markup) -> Markup {
    let t = view.t;
    let theme = Some(view.theme.as_str()).filter(|_| view.theme != Theme::Auto);
    html! {
        (DOCTYPE)
        html lang=(view.language.as_str()) data-theme=[theme] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " · Pinroute" }
                link rel="icon" href=(icon());
                link rel="stylesheet" href=(address("dashboard.css"));
                link rel="stylesheet" href=(address("uplot.css"));
                script src=(address("uplot.js")) defer {}
                script src=(address("charts.js")) defer {}
                script src=(address("dashboard.js")) defer {}
            }
            body class=[view.user.is_none().then_some("plain")] {
                a class="skip" href="#main" { (t.skip) }
                @if view.sandbox {
                    aside class="banner" aria-label=(t.sandbox) { strong { (t.sandbox) } " " span { (t.sandbox_means) } }
                }
                @if let Some(user) = &view.user {
                    div class="frame" {
                        (top(view, user))
                        (navigation(t, user, section))
                        main id="main" tabindex="-1" { (body) }
                    }
                } @else {
                    main id="main" tabindex="-1" { (body) }
                    footer class="foot" { (preferences(view)) }
                }
            }
        }
    }
}

fn brand() -> Markup {
    html! {
        svg class="logo" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true" {
            rect width="32" height="32" rx="9" {}
            path d="M9 20c0-6 14-2 14-9" {}
            circle cx="9" cy="22" r="3" {}
            circle cx="23" cy="10" r="3" {}
        }
        span { "Pinroute" }
    }
}

/// Above a page that is shown to somebody who is not signed in.
pub fn mark() -> Markup {
    html! { p class="brand" { (brand()) } }
}

fn top(view: &View, user: &User) -> Markup {
    let t = view.t;
    html! {
        header class="top" {
            a class="brand" href="/dashboard" { (brand()) }
            div class="tools" {
                details class="account" {
                    summary {
                        span class="unseen" { (t.account) }
                        span class="initial" aria-hidden="true" { (user.email.chars().next().unwrap_or('?').to_uppercase()) }
                        span class="who" { (user.email) }
                    }
                    div class="sheet" {
                        p class="name" { (user.email) }
                        p class="hint" { (show::role(t, user.role)) }
                        (preferences(view))
                        p { a href="/dashboard/account" { (t.settings) } }
                        form method="post" action="/dashboard/sign-out" {
                            (token(view))
                            button type="submit" class="quiet wide" { (t.sign_out) }
                        }
                    }
                }
            }
        }
    }
}

fn navigation(t: &Texts, user: &User, current: Option<Section>) -> Markup {
    html! {
        nav class="side" aria-label=(t.navigation) {
            @for (name, sections) in NAVIGATION {
                @let seen: Vec<Section> = sections.iter().copied().filter(|section| may(user.role, section.right())).collect();
                @if !seen.is_empty() {
                    @let id = format!("group-{}", seen[0].path().rsplit('/').next().unwrap_or_default());
                    div class="group" {
                        @if !name(t).is_empty() { p id=(id) { (name(t)) } }
                        ul aria-labelledby=[(!name(t).is_empty()).then_some(&id)] {
                            @for section in seen {
                                li {
                                    a href=(section.path()) aria-current=[(current == Some(section)).then_some("page")] {
                                        (strokes(section.icon()))
                                        span { (section.name(t)) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn strokes(path: &str) -> Markup {
    html! { svg class="icon" viewBox="0 0 24 24" width="18" height="18" aria-hidden="true" { path d=(path) {} } }
}

/// Zones that are offered; any other IANA zone can be typed.
pub const ZONES: [&str; 12] = [
    "UTC",
    "Asia/Tashkent",
    "Asia/Almaty",
    "Asia/Tbilisi",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Europe/Moscow",
    "Europe/Istanbul",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Los_Angeles",
];

/// Language, colours and, for who is signed in, the time zone; as forms, so that they work without script.
fn preferences(view: &View) -> Markup {
    let t = view.t;
    let back = view.address.as_deref().unwrap_or("/dashboard");
    html! {
        form class="preferences" method="post" action="/dashboard/preferences" {
            (token(view))
            input type="hidden" name="back" value=(back);
            fieldset {
                legend { (t.language) }
                @for language in Language::ALL {
                    button type="submit" name="language" value=(language.as_str()) lang=(language.as_str())
                        aria-pressed=(language == view.language) { (language.own_name()) }
                }
            }
            fieldset {
                legend { (t.colours) }
                @for theme in Theme::ALL {
                    button type="submit" name="theme" value=(theme.as_str()) aria-pressed=(theme == view.theme) {
                        @match theme {
                            Theme::Auto => (t.theme_auto),
                            Theme::Light => (t.theme_light),
                            Theme::Dark => (t.theme_dark),
                        }
                    }
                }
            }
        }
        @if view.user.is_some() {
            form class="preferences" method="post" action="/dashboard/preferences" {
                (token(view))
                input type="hidden" name="back" value=(back);
                label { span { (t.zone) } input type="text" name="tz" value=(view.zone.name()) list="zones" autocomplete="off" spellcheck="false"; }
                button type="submit" { (t.keep) }
                datalist id="zones" { @for zone in ZONES { option value=(zone) {} } }
            }
        }
    }
}

/// Without it no form is taken.
pub fn token(view: &View) -> Markup {
    html! { input type="hidden" name=(TOKEN) value=(view.token); }
}

/// The head of a page: its title, and what can be done there.
pub fn heading(title: &str, lead: Option<&str>, actions: &Markup) -> Markup {
    html! {
        div class="heading" {
            div {
                h1 { (title) }
                @if let Some(lead) = lead { p class="lead" { (lead) } }
            }
            div class="actions" { (actions) }
        }
    }
}

/// Nothing to add.
pub fn nothing() -> Markup {
    PreEscaped(String::new())
}
