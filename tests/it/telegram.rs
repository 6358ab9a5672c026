//! Telegram as a provider: what its answers, its silence and its reports do to attempts, money and the route.

use serde_json::{Value, json};

use crate::on_both_engines;
use crate::stage::{Stage, TestApp, word};
use crate::world::{Answer, TOKEN, error, taken};

on_both_engines!(
    a_send_carries_code_ttl_payload_and_callback_url,
    the_ttl_is_the_steps_wait_within_telegrams_bounds,
    without_https_telegram_itself_gets_no_callback_url_and_is_asked_instead,
    a_refused_sender_is_left_out_and_the_code_still_goes,
    a_number_that_telegram_cannot_reach_is_free_and_goes_on_at_once,
    an_invalid_number_fails_without_sms_and_never_pauses,
    a_refused_account_pauses_doubling_and_one_send_probes,
    five_breaks_in_a_row_pause,
    an_unknown_word_goes_on_and_never_pauses,
    a_flood_wait_pauses_the_number_and_three_numbers_the_channel,
    a_refused_connection_sent_nothing,
    a_send_without_an_answer_is_unknown_and_a_late_report_settles_it,
    what_stays_unknown_is_written_off_at_its_estimate,
    evidence_of_delivery_keeps_the_route_where_it_is,
    without_evidence_the_next_step_is_taken_after_the_wait,
    approve_within_goes_on_although_it_was_delivered,
    without_reports_the_status_is_asked_until_it_is_known,
    an_approval_is_reported_with_the_code,
    an_approval_that_cannot_be_reported_is_tried_again_and_then_forgotten,
    a_refund_is_booked_once,
    expired_without_the_flag_is_asked_once_more_and_then_expected,
    a_delivery_after_its_refund_is_drift,
    request_cost_is_what_is_charged,
    a_stale_report_changes_nothing_and_has_the_status_asked,
    a_report_must_be_signed_with_a_token_of_ours,
    reports_may_come_twice_and_in_any_order,
    a_report_may_overtake_the_answer,
    reports_about_what_we_do_not_know_are_taken,
    malformed_reports_are_400_and_change_nothing,
    a_report_without_payload_is_matched_by_number_and_request_id,
    nothing_is_sent_after_the_end,
    failed_means_that_every_attempt_is_dead,
);

/// One SMS step behind Telegram, both with long waits, so that only what a test does moves anything.
const PATIENT: (&str, &str) = (
    "DEFAULTS__ROUTE",
    r#"[{"channel":"telegram","wait":"1h"},{"channel":"sms","wait":"1h"}]"#,
);

/// Telegram alone.
const ALONE: (&str, &str) = ("DEFAULTS__ROUTE", r#"[{"channel":"telegram","wait":"1m"}]"#);

const LONG: (&str, &str) = ("DEFAULTS__TTL", "24h");

fn attempt(v: &Value, place: usize) -> (&str, &str, Option<&str>, &str) {
    let a = &v["attempts"][place];
    (
        word(&a["channel"]),
        word(&a["status"]),
        a["reason"].as_str(),
        word(&a["cost"]["state"]),
    )
}

fn broken() -> Answer {
    Answer::Text(500, "oops".to_owned())
}

async fn a_send_carries_code_ttl_payload_and_callback_url(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    let [seen] = stage.telegram.fake.seen().try_into().unwrap();
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("POST", "/sendVerificationMessage")
    );
    assert_eq!(
        seen.header("authorization"),
        Some(format!("Bearer {TOKEN}").as_str())
    );
    let wanted = json!({
        "phone_number": v["phone_number"], "code": seen.json()["code"], "ttl": 30,
        "payload": v["attempts"][0]["id"], "callback_url": "https://verify.example/callbacks/telegram",
    });
    assert_eq!(seen.json(), wanted);
}

