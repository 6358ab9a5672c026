//! `pinroute simulator attack`: pumps a sandbox, with honest visitors beside it, and says what it came to.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::app::{self, on_this_machine};
use crate::channels::transport;
use crate::cli::{Failure, runtime, say, settings};
use crate::config::Settings;
use crate::money::Micros;
use crate::simulator::Chance;
use crate::simulator::visitors::{self, Kind, REFUSING, Visit};

/// How long an answer may take, and messages to become final at the end.
const PATIENCE: Duration = Duration::from_secs(10);
const SETTLING: Duration = Duration::from_secs(3);
/// How long a visitor looks for the code.
const LOOKS: u32 = 20;
const LOOK: Duration = Duration::from_millis(100);

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[arg(long, value_enum)]
    kind: Kind,
    /// Starts by the attacker in a second.
    #[arg(long, value_name = "N", default_value_t = 5.0, value_parser = rate)]
    rate: f64,
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Starts by honest visitors in a second.
    #[arg(long, value_name = "N", default_value_t = 0.5, value_parser = rate)]
    honest: f64,
    /// Seed of the random numbers: the same seed asks for the same numbers from the same addresses.
    #[arg(long, value_name = "N", default_value_t = 1)]
    chance: u64,
    /// Another replica of the sandbox on this machine, by its `listen` and `simulator_listen`: visits take turns among
    /// all. Can be repeated.
    #[arg(long, value_name = "LISTEN,SIMULATOR", value_parser = replica)]
    replica: Vec<Replica>,
    /// One JSON object on one line.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug)]
struct Replica {
    gateway: SocketAddr,
    phones: SocketAddr,
}

fn replica(text: &str) -> Result<Replica, String> {
    let read = |text: &str| {
        let address: SocketAddr = text.parse().ok()?;
        Some(address).filter(|it| it.ip().is_loopback())
    };
    text.split_once(',')
        .and_then(|(gateway, phones)| {
            Some(Replica {
                gateway: read(gateway)?,
                phones: read(phones)?,
            })
        })
        .ok_or_else(|| {
            "must be two addresses of this machine, such as 127.0.0.1:8090,127.0.0.1:8091"
                .to_owned()
        })
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "is not a number".to_owned())?;
    (0.01..=1_000.0)
        .contains(&rate)
        .then_some(rate)
        .ok_or_else(|| "must be from 0.01 to 1000".to_owned())
}

/// What became of it.
struct Outcome {
    is_attack: bool,
    at: Duration,
    status: StatusCode,
    code: String,
    is_approved: bool,
    /// Paid messages, what they cost, and messages that were held back.
    paid: u64,
    cost: Micros,
    is_held_back: bool,
}

pub fn run(file: Option<&Path>, arguments: &Arguments) -> Result<(), Failure> {
    let settings = settings::load(file)?;
    if !settings.sandbox_mode().unwrap_or(false) {
        return Err(Failure::Wrong(vec![
            "simulator attack: a provider is configured; it attacks only a sandbox, so that nobody gets messages and nothing is paid"
                .to_owned(),
        ]));
    }
    runtime()?.block_on(attack(&settings, arguments))
}

async fn attack(settings: &Settings, arguments: &Arguments) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(error.to_string());
    let client = transport::client(|builder| builder.timeout(PATIENCE).no_proxy())
        .map_err(|error| failed(&error))?;
    let key = app::vault(settings)?.sandbox_api_key();
    let own = Replica {
        gateway: settings.listen,
        phones: settings.simulator_listen,
    };
    let replicas = [&[own], &arguments.replica[..]].concat();
    let sites: Vec<Site> = replicas
        .iter()
        .map(|replica| Site {
            client: client.clone(),
            gateway: format!("http://{}", on_this_machine(replica.gateway)),
            phones: format!("http://{}", on_this_machine(replica.phones)),
            key: key.clone(),
        })
        .collect();
    for site in &sites {
        site.is_there().await.map_err(Failure::Failed)?;
        if arguments.kind == Kind::TelegramRefusing {
            let told = site.takes_telegram_from(REFUSING).await;
            told.map_err(Failure::Failed)?;
        }
    }
    let visits = plan(arguments);
    let began = Instant::now();
    let done = visits
        .into_iter()
        .zip(sites.iter().cycle())
        .map(async |(visit, site)| {
            tokio::time::sleep(visit.at.saturating_sub(began.elapsed())).await;
            site.visit(visit).await
        });
    let mut outcomes = Vec::new();
    for outcome in join_all(done).await {
        outcomes.push(outcome.map_err(Failure::Failed)?);
    }
    say(&told(arguments, &outcomes));
    Ok(())
}

