//! Back-tests: what rules would have done to past traffic.

use std::path::Path;

use serde_json::{Value, json};

use super::rules::{ON, decisions, last_code, of_range, start};
use crate::on_both_engines;
use crate::program::{run_refused, run_well};
use crate::projects::project;
use crate::stage::{AT_ONCE, Client, SMS, Stage, TestApp, UNLIMITED, word};
use crate::webhooks::admin;
use crate::world::error;

on_both_engines!(
    a_replay_by_the_same_rules_gives_the_live_verdicts,
    rules_in_shadow_are_told_in_money_and_in_people,
    a_rule_about_visitors_judges_only_those_whose_address_is_known,
    a_projects_back_test_is_read_by_its_own_rules,
    what_was_refused_and_what_was_erased_is_judged_too,
    a_denied_start_is_not_counted_and_nothing_follows_it,
    an_owner_who_would_be_let_through_is_no_false_block,
    denials_that_share_a_row_are_judged_all,
    what_cannot_be_judged_is_refused_by_its_field,
    a_key_of_a_project_replays_its_own_traffic_alone,
    a_replay_goes_on_where_another_replica_died,
    the_command_line_gives_the_same_figures,
);

const PATH: &str = "/v1/guard/replays";

/// Everything from a day ago until now.
fn span(stage: &Stage, rules: &Value) -> Value {
    let now = stage.clock.now();
    json!({ "from": now - chrono::TimeDelta::days(1), "to": now, "rules": rules })
}

async fn replayed(app: &TestApp, admin: &Client, body: Value) -> Value {
    app.gateway.verify().store_decisions(true).await.unwrap();
    let asked = admin.post(PATH, body).await.expect(202);
    assert_eq!(
        (&asked["status"], &asked["total"]),
        (&json!("running"), &Value::Null)
    );
    assert!(app.gateway.verify().run_replay().await.unwrap());
    found(admin, &asked).await
}

async fn found(admin: &Client, asked: &Value) -> Value {
    let path = format!("{PATH}/{}", word(&asked["id"]));
    let found = admin.get(&path).await;
    assert_eq!(found.text, admin.get(&path).await.text);
    found.expect(200)
}

/// Starts, refusals by Telegram, resends, approvals and fallbacks, an hour long.
async fn mixed(app: &TestApp, stage: &Stage) {
    for number in 0..14 {
        if number % 3 == 0 {
            stage
                .telegram
                .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE")]);
        }
        let started = start(app, &of_range(number)).await;
        stage.advance(20);
        if started.status != 201 {
            continue;
        }
        let v = app.settle(&started.body["id"]).await;
        stage.advance(100);
        if number % 4 == 1 {
            let path = format!("/v1/verifications/{}/resend", word(&v["id"]));
            app.post(&path, json!({})).await;
            app.settle(&v["id"]).await;
        }
        if number % 6 == 0 && stage.sms.sends().len() > number / 6 {
            app.check(&v["id"], &last_code(stage)).await;
        }
        stage.advance(100);
    }
}

async fn a_replay_by_the_same_rules_gives_the_live_verdicts(stage: Stage) {
    let app = stage.app_with(&[ON, UNLIMITED]).await;
    let admin = admin(&app).await;
    mixed(&app, &stage).await;
    let live = decisions(&app, &admin, "limit=200").await;
    let count = |outcome: &str| live.iter().filter(|one| one["outcome"] == outcome).count();
    assert!(count("challenge") > 4, "{live:?}");
    stage.advance(1);
    let found = replayed(&app, &admin, span(&stage, &json!({}))).await;
    assert_eq!(found["status"], "done");
    let total = &found["total"];
    assert_eq!(
        (&total["would_challenge"], &total["would_deny"]),
        (&json!(count("challenge")), &json!(count("deny")))
    );
    let again = replayed(&app, &admin, span(&stage, &json!({}))).await;
    assert_eq!(
        (&again["total"], &again["rules"]),
        (&found["total"], &found["rules"])
    );
}

