//! Tests of the page's files: what they load, and that all its words are in the table of each language.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Subject;
use crate::simulator::assets::{ASSETS, CSS, SCRIPT};
use crate::simulator::{Gateway, numbers};

fn file(path: &str) -> &'static str {
    let asset = ASSETS.iter().find(|asset| asset.path == path);
    asset.unwrap_or_else(|| panic!("{path}")).text
}

fn texts(language: &str) -> Map<String, Value> {
    serde_json::from_str(file(&format!("/texts/{language}.json"))).unwrap()
}

fn scripts() -> impl Iterator<Item = (&'static str, &'static str)> {
    let scripts = ASSETS.iter().filter(|asset| asset.kind == SCRIPT);
    scripts.map(|asset| (asset.path, asset.text))
}

/// The plural forms of a text, or the text alone.
fn forms(text: &Value) -> Vec<(&str, &str)> {
    match text {
        Value::String(text) => vec![("", text)],
        Value::Object(forms) => forms
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str().unwrap()))
            .collect(),
        other => panic!("{other}"),
    }
}

fn placeholders(text: &str) -> BTreeSet<&str> {
    let parts = text.split('{').skip(1);
    parts.map(|part| part.split_once('}').unwrap().0).collect()
}

/// String literals of a script, without those in comments.
fn literals(script: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in script.lines() {
        let line = line.trim_start();
        if line.starts_with("//")
            || line.starts_with("import ")
            || line.contains(".matchAll(")
            || line.contains("const parts = /")
        {
            continue;
        }
        for quote in ['"', '`'] {
            let parts: Vec<&str> = line.split(quote).collect();
            found.extend(parts.iter().skip(1).step_by(2).map(|&text| text.to_owned()));
        }
    }
    found
}

#[tokio::test]
async fn the_page_loads_nothing_from_other_hosts() {
    let subject = Subject::start_with(|options| {
        options.gateway = Some(Gateway {
            url: "http://127.0.0.1:8080".to_owned(),
            address: "127.0.0.1:8080".parse().unwrap(),
            api_key: "pin_of_the_sandbox".to_owned(),
        });
    });
    for asset in &ASSETS {
        let answer = subject
            .http
            .get(subject.url(asset.path))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{}", asset.path);
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        let is_page = asset.path == "/";
        assert_eq!(
            answer.headers().contains_key("content-security-policy"),
            is_page
        );
        let text = answer.text().await.unwrap();
        assert!(
            !text.contains("https://") && !text.contains("innerHTML"),
            "{}",
            asset.path
        );
    }
    let settings = subject.get("/settings").await;
    assert_eq!(settings["gateway_url"], "http://127.0.0.1:8080");
    assert_eq!(settings["numbers"].as_array().unwrap().len(), 13);
}

#[test]
fn both_languages_have_the_same_texts_placeholders_and_their_own_plural_forms() {
    let (english, russian) = (texts("en"), texts("ru"));
    let keys = |texts: &Map<String, Value>| texts.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&english), keys(&russian));
    let plural = [
        (&english, vec!["one", "other"]),
        (&russian, vec!["few", "many", "one", "other"]),
    ];
    for (texts, expected) in plural {
        for (key, text) in texts {
            let mut names: Vec<&str> = forms(text).iter().map(|form| form.0).collect();
            names.sort_unstable();
            assert!(names == [""] || names == expected, "{key}: {names:?}");
            assert!(
                forms(text).iter().all(|form| !form.1.trim().is_empty()),
                "{key}"
            );
        }
    }
    for (key, text) in &english {
        assert_eq!(text.is_string(), russian[key].is_string(), "{key}");
        let expected = placeholders(forms(text)[0].1);
        for (_, form) in forms(text).iter().chain(&forms(&russian[key])) {
            assert_eq!(placeholders(form), expected, "{key}");
        }
    }
    let is_cyrillic = |text: &str| text.chars().any(|c| ('а'..='я').contains(&c));
    assert!(!is_cyrillic(file("/texts/en.json")));
    // A sender's name, which Telegram does not translate.
    let untranslated = ["telegram_sender", "address_telegram"];
    for (key, text) in &russian {
        let translated = forms(text).iter().all(|form| is_cyrillic(form.1));
        assert!(translated || untranslated.contains(&key.as_str()), "{key}");
    }
}

