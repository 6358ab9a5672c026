//! The guard's rules against pumping, in live traffic.

use pinroute::abuse::guard::rules::Rule;
use reqwest::Method;
use serde_json::{Value, json};

use super::{add, blocked, items};
use crate::stage::{AT_ONCE, Client, SMS, Stage, TestApp, UNLIMITED, word};
use crate::webhooks::admin;
use crate::world::error;
use crate::{on_both_engines, on_postgres};

on_both_engines!(
    a_range_that_nobody_verifies_is_stopped_and_each_decision_kept,
    telegram_stays_open_under_a_challenge_and_its_fallback_is_held_back,
    a_challenge_leaves_telegram_wherever_it_stands_in_the_route,
    a_fallback_is_judged_when_it_is_planned,
    what_telegram_cannot_carry_fails_under_a_challenge,
    in_shadow_everything_is_sent_and_recorded,
    who_enters_codes_is_not_counted,
    an_owner_is_not_locked_out_by_strangers,
    every_denial_reads_the_same,
    a_block_is_seen_and_ended_by_people,
    one_address_is_challenged_and_then_denied,
    rules_of_a_project_replace_those_of_the_installation,
    after_a_restart_the_last_day_is_known,
);

on_postgres!(replicas_count_together,);

pub const ON: (&str, &str) = ("DEFAULTS__GUARD__MODE", "on");
/// A number of one range.
pub fn of_range(number: usize) -> String {
    format!("+99890777{number:04}")
}

pub async fn start(app: &TestApp, number: &str) -> crate::stage::Reply {
    app.start(json!({ "phone_number": number })).await
}

/// The code of the last SMS.
pub fn last_code(stage: &Stage) -> String {
    let sends = stage.sms.sends();
    let text = word(&sends.last().unwrap()["text"]).to_owned();
    let mut digits = text.split(|c: char| !c.is_ascii_digit());
    digits.find(|part| part.len() == 6).unwrap().to_owned()
}

pub async fn decisions(app: &TestApp, admin: &Client, query: &str) -> Vec<Value> {
    app.gateway.verify().store_decisions(false).await.unwrap();
    let path = format!("/v1/guard/decisions?{query}");
    items(&admin.get(&path).await.expect(200)).to_vec()
}

async fn a_range_that_nobody_verifies_is_stopped_and_each_decision_kept(stage: Stage) {
    let app = stage.app_with(&[SMS, ON]).await;
    let admin = admin(&app).await;
    for number in 0..3 {
        start(&app, &of_range(number)).await.expect(201);
    }
    assert_eq!(decisions(&app, &admin, "").await, [] as [Value; 0]);
    // SMS is all there is, so a challenge cannot be met.
    for number in 3..9 {
        blocked(&start(&app, &of_range(number)).await);
    }
    assert_eq!(stage.sms.sends().len(), 3);
    let all = decisions(&app, &admin, "").await;
    assert_eq!(all.len(), 6);
    let first = &all[5];
    assert_eq!(
        (
            &first["on"],
            &first["outcome"],
            &first["country"],
            &first["prefix"],
            &first["verification_id"]
        ),
        (
            &json!("create"),
            &json!("deny"),
            &json!("UZ"),
            &json!("+99890777"),
            &Value::Null
        )
    );
    let rule = first["rules"].as_array().unwrap().iter();
    let mut rule = rule.filter(|fired| fired["rule"] == "unverified_prefix");
    let rule = rule.next().unwrap();
    assert_eq!(
        (
            &rule["mode"],
            &rule["value"],
            &rule["threshold"],
            &rule["window"],
            &rule["effect"]
        ),
        (
            &json!("on"),
            &json!(4),
            &json!(3),
            &json!("1h"),
            &json!("challenge")
        )
    );
    // What can be asked for.
    let count = async |query: &str| decisions(&app, &admin, query).await.len();
    assert_eq!(
        count("outcome=deny&rule=unverified_prefix&country=UZ&prefix=%2B998907").await,
        6
    );
    assert_eq!(count("outcome=challenge").await, 0);
    assert_eq!(count("rule=velocity").await, 0);
    assert_eq!(count("country=KZ").await, 0);
    assert_eq!(count("prefix=%2B99891").await, 0);
    assert_eq!(count("limit=2").await, 2);
    for wrong in [
        "outcome=no",
        "rule=luck",
        "country=UK",
        "prefix=x",
        "verification_id=1",
        "from=x",
    ] {
        admin
            .get(&format!("/v1/guard/decisions?{wrong}"))
            .await
            .problem(400, "invalid_request");
    }
    // A day later nothing of it counts any more.
    stage.advance(86_400 + 300);
    start(&app, &of_range(10)).await.expect(201);
    // They are kept for 90 days.
    stage.advance(88 * 86_400);
    app.gateway.sweep().await.unwrap();
    assert_eq!(count("").await, 6);
    stage.advance(86_400);
    app.gateway.sweep().await.unwrap();
    assert_eq!(count("").await, 0);
}