async fn rules_in_shadow_are_told_in_money_and_in_people(stage: Stage) {
    let app = stage.app_with(&[SMS, UNLIMITED]).await;
    let admin = admin(&app).await;
    // Five strangers, then somebody who enters the code, all by SMS at 0.05 USD.
    for number in 0..6 {
        let v = start(&app, &of_range(number)).await.expect(201);
        stage.advance(10);
        if number == 5 {
            let checked = app.check(&v["id"], &last_code(&stage)).await.expect(200);
            assert_eq!(checked["valid"], true);
        }
    }
    let found = replayed(&app, &admin, span(&stage, &json!({}))).await;
    let own = &found["rules"]["unverified_prefix"];
    // Three are within the floor of an hour; three would have been stopped, one of them wrongly.
    let price = |count: u32| {
        let cents = 5 * count;
        format!("0.{cents:02}")
    };
    assert_eq!(found["currency"], "USD");
    assert_eq!(
        *own,
        json!({
            "judged": 6, "would_deny": 3, "would_challenge": 0, "false_blocks": 1, "false_block_rate": 0.3333,
            "unknown_outcome": 0, "spent": price(3), "saved": price(2), "seconds_to_first_block": 30,
        })
    );
    // In shadow, so nothing was stopped.
    assert_eq!(
        (&found["total"]["judged"], &found["total"]["would_deny"]),
        (&json!(6), &json!(0))
    );
}

async fn a_rule_about_visitors_judges_only_those_whose_address_is_known(stage: Stage) {
    let app = stage.app_with(&[SMS, UNLIMITED]).await;
    let admin = admin(&app).await;
    let visitor = json!({ "ip": "203.0.113.9" });
    for (number, client) in [(1, Value::Null), (2, visitor)] {
        let body = json!({ "phone_number": of_range(number), "client": client });
        let v = app.start(body).await.expect(201);
        app.cancel(&v["id"]).await.expect(200);
    }
    stage.advance(1);
    let mut asked = span(&stage, &json!({}));
    let found = replayed(&app, &admin, asked.clone()).await;
    let judged = |found: &Value| {
        [
            "unverified_prefix",
            "unverified_ip",
            "countries_per_ip",
            "unverified_network",
            "unverified_asn",
        ]
        .map(|rule| found["rules"][rule]["judged"].as_u64().unwrap())
    };
    assert_eq!(judged(&found), [2, 1, 1, 1, 0]);
    // Addresses are forgotten, verifications are not.
    stage.advance(31 * 86_400);
    assert_eq!(app.gateway.move_to_past().await.unwrap(), 2);
    assert_eq!(app.gateway.apply_ages().await.unwrap(), 2);
    asked["to"] = span(&stage, &json!({}))["to"].clone();
    let found = replayed(&app, &admin, asked).await;
    assert_eq!(judged(&found), [2, 0, 0, 0, 0]);
}

async fn a_projects_back_test_is_read_by_its_own_rules(stage: Stage) {
    let app = stage.app_with(&[SMS, UNLIMITED]).await;
    let whole = app.client.with_key(&stage.new_key(None, "admin").await);
    let floors = json!({ "unverified_prefix": { "floor_day": 40, "floor_hour": 10 } });
    project(&app, "other", json!({ "guard": { "rules": floors } })).await;
    let own = admin(&app).await;
    // Less than the hour's floor of the other one.
    let rules = json!({ "unverified_prefix": { "floor_day": 8 } });
    let found = replayed(&app, &own, span(&stage, &rules)).await;
    assert_eq!(found["status"], "done", "{found}");
    let reply = whole.post(PATH, span(&stage, &rules)).await;
    reply.problem(400, "invalid_request");
}