/// All starts in the order of their times.
fn plan(arguments: &Arguments) -> Vec<Visit> {
    let (seconds, chance) = (
        Duration::from_secs(arguments.seconds),
        &mut Chance::new(arguments.chance),
    );
    let mut visits: Vec<Visit> =
        visitors::attackers(arguments.kind, arguments.rate, seconds, chance).collect();
    visits.extend(visitors::honest(arguments.honest, seconds, chance));
    visits.sort_by_key(|visit| visit.at);
    visits
}

/// The sandbox, as a site and its visitors see it.
struct Site {
    client: Client,
    gateway: String,
    phones: String,
    key: String,
}

impl Site {
    async fn is_there(&self) -> Result<(), String> {
        let url = format!("{}/readyz", self.gateway);
        let answer = self.client.get(&url).send().await;
        answer.map(|_| ()).map_err(|error| {
            format!(
                "{url}: {}; start the sandbox first: pinroute",
                transport::told(&error)
            )
        })
    }

    async fn takes_telegram_from(&self, prefix: &str) -> Result<(), String> {
        let url = format!("{}/without-telegram", self.phones);
        let body = json!({ "prefix": prefix });
        let answer = self.client.post(&url).json(&body).send().await;
        let answer = answer.map_err(|error| format!("{url}: {}", transport::told(&error)))?;
        match answer.status() {
            StatusCode::NO_CONTENT => Ok(()),
            status => Err(format!("{url} answered {status}")),
        }
    }

    async fn visit(&self, visit: Visit) -> Result<Outcome, String> {
        let mut body = json!({ "phone_number": visit.number, "client": { "ip": visit.ip } });
        if visit.by_sms {
            body["channels"] = json!(["sms"]);
        }
        // A visitor may have been here before, in an attack with the same seed.
        let earlier = match visit.enters_code {
            true => self.newest(&visit.number).await?,
            false => Value::Null,
        };
        let (status, started) = self.post("/v1/verifications", &body).await?;
        let id = started["id"].as_str().unwrap_or_default().to_owned();
        let mut outcome = Outcome {
            is_attack: visit.is_attack,
            at: visit.at,
            status,
            code: started["code"].as_str().unwrap_or_default().to_owned(),
            is_approved: false,
            paid: 0,
            cost: Micros::ZERO,
            is_held_back: false,
        };
        if status != StatusCode::CREATED {
            return Ok(outcome);
        }
        if visit.enters_code
            && let Some(code) = self.code(&visit.number, &earlier).await?
        {
            let path = format!("/v1/verifications/{id}/check");
            let (_, checked) = self.post(&path, &json!({ "code": code })).await?;
            outcome.is_approved = checked["valid"] == true;
        }
        tokio::time::sleep(SETTLING).await;
        let v = self
            .get(&format!("{}/v1/verifications/{id}", self.gateway))
            .await?;
        for attempt in v["attempts"].as_array().into_iter().flatten() {
            outcome.is_held_back |= attempt["reason"] == "guard";
            let amount = attempt["cost"]["amount"].as_str().unwrap_or_default();
            let amount: Micros = amount.parse().unwrap_or(Micros::ZERO);
            if attempt["channel"] == "sms" && amount > Micros::ZERO {
                outcome.paid += 1;
                outcome.cost.0 += amount.0;
            }
        }
        Ok(outcome)
    }