async fn the_ttl_is_the_steps_wait_within_telegrams_bounds(stage: Stage) {
    for (wait, ttl) in [("1s", 30), ("15s", 30), ("90s", 90), ("1h", 3_600)] {
        let route = format!(r#"[{{"channel":"telegram","wait":"{wait}"}}]"#);
        let app = stage.app_with(&[("DEFAULTS__ROUTE", &route)]).await;
        app.started().await;
        assert_eq!(stage.telegram.sends().pop().unwrap()["ttl"], ttl, "{wait}");
        stage.stop(app).await;
    }
}

async fn without_https_telegram_itself_gets_no_callback_url_and_is_asked_instead(stage: Stage) {
    // Another server of its protocol takes any address; it is Telegram's own that refuses one without https.
    let app = stage
        .app_with(&[("PUBLIC_URL", "http://verify.example:8080")])
        .await;
    app.started().await;
    let send = stage.telegram.sends().pop().unwrap();
    assert_eq!(
        send["callback_url"],
        "http://verify.example:8080/callbacks/telegram"
    );
}

async fn a_refused_sender_is_left_out_and_the_code_still_goes(stage: Stage) {
    let app = stage
        .app_with(&[("TELEGRAM__SENDER_USERNAME", "shop")])
        .await;
    stage.telegram.next_sends([error("SENDER_NOT_VERIFIED")]);
    let v = app.started().await;
    assert_eq!(attempt(&v, 0), ("telegram", "sent", None, "charged"));
    let senders: Vec<Value> = stage
        .telegram
        .sends()
        .iter()
        .map(|send| send["sender_username"].clone())
        .collect();
    assert_eq!(senders, [json!("shop"), Value::Null]);
}

async fn a_number_that_telegram_cannot_reach_is_free_and_goes_on_at_once(stage: Stage) {
    let app = stage.app().await;
    for refusal in ["PHONE_NUMBER_NOT_AVAILABLE", "PHONE_NUMBER_NOT_FOUND"] {
        stage.telegram.next_sends([error(refusal)]);
        // The answer waits until nothing is under way any more.
        let v = app.started().await;
        assert_eq!(
            attempt(&v, 0),
            ("telegram", "refused", Some("unreachable"), "free")
        );
        assert_eq!(attempt(&v, 1), ("sms", "sent", None, "charged"));
        assert_eq!(v["attempts"][0]["cost"]["amount"], "0.00");
        assert_eq!(
            (&v["status"], &v["channel"]),
            (&json!("pending"), &json!("sms"))
        );
        assert!(word(&stage.sms.sends().pop().unwrap()["text"]).contains(&app.telegram_code()));
    }
}

async fn an_invalid_number_fails_without_sms_and_never_pauses(stage: Stage) {
    let app = stage.app().await;
    for _ in 0..6 {
        stage.telegram.next_sends([error("PHONE_NUMBER_INVALID")]);
        let v = app.started().await;
        assert_eq!(
            attempt(&v, 0),
            ("telegram", "refused", Some("number_invalid"), "free")
        );
        assert_eq!((&v["status"], &v["costs"]), (&json!("failed"), &json!([])));
        assert_eq!(v["attempts"].as_array().unwrap().len(), 1);
        assert_eq!(
            app.events(&v["id"]).await.last().unwrap(),
            "verification.failed"
        );
    }
    assert!(stage.sms.sends().is_empty());
    assert_eq!(paused(&app).await, json!([]));
}

async fn paused(app: &TestApp) -> Value {
    app.get("/readyz").await.expect(200)["paused"].clone()
}

async fn a_refused_account_pauses_doubling_and_one_send_probes(stage: Stage) {
    let app = stage.app().await;
    let mut sends = 0;
    for (word, seconds) in [
        ("BALANCE_NOT_ENOUGH", 10),
        ("ACCESS_TOKEN_INVALID", 20),
        ("BALANCE_NOT_ENOUGH", 40),
        ("BALANCE_NOT_ENOUGH", 80),
    ] {
        stage.telegram.next_sends([error(word)]);
        let v = app.started().await;
        assert_eq!(
            attempt(&v, 0),
            ("telegram", "failed", Some("provider_rejected"), "free")
        );
        assert_eq!(
            attempt(&v, 1),
            ("sms", "sent", None, "charged"),
            "the next step at once"
        );
        sends += 1;
        let until = (stage.clock.now() + chrono::TimeDelta::seconds(seconds))
            .format("%FT%TZ")
            .to_string();
        assert_eq!(
            paused(&app).await,
            json!([{ "provider": "telegram", "until": until }])
        );

        stage.advance(u64::try_from(seconds).unwrap() - 1);
        let v = app.started().await;
        assert_eq!(
            attempt(&v, 0),
            ("telegram", "failed", Some("paused"), "free")
        );
        assert_eq!(attempt(&v, 1), ("sms", "sent", None, "charged"));
        assert_eq!(
            stage.telegram.sends().len(),
            sends,
            "nothing is sent while it pauses"
        );
        stage.advance(1);
        assert_eq!(paused(&app).await, json!([]));
    }
    // A success resets it: the next pause is 10 s again.
    let v = app.started().await;
    assert_eq!(attempt(&v, 0), ("telegram", "sent", None, "charged"));
    stage.telegram.next_sends([error("BALANCE_NOT_ENOUGH")]);
    app.started().await;
    stage.advance(10);
    let v = app.started().await;
    assert_eq!(attempt(&v, 0), ("telegram", "sent", None, "charged"));
}

async fn five_breaks_in_a_row_pause(stage: Stage) {
    let app = stage.app().await;
    let breaks = || {
        [
            broken(),
            Answer::Text(200, "{".to_owned()),
            Answer::Cut,
            Answer::Json(200, json!({ "ok": true })),
        ]
    };
    stage.telegram.next_sends(breaks());
    for _ in 0..4 {
        let v = app.started().await;
        assert_eq!(
            attempt(&v, 0),
            ("telegram", "unknown", Some("no_answer"), "estimated")
        );
        assert_eq!(attempt(&v, 1).1, "sent");
    }
    let v = app.started().await;
    assert_eq!(
        attempt(&v, 0).1,
        "sent",
        "a success between: counted from none again"
    );
    stage.telegram.next_sends(breaks());
    stage.telegram.next_sends([broken()]);
    for _ in 0..5 {
        assert_eq!(paused(&app).await, json!([]));
        app.started().await;
    }
    assert_eq!(paused(&app).await[0]["provider"], "telegram");
    let v = app.started().await;
    assert_eq!(
        attempt(&v, 0),
        ("telegram", "failed", Some("paused"), "free")
    );
    stage.advance(10);
    let v = app.started().await;
    assert_eq!(attempt(&v, 0), ("telegram", "sent", None, "charged"));
}

async fn an_unknown_word_goes_on_and_never_pauses(stage: Stage) {
    let app = stage.app().await;
    for _ in 0..6 {
        stage.telegram.next_sends([error("SOMETHING_NEW")]);
        let v = app.started().await;
        assert_eq!(
            attempt(&v, 0),
            ("telegram", "failed", Some("provider_rejected"), "free")
        );
        assert_eq!(attempt(&v, 1).1, "sent");
    }
    assert_eq!(paused(&app).await, json!([]));
    let metrics = app.get("/metrics").await.text;
    assert!(
        metrics.contains(r#"pinroute_alarms_total{provider="telegram"}"#),
        "{metrics}"
    );
}

async fn a_flood_wait_pauses_the_number_and_three_numbers_the_channel(stage: Stage) {
    let app = stage
        .app_with(&[("DEFAULTS__LIMITS__PER_NUMBER", "off")])
        .await;
    let number = stage.number();
    let start = |number: &str, payload: &str| {
        app.start(json!({ "phone_number": number, "payload": payload }))
    };
    stage.telegram.next_sends([error("FLOOD_WAIT_7")]);
    let v = start(&number, "1").await.expect(201);
    assert_eq!(
        attempt(&v, 0),
        ("telegram", "failed", Some("throttled"), "free")
    );
    assert_eq!(attempt(&v, 1).1, "sent");
    let v = start(&number, "2").await.expect(201);
    assert_eq!(
        attempt(&v, 0),
        ("telegram", "failed", Some("paused"), "free"),
        "this number waits"
    );
    let v = app.started().await;
    assert_eq!(attempt(&v, 0).1, "sent", "others do not");
    stage.advance(7);
    let v = start(&number, "3").await.expect(201);
    assert_eq!(attempt(&v, 0).1, "sent");

    // The first number's is more than 10 s ago by now, and counts no more.
    stage.advance(10);
    stage
        .telegram
        .next_sends(["FLOOD_WAIT_20", "FLOOD_WAIT_20", "FLOOD_WAIT_20"].map(error));
    for _ in 0..3 {
        assert_eq!(paused(&app).await, json!([]));
        app.started().await;
    }
    assert_eq!(paused(&app).await[0]["provider"], "telegram");
    stage.advance(19);
    let v = app.started().await;
    assert_eq!(attempt(&v, 0).2, Some("paused"));
    stage.advance(1);
    let v = app.started().await;
    assert_eq!(attempt(&v, 0).1, "sent");
    // However long it says, five minutes at most.
    stage
        .telegram
        .next_sends(["FLOOD_WAIT_86400", "FLOOD_WAIT_86400", "FLOOD_WAIT_86400"].map(error));
    for _ in 0..3 {
        app.started().await;
    }
    stage.advance(300);
    assert_eq!(paused(&app).await, json!([]));
}

async fn a_refused_connection_sent_nothing(stage: Stage) {
    let app = stage.app().await;
    stage.telegram.fake.stop();
    let v = app.started().await;
    assert_eq!(
        attempt(&v, 0),
        ("telegram", "failed", Some("unavailable"), "free")
    );
    assert_eq!(attempt(&v, 1), ("sms", "sent", None, "charged"));
    stage.telegram.fake.resume().await;
    let v = app.started().await;
    assert_eq!(attempt(&v, 0).1, "sent");
}

async fn a_send_without_an_answer_is_unknown_and_a_late_report_settles_it(stage: Stage) {
    let app = stage.app().await;
    stage.telegram.next_sends([Answer::Hang]);
    let v = app.started().await;
    assert_eq!(
        attempt(&v, 0),
        ("telegram", "unknown", Some("no_answer"), "estimated")
    );
    assert_eq!(attempt(&v, 1).1, "sent");
    assert_eq!(v["costs"], json!([{ "amount": "0.05", "currency": "USD" }]));
    // Never again on the same channel by itself.
    let v = app.later(&v["id"], 120).await;
    assert_eq!(
        (
            stage.telegram.sends().len(),
            v["attempts"].as_array().unwrap().len()
        ),
        (1, 2)
    );

    app.telegram_reports(&stage.telegram.status("delivered"))
        .await
        .expect(200);
    let v = app.settle(&v["id"]).await;
    assert_eq!(attempt(&v, 0), ("telegram", "delivered", None, "charged"));
    assert_eq!(v["costs"], json!([{ "amount": "0.06", "currency": "USD" }]));
    let charge =
        |basis: &str, amount: &str| ("charge".to_owned(), basis.to_owned(), amount.to_owned());
    assert_eq!(
        app.ledger(&v["id"]).await,
        [charge("estimated", "-0.05"), charge("reported", "-0.01")]
    );
    assert_eq!(
        app.check(&v["id"], &app.telegram_code()).await.expect(200)["valid"],
        true
    );
    app.settle(&v["id"]).await;
}

async fn what_stays_unknown_is_written_off_at_its_estimate(stage: Stage) {
    let app = stage
        .app_with(&[("UNKNOWN_AFTER", "2h"), ("SMS__PROVIDERS", "[]")])
        .await;
    stage.telegram.next_sends([broken()]);
    let v = app.started().await;
    let v = app.later(&v["id"], 7_199).await;
    assert_eq!(
        (&v["status"], v["costs"].clone()),
        (&json!("expired"), json!([]))
    );
    assert_eq!(
        attempt(&v, 0),
        ("telegram", "unknown", Some("no_answer"), "estimated")
    );
    let v = app.later(&v["id"], 1).await;
    assert_eq!(
        attempt(&v, 0),
        ("telegram", "unknown", Some("no_answer"), "charged")
    );
    let charge = (
        "charge".to_owned(),
        "estimated".to_owned(),
        "-0.01".to_owned(),
    );
    assert_eq!(app.ledger(&v["id"]).await, [charge]);
    // A report that says otherwise takes it back.
    let mut report = stage.telegram.status("expired");
    report["is_refunded"] = json!(true);
    app.telegram_reports(&report).await.expect(200);
    let v = app.settle(&v["id"]).await;
    assert_eq!(
        (attempt(&v, 0).3, v["costs"].clone()),
        ("refunded", json!([]))
    );
}

async fn evidence_of_delivery_keeps_the_route_where_it_is(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    app.telegram_reports(&stage.telegram.status("delivered"))
        .await
        .expect(200);
    let v = app.later(&v["id"], 300).await;
    assert_eq!(attempt(&v, 0), ("telegram", "delivered", None, "charged"));
    assert_eq!(v["attempts"].as_array().unwrap().len(), 1);
    app.telegram_reports(&stage.telegram.status("read"))
        .await
        .expect(200);
    assert_eq!(attempt(&app.settle(&v["id"]).await, 0).1, "read");
    assert!(stage.sms.sends().is_empty());
}

async fn without_evidence_the_next_step_is_taken_after_the_wait(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    let v = app.later(&v["id"], 14).await;
    assert_eq!(v["attempts"].as_array().unwrap().len(), 1);
    assert!(stage.telegram.asks().is_empty(), "reports are awaited");
    let v = app.later(&v["id"], 1).await;
    assert_eq!(
        stage.telegram.asks().len(),
        1,
        "asked before it is given up"
    );
    assert_eq!((attempt(&v, 0).1, attempt(&v, 1).1), ("sent", "sent"));
    assert_eq!(v["sends_left"], 4, "an automatic fallback does not count");
    let [sms] = stage.sms.sends().try_into().unwrap();
    assert!(
        word(&sms["text"]).contains(&app.telegram_code()),
        "the same code"
    );
    // The late message still works, and shows.
    app.telegram_reports(&stage.telegram.status("delivered"))
        .await
        .expect(200);
    assert_eq!(attempt(&app.settle(&v["id"]).await, 0).1, "delivered");

    // What the question brings to light counts as evidence.
    let v = app.started().await;
    stage
        .telegram
        .next_asks([stage.telegram.asked("delivered")]);
    let v = app.later(&v["id"], 15).await;
    assert_eq!(
        (attempt(&v, 0).1, v["attempts"].as_array().unwrap().len()),
        ("delivered", 1)
    );
}

async fn approve_within_goes_on_although_it_was_delivered(stage: Stage) {
    let route = r#"[{"channel":"telegram","wait":"15s","approve_within":"90s"},{"channel":"sms","wait":"60s"}]"#;
    let app = stage.app_with(&[("DEFAULTS__ROUTE", route)]).await;
    let v = app.started().await;
    app.telegram_reports(&stage.telegram.status("delivered"))
        .await
        .expect(200);
    let v = app.later(&v["id"], 89).await;
    assert_eq!(v["attempts"].as_array().unwrap().len(), 1);
    let v = app.later(&v["id"], 1).await;
    assert_eq!((attempt(&v, 0).1, attempt(&v, 1).1), ("delivered", "sent"));
}

async fn without_reports_the_status_is_asked_until_it_is_known(stage: Stage) {
    let app = stage.app_with(&[PATIENT, LONG]).await;
    let v = app.started().await;
    let id = &v["id"];
    stage.telegram.next_asks([
        Answer::Cut,
        Answer::Text(502, "x".to_owned()),
        error("REQUEST_ID_INVALID"),
    ]);
    for _ in 0..40 {
        app.later(id, 60).await;
    }
    let asked = stage.telegram.asks().len();
    assert!(
        (4..=12).contains(&asked),
        "asked {asked} times in 40 minutes"
    );
    assert_eq!(
        stage.telegram.asks()[0],
        json!({ "request_id": stage.telegram.last_request_id() })
    );
    stage.telegram.next_asks([stage.telegram.asked("read")]);
    let v = app.later(id, 1_200).await;
    assert_eq!(attempt(&v, 0).1, "read");
    let asked = stage.telegram.asks().len();
    app.later(id, 36_000).await;
    assert_eq!(stage.telegram.asks().len(), asked, "nothing is left to ask");
}

async fn an_approval_is_reported_with_the_code(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    let code = app.telegram_code();
    app.check(&v["id"], &code).await.expect(200);
    app.settle(&v["id"]).await;
    let [ask] = stage.telegram.asks().try_into().unwrap();
    assert_eq!(
        ask,
        json!({ "request_id": stage.telegram.last_request_id(), "code": code })
    );
    // Once, whatever comes later.
    app.telegram_reports(&stage.telegram.status("read"))
        .await
        .expect(200);
    app.later(&v["id"], 3_600).await;
    let with_code = stage
        .telegram
        .asks()
        .iter()
        .filter(|ask| ask["code"].is_string())
        .count();
    assert_eq!(with_code, 1);
    // An approval by SMS alone is nothing to Telegram.
    stage
        .telegram
        .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE")]);
    let v = app.started().await;
    app.check(&v["id"], &app.telegram_code()).await.expect(200);
    app.settle(&v["id"]).await;
    let with_code = stage
        .telegram
        .asks()
        .iter()
        .filter(|ask| ask["code"].is_string())
        .count();
    assert_eq!(with_code, 1);
}

async fn an_approval_that_cannot_be_reported_is_tried_again_and_then_forgotten(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    let code = app.telegram_code();
    app.telegram_reports(&stage.telegram.status("delivered"))
        .await
        .expect(200);
    stage.telegram.next_asks([broken(), Answer::Cut]);
    app.check(&v["id"], &code).await.expect(200);
    app.settle(&v["id"]).await;
    assert!(
        app.settled(&v["id"]).await.code.is_some(),
        "kept while it is owed"
    );
    for _ in 0..3 {
        app.later(&v["id"], 60).await;
    }
    let with_code = stage
        .telegram
        .asks()
        .iter()
        .filter(|ask| ask["code"] == json!(code))
        .count();
    assert_eq!(with_code, 3);
    assert!(
        app.settled(&v["id"]).await.code.is_none(),
        "erased once it was reported"
    );

    // Within the hour it is erased in any case.
    let v = app.started().await;
    app.telegram_reports(&stage.telegram.status("delivered"))
        .await
        .expect(200);
    stage.telegram.next_asks((0..50).map(|_| broken()));
    app.check(&v["id"], &app.telegram_code()).await.expect(200);
    app.settle(&v["id"]).await;
    for _ in 0..60 {
        app.later(&v["id"], 60).await;
    }
    assert!(app.settled(&v["id"]).await.code.is_none());
}

async fn a_refund_is_booked_once(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    let mut report = stage.telegram.status("expired");
    report["is_refunded"] = json!(true);
    for _ in 0..3 {
        app.telegram_reports(&report).await.expect(200);
    }
    let v = app.settle(&v["id"]).await;
    assert_eq!(
        attempt(&v, 0),
        ("telegram", "expired", Some("not_delivered"), "refunded")
    );
    assert_eq!(attempt(&v, 1).1, "sent", "what expired gives way at once");
    assert_eq!(v["costs"], json!([{ "amount": "0.05", "currency": "USD" }]));
    let entries = app.ledger(&v["id"]).await;
    let told: Vec<String> = entries
        .iter()
        .map(|(k, b, a)| format!("{k} {b} {a}"))
        .collect();
    assert_eq!(
        told,
        [
            "charge reported -0.01",
            "refund reported 0.01",
            "charge estimated -0.05"
        ]
    );
}

async fn expired_without_the_flag_is_asked_once_more_and_then_expected(stage: Stage) {
    let app = stage.app_with(&[ALONE, LONG]).await;
    let v = app.started().await;
    // The message itself is past its TTL, and so its own answer to the question is the same.
    stage
        .telegram
        .next_asks((0..9).map(|_| stage.telegram.asked("expired")));
    app.telegram_reports(&stage.telegram.status("expired"))
        .await
        .expect(200);
    let v = app.settle(&v["id"]).await;
    assert_eq!(stage.telegram.asks().len(), 1, "asked once more");
    assert_eq!(
        attempt(&v, 0),
        (
            "telegram",
            "expired",
            Some("not_delivered"),
            "refund_expected"
        )
    );
    assert_eq!(
        v["costs"],
        json!([{ "amount": "0.01", "currency": "USD" }]),
        "it stands charged until it is reported"
    );
    let told = |entries: Vec<(String, String, String)>| -> Vec<String> {
        entries
            .iter()
            .map(|(k, b, a)| format!("{k} {b} {a}"))
            .collect()
    };
    let expected = ["charge reported -0.01", "refund documented 0.01"];
    assert_eq!(told(app.ledger(&v["id"]).await), expected);
    app.later(&v["id"], 7_200).await;
    assert_eq!(told(app.ledger(&v["id"]).await), expected, "once");

    let mut report = stage.telegram.status("expired");
    report["is_refunded"] = json!(true);
    app.telegram_reports(&report).await.expect(200);
    app.telegram_reports(&report).await.expect(200);
    let v = app.settle(&v["id"]).await;
    assert_eq!(
        (attempt(&v, 0).3, v["costs"].clone()),
        ("refunded", json!([]))
    );
    let entries = app.ledger(&v["id"]).await;
    let sum = |basis: &str| -> f64 {
        entries
            .iter()
            .filter(|(_, b, _)| b == basis)
            .map(|(_, _, amount)| amount.parse::<f64>().unwrap())
            .sum()
    };
    assert_eq!(
        (sum("reported"), sum("documented")),
        (0.0, 0.0),
        "{entries:?}"
    );
}

async fn a_delivery_after_its_refund_is_drift(stage: Stage) {
    let app = stage.app_with(&[PATIENT]).await;
    let v = app.started().await;
    let mut report = stage.telegram.status("expired");
    report["is_refunded"] = json!(true);
    app.telegram_reports(&report).await.expect(200);
    app.telegram_reports(&stage.telegram.status("delivered"))
        .await
        .expect(200);
    let v = app.settle(&v["id"]).await;
    assert_eq!(
        attempt(&v, 0),
        ("telegram", "delivered", None, "refunded"),
        "the refund stands"
    );
    assert!(
        app.events(&v["id"])
            .await
            .contains(&"attempt.drift".to_owned())
    );
    assert_eq!(
        app.ledger(&v["id"])
            .await
            .iter()
            .filter(|(_, _, amount)| amount == "-0.01")
            .count(),
        1
    );
}

async fn request_cost_is_what_is_charged(stage: Stage) {
    let app = stage.app().await;
    for (cost, amount, state) in [
        (json!(0.0123), "0.0123", "charged"),
        (json!(2), "2.00", "charged"),
        (json!(0), "0.00", "free"),
    ] {
        let send = json!({ "phone_number": "+1", "payload": null });
        let Answer::Json(status, mut body) = taken(&send, "9") else {
            unreachable!()
        };
        body["result"]["request_cost"] = cost;
        stage.telegram.next_sends([Answer::Json(status, body)]);
        let v = app.started().await;
        assert_eq!(
            v["attempts"][0]["cost"],
            json!({ "amount": amount, "currency": "USD", "state": state })
        );
        let costs = if state == "free" {
            json!([])
        } else {
            json!([{ "amount": amount, "currency": "USD" }])
        };
        assert_eq!(v["costs"], costs);
    }
}

async fn a_stale_report_changes_nothing_and_has_the_status_asked(stage: Stage) {
    let app = stage.app_with(&[PATIENT]).await;
    let v = app.started().await;
    let report = stage.telegram.status("read");
    for off in [-301, 301] {
        let at = stage.clock.now() + chrono::TimeDelta::seconds(off);
        app.telegram_reports_signed(&report, TOKEN, at)
            .await
            .problem(401, "unauthorized");
    }
    let v = app.settle(&v["id"]).await;
    assert_eq!(attempt(&v, 0).1, "sent");
    assert!(!stage.telegram.asks().is_empty(), "it is a reason to ask");
    let at = stage.clock.now() - chrono::TimeDelta::seconds(300);
    app.telegram_reports_signed(&report, TOKEN, at)
        .await
        .expect(200);
    assert_eq!(attempt(&app.settle(&v["id"]).await, 0).1, "read");
}

async fn a_report_must_be_signed_with_a_token_of_ours(stage: Stage) {
    let app = stage
        .app_with(&[("TELEGRAM__PREVIOUS_TOKEN", "the-old-token")])
        .await;
    let v = app.started().await;
    let (report, now) = (stage.telegram.status("delivered"), stage.clock.now());
    app.telegram_reports_signed(&report, "another-token", now)
        .await
        .problem(401, "unauthorized");
    let body = report.to_string();
    let timestamp = now.timestamp().to_string();
    let signature = crate::world::signature(TOKEN, &timestamp, &body);
    let post = |timestamp: Option<&str>, signature: Option<&str>, body: &str| {
        let mut request = app.open_request(reqwest::Method::POST, "/callbacks/telegram");
        if let Some(timestamp) = timestamp {
            request = request.header("X-Request-Timestamp", timestamp);
        }
        if let Some(signature) = signature {
            request = request.header("X-Request-Signature", signature);
        }
        app.send(request.body(body.to_owned()))
    };
    post(None, Some(&signature), &body)
        .await
        .problem(401, "unauthorized");
    post(Some(&timestamp), None, &body)
        .await
        .problem(401, "unauthorized");
    post(Some(&timestamp), Some(&signature), &format!("{body} "))
        .await
        .problem(401, "unauthorized");
    post(
        Some(&(now.timestamp() + 1).to_string()),
        Some(&signature),
        &body,
    )
    .await
    .problem(401, "unauthorized");
    assert_eq!(attempt(&app.find(&v["id"]).await, 0).1, "sent");
    app.telegram_reports_signed(&report, "the-old-token", now)
        .await
        .expect(200);
    assert_eq!(attempt(&app.settle(&v["id"]).await, 0).1, "delivered");
    // The reference's own vectors are of this kind: the key is the raw SHA-256 of the token.
    let vector = crate::world::signature("TEST_TOKEN", "1700000000", r#"{"request_id":"abc"}"#);
    assert_eq!(
        vector,
        "ba63fd756bd9eefdac399bc598347c4754b01546d595bfe332b8e8d54aee773e"
    );
}

async fn reports_may_come_twice_and_in_any_order(stage: Stage) {
    let app = stage.app_with(&[PATIENT]).await;
    let v = app.started().await;
    for delivery in [
        "read",
        "delivered",
        "sent",
        "read",
        "delivered",
        "expired",
        "revoked",
        "something_new",
    ] {
        app.telegram_reports(&stage.telegram.status(delivery))
            .await
            .expect(200);
        assert_eq!(
            attempt(&app.find(&v["id"]).await, 0).1,
            "read",
            "{delivery}"
        );
    }
    let v = app.settle(&v["id"]).await;
    assert_eq!(v["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(app.ledger(&v["id"]).await.len(), 1);
    let reads = app
        .events(&v["id"])
        .await
        .iter()
        .filter(|kind| *kind == "verification.read")
        .count();
    assert_eq!(reads, 1);
}

async fn a_report_may_overtake_the_answer(stage: Stage) {
    let app = stage
        .app_with(&[PATIENT, ("TELEGRAM__TIMEOUT", "1s")])
        .await;
    let v = app.started().await;
    let before = app.stage.telegram.last_request_id();
    // The second send is not answered before its report has come in.
    stage.telegram.next_sends([Answer::Hang]);
    let starting = {
        let (app, body) = (
            app.clone(),
            json!({ "phone_number": stage.number(), "wait": 0 }),
        );
        app.start(body).await.expect(201)
    };
    stage.telegram.fake.until_seen(2).await;
    let report = stage.telegram.status("delivered");
    assert_ne!(report["request_id"], json!(before));
    let now = stage.clock.now();
    app.telegram_reports_signed(&report, TOKEN, now)
        .await
        .expect(200);
    let early = app.find(&starting["id"]).await;
    assert_eq!(
        attempt(&early, 0),
        ("telegram", "delivered", None, "charged")
    );
    assert_eq!(early["attempts"].as_array().unwrap().len(), 1);
    // The send then ends without an answer, which is worth less than the report.
    let settled = app.settle(&starting["id"]).await;
    assert_eq!(
        attempt(&settled, 0),
        ("telegram", "delivered", None, "charged")
    );
    assert_eq!(
        settled["attempts"].as_array().unwrap().len(),
        1,
        "{:?}",
        app.events(&starting["id"]).await
    );
    assert_eq!(app.ledger(&starting["id"]).await.len(), 1);
    assert_eq!(attempt(&app.find(&v["id"]).await, 0).1, "sent");
}

async fn reports_about_what_we_do_not_know_are_taken(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    let mut stranger = stage.telegram.status("read");
    stranger["request_id"] = json!("1");
    for payload in [
        json!("01993f0e-0000-7000-8000-000000000000"),
        json!("order 42"),
        Value::Null,
        json!(""),
    ] {
        stranger["payload"] = payload;
        app.telegram_reports(&stranger).await.expect(200);
    }
    assert_eq!(attempt(&app.settle(&v["id"]).await, 0).1, "sent");
    // An attempt of ours that does not exist, of a verification that does.
    let id = word(&v["attempts"][0]["id"]).to_owned();
    stranger["payload"] =
        json!(format!("{}{}", &id[..15], "fff0").replace("7fff0", "7ff0") + &id[18..]);
    let at = stage.clock.now();
    app.telegram_reports_signed(&stranger, TOKEN, at)
        .await
        .expect(200);
    assert_eq!(attempt(&app.settle(&v["id"]).await, 0).1, "sent");
}

async fn malformed_reports_are_400_and_change_nothing(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    for report in [
        json!({}),
        json!([]),
        json!("x"),
        json!({ "request_id": 5, "phone_number": "1" }),
    ] {
        let at = stage.clock.now();
        app.telegram_reports_signed(&report, TOKEN, at)
            .await
            .problem(400, "invalid_request");
    }
    let large = json!({ "request_id": "1", "phone_number": "1", "payload": "x".repeat(70_000) });
    let at = stage.clock.now();
    app.telegram_reports_signed(&large, TOKEN, at)
        .await
        .problem(413, "payload_too_large");
    assert_eq!(app.settle(&v["id"]).await, v);
    // Nobody's name, and a provider that does not sign.
    for provider in ["nobody", "main"] {
        let request = app.open_request(reqwest::Method::POST, &format!("/callbacks/{provider}"));
        app.send(request.body("{}"))
            .await
            .problem(401, "unauthorized");
    }
}

async fn a_report_without_payload_is_matched_by_number_and_request_id(stage: Stage) {
    let app = stage.app_with(&[PATIENT]).await;
    let v = app.started().await;
    let mut report = stage.telegram.status("delivered");
    report.as_object_mut().unwrap().remove("payload");
    app.telegram_reports(&report).await.expect(200);
    assert_eq!(attempt(&app.settle(&v["id"]).await, 0).1, "delivered");
}

async fn nothing_is_sent_after_the_end(stage: Stage) {
    let app = stage.app().await;
    let canceled = app.started().await["id"].clone();
    app.cancel(&canceled).await.expect(200);
    let approved = app.started().await["id"].clone();
    app.check(&approved, &app.telegram_code()).await.expect(200);
    let expired = app
        .start(json!({ "phone_number": stage.number(), "ttl": 30 }))
        .await
        .expect(201)["id"]
        .clone();
    let mut report = stage.telegram.status("expired");
    report["is_refunded"] = json!(true);
    stage.advance(30);
    // Even a failure that is reported only now takes no next step.
    app.telegram_reports(&report).await.expect(200);
    for _ in 0..5 {
        for id in [&canceled, &approved, &expired] {
            app.later(id, 600).await;
        }
    }
    assert_eq!(
        (stage.telegram.sends().len(), stage.sms.sends().len()),
        (3, 0)
    );
    let v = app.find(&expired).await;
    assert_eq!(
        (&v["status"], attempt(&v, 0).3),
        (&json!("expired"), "refunded")
    );
}

async fn failed_means_that_every_attempt_is_dead(stage: Stage) {
    let app = stage.app().await;
    stage
        .telegram
        .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE"), broken()]);
    stage
        .sms
        .next_sends([Answer::Json(400, json!({})), Answer::Json(400, json!({}))]);
    let v = app.started().await;
    assert_eq!(
        (&v["status"], &v["costs"], &v["resend_at"]),
        (&json!("failed"), &json!([]), &Value::Null)
    );
    assert_eq!((attempt(&v, 0).1, attempt(&v, 1).1), ("refused", "failed"));
    // One that may have arrived keeps it open.
    let v = app.started().await;
    assert_eq!(
        (&v["status"], attempt(&v, 0).1, attempt(&v, 1).1),
        (&json!("pending"), "unknown", "failed")
    );
    assert_eq!(
        app.check(&v["id"], &app.telegram_code()).await.expect(200)["valid"],
        true
    );
    app.settle(&v["id"]).await;
}