async fn what_was_refused_and_what_was_erased_is_judged_too(stage: Stage) {
    let app = stage.app_with(&[ON, UNLIMITED, AT_ONCE]).await;
    let admin = admin(&app).await;
    let first = start(&app, &of_range(0)).await.expect(201);
    for number in 1..4 {
        let body = json!({ "phone_number": of_range(number), "channels": ["sms"] });
        let v = app.start(body).await.expect(201);
        stage.advance(10);
        if number == 3 {
            app.check(&v["id"], &last_code(&stage)).await.expect(200);
        }
    }
    // In place of the one that was approved.
    let body = json!({ "phone_number": of_range(4), "channels": ["sms"] });
    app.start(body).await.expect(201);
    let refused = app.resend(&first["id"], json!({ "channel": "sms" })).await;
    refused.problem(422, "channel_unavailable");
    stage.advance(10);
    let found = replayed(&app, &admin, span(&stage, &json!({}))).await;
    let total = &found["total"];
    assert_eq!(
        (
            &total["judged"],
            &total["would_challenge"],
            &total["unknown_outcome"]
        ),
        (&json!(6), &json!(1), &json!(1)),
        "{found}"
    );
    assert_eq!(total["seconds_to_first_block"], 30);
    // A person who would have been kept out is one, also after the number has gone.
    let strict = json!({ "unverified_prefix": { "floor_hour": 1 }, "unverified_country": { "mode": "off" } });
    let wrong = async || {
        let found = replayed(&app, &admin, span(&stage, &strict)).await;
        found["total"]["false_blocks"].clone()
    };
    let before = wrong().await;
    assert_ne!(before, 0);
    let body = json!({ "phone_number": of_range(3) });
    admin.post("/v1/subjects/erase", body).await.expect(200);
    assert_eq!(wrong().await, before);
}

async fn a_denied_start_is_not_counted_and_nothing_follows_it(stage: Stage) {
    let app = stage.app_with(&[SMS, UNLIMITED]).await;
    let admin = admin(&app).await;
    for number in 0..40 {
        start(&app, &of_range(number)).await.expect(201);
        stage.advance(95);
    }
    let only = |mode: &str| {
        json!({
            "unverified_prefix": { "mode": mode, "floor_day": 5, "floor_hour": 3 },
            "unverified_country": { "mode": "off" },
        })
    };
    let enforced = replayed(&app, &admin, span(&stage, &only("on"))).await;
    // Three within the first hour; then the range is blocked, and stays so while it is asked for.
    assert_eq!(enforced["total"]["would_deny"], 37);
    let watched = replayed(&app, &admin, span(&stage, &only("shadow"))).await;
    assert_eq!(watched["total"]["would_deny"], 0);
    assert_eq!(watched["rules"]["unverified_prefix"]["would_deny"], 37);
    // As often, since a denial is not counted: only an hour's floor stops.
    let loose =
        json!({ "unverified_prefix": { "mode": "on", "floor_day": 1000, "floor_hour": 1000 } });
    let loose = replayed(&app, &admin, span(&stage, &loose)).await;
    assert_eq!(loose["rules"]["unverified_prefix"]["would_deny"], 0);
    assert_eq!(
        loose["tried"]["unverified_prefix"]["floor_day"],
        json!(1000)
    );
}

async fn an_owner_who_would_be_let_through_is_no_false_block(stage: Stage) {
    let app = stage.app_with(&[SMS, UNLIMITED]).await;
    let admin = admin(&app).await;
    let own = of_range(9_999);
    let v = start(&app, &own).await.expect(201);
    app.check(&v["id"], &last_code(&stage)).await.expect(200);
    stage.advance(86_400 * 3);
    for number in 0..4 {
        start(&app, &of_range(number)).await.expect(201);
        stage.advance(10);
    }
    let v = start(&app, &own).await.expect(201);
    app.check(&v["id"], &last_code(&stage)).await.expect(200);
    stage.advance(10);
    let rules =
        json!({ "unverified_prefix": { "mode": "on" }, "unverified_country": { "mode": "on" } });
    let found = replayed(&app, &admin, span(&stage, &rules)).await;
    let total = &found["total"];
    assert_eq!(
        (&total["would_deny"], &total["false_blocks"]),
        (&json!(1), &json!(0))
    );
}

