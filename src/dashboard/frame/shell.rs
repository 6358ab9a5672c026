//! The layout of every page: banner, navigation, account menu, content.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::forms::TOKEN;
use super::sections::Section;
use super::show;
use super::viewer::{Theme, Viewer};
use crate::access::may;
use crate::dashboard::assets::{address, icon};
use crate::dashboard::text::Language;
use crate::gateway::User;

pub fn render(view: &Viewer, title: &str, section: Option<&str>, body: &Markup) -> Markup {
    let t = view.t;
    let theme = Some(view.theme.as_str()).filter(|_| view.theme != Theme::Auto);
    html! {
        (DOCTYPE)
        html lang=(view.language.code) data-theme=[theme] {
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
                @if let Some(phones) = &view.options.sandbox {
                    aside class="banner" aria-label=(t.sandbox) {
                        strong { (t.sandbox) } " " span { (t.sandbox_means) } " " a href=(phones) { (t.sandbox_phones) }
                    }
                }
                @if let Some(user) = &view.user {
                    div class="frame" {
                        (top(view, user))
                        (navigation(view, user, section))
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

/// The logo on pages for visitors who are not signed in.
pub fn mark() -> Markup {
    html! { p class="brand" { (brand()) } }
}

fn top(view: &Viewer, user: &User) -> Markup {
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

fn navigation(view: &Viewer, user: &User, current: Option<&str>) -> Markup {
    let t = view.t;
    html! {
        nav class="side" aria-label=(t.navigation) {
            @for group in view.sections.chunk_by(|one, next| one.group == next.group) {
                @let seen: Vec<&Section> = group.iter().filter(|section| may(user.role, section.right)).collect();
                @if let Some(first) = seen.first() {
                    @let name = first.group.title(t);
                    @let id = format!("group-{}", first.path.rsplit('/').next().unwrap_or_default());
                    div class="group" {
                        @if !name.is_empty() { p id=(id) { (name) } }
                        ul aria-labelledby=[(!name.is_empty()).then_some(&id)] {
                            @for section in seen {
                                li {
                                    a href=(section.path) aria-current=[(current == Some(section.path)).then_some("page")] {
                                        (strokes(section.icon))
                                        span { ((section.title)(t)) }
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

/// Suggested time zones; any other IANA zone can be typed.
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

/// Language, colours and, for signed-in users, the time zone. Plain forms, which work without script.
fn preferences(view: &Viewer) -> Markup {
    let t = view.t;
    let back = view.address.as_deref().unwrap_or("/dashboard");
    html! {
        form class="preferences" method="post" action="/dashboard/preferences" {
            (token(view))
            input type="hidden" name="back" value=(back);
            fieldset {
                legend { (t.language) }
                @for language in Language::ALL {
                    button type="submit" name="language" value=(language.code) lang=(language.code)
                        aria-pressed=(language == view.language) { (language.own_name) }
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

/// The form token; forms without it are rejected.
pub fn token(view: &Viewer) -> Markup {
    html! { input type="hidden" name=(TOKEN) value=(view.token); }
}

/// The head of a page: title, lead and actions.
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

/// Empty markup, for headings without actions.
pub fn nothing() -> Markup {
    PreEscaped(String::new())
}
