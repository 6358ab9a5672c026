//! SMS through any HTTP provider: requests, the meaning of answers and reports, and costs.

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_engines;
use crate::stage::{Reply, SMS, Stage, TestApp, word};
use crate::world::Answer;

on_both_engines!(
    a_request_carries_number_text_and_callback_url,
    each_answer_maps_to_the_documented_outcome,
    the_accept_pointer_decides_whether_a_2xx_is_a_success,
    a_timeout_is_unknown_and_a_refused_connection_sent_nothing,
    providers_are_tried_in_order_until_one_may_have_sent,
    a_failing_provider_is_paused,
    reports_are_accepted_as_json_form_or_query,
    a_failed_delivery_falls_back_or_fails,
    a_report_is_accepted_only_with_its_own_token,
    a_report_may_overtake_the_providers_answer,
    malformed_reports_are_400_and_change_nothing,
    a_report_that_says_a_thing_twice_is_refused,
    answers_and_reports_are_read_in_the_encodings_that_providers_use,
    segments_times_price_is_charged_at_acceptance,
    built_in_texts_fit_one_segment_and_its_alphabet,
    a_country_without_a_price_is_skipped,
    placeholders_are_escaped_in_forms_queries_and_gets,
);

fn attempt(v: &Value, place: usize) -> (&str, &str, Option<&str>, &str) {
    let a = &v["attempts"][place];
    (
        word(&a["provider"]),
        word(&a["status"]),
        a["reason"].as_str(),
        word(&a["cost"]["state"]),
    )
}

/// The program with these SMS providers and an SMS-only route.
async fn app_with_providers(stage: &Stage, providers: Value) -> TestApp {
    stage
        .app_with(&[SMS, ("SMS__PROVIDERS", &providers.to_string())])
        .await
}

async fn a_request_carries_number_text_and_callback_url(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let number = stage.number();
    let v = app
        .start(json!({ "phone_number": number, "code": "004200" }))
        .await
        .expect(201);
    let [seen] = stage.sms.fake.seen().try_into().unwrap();
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("POST", "/send")
    );
    assert_eq!(seen.header("authorization"), Some("Bearer sms-secret"));
    let send = seen.json();
    crate::stage::assert_fields(&send, &["to", "text", "ref", "dlr"]);
    assert_eq!(
        (&send["to"], &send["ref"]),
        (&json!(number), &v["attempts"][0]["id"])
    );
    assert_eq!(send["text"], "Kodingiz: 004200");
    let address = format!(
        "https://verify.example/callbacks/main/{}.",
        word(&v["attempts"][0]["id"])
    );
    assert!(word(&send["dlr"]).starts_with(&address), "{send}");
    assert!(
        word(&send["dlr"]).len() >= address.len() + 20,
        "the callback URL has an unguessable token"
    );
    assert_eq!(attempt(&v, 0), ("main", "sent", None, "charged"));
}