async fn denials_that_share_a_row_are_judged_all(stage: Stage) {
    let app = stage.app_with(&[SMS, ON, UNLIMITED]).await;
    let admin = admin(&app).await;
    for number in 0..120 {
        start(&app, &of_range(number)).await;
        // A project has a hundred starts a second.
        if number == 60 {
            stage.advance(1);
        }
    }
    app.gateway.verify().store_decisions(true).await.unwrap();
    stage.advance(60);
    let found = replayed(&app, &admin, span(&stage, &json!({}))).await;
    let total = &found["total"];
    assert_eq!(
        (
            &total["judged"],
            &total["would_deny"],
            &total["unknown_outcome"]
        ),
        (&json!(120), &json!(117), &json!(117))
    );
    assert_eq!(found["summed_up"], 16);
    assert_eq!(total["spent"], "0.00");
}

async fn what_cannot_be_judged_is_refused_by_its_field(stage: Stage) {
    let app = stage.app_with(&[("RETENTION__DECISIONS", "30d")]).await;
    let admin = admin(&app).await;
    let now = stage.clock.now();
    let days = |days: i64| json!(now - chrono::TimeDelta::days(days));
    let rule = |rule: Value| json!({ "from": days(1), "to": days(0), "rules": { "unverified_prefix": rule } });
    for (body, pointer) in [
        (json!({ "to": days(0) }), "/from"),
        (json!({ "from": days(1) }), "/to"),
        (json!({ "from": days(0), "to": days(1) }), "/from"),
        (json!({ "from": days(31), "to": days(0) }), "/from"),
        (json!({ "from": "soon", "to": days(0) }), "/from"),
        (
            json!({ "from": days(1), "to": days(0), "rules": [] }),
            "/rules",
        ),
        (
            json!({ "from": days(1), "to": days(0), "rule": {} }),
            "/rule",
        ),
        (
            json!({ "from": days(1), "to": days(0), "rules": { "luck": {} } }),
            "/rules/luck",
        ),
        (
            rule(json!({ "mode": "maybe" })),
            "/rules/unverified_prefix/mode",
        ),
        (
            rule(json!({ "floor_day": 0 })),
            "/rules/unverified_prefix/floor_day",
        ),
        (
            rule(json!({ "daily_ratio": 99 })),
            "/rules/unverified_prefix/daily_ratio",
        ),
    ] {
        let problem = admin.post(PATH, body.clone()).await;
        problem.problem(400, "invalid_request");
        assert_eq!(problem.body["errors"][0]["pointer"], pointer, "{body}");
    }
    let nobody = json!({ "from": days(1), "to": days(0), "project": "nobody" });
    assert!(admin.post(PATH, nobody).await.status >= 400);
    app.post(PATH, span(&stage, &json!({})))
        .await
        .problem(403, "forbidden");
    admin
        .get(&format!("{PATH}/{}", uuid::Uuid::nil()))
        .await
        .problem(404, "not_found");
    // No more than 5 of a project wait, which keeps no other's out, and no more than 20 in all.
    for _ in 0..5 {
        admin.post(PATH, span(&stage, &json!({}))).await.expect(202);
    }
    let reply = admin.post(PATH, span(&stage, &json!({}))).await;
    reply.problem(429, "rate_limited");
    assert_eq!(reply.header("retry-after"), Some("30"));
    let whole = app.client.with_key(&stage.new_key(None, "admin").await);
    for _ in 5..20 {
        whole.post(PATH, span(&stage, &json!({}))).await.expect(202);
    }
    let reply = whole.post(PATH, span(&stage, &json!({}))).await;
    reply.problem(429, "rate_limited");
}

