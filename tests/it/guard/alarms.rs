//! `traffic.suspicious`: projects are told when a rule first fires for a cell, and when a block ends.

use serde_json::{Value, json};

use super::rules::{ON, of_range, start};
use crate::stage::{SMS, Stage, TestApp, UNLIMITED, word};
use crate::webhooks::{OPEN, admin, receiver, register};
use crate::world::Fake;
use crate::{on_both_engines, on_postgres};

on_both_engines!(
    a_rule_is_told_of_once_an_hour_for_each_cell,
    two_rules_tell_of_one_address_once_an_hour,
    the_end_of_a_block_is_told,
    of_many_cells_a_project_is_told_that_there_are_more,
    a_project_with_many_is_told_again_once_there_is_room,
);
on_postgres!(two_replicas_tell_the_same_once,);

const KIND: &str = "traffic.suspicious";

async fn told(app: &TestApp, fake: &Fake) -> Vec<Value> {
    app.gateway.verify().store_decisions(false).await.unwrap();
    app.gateway.verify().end_alarms().await.unwrap();
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    let seen = fake.seen();
    let news = seen.iter().map(|seen| {
        let message = seen.json();
        assert_eq!(message["type"], KIND);
        message["data"].clone()
    });
    news.collect()
}

fn of_rule<'a>(news: &'a [Value], rule: &str) -> Vec<&'a Value> {
    news.iter().filter(|data| data["rule"] == rule).collect()
}

fn fired<'a>(news: &'a [Value], rule: &str) -> Vec<&'a Value> {
    let of_rule = of_rule(news, rule).into_iter();
    of_rule.filter(|data| data["state"] == "fired").collect()
}

async fn a_rule_is_told_of_once_an_hour_for_each_cell(stage: Stage) {
    let app = stage.app_with(&[SMS, UNLIMITED, OPEN]).await;
    let (admin, fake) = (admin(&app).await, receiver().await);
    register(&admin, &fake, &[KIND]).await;
    for number in 0..6 {
        start(&app, &of_range(number)).await.expect(201);
    }
    let news = told(&app, &fake).await;
    let [first] = fired(&news, "unverified_prefix").try_into().unwrap();
    let wanted = json!({
        "project": "default", "state": "fired", "rule": "unverified_prefix", "mode": "shadow", "country": "UZ", "prefix": "+99890777",
        "value": 4, "threshold": 3, "window": "1h", "effect": "challenge", "cell": first["cell"], "at": first["at"],
    });
    assert_eq!(*first, wanted);
    assert!(word(&first["cell"]).starts_with("prefix:"));
    let [country] = fired(&news, "unverified_country").try_into().unwrap();
    assert_eq!(country["cell"], "country:UZ");
    // Again within the hour: nothing. Another range: its own.
    stage.advance(1_800);
    start(&app, &of_range(7)).await.expect(201);
    for number in 0..4 {
        let number = format!("+99890778{number:04}");
        start(&app, &number).await.expect(201);
    }
    let news = told(&app, &fake).await;
    assert_eq!(fired(&news, "unverified_prefix").len(), 2, "{news:#?}");
    assert_eq!(fired(&news, "unverified_country").len(), 1);
    // An hour after the first.
    stage.advance(1_801);
    for number in 8..13 {
        start(&app, &of_range(number)).await.expect(201);
    }
    let news = told(&app, &fake).await;
    assert_eq!(fired(&news, "unverified_prefix").len(), 3);
}

async fn two_rules_tell_of_one_address_once_an_hour(stage: Stage) {
    let app = stage.app_with(&[SMS, UNLIMITED, OPEN]).await;
    let (admin, fake) = (admin(&app).await, receiver().await);
    register(&admin, &fake, &[KIND]).await;
    let ask = async |number: &str| {
        let body = json!({ "phone_number": number, "client": { "ip": "203.0.113.9" } });
        app.post("/v1/verifications", body).await.expect(201);
    };
    for number in [
        "+998901234567",
        "+77011234567",
        "+12025550143",
        "+4915112345678",
    ] {
        ask(number).await;
    }
    let of_address = |news: &[Value]| -> Vec<Value> {
        let own = news
            .iter()
            .filter(|data| word(&data["cell"]).starts_with("ip:"));
        own.map(|data| data["rule"].clone()).collect()
    };
    assert_eq!(of_address(&told(&app, &fake).await), ["countries_per_ip"]);
    for number in 0..4 {
        ask(&format!("+99891{number}234567")).await;
    }
    let decided = admin.get("/v1/guard/decisions?rule=unverified_ip");
    let news = told(&app, &fake).await;
    assert_ne!(decided.await.expect(200)["items"], json!([]));
    assert_eq!(of_address(&news), ["countries_per_ip"]);
    stage.advance(3_601);
    for number in 4..10 {
        ask(&format!("+99891{number}234567")).await;
    }
    assert_eq!(of_address(&told(&app, &fake).await).len(), 2);
}

