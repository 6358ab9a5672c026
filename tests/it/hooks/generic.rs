//! Any program that can send a number and a code: ways to authenticate, forms of a body, presets, texts.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Hook, sent};
use crate::on_both_engines;
use crate::stage::{SMS, Stage, word};

on_both_engines!(
    each_way_to_authenticate_takes_its_own_secret_only,
    every_form_of_a_request_means_the_same,
    each_preset_reads_what_its_program_sends,
    the_text_is_the_hosts_where_it_can_be,
    numbers_are_read_as_the_host_writes_them,
    what_cannot_be_delivered_is_refused_and_says_why,
);

async fn each_way_to_authenticate_takes_its_own_secret_only(stage: Stage) {
    let app = stage.app().await;
    let body = || json!({ "phone": stage.number(), "code": "561166" });
    let mut count = 0;
    for (auth, name) in [
        ("bearer", None),
        ("basic", None),
        ("header", None),
        ("header", Some("X-Sms-Key")),
        ("query", None),
        ("query", Some("key")),
    ] {
        let hook = Hook::new(
            &app,
            json!({ "kind": "generic", "auth": auth, "auth_name": name }),
        )
        .await;
        let requests = |secret: &str| {
            let post = || hook.request(Method::POST).json(&body());
            [
                ("bearer", None, post().bearer_auth(secret)),
                ("basic", None, post().basic_auth("anyone", Some(secret))),
                ("header", None, post().header("x-api-key", secret)),
                (
                    "header",
                    Some("X-Sms-Key"),
                    post().header("X-Sms-Key", secret),
                ),
                ("query", None, post().query(&[("token", secret)])),
                ("query", Some("key"), post().query(&[("key", secret)])),
            ]
        };
        for (other, header, request) in requests(&hook.secret) {
            let reply = app.send(request).await;
            if (other, header) == (auth, name) {
                hook.settle(&reply).await;
                count += 1;
            } else {
                assert_eq!(reply.status, 401, "{auth} {other}");
            }
        }
        for (_, _, request) in requests(&hook.secret[1..]) {
            assert_eq!(app.send(request).await.status, 401);
        }
        assert_eq!(sent(&stage), count);
    }
}

