//! What is reached by HTTP: the providers' accounts, and this server itself by its public URL.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::finding::Finding;
use crate::app::{self, on_this_machine};
use crate::channels::transport::{self, HttpClient};
use crate::channels::{Examined, Provider};
use crate::clock::Clock;
use crate::config::Settings;
use crate::reader::url;
use crate::secret::Vault;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// `Date` has whole seconds, and is old by the time that the answer takes.
const MOST_SKEW_SECONDS: i64 = 10;

pub(super) async fn providers(
    settings: &Settings,
    sandbox: bool,
    clock: &Clock,
    findings: &mut Vec<Finding>,
) {
    const CHECK: &str = "provider";
    if sandbox {
        return findings.push(Finding::skipped(CHECK, "simulated in the sandbox"));
    }
    let client = match HttpClient::new() {
        Ok(client) => client,
        Err(error) => return findings.push(Finding::fault(CHECK, error.to_string(), "")),
    };
    let mut told = None;
    for provider in app::providers(settings, &client) {
        let provider: Arc<dyn Provider> = provider;
        let name = provider.name();
        let (examined, date) = provider.examine().await;
        told = told.or(date);
        findings.push(match examined {
            Examined::Accepted => Finding::ok(CHECK, format!("{name} accepts the account")),
            Examined::Reached => Finding::ok(
                CHECK,
                format!("{name} is reached; only a message shows whether it accepts the account"),
            ),
            Examined::Refused(mend) => {
                Finding::fault(CHECK, format!("{name} refuses the account"), mend)
            }
            Examined::Unclear(said) => Finding::warning(
                CHECK,
                format!("{name}: {said}"),
                "look at the provider's status page, and at the account",
            ),
            Examined::Away(said) => Finding::fault(
                CHECK,
                format!("{name} is not reached: {said}"),
                "check its URL, DNS, the firewall and the way out",
            ),
        });
    }
    findings.extend(told.map(|date| world_clock(date, clock.now())));
}

/// This machine's clock against a provider's.
fn world_clock(theirs: DateTime<Utc>, now: DateTime<Utc>) -> Finding {
    const CHECK: &str = "world_clock";
    let skew = (theirs - now).num_seconds();
    if skew.abs() > MOST_SKEW_SECONDS {
        return Finding::fault(
            CHECK,
            format!("this machine's clock is {} s off, by a provider's", -skew),
            "run NTP; signatures and expiries depend on the time",
        );
    }
    Finding::ok(CHECK, "agrees with a provider's")
}

pub(super) async fn public_url(
    settings: &Settings,
    vault: Option<&Vault>,
    findings: &mut Vec<Finding>,
) {
    const CHECK: &str = "public_url";
    let base = settings.public_url.as_str();
    let is_local = url::is_loopback(base);
    if !url::is_https(base) && !is_local {
        findings.push(Finding::warning(
            CHECK,
            format!("{base} is not https: Telegram reports only to https, and credentials travel in the clear"),
            "put a TLS proxy in front, and write https://",
        ));
    }
    let client = match transport::client(|builder| builder.timeout(PATIENCE)) {
        Ok(client) => client,
        Err(error) => return findings.push(Finding::fault(CHECK, error.to_string(), "")),
    };
    let local = format!("http://{}", on_this_machine(settings.listen));
    let is_running = settings.listen.port() != 0 && is_alive(&client, &local).await.is_ok();
    if let Err(said) = is_alive(&client, base).await {
        findings.push(if is_running {
            Finding::fault(
                CHECK,
                format!("the server runs at {local}, but {base} does not lead to it: {said}"),
                "check DNS, the certificate and the proxy; where the network does not lead back to itself, ask from outside",
            )
        } else {
            Finding::skipped(CHECK, format!("the server does not run: {base}: {said}"))
        });
        return;
    }
    let Some(vault) = vault else {
        return findings.push(Finding::skipped(
            CHECK,
            format!("{base} answers; there is no key yet"),
        ));
    };
    findings.push(
        match signs_with(&client, base, vault.signing_key_id()).await {
            Ok(true) => Finding::ok(CHECK, format!("{base} leads to this installation")),
            Ok(false) => Finding::fault(
                CHECK,
                format!("{base} leads to another installation, with another key"),
                "check public_url, DNS and the proxy",
            ),
            Err(said) => Finding::fault(CHECK, format!("{base}: {said}"), "check the proxy"),
        },
    );
}

/// Whether `/livez` answers as ours does.
async fn is_alive(client: &reqwest::Client, base: &str) -> Result<(), String> {
    let answer = get(client, &format!("{base}/livez")).await?;
    match answer["status"] == "ok" {
        true => Ok(()),
        false => Err("/livez is answered by another program".to_owned()),
    }
}

/// Whether the server there signs with this key.
async fn signs_with(client: &reqwest::Client, base: &str, id: &str) -> Result<bool, String> {
    let answer = get(client, &format!("{base}/.well-known/jwks.json")).await?;
    let keys = answer["keys"].as_array().cloned().unwrap_or_default();
    Ok(keys.iter().any(|key| key["kid"] == id))
}

async fn get(client: &reqwest::Client, url: &str) -> Result<serde_json::Value, String> {
    let answer = client
        .get(url)
        .send()
        .await
        .map_err(|error| transport::told(&error))?;
    let status = answer.status();
    if status != 200 {
        return Err(format!("answered {}", status.as_u16()));
    }
    let body = answer
        .bytes()
        .await
        .map_err(|error| transport::told(&error))?;
    Ok(serde_json::from_slice(&body).unwrap_or_default())
}