async fn telegram_stays_open_under_a_challenge_and_its_fallback_is_held_back(stage: Stage) {
    let app = stage.app_with(&[ON, UNLIMITED]).await;
    let admin = admin(&app).await;
    for number in 0..3 {
        stage
            .telegram
            .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE")]);
        let v = start(&app, &of_range(number)).await.expect(201);
        app.settle(&v["id"]).await;
    }
    assert_eq!(stage.sms.sends().len(), 3);
    stage
        .telegram
        .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE")]);
    let v = start(&app, &of_range(3)).await.expect(201);
    let v = app.settle(&v["id"]).await;
    let attempts: Vec<_> = v["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| {
            (
                word(&a["channel"]),
                word(&a["status"]),
                a["reason"].as_str(),
            )
        })
        .collect();
    assert_eq!(attempts[1], ("sms", "failed", Some("guard")), "{v}");
    assert_eq!(stage.sms.sends().len(), 3);
    // Of a challenge, the answer does not tell who has Telegram.
    let kept = decisions(&app, &admin, &format!("verification_id={}", word(&v["id"]))).await;
    let outcomes: Vec<_> = kept
        .iter()
        .map(|one| (word(&one["on"]), word(&one["outcome"])))
        .collect();
    assert_eq!(
        outcomes,
        [("fallback", "challenge"), ("create", "challenge")]
    );
    // Whom Telegram reaches is verified as ever.
    let v = start(&app, &of_range(4)).await.expect(201);
    let sends = stage.telegram.sends();
    let code = word(&sends.last().unwrap()["code"]).to_owned();
    assert_eq!(app.check(&v["id"], &code).await.expect(200)["valid"], true);
}

async fn a_challenge_leaves_telegram_wherever_it_stands_in_the_route(stage: Stage) {
    let route = r#"[{"channel":"sms","wait":"60s"},{"channel":"telegram","wait":"15s"}]"#;
    let app = stage.app_with(&[("DEFAULTS__ROUTE", route), ON]).await;
    for number in 0..3 {
        start(&app, &of_range(number)).await.expect(201);
    }
    let v = start(&app, &of_range(3)).await.expect(201);
    let v = app.settle(&v["id"]).await;
    let of = |place: usize| {
        (
            word(&v["attempts"][place]["channel"]),
            v["attempts"][place]["reason"].as_str(),
        )
    };
    assert_eq!(
        (of(0), of(1)),
        (("sms", Some("guard")), ("telegram", None)),
        "{v}"
    );
    assert_eq!(
        (stage.sms.sends().len(), stage.telegram.sends().len()),
        (3, 1)
    );
}

/// The budget of the range is used up between the start and the fallback.
async fn a_fallback_is_judged_when_it_is_planned(stage: Stage) {
    let app = stage.app_with(&[ON, UNLIMITED, AT_ONCE]).await;
    let waiting = start(&app, &of_range(0)).await.expect(201);
    for number in 1..4 {
        let body = json!({ "phone_number": of_range(number), "channels": ["sms"] });
        app.start(body).await.expect(201);
    }
    stage.advance(16);
    let v = app.settle(&waiting["id"]).await;
    assert_eq!(v["attempts"][1]["reason"], "guard", "{v}");
    assert_eq!(stage.sms.sends().len(), 3);
    // A resend by SMS finds no open channel but Telegram.
    let refused = app
        .resend(&waiting["id"], json!({ "channel": "sms" }))
        .await;
    refused.problem(422, "channel_unavailable");
    app.resend(&waiting["id"], json!({ "channel": "telegram" }))
        .await
        .expect(200);
}

async fn what_telegram_cannot_carry_fails_under_a_challenge(stage: Stage) {
    let app = stage.app_with(&[ON, UNLIMITED]).await;
    let account = crate::dialects::twilio::Account::of(&app, "verify").await;
    for number in 0..3 {
        let body = json!({ "phone_number": of_range(number), "channels": ["sms"] });
        app.start(body).await.expect(201);
    }
    let letters = [("CustomCode", "aB3dE")];
    let v = account.start(&of_range(3), &letters).await.expect(201);
    let v = app.find(&crate::dialects::twilio::native(&v)).await;
    assert_eq!(
        v["status"], "failed",
        "nobody waits for what never comes: {v}"
    );
    assert_eq!(stage.sms.sends().len(), 3);
}

