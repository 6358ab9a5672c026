//! Start, find, list, resend, cancel, events, ledger: the requests a site makes and their answers.

use serde_json::{Value, json};

use crate::on_both_engines;
use crate::stage::{Stage, TestApp, word};
use crate::world::{Answer, error};

on_both_engines!(
    a_start_answers_201_with_the_whole_verification,
    the_answer_waits_for_the_first_provider_unless_wait_is_zero,
    the_same_number_payload_and_code_are_one_verification,
    parallel_starts_for_one_number_send_once,
    a_code_chosen_by_the_site_is_sent_and_accepted,
    the_code_has_the_requested_length,
    ttl_decides_when_it_expires,
    channels_restrict_and_order_the_route,
    phone_numbers_are_accepted_in_any_usual_format,
    lists_page_and_filter_newest_first,
    a_stream_ends_when_its_key_no_longer_works,
    a_resend_takes_the_next_step_with_the_same_code,
    a_resend_on_the_same_channel_is_possible_even_after_unknown,
    resends_are_spaced_and_counted,
    a_cancel_ends_the_verification_and_revokes_only_visible_messages,
    the_timeline_lists_what_happened,
    an_event_stream_sends_the_remaining_events_and_ends,
    the_ledger_lists_entries_and_exports_them,
    a_verification_has_its_own_ledger,
    numbers_are_restricted_by_country,
);

async fn a_start_answers_201_with_the_whole_verification(stage: Stage) {
    let app = stage.app().await;
    let number = stage.number();
    let body = json!({
        "phone_number": number, "code": null, "code_length": 6, "ttl": 600, "locale": "ru",
        "channels": ["telegram", "sms"], "payload": "order 42",
        "client": { "ip": "203.0.113.7", "user_agent": "Mozilla/5.0" },
        "web_domain": "shop.example", "android_app_hash": null, "wait": 2.0,
    });
    let v = app.start(body).await.expect(201);
    let now = stage.clock.now();
    let time = |at: chrono::DateTime<chrono::Utc>| json!(at.format("%FT%TZ").to_string());
    let field = |field: &str| v[field].clone();
    assert_eq!(field("status"), "pending");
    assert_eq!(field("phone_number"), json!(number));
    assert_eq!(
        (field("country"), field("channel")),
        (json!("UZ"), json!("telegram"))
    );
    assert_eq!(
        field("costs"),
        json!([{ "amount": "0.01", "currency": "USD" }])
    );
    assert_eq!(
        (field("checks_left"), field("sends_left")),
        (json!(5), json!(4))
    );
    assert_eq!(
        (field("payload"), field("approved_at")),
        (json!("order 42"), Value::Null)
    );
    assert_eq!(field("created_at"), time(now));
    assert_eq!(
        field("resend_at"),
        time(now + chrono::TimeDelta::seconds(30))
    );
    assert_eq!(
        field("expires_at"),
        time(now + chrono::TimeDelta::seconds(600))
    );
    let id = uuid::Uuid::parse_str(word(&v["id"])).unwrap();
    assert_eq!(id.get_version_num(), 7);

    let [attempt] = v["attempts"].as_array().unwrap().as_slice() else {
        panic!("{v}");
    };
    assert_eq!(
        (&attempt["channel"], &attempt["provider"]),
        (&json!("telegram"), &json!("telegram"))
    );
    assert_eq!(
        (&attempt["status"], &attempt["reason"]),
        (&json!("sent"), &Value::Null)
    );
    assert_eq!(
        attempt["cost"],
        json!({ "amount": "0.01", "currency": "USD", "state": "charged" })
    );
    assert_eq!(
        (&attempt["created_at"], &attempt["updated_at"]),
        (&time(now), &time(now))
    );

    assert_eq!(app.find(&v["id"]).await, v);
    let [send] = stage.telegram.sends().try_into().unwrap();
    assert_eq!(send["phone_number"], json!(number));
    assert_eq!(word(&send["code"]).len(), 6);
}