async fn each_answer_maps_to_the_documented_outcome(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let id = || json!({ "message_id": "m" });
    let cases = [
        (
            Answer::Json(200, id()),
            ("sent", None, "charged", "pending"),
        ),
        (
            Answer::Json(202, id()),
            ("sent", None, "charged", "pending"),
        ),
        (
            Answer::Json(200, json!({ "message_id": 17 })),
            ("sent", None, "charged", "pending"),
        ),
        (
            Answer::Json(400, json!({})),
            ("failed", Some("provider_rejected"), "free", "failed"),
        ),
        (
            Answer::Json(401, json!({})),
            ("failed", Some("provider_rejected"), "free", "failed"),
        ),
        (
            Answer::Json(400, json!({ "error_code": 7 })),
            ("refused", Some("unreachable"), "free", "failed"),
        ),
        (
            Answer::Json(200, json!({ "error_code": "7" })),
            ("refused", Some("unreachable"), "free", "failed"),
        ),
        (
            Answer::Json(429, json!({})),
            ("failed", Some("throttled"), "free", "failed"),
        ),
        (
            Answer::Json(200, json!({ "status": "odd" })),
            ("unknown", Some("no_answer"), "estimated", "pending"),
        ),
        (
            Answer::Text(200, "queued".to_owned()),
            ("unknown", Some("no_answer"), "estimated", "pending"),
        ),
    ];
    for (answer, (status, reason, cost, whole)) in cases {
        stage.sms.next_sends([answer.clone()]);
        let v = app.started().await;
        assert_eq!(attempt(&v, 0), ("main", status, reason, cost), "{answer:?}");
        assert_eq!(v["status"], whole, "{answer:?}");
    }
    for answer in [
        Answer::Json(500, id()),
        Answer::Json(503, json!({})),
        Answer::Text(302, String::new()),
        Answer::Cut,
    ] {
        stage.sms.next_sends([answer.clone()]);
        let v = app.started().await;
        assert_eq!(
            attempt(&v, 0),
            ("main", "unknown", Some("no_answer"), "estimated"),
            "{answer:?}"
        );
        // A success in between, because five failures in a row would pause the provider.
        app.started().await;
    }
}

async fn the_accept_pointer_decides_whether_a_2xx_is_a_success(stage: Stage) {
    let mut provider = Stage::sms_provider("main", &stage.sms);
    provider["accept"] = json!({ "pointer": "/status", "values": ["ok", "0"] });
    let app = app_with_providers(&stage, json!([provider])).await;
    for (answer, status) in [
        (json!({ "status": "ok", "message_id": "m" }), "sent"),
        (json!({ "status": 0 }), "sent"),
        (json!({ "status": "held", "message_id": "m" }), "unknown"),
    ] {
        stage.sms.next_sends([Answer::Json(200, answer.clone())]);
        let v = app.started().await;
        assert_eq!(attempt(&v, 0).1, status, "{answer}");
    }
}

async fn a_timeout_is_unknown_and_a_refused_connection_sent_nothing(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    stage.sms.fake.stop();
    let v = app.started().await;
    assert_eq!(
        attempt(&v, 0),
        ("main", "failed", Some("unavailable"), "free")
    );
    assert_eq!(v["status"], "failed");
    stage.sms.fake.resume().await;
    stage.sms.next_sends([Answer::Hang]);
    let v = app.started().await;
    assert_eq!(
        attempt(&v, 0),
        ("main", "unknown", Some("no_answer"), "estimated")
    );
    assert_eq!(v["status"], "pending");
}

async fn providers_are_tried_in_order_until_one_may_have_sent(stage: Stage) {
    let providers = json!([
        Stage::sms_provider("main", &stage.sms),
        Stage::sms_provider("backup", &stage.backup)
    ]);
    let app = app_with_providers(&stage, providers).await;
    let v = app.started().await;
    assert_eq!(v["attempts"].as_array().unwrap().len(), 1);

    // The provider certainly sent nothing: the next one is tried at once.
    stage
        .sms
        .next_sends([Answer::Json(400, json!({})), Answer::Json(429, json!({}))]);
    for reason in ["provider_rejected", "throttled"] {
        let v = app.started().await;
        assert_eq!(attempt(&v, 0), ("main", "failed", Some(reason), "free"));
        assert_eq!(attempt(&v, 1), ("backup", "sent", None, "charged"));
    }
    // The number was refused, or the message may have been sent: no other provider of this channel.
    stage.sms.next_sends([
        Answer::Json(400, json!({ "error_code": "7" })),
        Answer::Json(500, json!({})),
    ]);
    for (status, whole) in [("refused", "failed"), ("unknown", "pending")] {
        let v = app.started().await;
        assert_eq!((attempt(&v, 0).1, &v["status"]), (status, &json!(whole)));
        assert_eq!(v["attempts"].as_array().unwrap().len(), 1);
    }
    assert_eq!(stage.backup.sends().len(), 2);
    let texts: Vec<Value> = [&stage.sms, &stage.backup]
        .map(|sms| sms.sends()[1]["ref"].clone())
        .to_vec();
    assert_ne!(texts[0], texts[1], "attempt ids are unique");
}

