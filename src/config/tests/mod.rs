//! What an operator may write, and the faults and warnings about it: helpers here, a file per subject.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

mod defaults;
mod guard;
mod layers;
mod policy;
mod sandbox;
mod secrets;
mod sms;
mod telemetry;
mod values;

use super::*;
use crate::channels::sms::http::{self, Body, Method};
use crate::channels::sms::twilio;
use crate::channels::{Account, Configured, telegram};
use crate::money::{Currency, Micros, Money};
use crate::verification::budget::{Budget, Period};
use crate::verification::phone::Country;
use crate::verification::policy::Quota;
use crate::verification::route::Channel;

/// The bytes 0 to 31.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

const PROVIDER: &str = r#"
[[sms.providers]]
name = "main"
kind = "http"
url = "https://sms.example/send"
json = { to = "{to}", text = "{text}" }
prices = { UZ = "0.05", "*" = "0.08" }
currency = "USD"
"#;

const FILES: [(&str, &str); 4] = [
    ("/run/token", "tok-from-file\r\n"),
    ("/run/key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"),
    ("/run/header", "Bearer from-file\n"),
    ("/run/empty", "\n"),
];

fn read_file(path: &Path) -> io::Result<String> {
    let found = FILES.iter().find(|(name, _)| Path::new(name) == path);
    found
        .map(|(_, content)| (*content).to_owned())
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}

fn load_both(file: &str, env: &[(&str, &str)]) -> Result<Loaded, Vec<Fault>> {
    let env = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load(Some(("pinroute.toml", file)), env, &read_file)
}

fn settings(file: &str) -> Settings {
    with_env(file, &[])
}

fn with_env(file: &str, env: &[(&str, &str)]) -> Settings {
    let loaded = load_both(file, env).unwrap_or_else(|faults| panic!("{faults:#?}"));
    assert_eq!(unmeant(&loaded), Vec::<&String>::new());
    loaded.settings
}

/// The warnings, but not those of the hosts of these examples.
fn unmeant(loaded: &Loaded) -> Vec<&String> {
    let warnings = loaded.warnings.iter();
    warnings
        .filter(|warning| !warning.contains("is an example"))
        .collect()
}

fn faults(file: &str) -> Vec<String> {
    faults_with(file, &[])
}

fn faults_with(file: &str, env: &[(&str, &str)]) -> Vec<String> {
    match load_both(file, env) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

/// The one fault, which begins with `start` and holds each of `parts`.
#[track_caller]
fn one_fault(file: &str, env: &[(&str, &str)], start: &str, parts: &[&str]) {
    let faults = faults_with(file, env);
    let [fault] = faults.as_slice() else {
        panic!("{file}\n{env:?}\n{faults:#?}");
    };
    assert!(fault.starts_with(start), "{fault}");
    for part in parts {
        assert!(fault.contains(part), "{part:?} is not in: {fault}");
    }
}

fn provider(replace: &str, by: &str) -> String {
    assert!(PROVIDER.contains(replace), "{replace}");
    PROVIDER.replace(replace, by)
}

fn country(code: &str) -> Country {
    code.parse().unwrap()
}

fn telegram(settings: &Settings) -> Option<(&Account, &telegram::Settings)> {
    settings
        .providers
        .iter()
        .find_map(|provider| Some((&provider.account, provider.settings()?)))
}

/// The accounts for SMS.
fn sms(settings: &Settings) -> Vec<&Configured> {
    let carries_sms = |provider: &&Configured| provider.account.channel == Channel::Sms;
    settings.providers.iter().filter(carries_sms).collect()
}

fn http(settings: &Settings) -> &http::Settings {
    let first = sms(settings)[0];
    first.settings().expect("it is written as http")
}