async fn a_key_of_a_project_replays_its_own_traffic_alone(stage: Stage) {
    let app = stage.app_with(&[SMS, UNLIMITED]).await;
    let whole = app.client.with_key(&stage.new_key(None, "admin").await);
    let other = project(&app, "other", json!({})).await;
    for number in 0..4 {
        start(&app, &of_range(number)).await.expect(201);
    }
    let body = json!({ "phone_number": of_range(9) });
    other.post("/v1/verifications", body).await.expect(201);
    stage.advance(1);
    let own = admin(&app).await;
    let judged = async |client: &Client, body: Value| {
        let found = replayed(&app, client, body).await;
        found["total"]["judged"].clone()
    };
    assert_eq!(judged(&own, span(&stage, &json!({}))).await, 4);
    assert_eq!(judged(&whole, span(&stage, &json!({}))).await, 5);
    let mut named = span(&stage, &json!({}));
    named["project"] = json!("other");
    assert_eq!(judged(&whole, named).await, 1);
    let all = whole.post(PATH, span(&stage, &json!({}))).await.expect(202);
    let path = format!("{PATH}/{}", word(&all["id"]));
    own.get(&path).await.problem(404, "not_found");
}

async fn a_replay_goes_on_where_another_replica_died(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let admin = admin(&app).await;
    start(&app, &of_range(1)).await.expect(201);
    stage.advance(1);
    let asked = admin.post(PATH, span(&stage, &json!({}))).await.expect(202);
    // Another replica has taken it, and says no more.
    let db = &stage.db;
    let now = stage.clock.now();
    let until = now + chrono::TimeDelta::seconds(30);
    assert!(db.take_replay(now, until).await.unwrap().is_some());
    assert!(!app.gateway.verify().run_replay().await.unwrap());
    assert_eq!(found(&admin, &asked).await["status"], "running");
    stage.advance(31);
    assert!(app.gateway.verify().run_replay().await.unwrap());
    let done = found(&admin, &asked).await;
    assert_eq!(
        (&done["status"], &done["progress"]),
        (&json!("done"), &json!(1.0))
    );
    assert_eq!(done["total"]["judged"], 1);
}

fn written(path: &Path, text: &str) -> String {
    std::fs::write(path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

async fn the_command_line_gives_the_same_figures(stage: Stage) {
    let app = stage.app_with(&[SMS, UNLIMITED, AT_ONCE]).await;
    let admin = admin(&app).await;
    for number in 0..8 {
        start(&app, &of_range(number)).await.expect(201);
        stage.advance(10);
    }
    let rules = json!({ "unverified_prefix": { "mode": "on" } });
    let found = replayed(&app, &admin, span(&stage, &rules.clone())).await;
    let file = written(
        &stage.folder.join("rules.toml"),
        "[rules.unverified_prefix]\nmode = \"on\"\n",
    );
    let (from, to) = (word(&found["from"]), word(&found["to"]));
    let asked = [
        "guard", "replay", "--from", from, "--to", to, "--rules", &file,
    ];
    let as_json = [&asked[..], &["--json"]].concat();
    let out = run_well(&stage, &as_json).await;
    let told: Value = serde_json::from_str(&out).unwrap();
    for part in ["total", "rules", "from", "to", "currency"] {
        assert_eq!(told[part], found[part], "{part}");
    }
    assert_eq!(run_well(&stage, &as_json).await, out);
    let table = run_well(&stage, &asked).await;
    assert!(
        table.contains("unverified_prefix") && table.contains("total"),
        "{table}"
    );
    // Faults name the option, or the key in the file.
    let wrong = written(&stage.folder.join("wrong.json"), r#"{"luck":{}}"#);
    let asked = [
        "guard", "replay", "--from", from, "--to", to, "--rules", &wrong,
    ];
    let complaint = run_refused(&stage, &asked).await;
    assert!(complaint.contains("guard.rules.luck"), "{complaint}");
    let complaint = run_refused(&stage, &["guard", "replay", "--from", to, "--to", from]).await;
    assert!(complaint.contains("--from"), "{complaint}");
}