async fn a_failing_provider_is_paused(stage: Stage) {
    let providers = json!([
        Stage::sms_provider("main", &stage.sms),
        Stage::sms_provider("backup", &stage.backup)
    ]);
    let app = app_with_providers(&stage, providers).await;
    stage.sms.fake.stop();
    for _ in 0..5 {
        let v = app.started().await;
        assert_eq!(
            (attempt(&v, 0).2, attempt(&v, 1).1),
            (Some("unavailable"), "sent")
        );
    }
    stage.sms.fake.resume().await;
    let v = app.started().await;
    assert_eq!(
        (attempt(&v, 0), attempt(&v, 1).1),
        (("main", "failed", Some("paused"), "free"), "sent")
    );
    stage.advance(10);
    let v = app.started().await;
    assert_eq!(attempt(&v, 0), ("main", "sent", None, "charged"));
}

/// Sends a provider's report to its callback URL.
async fn report(app: &TestApp, path: &str, how: &str, status: &str) -> Reply {
    let post = |kind: &str, body: String| {
        app.open_request(Method::POST, path)
            .header("Content-Type", kind)
            .body(body)
    };
    let request = match how {
        "json" => post(
            "application/json",
            json!({ "message_id": "m", "status": status }).to_string(),
        ),
        "form" => post(
            "application/x-www-form-urlencoded; charset=UTF-8",
            format!("message_id=m&status={status}&x=%20+"),
        ),
        "query" => app.open_request(Method::GET, &format!("{path}?message_id=m&status={status}")),
        other => panic!("{other}"),
    };
    app.send(request).await
}

async fn reports_are_accepted_as_json_form_or_query(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    for how in ["json", "form", "query"] {
        let v = app.started().await;
        let path = stage.sms.callback_path();
        report(&app, &path, how, "ACCEPTD").await.expect(200);
        assert_eq!(
            attempt(&app.settle(&v["id"]).await, 0).1,
            "sent",
            "an unknown status means still pending"
        );
        report(&app, &path, how, "DELIVRD").await.expect(200);
        report(&app, &path, how, "DELIVRD").await.expect(200);
        let v = app.settle(&v["id"]).await;
        assert_eq!(
            attempt(&v, 0),
            ("main", "delivered", None, "charged"),
            "{how}"
        );
        report(&app, &path, how, "UNDELIV").await.expect(200);
        assert_eq!(
            app.settle(&v["id"]).await,
            v,
            "evidence never moves backwards"
        );
        assert_eq!(app.ledger(&v["id"]).await.len(), 1);
        stage.advance(1);
    }
}

async fn a_failed_delivery_falls_back_or_fails(stage: Stage) {
    let route = r#"[{"channel":"sms","wait":"60s"},{"channel":"telegram","wait":"60s"}]"#;
    let app = stage.app_with(&[("DEFAULTS__ROUTE", route)]).await;
    let v = app.started().await;
    report(&app, &stage.sms.callback_path(), "json", "UNDELIV")
        .await
        .expect(200);
    let v = app.settle(&v["id"]).await;
    assert_eq!(
        attempt(&v, 0),
        ("main", "undelivered", Some("not_delivered"), "charged")
    );
    assert_eq!(attempt(&v, 1), ("telegram", "sent", None, "charged"));
    stage.stop(app).await;

    let app = stage.app_with(&[SMS]).await;
    let v = app.started().await;
    report(&app, &stage.sms.callback_path(), "json", "UNDELIV")
        .await
        .expect(200);
    let v = app.settle(&v["id"]).await;
    assert_eq!(v["status"], "failed");
    assert_eq!(
        v["costs"],
        json!([{ "amount": "0.05", "currency": "USD" }]),
        "an undelivered SMS is still charged"
    );
}