async fn the_answer_waits_for_the_first_provider_unless_wait_is_zero(stage: Stage) {
    let app = stage.app_with(&[("TELEGRAM__TIMEOUT", "1m")]).await;
    stage.telegram.next_sends([Answer::Hang]);
    let body = json!({ "phone_number": stage.number(), "wait": 0 });
    let v = app.start(body).await.expect(201);
    assert_eq!(v["attempts"][0]["status"], "sending");
    assert_eq!(v["attempts"][0]["cost"]["state"], "estimated");
    assert_eq!(v["costs"], json!([]), "nothing is charged yet");
    stage.telegram.fake.until_seen(1).await;
    stage.kill(app).await;

    let app = stage.app().await;
    let waited = app.started().await;
    assert_eq!(waited["attempts"][0]["status"], "sent");
}

async fn the_same_number_payload_and_code_are_one_verification(stage: Stage) {
    let app = stage
        .app_with(&[("DEFAULTS__LIMITS__PER_NUMBER", "[\"3/10m\"]")])
        .await;
    let number = stage.number();
    let body = json!({ "phone_number": number, "payload": "a", "code": "1234" });
    let first = app.start(body.clone()).await.expect(201);
    assert_eq!(first["reused"], Value::Null);

    let mut other_fields = body.clone();
    other_fields["ttl"] = json!(60);
    other_fields["channels"] = json!(["sms"]);
    let mut again = app.start(other_fields).await.expect(200);
    assert_eq!(again["reused"], true);
    again.as_object_mut().unwrap().remove("reused");
    assert_eq!(again, first);
    assert_eq!(stage.telegram.sends().len(), 1);
    assert_eq!(
        app.find(&first["id"]).await,
        first,
        "`reused` is of the answer, not of the verification"
    );

    let other_payload = app
        .start(json!({ "phone_number": number, "payload": "b", "code": "1234" }))
        .await
        .expect(201);
    let other_code = app
        .start(json!({ "phone_number": number, "payload": "a", "code": "4321" }))
        .await
        .expect(201);
    assert_ne!(other_payload["id"], first["id"]);
    assert_ne!(other_code["id"], first["id"]);
    // The limit of three sends is used up, but a page reload still finds its verification.
    app.start(json!({ "phone_number": number }))
        .await
        .problem(429, "rate_limited");
    assert_eq!(app.start(body.clone()).await.expect(200)["id"], first["id"]);

    // A finished verification is not reused.
    stage.advance(600);
    let fresh = app.start(body).await.expect(201);
    assert_ne!(fresh["id"], first["id"]);
}

async fn parallel_starts_for_one_number_send_once(stage: Stage) {
    let app = stage.app().await;
    let body = json!({ "phone_number": stage.number() });
    let starts = (0..12).map(|_| app.start(body.clone()));
    let replies = futures_util::future::join_all(starts).await;
    let count = |status| {
        replies
            .iter()
            .filter(|reply| reply.status == status)
            .count()
    };
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!((count(201), count(200)), (1, 11), "{statuses:?}");
    let mut ids: Vec<&str> = replies
        .iter()
        .map(|reply| word(&reply.body["id"]))
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    app.settle(&replies[0].body["id"]).await;
    assert_eq!(stage.telegram.sends().len(), 1);
}

async fn a_code_chosen_by_the_site_is_sent_and_accepted(stage: Stage) {
    let app = stage.app().await;
    let body = json!({ "phone_number": stage.number(), "code": "00420042" });
    let v = app.start(body).await.expect(201);
    assert_eq!(app.telegram_code(), "00420042");
    assert_eq!(
        app.check(&v["id"], "0042 0042").await.expect(200)["valid"],
        true,
        "spaces are dropped"
    );
}

