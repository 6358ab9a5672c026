//! The Telegram Gateway API at `/telegram-gateway`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{AT_ONCE, Engine, SMS, Stage, TestApp, assert_fields, word};
use crate::webhooks::{OPEN, receiver};
use crate::world::{Answer, Fake, error, signature};
use crate::{guard, on_both_engines, on_postgres};

on_both_engines!(
    a_code_is_sent_and_checked_as_telegram_describes_it,
    every_way_to_call_is_understood,
    an_ability_is_free_and_its_id_can_be_used_once,
    what_telegram_cannot_deliver_goes_by_sms_and_the_status_stays_true,
    faults_come_in_telegrams_words,
    what_is_no_call_is_refused_in_telegrams_words,
    limits_and_budgets_come_in_telegrams_words,
    a_codes_end_is_told,
    nobody_guesses_on_after_the_approval,
    a_used_id_is_told_before_any_limit,
    amounts_that_cannot_be_added_are_not_called_refunded,
    no_step_begins_after_the_ttl,
    a_refund_is_told,
    reports_are_signed_and_repeated,
    a_project_names_twenty_hosts_for_reports_at_most,
    a_host_that_takes_no_reports_rests,
    verifications_belong_to_their_face,
    a_dialect_that_is_off_has_no_address,
);
on_postgres!(an_id_of_one_replica_is_good_on_the_other);

const PARTS: &str = "multipart/form-data; boundary=xx";

async fn call(app: &TestApp, method: &str, body: Value) -> Value {
    app.post(&format!("/telegram-gateway/{method}"), body)
        .await
        .expect(200)
}

#[track_caller]
fn result(answer: &Value) -> Value {
    assert_eq!(answer["ok"], true, "{answer}");
    answer["result"].clone()
}

async fn sent(app: &TestApp, more: Value) -> Value {
    let mut body = json!({ "phone_number": app.stage.number(), "code_length": 6 });
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    result(&call(app, "sendVerificationMessage", body).await)
}

async fn status(app: &TestApp, request: &Value, code: Option<&str>) -> Value {
    let body = json!({ "request_id": request["request_id"], "code": code });
    result(&call(app, "checkVerificationStatus", body).await)
}

/// The id of the verification in our own API.
fn native(request: &Value) -> Value {
    let number: u128 = word(&request["request_id"]).parse().unwrap();
    json!(uuid::Uuid::from_u128(number))
}

fn words(status: &Value) -> (&str, Option<&str>) {
    let verdict = &status["verification_status"]["status"];
    (word(&status["delivery_status"]["status"]), verdict.as_str())
}

async fn a_code_is_sent_and_checked_as_telegram_describes_it(stage: Stage) {
    let app = stage.app().await;
    let number = stage.number();
    let body = json!({ "phone_number": number, "code_length": 5, "payload": "order 42" });
    let answer = call(&app, "sendVerificationMessage", body).await;
    let request = result(&answer);
    assert_fields(&answer, &["ok", "result"]);
    assert_fields(
        &request,
        &[
            "request_id",
            "phone_number",
            "request_cost",
            "delivery_status",
            "payload",
        ],
    );
    assert_eq!(request["phone_number"], number[1..], "without a plus sign");
    assert_eq!(request["request_cost"], 0.01);
    assert_eq!(request["payload"], "order 42");
    let at = stage.clock.now().timestamp();
    assert_eq!(
        request["delivery_status"],
        json!({ "status": "sent", "updated_at": at })
    );
    assert_eq!(app.telegram_code().len(), 5);

    let state = status(&app, &request, None).await;
    assert_eq!(words(&state), ("sent", None));
    for (evidence, told) in [("delivered", "delivered"), ("read", "read")] {
        let report = stage.telegram.status(evidence);
        app.telegram_reports(&report).await.expect(200);
        app.settle(&native(&request)).await;
        let state = status(&app, &request, None).await;
        assert_eq!(words(&state), (told, None));
    }
    let wrong = app.wrong_code();
    let state = status(&app, &request, Some(&wrong)).await;
    assert_eq!(words(&state).1, Some("code_invalid"));
    let right = app.telegram_code();
    let state = status(&app, &request, Some(&right)).await;
    assert_eq!(words(&state).1, Some("code_valid"));
    // The answer may have been lost; later the code is used up.
    let state = status(&app, &request, Some(&right)).await;
    assert_eq!(words(&state).1, Some("code_valid"));
    let state = status(&app, &request, Some(&wrong)).await;
    assert_eq!(words(&state).1, Some("code_invalid"));
    stage.advance(61);
    let state = status(&app, &request, Some(&right)).await;
    assert_eq!(words(&state).1, Some("code_invalid"));
    let state = status(&app, &request, None).await;
    assert_eq!(words(&state).1, Some("code_valid"), "what came of it");

    let v = app.settle(&native(&request)).await;
    assert_eq!(
        (word(&v["status"]), word(&v["origin"])),
        ("approved", "telegram")
    );
}