async fn a_report_is_accepted_only_with_its_own_token(stage: Stage) {
    let providers = json!([
        Stage::sms_provider("main", &stage.sms),
        Stage::sms_provider("backup", &stage.backup)
    ]);
    let app = app_with_providers(&stage, providers).await;
    let first = app.started().await;
    let first_path = stage.sms.callback_path();
    let second = app.started().await;
    let second_path = stage.sms.callback_path();
    let token = |path: &str| path.rsplit_once('/').unwrap().1.to_owned();
    let (first_id, first_mac) = token(&first_path)
        .split_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let (second_id, second_mac) = token(&second_path)
        .split_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let cut = &first_mac[..first_mac.len() - 1];
    for forged in [
        format!("/callbacks/main/{first_id}.{second_mac}"),
        format!("/callbacks/main/{second_id}.{first_mac}"),
        format!("/callbacks/main/{first_id}"),
        format!("/callbacks/main/{first_id}."),
        format!("/callbacks/main/{first_id}.{cut}"),
        format!("/callbacks/main/x.{first_mac}"),
        format!("/callbacks/backup/{first_id}.{first_mac}"),
        format!("/callbacks/nobody/{first_id}.{first_mac}"),
        format!("/callbacks/telegram/{first_id}.{first_mac}"),
    ] {
        for how in ["json", "query"] {
            report(&app, &forged, how, "DELIVRD")
                .await
                .problem(401, "unauthorized");
        }
    }
    assert_eq!(app.settle(&first["id"]).await, first);
    assert_eq!(app.settle(&second["id"]).await, second);
    // A valid token changes only its own attempt.
    report(&app, &first_path, "json", "DELIVRD")
        .await
        .expect(200);
    assert_eq!(attempt(&app.settle(&first["id"]).await, 0).1, "delivered");
    assert_eq!(app.settle(&second["id"]).await, second);
}

async fn a_report_may_overtake_the_providers_answer(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    stage.sms.next_sends([Answer::Hang]);
    let body = json!({ "phone_number": stage.number(), "wait": 0 });
    let v = app.start(body).await.expect(201);
    stage.sms.fake.until_seen(1).await;
    report(&app, &stage.sms.callback_path(), "json", "DELIVRD")
        .await
        .expect(200);
    let v = app.settle(&v["id"]).await;
    assert_eq!(attempt(&v, 0), ("main", "delivered", None, "charged"));
    assert_eq!(app.ledger(&v["id"]).await.len(), 1);
}