async fn the_end_of_a_block_is_told(stage: Stage) {
    let app = stage.app_with(&[SMS, UNLIMITED, OPEN, ON]).await;
    let (admin, fake) = (admin(&app).await, receiver().await);
    register(&admin, &fake, &[KIND]).await;
    for number in 0..8 {
        start(&app, &of_range(number)).await;
    }
    let states = |news: Vec<Value>| -> Vec<Value> {
        let own = of_rule(&news, "unverified_prefix").into_iter();
        own.map(|data| data["state"].clone()).collect()
    };
    assert_eq!(states(told(&app, &fake).await), ["fired"]);
    let blocks = admin.get("/v1/guard/blocks").await.expect(200);
    let id = word(&blocks["items"][0]["id"]).to_owned();
    let path = format!("/v1/guard/blocks/{id}");
    let ended = admin.request(reqwest::Method::DELETE, &path);
    assert_eq!(admin.send(ended).await.status, 204);
    let news = told(&app, &fake).await;
    assert_eq!(news.last().unwrap()["prefix"], "+99890777");
    assert_eq!(states(news), ["fired", "ended"]);
    assert_eq!(told(&app, &fake).await.len(), fake.seen().len());
    assert_eq!(states(told(&app, &fake).await), ["fired", "ended"]);
}

async fn of_many_cells_a_project_is_told_that_there_are_more(stage: Stage) {
    let app = stage.app_with(&[SMS, UNLIMITED, OPEN]).await;
    let (admin, fake) = (admin(&app).await, receiver().await);
    register(&admin, &fake, &[KIND]).await;
    fill(&app, 700..712).await;
    stage.advance(2); // else the project's limit of starts is met
    fill(&app, 712..725).await;
    let news = told(&app, &fake).await;
    let count = |state: &str| news.iter().filter(|data| data["state"] == state).count();
    assert_eq!((count("fired"), count("more")), (20, 1));
    start(&app, "+998907999999").await.expect(201);
    assert_eq!(told(&app, &fake).await.len(), 21);
}

async fn a_project_with_many_is_told_again_once_there_is_room(stage: Stage) {
    let app = stage.app_with(&[SMS, UNLIMITED, OPEN]).await;
    let (admin, fake) = (admin(&app).await, receiver().await);
    register(&admin, &fake, &[KIND]).await;
    let states = |news: Vec<Value>| -> Vec<Value> {
        let states = news.iter().map(|data| data["state"].clone());
        states.skip(20).collect()
    };
    // With the country's, as many as an hour has room for.
    fill(&app, 700..719).await;
    assert!(states(told(&app, &fake).await).is_empty());
    stage.advance(3_500);
    fill(&app, 719..720).await;
    assert_eq!(states(told(&app, &fake).await), ["more"]);
    stage.advance(110);
    fill(&app, 720..721).await;
    let news = states(told(&app, &fake).await);
    assert_eq!(news[..2], ["more", "fired"], "{news:?}");
}

/// Four starts in each of these ranges, so that each fires a rule.
async fn fill(app: &TestApp, ranges: std::ops::Range<u32>) {
    for range in ranges {
        for number in 0..4 {
            let number = format!("+99890{range}{number:04}");
            start(app, &number).await.expect(201);
        }
    }
}

async fn two_replicas_tell_the_same_once(stage: Stage) {
    let first = stage.app_with(&[SMS, UNLIMITED, OPEN]).await;
    let second = stage.app_with(&[SMS, UNLIMITED, OPEN]).await;
    let (admin, fake) = (admin(&first).await, receiver().await);
    register(&admin, &fake, &[KIND]).await;
    second.gateway.directory().refresh().await.unwrap();
    for number in 0..5 {
        start(&first, &of_range(number)).await.expect(201);
        start(&second, &of_range(100 + number)).await.expect(201);
    }
    second
        .gateway
        .verify()
        .store_decisions(false)
        .await
        .unwrap();
    let news = told(&first, &fake).await;
    assert_eq!(of_rule(&news, "unverified_prefix").len(), 1);
}