async fn in_shadow_everything_is_sent_and_recorded(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let admin = admin(&app).await;
    for number in 0..6 {
        start(&app, &of_range(number)).await.expect(201);
    }
    assert_eq!(stage.sms.sends().len(), 6);
    let all = decisions(&app, &admin, "rule=unverified_prefix").await;
    assert_eq!(all.len(), 3);
    for one in &all {
        assert_eq!(
            (&one["outcome"], &one["rules"][0]["mode"]),
            (&json!("allow"), &json!("shadow"))
        );
        assert!(one["verification_id"].is_string(), "{one}");
    }
}

async fn who_enters_codes_is_not_counted(stage: Stage) {
    let app = stage.app_with(&[SMS, ON]).await;
    for number in 0..12 {
        let v = start(&app, &of_range(number)).await.expect(201);
        app.check(&v["id"], &last_code(&stage)).await.expect(200);
    }
    let admin = admin(&app).await;
    let cells = admin.get("/v1/guard/cells?rule=unverified_country").await;
    assert_eq!(items(&cells.expect(200)), [] as [Value; 0]);
    let v = start(&app, &of_range(20)).await.expect(201);
    let cells = admin
        .get("/v1/guard/cells?rule=unverified_country")
        .await
        .expect(200);
    let cell = &items(&cells)[0];
    assert_eq!(
        (
            &cell["cell"],
            &cell["unverified_24h"],
            &cell["verified_24h"],
            &cell["best_day"]
        ),
        (&json!("country:UZ"), &json!(1), &json!(12), &json!(12)),
        "{v}"
    );
}

async fn an_owner_is_not_locked_out_by_strangers(stage: Stage) {
    let app = stage.app_with(&[SMS, ON, UNLIMITED]).await;
    let own = of_range(9999);
    let v = start(&app, &own).await.expect(201);
    app.check(&v["id"], &last_code(&stage)).await.expect(200);
    stage.advance(3 * 86_400);
    for number in 0..12 {
        start(&app, &of_range(number)).await;
    }
    blocked(&start(&app, &of_range(13)).await);
    for _ in 0..3 {
        let v = start(&app, &own).await.expect(201);
        app.cancel(&v["id"]).await.expect(200);
    }
    blocked(&start(&app, &own).await);
    let admin = admin(&app).await;
    let kept = decisions(&app, &admin, "outcome=allow").await;
    assert_eq!(kept.iter().filter(|one| one["owner"] == true).count(), 3);
}

async fn every_denial_reads_the_same(stage: Stage) {
    let app = stage.app_with(&[SMS, ON]).await;
    let admin = admin(&app).await;
    add(
        &admin,
        json!({ "kind": "block", "match": "prefix", "value": "+99891" }),
    )
    .await;
    for number in 0..3 {
        start(&app, &of_range(number)).await.expect(201);
    }
    let listed = start(&app, "+998911234567").await;
    let pumped = start(&app, &of_range(4)).await;
    let without_ids = |body: Value| {
        let mut body = body;
        body.as_object_mut().unwrap().remove("request_id");
        body.as_object_mut().unwrap().remove("instance");
        body
    };
    assert_eq!(without_ids(blocked(&listed)), without_ids(blocked(&pumped)));
    let names = |reply: &crate::stage::Reply| {
        let names = reply.headers.keys().map(ToString::to_string);
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(&listed), names(&pumped));
}

async fn a_block_is_seen_and_ended_by_people(stage: Stage) {
    let app = stage.app_with(&[SMS, ON]).await;
    let admin = admin(&app).await;
    for number in 0..8 {
        start(&app, &of_range(number)).await;
    }
    app.gateway.verify().store_decisions(false).await.unwrap();
    let blocks = admin.get("/v1/guard/blocks").await.expect(200);
    let [block] = items(&blocks) else {
        panic!("{blocks}");
    };
    assert_eq!(
        (&block["prefix"], &block["level"]),
        (&json!("+99890777"), &json!(1))
    );
    let path = format!("/v1/guard/blocks/{}", word(&block["id"]));
    let end = async |path: &str| admin.send(admin.request(Method::DELETE, path)).await;
    assert_eq!(end(&path).await.status, 204);
    end(&path).await.problem(404, "not_found");
    end("/v1/guard/blocks/x").await.problem(404, "not_found");
    let blocks = admin.get("/v1/guard/blocks").await.expect(200);
    assert_eq!(items(&blocks), [] as [Value; 0]);
    let told = admin.get("/v1/audit?action=block.ended").await.expect(200);
    let [told] = items(&told) else {
        panic!("{told}");
    };
    assert_eq!(
        (&told["object"]["id"], &told["object"]["name"]),
        (&block["id"], &block["prefix"])
    );
    assert_eq!(told["before"]["level"], 1);
}

