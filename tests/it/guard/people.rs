//! What the guard owes people: owners of numbers, those who come after a restart, and those whose codes a host checks.

use serde_json::json;

use super::rules::{ON, decisions, last_code, of_range, start};
use super::{add, blocked, items};
use crate::on_both_engines;
use crate::projects::patch;
use crate::stage::{AT_ONCE, Client, SMS, Stage, TestApp, UNLIMITED, word};
use crate::webhooks::admin;

on_both_engines!(
    resends_use_up_an_owners_exception_too,
    what_telegram_carries_uses_up_no_exception,
    strangers_who_fill_a_numbers_limit_leave_telegram_open,
    strangers_who_fill_a_numbers_limit_leave_its_owner_resends,
    blocks_and_best_days_outlive_a_restart,
    one_number_buys_nothing_by_a_restart,
    codes_that_a_site_makes_count_once_it_says_which_were_entered,
    decisions_about_an_erased_verification_are_not_stored_later,
    decisions_that_share_a_row_outlive_an_erasure,
    of_parallel_starts_an_owner_gets_three_and_the_others_are_denied,
    an_exception_is_not_used_up_by_what_is_not_sent,
    two_addresses_of_one_subscriber_are_one_visitor,
    what_contradicts_itself_is_refused,
);

/// Pumps the range until it is stopped.
async fn pump(app: &TestApp) {
    for number in 0..12 {
        start(app, &of_range(number)).await;
    }
    blocked(&start(app, &of_range(13)).await);
}

/// A number that proved itself three days ago, in a range that is pumped now.
async fn owner_in_a_pumped_range(app: &TestApp) -> String {
    let own = of_range(9999);
    let v = start(app, &own).await.expect(201);
    app.settle(&v["id"]).await;
    app.check(&v["id"], &last_code(&app.stage))
        .await
        .expect(200);
    app.stage.advance(3 * 86_400);
    pump(app).await;
    own
}

async fn resends_use_up_an_owners_exception_too(stage: Stage) {
    let app = stage.app_with(&[SMS, ON, UNLIMITED, AT_ONCE]).await;
    let own = owner_in_a_pumped_range(&app).await;
    let v = start(&app, &own).await.expect(201);
    for _ in 0..2 {
        app.resend(&v["id"], json!({ "channel": "sms" }))
            .await
            .expect(200);
        app.settle(&v["id"]).await;
    }
    blocked(&app.resend(&v["id"], json!({ "channel": "sms" })).await);
    app.cancel(&v["id"]).await.expect(200);
    blocked(&start(&app, &own).await);
    stage.advance(86_400 + 1);
    pump(&app).await;
    start(&app, &own).await.expect(201);
}

async fn what_telegram_carries_uses_up_no_exception(stage: Stage) {
    let app = stage.app_with(&[ON, UNLIMITED, AT_ONCE]).await;
    let own = json!({ "phone_number": of_range(9999), "channels": ["sms"] });
    let v = app.start(own.clone()).await.expect(201);
    app.settle(&v["id"]).await;
    app.check(&v["id"], &last_code(&stage)).await.expect(200);
    stage.advance(3 * 86_400);
    for number in 0..12 {
        app.start(json!({ "phone_number": of_range(number), "channels": ["sms"] }))
            .await;
    }
    // Strangers have codes sent to it by Telegram.
    for _ in 0..4 {
        let body = json!({ "phone_number": of_range(9999), "channels": ["telegram"] });
        let v = app.start(body).await.expect(201);
        app.cancel(&v["id"]).await.expect(200);
    }
    app.start(own).await.expect(201);
}

/// Strangers at two addresses.
pub const STRANGERS: [&str; 2] = ["203.0.113.0", "203.0.113.1"];

/// Uses up what a number may be sent, from these addresses in turn.
pub async fn fill(app: &TestApp, number: &str, addresses: &[&str]) {
    for ip in addresses.iter().cycle().take(5) {
        let body = json!({ "phone_number": number, "client": { "ip": ip } });
        let v = app.start(body).await.expect(201);
        app.cancel(&v["id"]).await.expect(200);
    }
}