async fn every_way_to_call_is_understood(stage: Stage) {
    let app = stage.app().await;
    let key = stage.key.clone();
    let path = |rest: &str| format!("/telegram-gateway/{rest}");
    let digits = || stage.number()[1..].to_owned();
    let bearer = |method, rest: &str| {
        let request = app.open_request(method, &path(rest));
        request.bearer_auth(&key)
    };
    let query = format!(
        "sendVerificationMessage?phone_number=%2B{}&code=1234&payload=",
        digits()
    );
    // As a shell writes it: the plus sign arrives as a space.
    let plain = format!(
        "sendVerificationMessage?phone_number=+{}&code=1234",
        digits()
    );
    let form = |number: String| {
        [
            ("phone_number", number),
            ("code", "1234".into()),
            ("ttl", String::new()),
        ]
    };
    let json = |number: String| json!({ "phone_number": number, "code": 1234, "code_length": 6, "ttl": "60", "sender_username": null, "more": [1] });
    let in_body = json!({ "access_token": key, "phone_number": digits(), "code": "1234" });
    let whole = format!(
        "sendVerificationMessage?access_token={key}&phone_number={}&code=1234",
        digits()
    );
    let part = |name: &str, value: &str| {
        format!("--xx\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let parts = format!(
        "{}{}--xx--\r\n",
        part("phone_number", &digits()),
        part("code", "1234")
    );
    for request in [
        bearer(Method::GET, &query),
        bearer(Method::POST, &query),
        bearer(Method::GET, &plain),
        bearer(Method::POST, "sendverificationmessage").form(&form(digits())),
        bearer(Method::POST, "SENDVERIFICATIONMESSAGE/").json(&json(digits())),
        bearer(Method::POST, "/sendVerificationMessage").json(&json(digits())),
        bearer(Method::POST, "sendVerificationMessage")
            .header("Content-Type", PARTS)
            .body(parts),
        app.open_request(Method::POST, &path("sendVerificationMessage"))
            .json(&in_body),
        app.open_request(Method::GET, &path(&whole)),
    ] {
        let before = stage.telegram.sends().len();
        let answer = app.send(request).await;
        let request = result(&answer.expect(200));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(stage.telegram.sends().len(), before + 1, "{request}");
        assert_eq!(app.telegram_code(), "1234");
    }
}

async fn an_ability_is_free_and_its_id_can_be_used_once(stage: Stage) {
    let app = stage.app().await;
    let (number, other) = (stage.number(), stage.number());
    let able = async |number: &str| {
        result(&call(&app, "checkSendAbility", json!({ "phone_number": number })).await)
    };
    let ability = able(&number).await;
    assert_fields(&ability, &["request_id", "phone_number", "request_cost"]);
    assert_eq!(ability["request_cost"], 0);
    assert!(stage.telegram.sends().is_empty());
    app.get(&format!("/v1/verifications/{}", word(&native(&ability))))
        .await
        .problem(404, "verification_not_found");
    let send = async |number: &str, id: &Value| {
        let body = json!({ "phone_number": number, "code": "4321", "request_id": id });
        call(&app, "sendVerificationMessage", body).await
    };
    let refused = |answer: Value| word(&answer["error"]).to_owned();
    let id = &ability["request_id"];
    assert_eq!(refused(send(&other, id).await), "REQUEST_ID_INVALID");
    assert_eq!(
        refused(send(&number, &json!("17")).await),
        "REQUEST_ID_INVALID"
    );
    stage.advance(3_590);
    let request = result(&send(&number, id).await);
    assert_eq!(request["request_id"], *id);
    assert_eq!(refused(send(&number, id).await), "MESSAGE_ALREADY_SENT");
    assert_eq!(stage.telegram.sends().len(), 1);
    let state = status(&app, &request, Some("4321")).await;
    assert_eq!(words(&state).1, Some("code_valid"));

    let late = able(&other).await;
    stage.advance(3_601);
    assert_eq!(
        refused(send(&other, &late["request_id"]).await),
        "REQUEST_ID_INVALID"
    );

    // Two sends at once with one id are one.
    let both = able(&other).await;
    let id = &both["request_id"];
    let (a, b) = tokio::join!(send(&other, id), send(&other, id));
    let ok = [&a, &b].map(|answer| answer["ok"] == true);
    assert_eq!(ok.iter().filter(|ok| **ok).count(), 1, "{a} {b}");
    assert_eq!(stage.telegram.sends().len(), 2);
}

async fn what_telegram_cannot_deliver_goes_by_sms_and_the_status_stays_true(stage: Stage) {
    let app = stage.app().await;
    stage
        .telegram
        .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE")]);
    let request = sent(&app, json!({})).await;
    assert_eq!(words(&request), ("sent", None));
    let v = app.find(&native(&request)).await;
    assert_eq!(v["channel"], "sms");
    let cost: f64 = word(&v["costs"][0]["amount"]).parse().unwrap();
    assert_eq!(request["request_cost"], cost, "what the SMS costs");
    let [sms] = stage.sms.sends().try_into().unwrap();
    let delivered = json!({ "id": sms["id"], "status": "DELIVRD" });
    app.post(&stage.sms.callback_path(), delivered)
        .await
        .expect(200);
    app.settle(&native(&request)).await;
    let state = status(&app, &request, None).await;
    assert_eq!(words(&state), ("delivered", None));

    // Nor one that is blocked.
    let number = stage.number();
    let blocked = json!({ "kind": "block", "match": "number", "value": number });
    guard::add(&crate::webhooks::admin(&app).await, blocked).await;
    for method in ["checkSendAbility", "sendVerificationMessage"] {
        let body = json!({ "phone_number": number, "code_length": 6 });
        let answer = call(&app, method, body).await;
        assert_eq!(answer["error"], "PHONE_NUMBER_NOT_AVAILABLE", "{answer}");
    }

    // Nobody can be reached: an error, as Telegram's own before a message is taken.
    stage
        .telegram
        .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE")]);
    stage
        .sms
        .next_sends([Answer::Json(400, json!({ "error_code": "7" }))]);
    let body = json!({ "phone_number": stage.number(), "code_length": 6 });
    let answer = call(&app, "sendVerificationMessage", body).await;
    assert_eq!(
        answer,
        json!({ "ok": false, "error": "PHONE_NUMBER_NOT_AVAILABLE" })
    );

    // Its fallback is under way.
    let request = sent(&app, json!({})).await;
    app.later(&native(&request), 15).await;
    let state = status(&app, &request, None).await;
    assert_eq!(words(&state), ("sent", None));
    assert_eq!(stage.sms.sends().len(), 3);
}

/// Method, parameters and the error.
#[rustfmt::skip]
fn faults(number: &str) -> Vec<(&'static str, Value, &'static str)> {
    let send = "sendVerificationMessage";
    let with = |more: Value| {
        let mut body = json!({ "phone_number": number, "code": "1234" });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    let long = "x".repeat(129);
    let address = format!("https://shop.example/{}", "x".repeat(256));
    vec![
        (send, json!({}), "PHONE_NUMBER_INVALID"),
        (send, with(json!({ "phone_number": "" })), "PHONE_NUMBER_INVALID"),
        (send, with(json!({ "phone_number": "12" })), "PHONE_NUMBER_INVALID"),
        (send, with(json!({ "phone_number": ["+998901234567"] })), "PHONE_NUMBER_INVALID"),
        (send, with(json!({ "phone_number": "+88812345678" })), "PHONE_NUMBER_NOT_AVAILABLE"),
        (send, json!({ "phone_number": number }), "CODE_LENGTH_REQUIRED"),
        (send, json!({ "phone_number": number, "code_length": 1 }), "CODE_LENGTH_INVALID"),
        (send, json!({ "phone_number": number, "code_length": "six" }), "CODE_LENGTH_INVALID"),
        (send, with(json!({ "code": "12a4" })), "CODE_INVALID"),
        (send, with(json!({ "code": "123" })), "CODE_INVALID"),
        (send, with(json!({ "ttl": 29 })), "TTL_INVALID"),
        (send, with(json!({ "ttl": 3601 })), "TTL_INVALID"),
        (send, with(json!({ "ttl": -1 })), "TTL_INVALID"),
        (send, with(json!({ "payload": long })), "PAYLOAD_INVALID"),
        (send, with(json!({ "sender_username": "shop" })), "SENDER_NOT_OWNED"),
        (send, with(json!({ "request_id": "x" })), "REQUEST_ID_INVALID"),
        (send, with(json!({ "request_id": "+5" })), "REQUEST_ID_INVALID"),
        (send, with(json!({ "request_id": "05" })), "REQUEST_ID_INVALID"),
        (send, with(json!({ "callback_url": "http://shop.example/" })), "CALLBACK_URL_INVALID"),
        (send, with(json!({ "callback_url": "https://10.0.0.1/" })), "CALLBACK_URL_INVALID"),
        (send, with(json!({ "callback_url": address })), "CALLBACK_URL_INVALID"),
        ("checkSendAbility", json!({}), "PHONE_NUMBER_INVALID"),
        ("checkVerificationStatus", json!({}), "REQUEST_ID_REQUIRED"),
        ("checkVerificationStatus", json!({ "request_id": "5" }), "REQUEST_ID_INVALID"),
        ("revokeVerificationMessage", json!({}), "REQUEST_ID_REQUIRED"),
        ("revokeVerificationMessage", json!({ "request_id": "9".repeat(40) }), "REQUEST_ID_INVALID"),
        ("sendMessage", json!({}), "UNKNOWN_METHOD"),
        ("", json!({}), "UNKNOWN_METHOD"),
    ]
}

async fn faults_come_in_telegrams_words(stage: Stage) {
    let app = stage.app().await;
    let number = stage.number();
    for (method, body, word) in faults(&number) {
        let answer = call(&app, method, body.clone()).await;
        assert_eq!(
            answer,
            json!({ "ok": false, "error": word }),
            "{method} {body}"
        );
    }
    assert!(stage.telegram.sends().is_empty() && stage.sms.sends().is_empty());
}

async fn what_is_no_call_is_refused_in_telegrams_words(stage: Stage) {
    let app = stage.app().await;
    let number = stage.number();
    let open = |method| app.open_request(method, "/telegram-gateway/checkSendAbility");
    let twice = format!("phone_number={number}&phone_number=%2B998901234567");
    let large = json!({ "phone_number": number, "payload": "x".repeat(1 << 20) }).to_string();
    for (request, status, word) in [
        (
            open(Method::POST).json(&json!({})),
            200,
            "ACCESS_TOKEN_REQUIRED",
        ),
        (
            open(Method::POST).bearer_auth("pin_no"),
            200,
            "ACCESS_TOKEN_INVALID",
        ),
        (
            open(Method::DELETE).bearer_auth(&stage.key),
            200,
            "UNKNOWN_METHOD",
        ),
        (
            open(Method::POST).bearer_auth(&stage.key).body("{"),
            200,
            "REQUEST_INVALID",
        ),
        (
            open(Method::POST).bearer_auth(&stage.key).body(twice),
            200,
            "PHONE_NUMBER_INVALID",
        ),
        (
            open(Method::POST).bearer_auth(&stage.key).body(large),
            413,
            "REQUEST_TOO_LARGE",
        ),
    ] {
        let answer = app.send(request).await.expect(status);
        assert_eq!(answer, json!({ "ok": false, "error": word }));
    }
    let reader = stage.new_key(Some("default"), "finance").await;
    let request = open(Method::POST).bearer_auth(reader);
    let answer = app.send(request).await.expect(200);
    assert_eq!(answer["error"], "ACCESS_TOKEN_INVALID");
    assert!(stage.telegram.sends().is_empty() && stage.sms.sends().is_empty());

    if stage.engine == Engine::Sqlite {
        return;
    }
    stage.hide_database().await;
    let request = app.post(
        "/telegram-gateway/sendVerificationMessage",
        json!({ "phone_number": number, "code": "1234" }),
    );
    let answer = request.await;
    stage.show_database().await;
    assert_eq!(
        answer.expect(503),
        json!({ "ok": false, "error": "SERVICE_UNAVAILABLE" })
    );
}

async fn limits_and_budgets_come_in_telegrams_words(stage: Stage) {
    let limit = ("DEFAULTS__LIMITS__PER_NUMBER", r#"["1/10m"]"#);
    let wrong = ("DEFAULTS__LIMITS__WRONG_CODES_PER_NUMBER", r#"["1/10m"]"#);
    let countries = ("DEFAULTS__COUNTRIES__DENY", r#"["DE"]"#);
    let app = stage.app_with(&[limit, wrong, countries]).await;
    let number = stage.number();
    let body = json!({ "phone_number": number, "code": "1234" });
    let request = result(&call(&app, "sendVerificationMessage", body.clone()).await);
    stage.advance(10);
    let answer = call(&app, "sendVerificationMessage", body).await;
    assert_eq!(answer, json!({ "ok": false, "error": "FLOOD_WAIT_590" }));
    status(&app, &request, Some("9999")).await;
    let body = json!({ "request_id": request["request_id"], "code": "9998" });
    let answer = call(&app, "checkVerificationStatus", body).await;
    assert_eq!(answer, json!({ "ok": false, "error": "FLOOD_WAIT_600" }));
    for method in ["sendVerificationMessage", "checkSendAbility"] {
        let body = json!({ "phone_number": "+4915123456789", "code": "1234" });
        let answer = call(&app, method, body).await;
        assert_eq!(answer["error"], "PHONE_NUMBER_NOT_AVAILABLE", "{method}");
    }
    let budget = (
        "DEFAULTS__BUDGET",
        r#"{"period":"day","limit":{"amount":"0.001","currency":"USD"}}"#,
    );
    stage.stop(app).await;
    let app = stage.app_with(&[budget]).await;
    let body = json!({ "phone_number": stage.number(), "code": "1234" });
    let answer = call(&app, "sendVerificationMessage", body).await;
    assert_eq!(
        answer,
        json!({ "ok": false, "error": "BALANCE_NOT_ENOUGH" })
    );
}

async fn a_codes_end_is_told(stage: Stage) {
    let app = stage.app().await;
    let locked = sent(&app, json!({})).await;
    let wrong = app.wrong_code();
    for _ in 0..4 {
        let state = status(&app, &locked, Some(&wrong)).await;
        assert_eq!(words(&state).1, Some("code_invalid"));
    }
    for _ in 0..2 {
        let state = status(&app, &locked, Some(&wrong)).await;
        assert_eq!(words(&state).1, Some("code_max_attempts_exceeded"));
    }
    // What cannot be a code is a wrong one.
    let request = sent(&app, json!({})).await;
    let state = status(&app, &request, Some("hello")).await;
    assert_eq!(words(&state).1, Some("code_invalid"));
    let body = json!({ "request_id": request["request_id"] });
    for _ in 0..2 {
        let answer = call(&app, "revokeVerificationMessage", body.clone()).await;
        assert_eq!(answer, json!({ "ok": true, "result": true }));
    }
    let code = app.telegram_code();
    let state = status(&app, &request, Some(&code)).await;
    assert_eq!(words(&state), ("revoked", Some("expired")));
    app.settle(&native(&request)).await;

    let request = sent(&app, json!({})).await;
    let code = app.telegram_code();
    app.telegram_reports(&stage.telegram.status("delivered"))
        .await
        .expect(200);
    app.later(&native(&request), 601).await;
    let state = status(&app, &request, Some(&code)).await;
    assert_eq!(words(&state), ("delivered", Some("expired")));
}

async fn nobody_guesses_on_after_the_approval(stage: Stage) {
    let app = stage.app().await;
    let request = sent(&app, json!({})).await;
    let (wrong, right) = (app.wrong_code(), app.telegram_code());
    status(&app, &request, Some(&right)).await;
    let mut verdicts = Vec::new();
    for code in [&right, &wrong, &right, &right, &right] {
        let state = status(&app, &request, Some(code)).await;
        verdicts.push(words(&state).1.unwrap().to_owned());
    }
    let expected = [
        "code_valid",
        "code_invalid",
        "code_valid",
        "code_invalid",
        "code_invalid",
    ];
    assert_eq!(verdicts, expected, "three repeats are compared");
    app.settle(&native(&request)).await;
}

async fn a_used_id_is_told_before_any_limit(stage: Stage) {
    let limit = ("DEFAULTS__LIMITS__PER_NUMBER", r#"["1/10m"]"#);
    let app = stage.app_with(&[limit]).await;
    let number = stage.number();
    let ability = call(&app, "checkSendAbility", json!({ "phone_number": number })).await;
    let id = &result(&ability)["request_id"];
    let body = json!({ "phone_number": number, "code": "4321", "request_id": id });
    let sends = (0..6).map(|_| call(&app, "sendVerificationMessage", body.clone()));
    let mut answers = futures_util::future::join_all(sends).await;
    answers.push(call(&app, "sendVerificationMessage", body.clone()).await);
    let sent = answers.iter().filter(|answer| answer["ok"] == true).count();
    let used = answers
        .iter()
        .filter(|answer| answer["error"] == "MESSAGE_ALREADY_SENT")
        .count();
    assert_eq!((sent, used), (1, 6), "{answers:?}");
}

async fn amounts_that_cannot_be_added_are_not_called_refunded(stage: Stage) {
    let mut sms = Stage::sms_provider("main", &stage.sms);
    sms["currency"] = json!("UZS");
    sms["prices"] = json!({ "*": "700" });
    let providers = json!([sms]).to_string();
    let app = stage
        .app_with(&[("SMS__PROVIDERS", &providers), ("DEFAULTS__BUDGET", "off")])
        .await;
    stage
        .telegram
        .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE")]);
    let request = sent(&app, json!({})).await;
    assert_eq!(
        request["request_cost"], 700,
        "in the currency that was charged first"
    );
    let request = sent(&app, json!({})).await;
    let mut report = stage.telegram.status("expired");
    report["is_refunded"] = json!(true);
    app.telegram_reports(&report).await.expect(200);
    app.settle(&native(&request)).await;
    let state = status(&app, &request, None).await;
    assert_eq!(
        (&state["request_cost"], state.get("is_refunded")),
        (&json!(700), None)
    );
}

async fn no_step_begins_after_the_ttl(stage: Stage) {
    let route = r#"[{"channel":"telegram","wait":"40s"},{"channel":"sms","wait":"60s"}]"#;
    let app = stage.app_with(&[("DEFAULTS__ROUTE", route)]).await;
    let request = sent(&app, json!({ "ttl": 30 })).await;
    assert_eq!(stage.telegram.sends()[0]["ttl"], 30, "the smaller of both");
    app.later(&native(&request), 31).await;
    app.later(&native(&request), 31).await;
    assert!(stage.sms.sends().is_empty());
    // The code is still good.
    let code = app.telegram_code();
    let state = status(&app, &request, Some(&code)).await;
    assert_eq!(words(&state).1, Some("code_valid"));

    let request = sent(&app, json!({ "ttl": 60 })).await;
    assert_eq!(stage.telegram.sends()[1]["ttl"], 40);
    app.later(&native(&request), 41).await;
    assert_eq!(stage.sms.sends().len(), 1);
}

async fn a_refund_is_told(stage: Stage) {
    let route = (
        "DEFAULTS__ROUTE",
        r#"[{"channel":"telegram","wait":"60s"}]"#,
    );
    let app = stage.app_with(&[route]).await;
    let request = sent(&app, json!({})).await;
    let mut report = stage.telegram.status("expired");
    report["is_refunded"] = json!(true);
    app.telegram_reports(&report).await.expect(200);
    app.settle(&native(&request)).await;
    let state = status(&app, &request, None).await;
    assert_eq!(words(&state), ("expired", None));
    assert_eq!(
        (&state["request_cost"], &state["is_refunded"]),
        (&json!(0.01), &json!(true))
    );
}

/// A report is the status itself, with a signature by the key that made the send.
async fn reports_are_signed_and_repeated(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let site = receiver().await;
    let url = format!("http://{}/reports?a=b", site.address);
    let request = sent(&app, json!({ "callback_url": url, "payload": "p" })).await;
    let delivered = stage.telegram.status("delivered");
    app.telegram_reports(&delivered).await.expect(200);
    app.settle(&native(&request)).await;
    reported(&app).await;
    let [seen] = site.seen().try_into().unwrap();
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("POST", "/reports?a=b")
    );
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(
        seen.json(),
        status(&app, &request, None).await,
        "no envelope"
    );
    assert_eq!(words(&seen.json()), ("delivered", None));
    let at = seen.header("x-request-timestamp").unwrap();
    assert_eq!(at, stage.clock.now().timestamp().to_string());
    let expected = signature(&stage.key, at, &seen.text);
    assert_eq!(seen.header("x-request-signature"), Some(expected.as_str()));

    // Anything but 200 is no success: ten tries, after 5 s and then twice as long each time.
    let busy = Fake::start(|_| Answer::Json(202, json!({}))).await;
    let url = format!("http://{}/", busy.address);
    let request = sent(&app, json!({ "callback_url": url })).await;
    app.telegram_reports(&stage.telegram.status("read"))
        .await
        .expect(200);
    app.settle(&native(&request)).await;
    reported(&app).await;
    for (tries, pause) in (1..).zip([5, 10, 20, 40, 80, 160, 320, 640, 1_280]) {
        assert_eq!(busy.seen().len(), tries);
        stage.advance(pause - 1);
        reported(&app).await;
        assert_eq!(busy.seen().len(), tries, "too early");
        stage.advance(1);
        reported(&app).await;
    }
    stage.advance(7_200);
    reported(&app).await;
    assert_eq!(busy.seen().len(), 10, "it gives up");
    let first = &busy.seen()[0];
    let last = &busy.seen()[9];
    assert_ne!(
        first.header("x-request-signature"),
        last.header("x-request-signature")
    );
    assert_eq!(site.seen().len(), 1, "each to its own address");
}

async fn reported(app: &TestApp) {
    app.gateway.verify().deliver_due_reports().await.unwrap();
}

async fn a_project_names_twenty_hosts_for_reports_at_most(stage: Stage) {
    let app = stage.app_with(&[OPEN, SMS]).await;
    let named = async |port: u16| {
        let url = format!("http://127.0.0.1:{port}/");
        let body = json!({ "phone_number": stage.number(), "code": "1234", "callback_url": url });
        call(&app, "sendVerificationMessage", body).await
    };
    for port in 1..=20 {
        result(&named(port).await);
    }
    assert_eq!(named(21).await["error"], "CALLBACK_URL_INVALID");
    result(&named(20).await);
    stage.advance(12 * 3_600);
    result(&named(20).await);
    stage.advance(12 * 3_600 + 1);
    result(&named(21).await);
}

async fn a_host_that_takes_no_reports_rests(stage: Stage) {
    let changes = [OPEN, AT_ONCE, ("DEFAULTS__LIMITS__CREATES", "off")];
    let app = stage.app_with(&changes).await;
    let dead = Fake::start(|_| Answer::Json(500, json!({}))).await;
    let url = format!("http://{}/", dead.address);
    for _ in 0..20 {
        let request = sent(&app, json!({ "callback_url": url })).await;
        let body = json!({ "request_id": request["request_id"] });
        call(&app, "revokeVerificationMessage", body).await;
        app.settle(&native(&request)).await;
    }
    reported(&app).await;
    let tried = dead.seen().len();
    assert_eq!(tried, 20);
    stage.advance(599);
    reported(&app).await;
    assert_eq!(dead.seen().len(), tried, "it rests");
    stage.advance(1);
    reported(&app).await;
    assert!(dead.seen().len() > tried);
}

async fn verifications_belong_to_their_face(stage: Stage) {
    let app = stage.app_with(&[AT_ONCE]).await;
    let request = sent(&app, json!({})).await;
    let id = native(&request);
    let code = app.telegram_code();
    for refused in [
        app.check(&id, &code).await,
        app.resend(&id, json!({})).await,
        app.cancel(&id).await,
    ] {
        refused.problem(404, "verification_not_found");
    }
    let v = app.find(&id).await;
    assert_eq!(
        (word(&v["status"]), word(&v["origin"])),
        ("pending", "telegram")
    );
    let list = app.get("/v1/verifications").await.expect(200);
    assert_eq!(list["items"][0]["id"], id);

    // Its number is not reused by our own API, nor the other way round.
    let own = app
        .start(json!({ "phone_number": v["phone_number"] }))
        .await
        .expect(201);
    assert_eq!(own["origin"], "native");
    let decimal = uuid::Uuid::parse_str(word(&own["id"]))
        .unwrap()
        .as_u128()
        .to_string();
    for method in ["checkVerificationStatus", "revokeVerificationMessage"] {
        let body = json!({ "request_id": decimal, "code": "1234" });
        assert_eq!(
            call(&app, method, body).await["error"],
            "REQUEST_ID_INVALID"
        );
    }
    // Another project's key.
    stage.project("other").await;
    let other = app
        .client
        .with_key(&stage.new_key(Some("other"), "verify").await);
    let body = json!({ "request_id": request["request_id"] });
    let answer = other
        .post("/telegram-gateway/checkVerificationStatus", body)
        .await;
    assert_eq!(answer.expect(200)["error"], "REQUEST_ID_INVALID");
}

async fn a_dialect_that_is_off_has_no_address(stage: Stage) {
    let app = stage.app_with(&[("DIALECTS__TELEGRAM", "false")]).await;
    app.post("/telegram-gateway/checkSendAbility", json!({}))
        .await
        .problem(404, "not_found");
}

async fn an_id_of_one_replica_is_good_on_the_other(stage: Stage) {
    let (one, other) = (stage.app().await, stage.app().await);
    let number = stage.number();
    let ability = json!({ "phone_number": number });
    let ability = result(&call(&one, "checkSendAbility", ability).await);
    let body =
        json!({ "phone_number": number, "code": "4321", "request_id": ability["request_id"] });
    let (a, b) = tokio::join!(
        call(&one, "sendVerificationMessage", body.clone()),
        call(&other, "sendVerificationMessage", body.clone())
    );
    let (sent, refused) = if a["ok"] == true { (a, b) } else { (b, a) };
    assert_eq!(refused["error"], "MESSAGE_ALREADY_SENT");
    let request = result(&sent);
    assert_eq!(
        words(&status(&other, &request, Some("4321")).await).1,
        Some("code_valid")
    );
    assert_eq!(stage.telegram.sends().len(), 1);
    one.settle(&native(&request)).await;
}