#[test]
fn no_word_of_the_page_stands_outside_the_texts() {
    // Names of the product and of languages in themselves, symbols, and an address that is an example.
    let names = [
        "Pinroute",
        "EN",
        "RU",
        "English",
        "Русский",
        "Deutsch",
        "Español",
        "Français",
        "Italiano",
        "Қазақша",
        "Türkçe",
        "Oʻzbekcha",
        "your-site.example",
        "–",
        "◐",
        "▂▄▆ 5G",
    ];
    let html = file("/");
    let body = html.split_once("<body>").unwrap().1;
    for text in body
        .split('>')
        .skip(1)
        .filter_map(|part| part.split('<').next())
    {
        let text = text.trim();
        assert!(text.is_empty() || names.contains(&text), "{text}");
    }
    for attribute in [
        " title=\"",
        " alt=\"",
        " placeholder=\"",
        " aria-label=\"",
        " aria-description=\"",
    ] {
        for part in html.split(attribute).skip(1) {
            let value = part.split('"').next().unwrap();
            assert!(
                names.contains(&value) || value == "••••••",
                "{attribute}{value}"
            );
        }
    }
    // Words of protocols and of the configuration.
    let allowed = [
        "Accept",
        "Content-Type",
        "Retry-After",
        "Telegram",
        "SMS",
        "Pinroute",
        "Ed25519",
        "ArrowRight",
        "Home",
        "End",
        "curl -s ",
        "-H 'Content-Type",
        "-H 'Authorization: Bearer",
        "[data-",
        "https?",
        "[telegram]",
        "token    =",
        "base_url =",
        "name       =",
        "url        =",
        "json       =",
        "report     =",
        "prices     =",
    ];
    for (path, script) in scripts() {
        for literal in literals(script) {
            let literal = without_code(&literal);
            let starts_word = literal.chars().next().is_some_and(char::is_uppercase)
                && literal.chars().skip(1).any(char::is_lowercase);
            let has_phrase = literal
                .split(' ')
                .filter(|word| word.len() > 1 && word.chars().all(char::is_alphabetic))
                .count()
                > 1;
            let is_class = literal.split(' ').all(html_class);
            let known = allowed.iter().any(|allowed| literal.starts_with(allowed));
            assert!(
                !(starts_word || has_phrase && !is_class) || known,
                "{path}: {literal}"
            );
            assert!(
                !literal.chars().any(|c| ('а'..='я').contains(&c)),
                "{path}: {literal}"
            );
        }
    }
}

/// A template without the expressions in it.
fn without_code(literal: &str) -> String {
    let mut parts = literal.split("${");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once('}').map_or("", |(_, rest)| rest)
    })
}

/// Whether a word is the name of a class in the style sheets.
fn html_class(word: &str) -> bool {
    let styles = ASSETS.iter().filter(|asset| asset.kind == CSS);
    styles
        .into_iter()
        .any(|asset| asset.text.contains(&format!(".{word}")))
}

#[test]
fn every_text_that_the_page_asks_for_exists_and_every_text_is_used() {
    let english = texts("en");
    let mut used = BTreeSet::new();
    let html = file("/");
    for attribute in ["data-text=\"", "data-label=\"", "data-title=\""] {
        used.extend(
            html.split(attribute)
                .skip(1)
                .map(|part| part.split('"').next().unwrap().to_owned()),
        );
    }
    for key in &used {
        assert!(english.contains_key(key), "{key}");
    }
    for (path, script) in scripts() {
        for literal in script.split(" t(\"").chain(script.split("(t(\"")).skip(1) {
            let key = literal.split('"').next().unwrap();
            let is_whole = literal[key.len() + 1..].starts_with([')', ',']);
            assert!(
                !is_whole || key.contains('\n') || english.contains_key(key),
                "{path}: {key}"
            );
        }
    }
    let is_part = |c: char| c.is_alphanumeric() || "_.".contains(c);
    for key in english.keys() {
        let mentions = |script: &str| {
            script.match_indices(key.as_str()).any(|(at, _)| {
                !script[..at].ends_with(is_part) && !script[at + key.len()..].starts_with(is_part)
            })
        };
        if scripts().any(|(_, script)| mentions(script)) {
            used.insert(key.clone());
        }
    }
    for row in serde_json::to_value(numbers::table())
        .unwrap()
        .as_array()
        .unwrap()
    {
        for channel in ["telegram", "sms"] {
            let key = format!("magic_{channel}_{}", row[channel].as_str().unwrap());
            assert!(english.contains_key(&key), "{key}");
            used.insert(key);
        }
    }
    // Keys that are put together: events, states of costs and messages, claims, verdicts on the proof.
    let built = ["event_", "cost_", "message_", "claim_", "proof_"];
    for key in english.keys() {
        let is_built = built.iter().any(|prefix| key.starts_with(prefix))
            || key
                .strip_suffix("_of")
                .is_some_and(|key| used.contains(key));
        assert!(used.contains(key) || is_built, "{key} is not used");
    }
}

#[test]
fn the_timeline_knows_that_a_failed_verification_can_be_reopened() {
    assert!(texts("en").contains_key("event_verification.reopened"));
}