async fn the_code_has_the_requested_length(stage: Stage) {
    let app = stage.app_with(&[("DEFAULTS__CODE_LENGTH", "5")]).await;
    app.started().await;
    assert_eq!(app.telegram_code().len(), 5);
    for length in [4, 8] {
        let body = json!({ "phone_number": stage.number(), "code_length": length });
        app.start(body).await.expect(201);
        assert_eq!(app.telegram_code().len(), length);
    }
}

async fn ttl_decides_when_it_expires(stage: Stage) {
    let app = stage.app().await;
    let v = app
        .start(json!({ "phone_number": stage.number(), "ttl": 30 }))
        .await
        .expect(201);
    stage.advance(29);
    assert_eq!(app.find(&v["id"]).await["status"], "pending");
    stage.advance(1);
    assert_eq!(
        app.find(&v["id"]).await["status"],
        "expired",
        "without any background work"
    );
    assert_eq!(app.find(&v["id"]).await["resend_at"], Value::Null);
}

async fn channels_restrict_and_order_the_route(stage: Stage) {
    let app = stage.app().await;
    let sms_alone = json!({ "phone_number": stage.number(), "channels": ["sms"] });
    let v = app.start(sms_alone).await.expect(201);
    assert_eq!(
        (&v["channel"], v["attempts"].as_array().unwrap().len()),
        (&json!("sms"), 1)
    );
    assert!(stage.telegram.sends().is_empty());

    stage.sms.next_sends([Answer::Json(400, json!({}))]);
    let other_order = json!({ "phone_number": stage.number(), "channels": ["sms", "telegram"] });
    let v = app.start(other_order).await.expect(201);
    let v = app.settle(&v["id"]).await;
    let channels: Vec<&Value> = v["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| &a["channel"])
        .collect();
    assert_eq!(channels, ["sms", "telegram"]);
}

async fn phone_numbers_are_accepted_in_any_usual_format(stage: Stage) {
    let app = stage.app().await;
    let first = app
        .start(json!({ "phone_number": "+998 (90) 123-45.67" }))
        .await
        .expect(201);
    assert_eq!(first["phone_number"], "+998901234567");
    let again = app
        .start(json!({ "phone_number": "+998901234567" }))
        .await
        .expect(200);
    assert_eq!(again["id"], first["id"]);
}

async fn lists_page_and_filter_newest_first(stage: Stage) {
    let app = stage.app().await;
    let first_day = stage.clock.now().format("%F").to_string();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(app.started().await["id"].clone());
        stage.advance(1);
    }
    app.cancel(&ids[2]).await.expect(200);
    ids.reverse();
    let page = app.get("/v1/verifications?limit=2").await.expect(200);
    let of = |page: &Value| -> Vec<Value> {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v["id"].clone())
            .collect()
    };
    let mut seen = of(&page);
    let mut page = page;
    while let Some(cursor) = page["next_cursor"].as_str().map(str::to_owned) {
        page = app
            .get(&format!("/v1/verifications?limit=2&cursor={cursor}"))
            .await
            .expect(200);
        seen.extend(of(&page));
    }
    assert_eq!(seen, ids);

    let canceled = app
        .get("/v1/verifications?status=canceled")
        .await
        .expect(200);
    assert_eq!(of(&canceled), [ids[2].clone()]);
    let number = app.find(&ids[0]).await["phone_number"].clone();
    for escaped in [word(&number).to_owned(), word(&number).replace('+', "%2B")] {
        let found = app
            .get(&format!("/v1/verifications?phone_number={escaped}"))
            .await
            .expect(200);
        assert_eq!(of(&found), [ids[0].clone()]);
    }
    let of_that_day = app
        .get(&format!(
            "/v1/verifications?from={first_day}&to={first_day}"
        ))
        .await
        .expect(200);
    assert_eq!(of(&of_that_day).len(), 5, "`to` is inclusive");
    let before = word(&app.find(&ids[1]).await["created_at"]).to_owned();
    let earlier = app
        .get(&format!("/v1/verifications?to={before}"))
        .await
        .expect(200);
    assert_eq!(of(&earlier), ids[2..]);
    let from = app
        .get(&format!("/v1/verifications?from={before}"))
        .await
        .expect(200);
    assert_eq!(of(&from), ids[..2]);
}