async fn strangers_who_fill_a_numbers_limit_leave_its_owner_resends(stage: Stage) {
    let app = stage.app_with(&[AT_ONCE]).await;
    let number = of_range(1);
    fill(&app, &number, &STRANGERS).await;
    let v = start(&app, &number).await.expect(201);
    app.settle(&v["id"]).await;
    let again = json!({ "channel": "telegram" });
    for _ in 0..2 {
        stage.advance(31);
        app.resend(&v["id"], again.clone()).await.expect(200);
        app.settle(&v["id"]).await;
    }
    stage.advance(31);
    let reply = app.resend(&v["id"], again.clone()).await;
    reply.problem(429, "rate_limited");
    // What may go on by SMS is not let through.
    let number = of_range(2);
    let body = json!({ "phone_number": number, "client": { "ip": "203.0.113.9" } });
    stage.advance(600);
    let own = app.start(body).await.expect(201);
    app.settle(&own["id"]).await;
    for place in 0..4 {
        let ip = format!("203.0.113.{place}");
        let body = json!({ "phone_number": number, "client": { "ip": ip }, "payload": ip });
        let v = app.start(body).await.expect(201);
        app.cancel(&v["id"]).await.expect(200);
    }
    stage.advance(31);
    let reply = app.resend(&own["id"], again).await;
    reply.problem(429, "rate_limited");
}