    /// The code that arrives at a number, after what had arrived `earlier`.
    async fn code(&self, number: &str, earlier: &Value) -> Result<Option<String>, String> {
        for _ in 0..LOOKS {
            let newest = self.newest(number).await?;
            if newest["at"] != earlier["at"]
                && let Some(code) = newest["code"].as_str()
            {
                return Ok(Some(code.to_owned()));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(None)
    }

    async fn newest(&self, number: &str) -> Result<Value, String> {
        let url = format!("{}/phones/{number}/messages", self.phones);
        Ok(self.get(&url).await?["items"][0].clone())
    }

    async fn post(&self, path: &str, body: &Value) -> Result<(StatusCode, Value), String> {
        let url = format!("{}{path}", self.gateway);
        let request = self.client.post(&url).bearer_auth(&self.key).json(body);
        let answer = request.send().await;
        let answer = answer.map_err(|error| format!("{url}: {}", transport::told(&error)))?;
        let status = answer.status();
        Ok((status, answer.json().await.unwrap_or_default()))
    }

    async fn get(&self, url: &str) -> Result<Value, String> {
        let answer = self.client.get(url).bearer_auth(&self.key).send().await;
        let answer = answer.map_err(|error| format!("{url}: {}", transport::told(&error)))?;
        Ok(answer.json().await.unwrap_or_default())
    }
}

/// What the attack, and what the honest visitors came to.
fn told(arguments: &Arguments, outcomes: &[Outcome]) -> String {
    let of = |is_attack: bool| {
        outcomes
            .iter()
            .filter(move |one| one.is_attack == is_attack)
    };
    let part = |is_attack: bool| {
        let denied = |one: &&Outcome| one.code == "request_blocked";
        let is_stopped = |one: &&Outcome| denied(one) || one.is_held_back;
        let first = of(is_attack).find(is_stopped).map(|one| one.at);
        let paid_before = |one: &&Outcome| first.is_none_or(|first| one.at < first);
        let cost: i64 = of(is_attack).map(|one| one.cost.0).sum();
        json!({
            "starts": of(is_attack).count(),
            "approved": of(is_attack).filter(|one| one.is_approved).count(),
            "denied": of(is_attack).filter(denied).count(),
            "held_back": of(is_attack).filter(|one| one.is_held_back).count(),
            "limited": of(is_attack).filter(|one| one.status == StatusCode::TOO_MANY_REQUESTS).count(),
            "paid_messages": of(is_attack).map(|one| one.paid).sum::<u64>(),
            "paid_before_first_stop": of(is_attack).filter(paid_before).map(|one| one.paid).sum::<u64>(),
            "seconds_to_first_stop": first.map(|at| at.as_secs_f64()),
            "spent": Micros(cost).to_decimal(2),
        })
    };
    let (attack, honest) = (part(true), part(false));
    if arguments.json {
        return json!({ "attack": attack, "honest": honest }).to_string();
    }
    let line = |name: &str, part: &Value| {
        let first = match part["seconds_to_first_stop"].as_f64() {
            Some(seconds) => format!(
                "; first stopped after {seconds:.1} s and {} paid messages",
                part["paid_before_first_stop"]
            ),
            None => "; never stopped".to_owned(),
        };
        format!(
            "{name}: {} starts, {} approved, {} denied, {} held back, {} over a limit; {} paid messages, {} spent{first}",
            part["starts"],
            part["approved"],
            part["denied"],
            part["held_back"],
            part["limited"],
            part["paid_messages"],
            part["spent"].as_str().unwrap_or_default(),
        )
    };
    format!(
        "{}\n{}\nThe dashboard shows it at Traffic.",
        line("attack", &attack),
        line("honest", &honest)
    )
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn replicas_are_on_this_machine() {
        assert!(replica("127.0.0.1:8090,127.0.0.1:8091").is_ok());
        for text in [
            "",
            "127.0.0.1:8090",
            "127.0.0.1:8090,8091",
            "127.0.0.1:8090,203.0.113.7:8091",
        ] {
            assert!(replica(text).unwrap_err().contains("8091"), "{text}");
        }
    }

    #[test]
    fn every_number_can_be_verified() {
        let numbers = crate::verification::numbers::Numbers::default();
        for kind in Kind::value_variants() {
            let asked = Arguments {
                kind: *kind,
                rate: 5.0,
                seconds: 20,
                honest: 1.0,
                chance: 7,
                replica: Vec::new(),
                json: false,
            };
            for visit in plan(&asked) {
                assert!(numbers.read(&visit.number).is_ok(), "{}", visit.number);
            }
        }
    }
}