async fn a_resend_takes_the_next_step_with_the_same_code(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    stage.advance(30);
    // The first step's wait is over too, but a report has confirmed delivery.
    app.telegram_reports(&stage.telegram.status("delivered"))
        .await
        .expect(200);
    let v = app.resend(&v["id"], json!({})).await.expect(200);
    assert_eq!(
        (&v["channel"], &v["sends_left"]),
        (&json!("sms"), &json!(3))
    );
    let v = app.settle(&v["id"]).await;
    assert_eq!(v["attempts"][1]["status"], "sent");
    let [send] = stage.sms.sends().try_into().unwrap();
    assert!(word(&send["text"]).contains(&app.telegram_code()));
    let costs = json!([{ "amount": "0.06", "currency": "USD" }]);
    assert_eq!(v["costs"], costs);
}

async fn a_resend_on_the_same_channel_is_possible_even_after_unknown(stage: Stage) {
    let app = stage.app().await;
    stage
        .telegram
        .next_sends([Answer::Text(500, "no".to_owned())]);
    let v = app.started().await;
    let v = app.settle(&v["id"]).await;
    assert_eq!(v["attempts"][0]["status"], "unknown");
    stage.advance(30);
    app.resend(&v["id"], json!({ "channel": "telegram" }))
        .await
        .expect(200);
    let v = app.settle(&v["id"]).await;
    assert_eq!(
        (&v["channel"], &v["attempts"][2]["status"]),
        (&json!("telegram"), &json!("sent"))
    );
    let codes: Vec<Value> = stage
        .telegram
        .sends()
        .iter()
        .map(|send| send["code"].clone())
        .collect();
    assert_eq!(codes[0], codes[1]);
}

async fn resends_are_spaced_and_counted(stage: Stage) {
    let app = stage
        .app_with(&[("DEFAULTS__MAX_SENDS", "3"), ("DEFAULTS__TTL", "1h")])
        .await;
    let v = app.started().await;
    stage.advance(10);
    let early = app.resend(&v["id"], json!({})).await;
    early.problem(429, "resend_too_soon");
    assert_eq!(early.header("retry-after"), Some("20"));
    for left in [1, 0] {
        stage.advance(30);
        let v = app
            .resend(&v["id"], json!({ "channel": "sms" }))
            .await
            .expect(200);
        assert_eq!(v["sends_left"], left);
        app.settle(&v["id"]).await;
    }
    stage.advance(30);
    assert_eq!(app.find(&v["id"]).await["resend_at"], Value::Null);
    let last = app.resend(&v["id"], json!({ "channel": "sms" })).await;
    last.problem(429, "too_many_sends");
    assert_eq!(last.header("retry-after"), None, "waiting does not help");
}

async fn a_cancel_ends_the_verification_and_revokes_only_visible_messages(stage: Stage) {
    let app = stage.app().await;
    let unseen = app.started().await;
    let canceled = app.cancel(&unseen["id"]).await.expect(200);
    assert_eq!(canceled["status"], "canceled");
    app.settle(&unseen["id"]).await;
    assert!(
        stage.telegram.revokes().is_empty(),
        "a revoke would forfeit the refund"
    );

    let seen = app.started().await;
    app.telegram_reports(&stage.telegram.status("delivered"))
        .await
        .expect(200);
    // A body is optional.
    let path = format!("/v1/verifications/{}/cancel", word(&seen["id"]));
    app.send(app.request(reqwest::Method::POST, &path))
        .await
        .expect(200);
    app.settle(&seen["id"]).await;
    let [revoke] = stage.telegram.revokes().try_into().unwrap();
    assert_eq!(
        revoke,
        json!({ "request_id": stage.telegram.last_request_id() })
    );

    let fault = app
        .cancel(&seen["id"])
        .await
        .problem(409, "verification_not_pending");
    assert_eq!(fault["verification_status"], "canceled");
    let fault = app
        .check(&seen["id"], "000000")
        .await
        .problem(409, "verification_not_pending");
    assert_eq!(fault["verification_status"], "canceled");
}