async fn one_address_is_challenged_and_then_denied(stage: Stage) {
    let off = (
        "DEFAULTS__GUARD__RULES",
        r#"{"unverified_country":{"mode":"off"},"unverified_network":{"mode":"off"}}"#,
    );
    let app = stage
        .app_with(&[ON, off, ("DEFAULTS__LIMITS__PER_IP", "off")])
        .await;
    let admin = admin(&app).await;
    let mut outcomes = Vec::new();
    for number in 0..14 {
        stage
            .telegram
            .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE")]);
        // Each in a range of its own.
        let body = json!({ "phone_number": format!("+99890{:03}4567", 100 + number), "client": { "ip": "203.0.113.7" } });
        let reply = app.start(body).await;
        if reply.status == 201 {
            app.settle(&reply.body["id"]).await;
        }
        outcomes.push(reply.status);
    }
    let (allowed, denied) =
        outcomes.split_at(outcomes.iter().position(|status| *status == 403).unwrap());
    assert!(
        allowed.iter().all(|status| *status == 201) && denied.iter().all(|status| *status == 403),
        "{outcomes:?}"
    );
    assert_eq!(stage.sms.sends().len(), 5);
    let kept = decisions(&app, &admin, "rule=unverified_ip&outcome=challenge").await;
    assert!(!kept.is_empty());
}

async fn rules_of_a_project_replace_those_of_the_installation(stage: Stage) {
    let app = stage.app_with(&[SMS, ON]).await;
    let admin = admin(&app).await;
    let path = "/v1/projects/default";
    let patch = async |policy: Value| {
        let request = admin.request(Method::PATCH, path);
        admin.send(request.json(&json!({ "policy": policy }))).await
    };
    patch(json!({ "guard": { "rules": { "unverified_prefix": { "floor_hour": 9 } } } }))
        .await
        .problem(400, "invalid_request");
    let wide = json!({ "guard": { "rules": {
        "unverified_prefix": { "floor_hour": 9, "floor_day": 9 }, "unverified_country": { "mode": "off" } } } });
    patch(wide).await.expect(200);
    for number in 0..9 {
        start(&app, &of_range(number)).await.expect(201);
    }
    blocked(&start(&app, &of_range(9)).await);
    patch(json!({ "guard": { "mode": "off" } }))
        .await
        .expect(200);
    start(&app, &of_range(10)).await.expect(201);
}

async fn after_a_restart_the_last_day_is_known(stage: Stage) {
    let app = stage.app_with(&[SMS, ON]).await;
    let v = start(&app, &of_range(0)).await.expect(201);
    app.check(&v["id"], &last_code(&stage)).await.expect(200);
    for number in 1..4 {
        start(&app, &of_range(number)).await.expect(201);
    }
    while app.gateway.finance().sum_tallies().await.unwrap() {}
    stage.stop(app).await;
    stage.advance(1);
    let app = stage.app_with(&[SMS, ON]).await;
    let start = app.gateway.now();
    let recalled = app.gateway.verify().recall_figures(start).await;
    assert_eq!(recalled.unwrap(), 4);
    let admin = admin(&app).await;
    let cells = admin
        .get("/v1/guard/cells?rule=unverified_country")
        .await
        .expect(200);
    let cell = &items(&cells)[0];
    assert_eq!(
        (
            &cell["unverified_24h"],
            &cell["verified_24h"],
            &cell["best_day"]
        ),
        (&json!(3), &json!(1), &json!(1))
    );
    blocked(&self::start(&app, &of_range(5)).await);
}

async fn replicas_count_together(stage: Stage) {
    let redis = stage.redis_url.clone();
    let shared = [SMS, ON, ("REDIS_URL", &*redis)];
    let (one, two) = (stage.app_with(&shared).await, stage.app_with(&shared).await);
    let swap = async || {
        for app in [&one, &two, &one] {
            app.gateway.verify().swap_figures().await;
        }
    };
    swap().await;
    for number in 0..3 {
        start(&one, &of_range(number)).await.expect(201);
    }
    // Redis may be too slow for one swap.
    let mut swaps = 0;
    let knows = |app: &TestApp| {
        let cells = app
            .gateway
            .verify()
            .fullest_cells(None, Rule::UnverifiedPrefix);
        !cells.is_empty()
    };
    while !knows(&two) {
        swaps += 1;
        assert!(swaps < 50, "the other replica never heard of it");
        swap().await;
    }
    blocked(&start(&two, &of_range(3)).await);
    // An approval on one counts on the other; a batch that is read twice does not.
    stage.advance(2 * 86_400);
    let v = start(&one, &of_range(4)).await.expect(201);
    swap().await;
    two.check(&v["id"], &last_code(&stage)).await.expect(200);
    swap().await;
    swap().await;
    let admin = admin(&one).await;
    let cells = admin
        .get("/v1/guard/cells?rule=unverified_country")
        .await
        .expect(200);
    assert_eq!(items(&cells), [] as [Value; 0]);
}
