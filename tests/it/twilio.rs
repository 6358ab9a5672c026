//! Twilio Messaging: requests, authentication of reports, and the price that is announced later.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::on_both_engines;
use crate::stage::{Reply, Stage, TestApp, word};
use crate::world::{Answer, Fake, Seen};

on_both_engines!(
    a_send_has_the_fields_that_twilio_requires,
    a_report_counts_only_with_its_signature_with_or_without_the_port,
    reports_may_arrive_twice_and_out_of_order,
    each_error_maps_to_the_next_action,
    the_price_announced_later_replaces_the_estimate,
    an_uncharged_message_ends_up_costing_nothing,
    the_estimate_stays_if_no_price_is_announced,
    the_price_query_survives_a_restart,
    requests_conform_to_twilios_api_description,
);

const SID: &str = "AC0123456789abcdef0123456789abcdef";
const TOKEN: &str = "the-auth-token";
/// The public URL that the stage configures.
const PUBLIC: &str = "https://verify.example";

fn message(price: &Value, status: &str) -> Value {
    json!({
        "sid": "SM0123456789abcdef0123456789abcdef", "status": status, "price": price, "price_unit": "USD",
        "num_segments": "1", "error_code": null,
    })
}

/// A program whose only provider is Twilio.
async fn app(stage: &Stage, base_url: &str) -> TestApp {
    let providers = json!([{
        "name": "twilio", "kind": "twilio", "account_sid": SID, "auth_token": TOKEN, "from": "+15550001111",
        "base_url": base_url, "prices": { "*": "0.05" }, "currency": "USD", "timeout": "5s",
    }]);
    let changes = [
        ("SMS__PROVIDERS", providers.to_string()),
        (
            "DEFAULTS__ROUTE",
            r#"[{"channel":"sms","wait":"60s"}]"#.to_owned(),
        ),
    ];
    let changes: Vec<(&str, &str)> = changes
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    stage.app_with(&changes).await
}

/// A fake API that accepts every message and answers status queries with `later`.
async fn taking(later: Value) -> Fake {
    Fake::start(move |seen| match seen.method.as_str() {
        "POST" => Answer::Json(201, message(&Value::Null, "queued")),
        _ => Answer::Json(200, later.clone()),
    })
    .await
}

fn base(fake: &Fake) -> String {
    format!("http://{}", fake.address)
}

fn form(seen: &Seen) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("http://form/?{}", seen.text)).unwrap();
    url.query_pairs().into_owned().collect()
}

fn field(seen: &Seen, name: &str) -> String {
    let found = form(seen).into_iter().find(|(key, _)| key == name);
    found
        .unwrap_or_else(|| panic!("no {name} in {}", seen.text))
        .1
}

/// Computed as Twilio's documentation describes.
fn signature(token: &str, url: &str, pairs: &[(&str, &str)]) -> String {
    let mut sorted = pairs.to_vec();
    sorted.sort_unstable();
    let text: String = sorted
        .iter()
        .flat_map(|(key, value)| [*key, *value])
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    STANDARD.encode(hmac::sign(&key, format!("{url}{text}").as_bytes()))
}

/// Sends a report to the callback URL that Twilio was given.
async fn report(
    app: &TestApp,
    callback: &str,
    status: &str,
    signed_for: &str,
    token: &str,
) -> Reply {
    let pairs = [
        ("MessageSid", "SM0123456789abcdef0123456789abcdef"),
        ("MessageStatus", status),
        ("AccountSid", SID),
        ("To", "+998901234567"),
    ];
    let path = callback
        .strip_prefix(PUBLIC)
        .expect("the callback URL is below the public URL");
    let request = app
        .open_request(reqwest::Method::POST, path)
        .header("X-Twilio-Signature", signature(token, signed_for, &pairs))
        .form(&pairs);
    app.send(request).await
}