async fn strangers_who_fill_a_numbers_limit_leave_telegram_open(stage: Stage) {
    let app = stage.app_with(&[AT_ONCE]).await;
    let (alone, crowded) = (of_range(1), of_range(2));
    fill(&app, &alone, &STRANGERS[..1]).await;
    start(&app, &alone).await.problem(429, "rate_limited");
    fill(&app, &crowded, &STRANGERS).await;
    let sent = stage.sms.sends().len();
    for _ in 0..3 {
        stage
            .telegram
            .next_sends([crate::world::error("PHONE_NUMBER_NOT_AVAILABLE")]);
        let v = start(&app, &crowded).await.expect(201);
        let v = app.settle(&v["id"]).await;
        let channels: Vec<_> = v["attempts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| word(&a["channel"]))
            .collect();
        assert_eq!(channels, ["telegram"], "{v}");
        app.resend(&v["id"], json!({ "channel": "sms" }))
            .await
            .problem(422, "channel_unavailable");
        app.cancel(&v["id"]).await;
    }
    start(&app, &crowded).await.problem(429, "rate_limited");
    assert_eq!(stage.sms.sends().len(), sent);
}

async fn blocks_and_best_days_outlive_a_restart(stage: Stage) {
    let app = stage.app_with(&[SMS, ON]).await;
    for number in 0..9 {
        let v = start(&app, &of_range(number)).await.expect(201);
        app.settle(&v["id"]).await;
        app.check(&v["id"], &last_code(&stage)).await.expect(200);
    }
    stage.advance(2 * 86_400);
    for number in 10..20 {
        start(&app, &of_range(number)).await;
    }
    let seen = async |app: &TestApp| {
        let admin = admin(app).await;
        let blocks = admin.get("/v1/guard/blocks").await.expect(200);
        let cells = admin
            .get("/v1/guard/cells?rule=unverified_prefix")
            .await
            .expect(200);
        assert_eq!((items(&blocks).len(), items(&cells).len()), (1, 1));
        (blocks, cells)
    };
    // A block's range is read from the decisions about it.
    app.gateway.verify().store_decisions(true).await.unwrap();
    let before = seen(&app).await;
    assert_eq!(items(&before.1)[0]["best_day"], 9);
    app.gateway.verify().save_figures().await.unwrap();
    stage.stop(app).await;
    stage.advance(1);
    let app = stage.app_with(&[SMS, ON]).await;
    let start = app.gateway.now();
    app.gateway.verify().recall_figures(start).await.unwrap();
    assert_eq!(seen(&app).await, before);
    blocked(&self::start(&app, &of_range(30)).await);
}

async fn one_number_buys_nothing_by_a_restart(stage: Stage) {
    let app = stage.app_with(&[SMS, ON, UNLIMITED]).await;
    for _ in 0..6 {
        let v = start(&app, &of_range(1)).await.expect(201);
        app.settle(&v["id"]).await;
        app.check(&v["id"], &last_code(&stage)).await.expect(200);
    }
    while app.gateway.finance().sum_tallies().await.unwrap() {}
    app.gateway.verify().save_figures().await.unwrap();
    stage.stop(app).await;
    stage.advance(1);
    let app = stage.app_with(&[SMS, ON, UNLIMITED]).await;
    let now = app.gateway.now();
    app.gateway.verify().recall_figures(now).await.unwrap();
    start(&app, &of_range(2)).await.expect(201);
    let admin = admin(&app).await;
    let cells = admin
        .get("/v1/guard/cells?rule=unverified_country")
        .await
        .expect(200);
    assert_eq!(items(&cells)[0]["best_day"], 1);
}

async fn codes_that_a_site_makes_count_once_it_says_which_were_entered(stage: Stage) {
    let app = stage.app_with(&[SMS, ON, UNLIMITED]).await;
    let own = async |number: usize| {
        app.start(json!({ "phone_number": of_range(number), "code": "135790" }))
            .await
    };
    for number in 0..20 {
        let v = own(number).await.expect(201);
        app.check(&v["id"], "135790").await.expect(200);
    }
    // Of today nothing is known yet, so none of these counts.
    for number in 20..30 {
        own(number).await.expect(201);
    }
    stage.advance(86_400 + 3_600);
    for number in 30..33 {
        own(number).await.expect(201);
    }
    blocked(&own(33).await);
}

async fn decisions_about_an_erased_verification_are_not_stored_later(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let admin = admin(&app).await;
    for number in 0..5 {
        start(&app, &of_range(number)).await.expect(201);
    }
    let body = json!({ "phone_number": of_range(4) });
    admin.post("/v1/subjects/erase", body).await.expect(200);
    let kept = decisions(&app, &admin, "").await;
    assert_eq!(kept.len(), 1, "that of the fourth alone");
}

async fn decisions_that_share_a_row_outlive_an_erasure(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let admin = admin(&app).await;
    // The first three fire nothing; the next hundred have rows of their own.
    for number in 0..120 {
        start(&app, &of_range(number)).await.expect(201);
        if number == 60 {
            stage.advance(1);
        }
    }
    stage.advance(60);
    let counts = async || -> u64 {
        app.gateway.verify().store_decisions(true).await.unwrap();
        let kept = decisions(&app, &admin, "limit=200").await;
        kept.iter().map(|one| one["count"].as_u64().unwrap()).sum()
    };
    assert_eq!(counts().await, 117);
    let body = json!({ "phone_number": of_range(103) });
    admin.post("/v1/subjects/erase", body).await.expect(200);
    assert_eq!(counts().await, 117, "its row also counts other numbers");
    let body = json!({ "phone_number": of_range(50) });
    let erased = admin.post("/v1/subjects/erase", body).await.expect(200);
    assert_eq!((&erased["decisions"], counts().await), (&json!(1), 116));
}

async fn of_parallel_starts_an_owner_gets_three_and_the_others_are_denied(stage: Stage) {
    let app = stage.app_with(&[SMS, ON, UNLIMITED]).await;
    let admin = admin(&app).await;
    let own = owner_in_a_pumped_range(&app).await;
    let before = country(&admin).await;
    let starts = (0..12)
        .map(|payload| app.start(json!({ "phone_number": own, "payload": payload.to_string() })));
    let replies = futures_util::future::join_all(starts).await;
    let sent = replies.iter().filter(|reply| reply.status == 201).count();
    let denied = replies.iter().filter(|reply| reply.status == 403).count();
    assert_eq!((sent, denied), (3, 9));
    let kept = decisions(&app, &admin, "outcome=allow").await;
    let excused = kept.iter().filter(|one| one["owner"] == true).count();
    assert_eq!(excused, 3, "denied starts are recorded as denied");
    assert_eq!(country(&admin).await, before + 3, "and do not count");
}

/// Unverified sends that are counted in the number's country.
async fn country(admin: &Client) -> u64 {
    let cells = admin.get("/v1/guard/cells?rule=unverified_country").await;
    let cells = cells.expect(200);
    items(&cells)[0]["unverified_24h"].as_u64().unwrap()
}

async fn an_exception_is_not_used_up_by_what_is_not_sent(stage: Stage) {
    let two = ("DEFAULTS__LIMITS__PER_NUMBER", r#"["2/10m"]"#);
    let app = stage.app_with(&[SMS, ON, two]).await;
    let own = owner_in_a_pumped_range(&app).await;
    let mut sent = 0;
    for _ in 0..3 {
        for payload in ["a", "b", "c"] {
            let reply = app
                .start(json!({ "phone_number": own, "payload": payload }))
                .await;
            sent += usize::from(reply.status == 201);
        }
        stage.advance(601);
    }
    assert_eq!(sent, 3, "two, one, and none");
}

async fn two_addresses_of_one_subscriber_are_one_visitor(stage: Stage) {
    let app = stage.app_with(&[AT_ONCE]).await;
    let (one, same, other) = ("2001:db8:1:1::1", "2001:db8:1:1::2", "2001:db8:2:1::1");
    fill(&app, &of_range(1), &[one, same]).await;
    let reply = start(&app, &of_range(1)).await;
    reply.problem(429, "rate_limited");
    fill(&app, &of_range(2), &[one, other]).await;
    start(&app, &of_range(2)).await.expect(201);
}

async fn what_contradicts_itself_is_refused(stage: Stage) {
    let app = stage.app_with(&[]).await;
    let admin = admin(&app).await;
    // Rules without a channel for the challenged.
    let change = async |guard| {
        let body = json!({ "policy": { "guard": guard } });
        patch(&admin, "/v1/projects/default", body).await
    };
    let reply = change(json!({ "mode": "on", "challenge_channels": [] })).await;
    reply.problem(400, "invalid_request");
    assert_eq!(reply.pointers(), ["/policy/guard/challenge_channels"]);
    change(json!({ "challenge_channels": [] }))
        .await
        .expect(200);
    // An allow of what is blocked.
    let block = add(
        &admin,
        json!({ "kind": "block", "match": "prefix", "value": "+99890777" }),
    )
    .await;
    let soon = app.gateway.now() + chrono::TimeDelta::days(9);
    let allow = json!({ "kind": "allow", "match": "prefix", "value": "+99890777", "note": "why", "expires_at": soon });
    let reply = admin.post("/v1/guard/lists", allow).await;
    let problem = reply.problem(400, "invalid_request");
    assert_eq!(reply.pointers(), ["/value"]);
    assert!(
        problem.to_string().contains(word(&block["id"])),
        "{problem}"
    );
    blocked(&start(&app, &of_range(1)).await);
    add(
        &admin,
        json!({ "kind": "block", "match": "prefix", "value": "+99890777", "note": "again" }),
    )
    .await;
    // A span that nothing can be known of.
    for (from, to, pointer) in [
        ("9100-01-01", "9100-01-02", "/from"),
        ("2026-01-01", "9100-01-01", "/to"),
    ] {
        let reply = admin
            .post("/v1/guard/replays", json!({ "from": from, "to": to }))
            .await;
        reply.problem(400, "invalid_request");
        assert_eq!(reply.pointers(), [pointer], "{}", reply.body);
    }
}
