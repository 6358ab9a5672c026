//! A rolling upgrade: the release before this one and this one serve one database, forwards and back.
//!
//! `./scripts/test` builds the release before; its commit is in CHANGELOG.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::on_postgres;
use crate::program::{Server, program};
use crate::stage::{Client, SMS, Stage, UNLIMITED, word};

on_postgres!(two_versions_serve_one_database_forwards_and_back);

const CODE: &str = "314159";

/// The program of the release before, with the stage's settings.
fn previous(stage: &Stage, path: &str) -> Command {
    let now = with_settings(program(stage));
    let mut command = Command::new(path);
    command.args(now.get_args());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PINROUTE_")) {
        command.env_remove(name);
    }
    for (name, value) in now.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn with_settings(mut command: Command) -> Command {
    for (name, value) in [SMS, UNLIMITED, ("DEFAULTS__LIMITS__CREATES", "off")] {
        command.env(format!("PINROUTE_{name}"), value);
    }
    command
}

async fn start(client: &Client) -> Value {
    let body = json!({ "phone_number": client.stage.number(), "code": CODE, "wait": 1 });
    let headers = [(
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )];
    let mut request = client
        .request(reqwest::Method::POST, "/v1/verifications")
        .json(&body);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    client.send(request).await.expect(201)
}

async fn approve(client: &Client, v: &Value) {
    let checked = client.check(&v["id"], CODE).await.expect(200);
    assert_eq!(checked["status"], "approved", "{checked}");
}

/// Each starts what the other checks, all at the same time, and both see the same.
async fn work(one: &Client, other: &Client) -> Vec<Value> {
    let pair = async |starts: &Client, checks: &Client| {
        let mut all = Vec::new();
        for _ in 0..15 {
            let v = start(starts).await;
            checks.check(&v["id"], "000000").await.expect(200);
            approve(checks, &v).await;
            all.push(v["id"].clone());
        }
        all
    };
    let (mut here, there) = tokio::join!(pair(one, other), pair(other, one));
    here.extend(there);
    here
}

async fn all_are_approved(client: &Client, ids: &[Value]) {
    for id in ids {
        let v = client.find(id).await;
        assert_eq!(v["status"], "approved", "{}", word(id));
    }
}

async fn two_versions_serve_one_database_forwards_and_back(stage: Stage) {
    let Ok(path) = std::env::var("PINROUTE_TEST_PREVIOUS") else {
        println!("skipped: no PINROUTE_TEST_PREVIOUS");
        return;
    };
    let old = Server::start(previous(&stage, &path)).await;
    let before = stage.client(&old.base);
    let mut all = work(&before, &before).await;
    let pending = start(&before).await;
    let new = Server::start(with_settings(program(&stage))).await;
    let after = stage.client(&new.base);
    approve(&after, &pending).await;
    all.extend(work(&before, &after).await);
    // The old one is restarted beside the new one, which it has not seen before.
    old.kill().await;
    let old = Server::start(previous(&stage, &path)).await;
    let before = stage.client(&old.base);
    all.extend(work(&before, &after).await);
    all_are_approved(&before, &all).await;
    all_are_approved(&after, &all).await;
    // Back: the new one goes, with work that it has begun.
    let pending = start(&after).await;
    new.kill().await;
    approve(&before, &pending).await;
    all.extend(work(&before, &before).await);
    assert_eq!(old.terminate().await, Some(0));
    let new = Server::start(with_settings(program(&stage))).await;
    let after = stage.client(&new.base);
    all_are_approved(&after, &all).await;
    assert_eq!(new.terminate().await, Some(0));
    // Each was sent once.
    assert_eq!(stage.sms.sends().len(), all.len() + 2);
}