async fn every_form_of_a_request_means_the_same(stage: Stage) {
    let app = stage.app().await;
    let hook = Hook::new(
        &app,
        json!({ "kind": "generic", "auth": "query", "methods": ["POST", "GET"] }),
    )
    .await;
    let token = [("token", hook.secret.clone())];
    let request = |method| hook.request(method).query(&token);
    let fields = || [("to", stage.number()), ("code", "561166".to_owned())];
    let part = |name: &str, value: &str| {
        format!("--xx\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let parts = || {
        let fields = fields().map(|(name, value)| part(name, &value));
        format!("{}--xx--\r\n", fields.concat())
    };
    let json = || {
        fields()
            .into_iter()
            .collect::<std::collections::HashMap<_, _>>()
    };
    for (count, request) in [
        request(Method::GET).query(&fields()),
        request(Method::POST).form(&fields()),
        request(Method::POST).json(&json()),
        request(Method::POST)
            .header("content-type", "text/plain")
            .body(json!(json()).to_string()),
        request(Method::POST)
            .header("content-type", "multipart/form-data; boundary=xx")
            .body(parts()),
    ]
    .into_iter()
    .enumerate()
    {
        hook.settle(&app.send(request).await).await;
        assert_eq!(sent(&stage), count + 1);
    }
    let before = sent(&stage);
    for request in [
        request(Method::POST).json(&json!([1])),
        request(Method::POST)
            .header("content-type", "application/json")
            .body("{"),
        request(Method::POST).body("to=1&to=2"),
        request(Method::POST).body(vec![0xff]),
        request(Method::POST)
            .header("content-type", "multipart/form-data; boundary=xx")
            .body("--xx\r\nno end"),
        request(Method::POST),
        request(Method::GET),
        request(Method::POST).json(&json!({ "to": { "a": 1 }, "code": [] })),
    ] {
        app.send(request).await.problem(400, "unsupported_request");
    }
    let large = request(Method::POST).body("x".repeat(70_000));
    app.send(large).await.problem(413, "payload_too_large");
    assert_eq!(sent(&stage), before);
}

async fn each_preset_reads_what_its_program_sends(stage: Stage) {
    let app = stage.app().await;
    let text = "Your SMS code is: 561166 and is valid for 5 minutes.";
    let number = || stage.number();
    for (preset, body) in [
        (
            "logto",
            json!({ "to": &number()[1..], "type": "SignIn", "payload": { "code": "561166", "locale": "en" }, "ip": "203.0.113.7" }),
        ),
        (
            "kratos",
            json!({ "to": number(), "code": "561166", "ttl": 900, "purpose": "login_code_valid", "text": text }),
        ),
        (
            "authentik",
            json!({ "From": "Shop", "To": number(), "Body": "561166", "Message": text }),
        ),
        (
            "keycloak",
            json!({ "receiver": number(), "message": text, "sender": "Shop" }),
        ),
        (
            "casdoor",
            json!({ "phoneNumber": number(), "title": "561166" }),
        ),
        (
            "fusionauth",
            json!({ "type": "SMS", "phoneNumber": number(), "textMessage": text, "code": "561166", "userId": "x" }),
        ),
        (
            "novu",
            json!({ "to": number(), "content": text, "id": "1" }),
        ),
        (
            "auth0",
            json!({ "to": number(), "code": "561166", "text": text, "locale": "en", "ip": "203.0.113.7" }),
        ),
    ] {
        let hook = Hook::new(&app, json!({ "kind": "generic", "preset": preset })).await;
        let v = hook.settle(&hook.post(&body).await).await;
        assert_eq!(app.telegram_code(), "561166", "{preset}");
        assert_eq!(v["origin"], hook.made["id"], "{preset}");
    }
}

async fn the_text_is_the_hosts_where_it_can_be(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let host = Hook::new(&app, json!({ "kind": "generic" })).await;
    let template = Hook::new(&app, json!({ "kind": "generic", "sms_text": "template" })).await;
    let long = format!("561166 {}", "a".repeat(160));
    for (hook, text, said) in [
        (
            &host,
            "561166 is your Shop code",
            "561166 is your Shop code",
        ),
        (&host, "561166 — код, {code}", "561166 — код, (code)"),
        (&host, "561166", "Your code is 561166"),
        (&host, "Enter 561 166", "Your code is 561166"),
        (&host, &long, "Your code is 561166"),
        (&template, "561166 is your Shop code", "Your code is 561166"),
    ] {
        let body =
            json!({ "phone": stage.number(), "code": "561166", "text": text, "locale": "en" });
        hook.settle(&hook.post(&body).await).await;
        let sms = stage.sms.sends().pop().unwrap();
        assert_eq!(sms["text"], said, "{text}");
    }
    // Nobody finds the code in the database.
    let path = format!("/v1/integrations/{}", word(&host.made["id"]));
    let shown = super::admin(&app).await.get(&path).await.expect(200);
    assert!(!shown.to_string().contains("561166"), "{shown}");
    assert!(shown.to_string().contains("max_segments"), "{shown}");
}

async fn numbers_are_read_as_the_host_writes_them(stage: Stage) {
    let app = stage.app().await;
    let local = Hook::new(&app, json!({ "kind": "generic", "default_country": "UZ" })).await;
    let foreign = Hook::new(&app, json!({ "kind": "generic" })).await;
    for (hook, written, number) in [
        (&local, "90 123 45 67", "+998901234567"),
        (&local, "+1 202-555-0123", "+12025550123"),
        (&local, "998907654321", "+998907654321"),
        (&foreign, "998935554433", "+998935554433"),
        (&foreign, "+998 (94) 111-22-33", "+998941112233"),
    ] {
        let reply = hook
            .post(&json!({ "phone": written, "code": "561166" }))
            .await;
        let v = hook.settle(&reply).await;
        assert_eq!(v["phone_number"], number, "{written}");
    }
}

async fn what_cannot_be_delivered_is_refused_and_says_why(stage: Stage) {
    let app = stage.app().await;
    let hook = Hook::new(&app, json!({ "kind": "generic" })).await;
    let to = |more: Value| {
        let mut body = more;
        body["phone"] = json!(stage.number());
        body
    };
    for (body, code, says) in [
        (
            json!({ "code": "561166" }),
            "unsupported_request",
            "phone number",
        ),
        (
            to(json!({})),
            "unsupported_request",
            "neither a code nor a text",
        ),
        (
            to(json!({ "code": "123" })),
            "unsupported_request",
            "4 to 10 letters",
        ),
        (
            to(json!({ "code": "12345678901" })),
            "unsupported_request",
            "4 to 10 letters",
        ),
        (
            to(json!({ "text": "Your password was changed" })),
            "unsupported_request",
            "one run",
        ),
        (
            to(json!({ "text": "1234 or 5678" })),
            "unsupported_request",
            "one run",
        ),
        (
            json!({ "phone": "12", "code": "561166" }),
            "invalid_phone_number",
            "phone number",
        ),
        (
            json!({ "phone": "\u{0}", "code": "561166" }),
            "invalid_phone_number",
            "phone number",
        ),
    ] {
        let refused = hook.post(&body).await;
        refused.problem(400, code);
        assert!(
            word(&refused.body["detail"]).contains(says),
            "{}",
            refused.text
        );
    }
    assert_eq!(sent(&stage), 0);
}