async fn the_timeline_lists_what_happened(stage: Stage) {
    let app = stage.app().await;
    stage
        .telegram
        .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE")]);
    let v = app.started().await;
    app.settle(&v["id"]).await;
    app.check(&v["id"], &app.wrong_code()).await.expect(200);
    app.check(&v["id"], &app.telegram_code()).await.expect(200);
    let events = app
        .get(&format!("/v1/verifications/{}/events", word(&v["id"])))
        .await
        .expect(200);
    let items = events["items"].as_array().unwrap();
    let types: Vec<&str> = items.iter().map(|event| word(&event["type"])).collect();
    let wanted = [
        "verification.created",
        "attempt.refused",
        "verification.fallback",
        "verification.sent",
        "attempt.charged",
        "check.wrong",
        "verification.approved",
    ];
    assert_eq!(types, wanted);
    assert_eq!(items[1]["reason"], "unreachable");
    assert_eq!(
        (&items[1]["channel"], &items[2]["channel"]),
        (&json!("telegram"), &json!("sms"))
    );
    assert_eq!(
        items[4]["money"],
        json!({ "amount": "0.05", "currency": "USD" })
    );
    let ids: Vec<&str> = items.iter().map(|event| word(&event["id"])).collect();
    assert_eq!(ids, ["1", "2", "3", "4", "5", "6", "7"]);
}

async fn an_event_stream_sends_the_remaining_events_and_ends(stage: Stage) {
    let app = stage.app().await;
    let path = |v: &Value| format!("/v1/verifications/{}/events", word(&v["id"]));
    let v = app.started().await;
    let by_accept = app.request(reqwest::Method::GET, &path(&v));
    let by_accept = by_accept.header("Accept", "text/event-stream");
    streams_the_rest_and_ends(&app, &v, by_accept).await;
    let v = app.started().await;
    let own_path = app.request(reqwest::Method::GET, &format!("{}/stream", path(&v)));
    streams_the_rest_and_ends(&app, &v, own_path).await;
}

async fn streams_the_rest_and_ends(app: &TestApp, v: &Value, request: reqwest::RequestBuilder) {
    let stream = request.header("Last-Event-ID", "1");
    let (streamed, canceled) = tokio::join!(app.send(stream), async { app.cancel(&v["id"]).await });
    canceled.expect(200);
    assert_eq!(streamed.header("content-type"), Some("text/event-stream"));
    let lines: Vec<&str> = streamed
        .text
        .lines()
        .filter(|line| line.starts_with("event: "))
        .collect();
    assert_eq!(
        lines,
        [
            "event: verification.sent",
            "event: attempt.charged",
            "event: verification.canceled"
        ]
    );
    let ids: Vec<&str> = streamed
        .text
        .lines()
        .filter(|line| line.starts_with("id: "))
        .collect();
    assert_eq!(ids, ["id: 2", "id: 3", "id: 4"], "{}", streamed.text);
}