async fn a_send_has_the_fields_that_twilio_requires(stage: Stage) {
    let fake = taking(Value::Null).await;
    let app = app(&stage, &base(&fake)).await;
    let v = app.started().await;
    let [seen] = fake.seen().try_into().unwrap();
    assert_eq!(
        seen.target,
        format!("/2010-04-01/Accounts/{SID}/Messages.json")
    );
    assert_eq!(
        seen.header("authorization").unwrap(),
        format!("Basic {}", STANDARD.encode(format!("{SID}:{TOKEN}")))
    );
    assert_eq!(field(&seen, "To"), word(&v["phone_number"]));
    assert_eq!(field(&seen, "From"), "+15550001111");
    assert!(field(&seen, "Body").starts_with("Kodingiz: "));
    assert_eq!(field(&seen, "ValidityPeriod"), "60");
    let callback = field(&seen, "StatusCallback");
    assert!(
        callback.starts_with(&format!(
            "{PUBLIC}/callbacks/twilio/{}.",
            word(&v["attempts"][0]["id"])
        )),
        "{callback}"
    );
    let attempt = &v["attempts"][0];
    assert_eq!(
        (&attempt["status"], &attempt["provider"], &attempt["cost"]),
        (
            &json!("sent"),
            &json!("twilio"),
            &json!({ "amount": "0.05", "currency": "USD", "state": "charged" })
        )
    );
    assert_eq!(
        app.ledger(&v["id"]).await,
        [("charge".into(), "estimated".into(), "-0.05".into())]
    );
}

async fn a_report_counts_only_with_its_signature_with_or_without_the_port(stage: Stage) {
    let fake = taking(Value::Null).await;
    let app = app(&stage, &base(&fake)).await;
    for signed_with_port in [false, true] {
        let v = app.started().await;
        let callback = field(&fake.seen().pop().unwrap(), "StatusCallback");
        let ported = callback.replace(PUBLIC, &format!("{PUBLIC}:443"));
        let signed = if signed_with_port { &ported } else { &callback };
        for (url, token) in [
            (signed.as_str(), "another-token"),
            ("https://elsewhere.example/", TOKEN),
        ] {
            report(&app, &callback, "delivered", url, token)
                .await
                .problem(401, "unauthorized");
        }
        let unsigned = app.open_request(
            reqwest::Method::POST,
            callback.strip_prefix(PUBLIC).unwrap(),
        );
        app.send(unsigned.form(&[("MessageStatus", "delivered")]))
            .await
            .problem(401, "unauthorized");
        assert_eq!(app.find(&v["id"]).await["attempts"][0]["status"], "sent");
        report(&app, &callback, "delivered", signed, TOKEN)
            .await
            .expect(200);
        assert_eq!(
            app.find(&v["id"]).await["attempts"][0]["status"],
            "delivered"
        );
    }
}

async fn reports_may_arrive_twice_and_out_of_order(stage: Stage) {
    let fake = taking(Value::Null).await;
    let app = app(&stage, &base(&fake)).await;
    let v = app.started().await;
    let callback = field(&fake.seen().pop().unwrap(), "StatusCallback");
    for status in ["delivered", "sent", "queued", "delivered", "something-new"] {
        report(&app, &callback, status, &callback, TOKEN)
            .await
            .expect(200);
    }
    assert_eq!(
        app.find(&v["id"]).await["attempts"][0]["status"],
        "delivered"
    );
    let v = app.started().await;
    let callback = field(&fake.seen().pop().unwrap(), "StatusCallback");
    report(&app, &callback, "undelivered", &callback, TOKEN)
        .await
        .expect(200);
    let v = app.settle(&v["id"]).await;
    assert_eq!(
        (&v["status"], &v["attempts"][0]["reason"]),
        (&json!("failed"), &json!("not_delivered"))
    );
}

async fn each_error_maps_to_the_next_action(stage: Stage) {
    let mut answers = vec![
        Answer::Text(503, "oops".to_owned()),
        Answer::Json(
            400,
            json!({ "code": 99_999, "message": "new", "status": 400 }),
        ),
        Answer::Json(429, json!({ "code": 20429, "status": 429 })),
        Answer::Json(400, json!({ "code": 21614, "status": 400 })),
        // Pauses the account, so it comes last.
        Answer::Json(401, json!({ "code": 20003, "status": 401 })),
    ];
    answers.reverse();
    let fake = Fake::start(move |_| answers.pop().expect("no more sends than answers")).await;
    let app = app(&stage, &base(&fake)).await;
    for (status, reason) in [
        ("unknown", "no_answer"),
        ("failed", "provider_rejected"),
        ("failed", "throttled"),
        ("refused", "unreachable"),
        ("failed", "provider_rejected"),
        ("failed", "paused"),
    ] {
        let v = app.started().await;
        let attempt = &v["attempts"][0];
        assert_eq!(
            (&attempt["status"], &attempt["reason"]),
            (&json!(status), &json!(reason))
        );
        assert_eq!(v["costs"], json!([]));
    }
}