async fn malformed_reports_are_400_and_change_nothing(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let v = app.started().await;
    let path = stage.sms.callback_path();
    let post = |kind: &str, body: &str| {
        app.send(
            app.open_request(Method::POST, &path)
                .header("Content-Type", kind)
                .body(body.to_owned()),
        )
    };
    post("application/json", "{")
        .await
        .problem(400, "invalid_request");
    post("application/json", r#"{"message_id":"m"}"#)
        .await
        .problem(400, "invalid_request");
    post("application/x-www-form-urlencoded", "a=b")
        .await
        .problem(400, "invalid_request");
    app.send(app.open_request(Method::GET, &path))
        .await
        .problem(400, "invalid_request");
    let large = format!(r#"{{"status":"DELIVRD","x":"{}"}}"#, "x".repeat(70_000));
    post("application/json", &large)
        .await
        .problem(413, "payload_too_large");
    assert_eq!(app.settle(&v["id"]).await, v);
}

async fn segments_times_price_is_charged_at_acceptance(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    // "Your code is 123456" and a line "@<253 characters> #123456": over 160 septets, two segments of 153.
    let host = format!(
        "{}.example",
        ["a".repeat(50), "b".repeat(50), "c".repeat(40)].join(".")
    );
    let body = json!({ "phone_number": stage.number(), "code": "123456", "web_domain": host });
    let v = app.start(body).await.expect(201);
    let text = word(&stage.sms.sends()[0]["text"]).to_owned();
    assert!((161..=306).contains(&text.len()), "{}", text.len());
    assert_eq!(
        v["attempts"][0]["cost"],
        json!({ "amount": "0.10", "currency": "USD", "state": "charged" })
    );
    let charge = (
        "charge".to_owned(),
        "estimated".to_owned(),
        "-0.10".to_owned(),
    );
    assert_eq!(app.ledger(&v["id"]).await, [charge]);
    // Other countries have the default price.
    stage.advance(1);
    let v = app
        .start(json!({ "phone_number": "+12025550143" }))
        .await
        .expect(201);
    assert_eq!(v["attempts"][0]["cost"]["amount"], "0.08");
}

async fn built_in_texts_fit_one_segment_and_its_alphabet(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    for (extra, end) in [
        (json!({}), "12345678"),
        (
            json!({ "web_domain": "Shop.Example" }),
            "\n@shop.example #12345678",
        ),
        (
            json!({ "android_app_hash": "FA+9qCX9VSu" }),
            "\nFA+9qCX9VSu",
        ),
    ] {
        // A segment has 70 characters with UCS-2. Unsupported languages fall back to English.
        for (locale, begin, most) in [
            ("en", "Your code is 12345678", 160),
            ("zh-Hant", "Your code is 12345678", 160),
            ("uz", "Kodingiz: 12345678", 160),
            ("ru-KZ", "Ваш код: 12345678", 70),
        ] {
            let mut body =
                json!({ "phone_number": stage.number(), "code": "12345678", "locale": locale });
            body.as_object_mut()
                .unwrap()
                .extend(extra.as_object().unwrap().clone());
            app.start(body).await.expect(201);
            let text = word(&stage.sms.sends().pop().unwrap()["text"]).to_owned();
            assert!(text.chars().count() <= most, "{text}");
            assert!(text.starts_with(begin) && text.ends_with(end), "{text}");
        }
    }
}

async fn a_country_without_a_price_is_skipped(stage: Stage) {
    let mut main = Stage::sms_provider("main", &stage.sms);
    main["prices"] = json!({ "UZ": "0.05" });
    let backup = Stage::sms_provider("backup", &stage.backup);
    let app = app_with_providers(&stage, json!([main.clone(), backup])).await;
    let v = app
        .start(json!({ "phone_number": "+12025550143" }))
        .await
        .expect(201);
    assert_eq!(attempt(&v, 0), ("main", "failed", Some("no_price"), "free"));
    assert_eq!(attempt(&v, 1), ("backup", "sent", None, "charged"));
    stage.stop(app).await;

    let app = app_with_providers(&stage, json!([main])).await;
    let v = app
        .start(json!({ "phone_number": "+12025550144" }))
        .await
        .expect(201);
    assert_eq!(
        (&v["status"], attempt(&v, 0).2),
        (&json!("failed"), Some("no_price"))
    );
    assert!(stage.sms.sends().is_empty());
}

async fn placeholders_are_escaped_in_forms_queries_and_gets(stage: Stage) {
    let url = format!(
        "http://{}/send/{{to_digits}}?a={{text}}",
        stage.sms.fake.address
    );
    let base = |extra: Value| {
        let mut provider = Stage::sms_provider("main", &stage.sms);
        let fields = provider.as_object_mut().unwrap();
        fields.remove("json");
        fields.extend(extra.as_object().unwrap().clone());
        json!([provider])
    };
    let fields = json!({ "to": "{to}", "text": "{text}", "odd&key=": "{callback_url}", "braces": "{a b} {" });
    let app = app_with_providers(&stage, base(json!({ "form": fields }))).await;
    let v = app
        .start(
            json!({ "phone_number": "+998901234567", "code": "0042", "web_domain": "a.example" }),
        )
        .await
        .expect(201);
    assert_eq!(v["attempts"][0]["status"], "sent");
    let seen = stage.sms.fake.seen().pop().unwrap();
    assert_eq!(
        seen.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert!(seen.text.contains("braces=%7Ba+b%7D+%7B"), "{}", seen.text);
    assert!(seen.text.contains("to=%2B998901234567"), "{}", seen.text);
    assert!(
        seen.text
            .contains("text=Kodingiz%3A+0042%0A%0A%40a.example+%230042"),
        "{}",
        seen.text
    );
    stage.stop(app).await;

    let app = app_with_providers(&stage, base(json!({ "method": "GET", "url": url, "query": { "ref": "{attempt_id}", "dlr": "{callback_url}" } }))).await;
    let v = app
        .start(json!({ "phone_number": "+998901234568", "code": "0042" }))
        .await
        .expect(201);
    let seen = stage.sms.fake.seen().pop().unwrap();
    assert_eq!((seen.method.as_str(), seen.text.as_str()), ("GET", ""));
    let wanted = format!(
        "/send/998901234568?a=Kodingiz%3A%200042&dlr=https%3A%2F%2Fverify.example%2Fcallbacks%2Fmain%2F{}.",
        word(&v["attempts"][0]["id"])
    );
    assert!(seen.target.starts_with(&wanted), "{}", seen.target);
}

async fn a_report_that_says_a_thing_twice_is_refused(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let v = app.started().await;
    let path = stage.sms.callback_path();
    let post = |kind: &str, body: &str| {
        let request = app.open_request(Method::POST, &path);
        app.send(request.header("Content-Type", kind).body(body.to_owned()))
    };
    let form = "application/x-www-form-urlencoded";
    for (kind, body) in [
        (form, "message_id=m&status=UNDELIV&status=DELIVRD"),
        (form, "message_id=m&message_id=n&status=DELIVRD"),
        (form, "status=DELIVRD&st%61tus=DELIVRD"),
        (
            "application/json",
            r#"{"status":"UNDELIV","status":"DELIVRD"}"#,
        ),
        (
            "application/json",
            r#"{"status":"DELIVRD","x":[{"a":1,"a":2}]}"#,
        ),
    ] {
        assert_eq!(post(kind, body).await.status, 400, "{body}");
    }
    let query = format!("{path}?status=DELIVRD&status=UNDELIV");
    let asked = app.send(app.open_request(Method::GET, &query)).await;
    assert_eq!(asked.status, 400);
    assert_eq!(app.settle(&v["id"]).await["attempts"][0]["status"], "sent");
}

async fn answers_and_reports_are_read_in_the_encodings_that_providers_use(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let text = r#"{"message_id":"m-1","note":"caf\u00e9"}"#;
    let wide = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(order).collect()
    };
    let mut latin = br#"{"message_id":"m-1","note":"caf"#.to_vec();
    latin.extend_from_slice(b"\xe9\"}");
    for body in [
        [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        wide(u16::to_le_bytes),
        wide(u16::to_be_bytes),
        latin,
    ] {
        stage.sms.next_sends([Answer::Bytes(200, body.clone())]);
        let v = app.started().await;
        let v = app.settle(&v["id"]).await;
        assert_eq!(
            attempt(&v, 0),
            ("main", "sent", None, "charged"),
            "{body:?}"
        );
        let mut report = b"\xef\xbb\xbf".to_vec();
        report.extend_from_slice(br#"{"message_id":"m-1","status":"DELIVRD"}"#);
        let request = app
            .open_request(Method::POST, &stage.sms.callback_path())
            .header("Content-Type", "application/json")
            .body(report);
        app.send(request).await.expect(200);
        assert_eq!(
            app.settle(&v["id"]).await["attempts"][0]["status"],
            "delivered"
        );
    }
    assert!(
        app.get("/readyz").await.body["paused"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}