async fn the_ledger_lists_entries_and_exports_them(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    stage.advance(1);
    app.start(json!({ "phone_number": stage.number(), "channels": ["sms"] }))
        .await
        .expect(201);
    let page = app.get("/v1/ledger").await.expect(200);
    let items = page["items"].as_array().unwrap();
    let of = |entry: &Value| {
        ["kind", "basis", "amount", "provider"].map(|field| word(&entry[field]).to_owned())
    };
    assert_eq!(
        of(&items[0]),
        ["charge", "estimated", "-0.05", "main"],
        "newest first"
    );
    assert_eq!(of(&items[1]), ["charge", "reported", "-0.01", "telegram"]);
    assert_eq!(
        (&items[1]["verification_id"], &items[1]["project"]),
        (&v["id"], &json!("default"))
    );
    assert_eq!(items[1]["attempt_id"], v["attempts"][0]["id"]);

    for (query, count) in [
        ("provider=main", 1),
        ("kind=charge", 2),
        ("kind=refund", 0),
        ("provider=nobody", 0),
        ("to=2020-01-01", 0),
        ("from=2020-01-01", 2),
    ] {
        let page = app.get(&format!("/v1/ledger?{query}")).await.expect(200);
        assert_eq!(page["items"].as_array().unwrap().len(), count, "{query}");
    }
    let first = app.get("/v1/ledger?limit=1").await.expect(200);
    let cursor = word(&first["next_cursor"]);
    let second = app
        .get(&format!("/v1/ledger?limit=1&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(
        (&second["items"][0], &second["next_cursor"]),
        (&items[1], &Value::Null)
    );

    let csv = app.get("/v1/ledger?format=csv").await;
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    let lines: Vec<&str> = csv.text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(
        lines[0],
        "id,at,kind,basis,amount,currency,provider,project,verification_id,attempt_id,author,note,country"
    );
    let own_path = app.get("/v1/ledger.csv").await;
    assert_eq!((own_path.status, &own_path.text), (200, &csv.text));
    app.get("/v1/ledger.csv?limit=1").await.expect(400);
    assert!(
        lines[1].contains(",charge,estimated,-0.05,USD,main,default,"),
        "{}",
        lines[1]
    );
}

async fn a_verification_has_its_own_ledger(stage: Stage) {
    let app = stage.app().await;
    // All within one millisecond.
    let mut started = Vec::new();
    for _ in 0..8 {
        started.push(app.started().await);
    }
    for v in &started {
        let page = app
            .get(&format!("/v1/ledger?verification_id={}", word(&v["id"])))
            .await
            .expect(200);
        let attempts: Vec<&Value> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| &entry["attempt_id"])
            .collect();
        assert_eq!(attempts, [&v["attempts"][0]["id"]]);
    }
}

async fn numbers_are_restricted_by_country(stage: Stage) {
    let app = stage
        .app_with(&[(
            "DEFAULTS__COUNTRIES",
            r#"{"allow":["UZ","US"],"deny":["KZ"]}"#,
        )])
        .await;
    let us = app
        .start(json!({ "phone_number": "+12025550143" }))
        .await
        .expect(201);
    assert_eq!(us["country"], "US");
    for blocked in ["+77012345678", "+4915112345678"] {
        let reply = app.start(json!({ "phone_number": blocked })).await;
        reply.problem(403, "country_blocked");
        assert_eq!(reply.pointers(), ["/phone_number"]);
    }
    assert_eq!(stage.telegram.sends().len(), 1);
}

async fn a_stream_ends_when_its_key_no_longer_works(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    let path = format!("/v1/verifications/{}/events", word(&v["id"]));
    let project = stage.project("default").await;
    let secret = "pin_of_the_stream";
    let key = stage.keep_key(Some(project), "verify", secret).await;
    let site = app.with_key(secret);
    let stream = site
        .request(reqwest::Method::GET, &path)
        .header("Accept", "text/event-stream");
    let opened = stream.send().await.unwrap();
    assert_eq!(opened.status(), 200);
    let keys = stage.db.list_keys().await.unwrap();
    let key = keys.iter().find(|known| known.id == key).unwrap();
    stage.db.revoke_key(key, &stage.act()).await.unwrap();
    app.gateway.refresh().await;
    let streamed = tokio::time::timeout(std::time::Duration::from_secs(20), opened.text()).await;
    let streamed = streamed.expect("the stream ends within seconds").unwrap();
    assert!(streamed.contains("verification.created"), "{streamed}");
    assert_eq!(app.find(&v["id"]).await["status"], "pending");
}