async fn the_price_announced_later_replaces_the_estimate(stage: Stage) {
    let fake = taking(message(&json!("-0.00750"), "delivered")).await;
    let app = app(&stage, &base(&fake)).await;
    let v = app.started().await;
    let v = app.later(&v["id"], 60).await;
    assert_eq!(
        fake.seen().pop().unwrap().target,
        format!("/2010-04-01/Accounts/{SID}/Messages/SM0123456789abcdef0123456789abcdef.json")
    );
    assert_eq!(
        v["attempts"][0]["cost"],
        json!({ "amount": "0.0075", "currency": "USD", "state": "charged" })
    );
    assert_eq!(
        v["costs"],
        json!([{ "amount": "0.0075", "currency": "USD" }])
    );
    // The answer also confirms delivery.
    assert_eq!(v["attempts"][0]["status"], "delivered");
    assert_eq!(
        app.ledger(&v["id"]).await,
        [
            ("charge".into(), "estimated".into(), "-0.05".into()),
            ("refund".into(), "estimated".into(), "0.05".into()),
            ("charge".into(), "reported".into(), "-0.0075".into()),
        ]
    );
    // Once the price is known, it is not queried again.
    let asked = fake.seen().len();
    app.later(&v["id"], 90_000).await;
    assert_eq!(fake.seen().len(), asked);
}

async fn an_uncharged_message_ends_up_costing_nothing(stage: Stage) {
    let fake = taking(message(&json!("0"), "failed")).await;
    let app = app(&stage, &base(&fake)).await;
    let v = app.started().await;
    let v = app.later(&v["id"], 60).await;
    assert_eq!(
        (&v["costs"], &v["attempts"][0]["cost"]["state"]),
        (&json!([]), &json!("free"))
    );
    let ledger = app.ledger(&v["id"]).await;
    let amounts: Vec<&str> = ledger
        .iter()
        .map(|(_, _, amount)| amount.as_str())
        .collect();
    assert_eq!(amounts, ["-0.05", "0.05"]);
}

async fn the_estimate_stays_if_no_price_is_announced(stage: Stage) {
    let fake = taking(message(&Value::Null, "delivered")).await;
    let app = app(&stage, &base(&fake)).await;
    let v = app.started().await;
    for pause in [
        60, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400, 86_400, 864_000,
    ] {
        app.later(&v["id"], pause).await;
    }
    assert_eq!(fake.seen().len(), 1 + 8, "eight price queries, then none");
    let v = app.find(&v["id"]).await;
    assert_eq!(v["costs"], json!([{ "amount": "0.05", "currency": "USD" }]));
}

async fn the_price_query_survives_a_restart(stage: Stage) {
    let fake = taking(message(&json!("-0.01"), "delivered")).await;
    let first = app(&stage, &base(&fake)).await;
    let v = first.started().await;
    first.cancel(&v["id"]).await.expect(200);
    first.settled(&v["id"]).await;
    stage.kill(first).await;
    let second = app(&stage, &base(&fake)).await;
    let v = second.later(&v["id"], 60).await;
    assert_eq!(
        (&v["status"], &v["costs"]),
        (
            &json!("canceled"),
            &json!([{ "amount": "0.01", "currency": "USD" }])
        )
    );
}

/// Uses a strict mock of Twilio's `OpenAPI` document, which answers 201 only to valid requests.
async fn requests_conform_to_twilios_api_description(stage: Stage) {
    let url = std::env::var("PINROUTE_TEST_TWILIO_MOCK_URL").unwrap_or_default();
    if url.is_empty() {
        println!(
            "skipped: PINROUTE_TEST_TWILIO_MOCK_URL is not set; ./scripts/test sets it if it finds npm"
        );
        return;
    }
    let app = app(&stage, &url).await;
    let v = app.started().await;
    let attempt = &v["attempts"][0];
    assert_eq!(
        (&attempt["status"], &attempt["reason"]),
        (&json!("sent"), &Value::Null),
        "{v}"
    );
    // The price query must be valid too. The mock answers it with an example from the document.
    app.later(&v["id"], 60).await;
}
