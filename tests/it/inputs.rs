//! What visitors type, paste and forward, and what platforms send on: as many ways to write it, one meaning.

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_engines;
use crate::projects::{instance, patch};
use crate::stage::{SMS, Stage, TestApp, UNLIMITED, word};

on_both_engines!(
    one_number_has_one_identity_however_it_is_written,
    a_slip_in_a_number_is_the_visitors_and_never_the_sites,
    a_code_is_right_however_it_is_typed,
    a_wish_for_a_language_never_keeps_a_code_from_being_sent,
    what_a_site_passes_on_about_the_visitor_never_keeps_a_code_from_being_sent,
    a_project_says_how_numbers_are_read,
    networks_of_no_country_are_served_only_where_they_are_named,
    lengths_are_measured_in_characters,
);

pub async fn change_policy(app: &TestApp, policy: Value) -> Value {
    let admin = instance(app).await;
    let body = json!({ "policy": policy });
    patch(&admin, "/v1/projects/default", body)
        .await
        .expect(200)
}

async fn one_number_has_one_identity_however_it_is_written(stage: Stage) {
    let app = stage.app().await;
    let first = app
        .start(json!({ "phone_number": "+447700900123" }))
        .await
        .expect(201);
    for written in [
        "+447700900123\n",
        "\u{3000}+44 7700 900123\u{2029}",
        "+44\u{ad}7700\u{200b}900\u{2060}123",
        "\u{feff}\u{2066}+447700900123\u{2069}",
        "＋４４－７７００－９００－１２３",
        "+44\u{2212}7700/900\u{b7}123",
        "+४४७७००९००१२३",
        "+44 (0) 7700-900.123",
        "tel:+44-7700-900123",
        "«+44 7700 900 123»",
    ] {
        let again = app
            .start(json!({ "phone_number": written }))
            .await
            .expect(200);
        assert_eq!(again["id"], first["id"], "{written:?}");
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("phone_number", written)
            .finish();
        let found = app
            .get(&format!("/v1/verifications?{query}"))
            .await
            .expect(200);
        assert_eq!(found["items"][0]["id"], first["id"], "{written:?}");
    }
    assert_eq!(stage.telegram.sends().len(), 1);
}

async fn a_slip_in_a_number_is_the_visitors_and_never_the_sites(stage: Stage) {
    let app = stage.app().await;
    let long = "1".repeat(5_000);
    for written in [
        "",
        " ",
        "+",
        "\n",
        "hello",
        "+44 7700",
        "7700 900123",
        "+44 7700 900123 ext. 5",
        "+44 7700 900123, +44 7700 900124",
        "+１２３",
        "\u{0}",
        long.as_str(),
    ] {
        let refused = app.start(json!({ "phone_number": written })).await;
        let problem = refused.problem(422, "phone_number_invalid");
        assert_eq!(refused.pointers(), ["/phone_number"], "{problem}");
    }
    let mend = app
        .start(json!({ "phone_number": "0044 7700 900123" }))
        .await;
    let mend = mend.problem(422, "phone_number_invalid");
    assert!(mend.to_string().contains("plus sign"), "{mend}");
    app.start(json!({ "phone_number": 447_700_900_123_u64 }))
        .await
        .problem(400, "invalid_request");
}

async fn a_code_is_right_however_it_is_typed(stage: Stage) {
    let app = stage.app_with(&[UNLIMITED]).await;
    for typed in [
        "135790\n",
        "135 790",
        "135\u{2013}790",
        "１３５７９０",
        "١٣٥٧٩٠",
        "1\u{fe0f}\u{20e3}35790",
        "\u{200e}135\u{ad}790\u{200f}",
        "\"135790\"",
        "１３５ー７９０",
    ] {
        let body = json!({ "phone_number": stage.number(), "code": "135790" });
        let v = app.start(body).await.expect(201);
        let checked = app.check(&v["id"], typed).await.expect(200);
        assert_eq!(checked["valid"], true, "{typed:?}");
        app.settle(&v["id"]).await;
    }
    // A site's own code is folded too.
    let number = stage.number();
    let body = json!({ "phone_number": number, "code": " １３５-790 " });
    let v = app.start(body).await.expect(201);
    let again = json!({ "phone_number": number, "code": "135790" });
    assert_eq!(app.start(again).await.expect(200)["id"], v["id"]);
    for typed in ["", "13579O", "135,790", "123", "123456789", "½½½½"] {
        let refused = app.check(&v["id"], typed).await;
        refused.problem(400, "invalid_request");
    }
    assert_eq!(app.find(&v["id"]).await["checks_left"], 5);
}

async fn a_wish_for_a_language_never_keeps_a_code_from_being_sent(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    for (locale, begins) in [
        (json!("ru_RU"), "Ваш код"),
        (json!("ru-RU,ru;q=0.9,en;q=0.8"), "Ваш код"),
        (json!("ru_RU.UTF-8"), "Ваш код"),
        (json!("RU"), "Ваш код"),
        (json!("C"), "Kodingiz"),
        (json!("русский"), "Kodingiz"),
        (json!(""), "Kodingiz"),
        (json!(["ru", "en"]), "Kodingiz"),
        (json!(7), "Kodingiz"),
    ] {
        let body = json!({ "phone_number": stage.number(), "locale": locale });
        app.start(body).await.expect(201);
        let sent = stage.sms.sends().pop().unwrap();
        assert!(word(&sent["text"]).starts_with(begins), "{locale} {sent}");
    }
}

async fn what_a_site_passes_on_about_the_visitor_never_keeps_a_code_from_being_sent(stage: Stage) {
    let limited = ("DEFAULTS__LIMITS__PER_IP", r#"["3/1h"]"#);
    let app = stage.app_with(&[limited]).await;
    let start = |client: Value| {
        let body = json!({ "phone_number": stage.number(), "client": client });
        app.start(body)
    };
    for ip in [
        "203.0.113.7:51008",
        " 203.0.113.7, 10.0.0.1",
        "::ffff:203.0.113.7",
    ] {
        start(json!({ "ip": ip })).await.expect(201);
    }
    // They are one address.
    start(json!({ "ip": "203.0.113.7" }))
        .await
        .problem(429, "rate_limited");
    for client in [
        json!({ "ip": "unknown" }),
        json!({ "ip": "" }),
        json!({ "ip": 5 }),
        json!({ "ip": "203.0.113.8", "user_agent": "Mozilla/5.0\r\nX: y" }),
        json!({ "user_agent": "x".repeat(5_000) }),
        json!({ "user_agent": 5 }),
    ] {
        start(client).await.expect(201);
    }
    start(json!({ "ips": "203.0.113.7" }))
        .await
        .problem(400, "invalid_request");
}

async fn a_project_says_how_numbers_are_read(stage: Stage) {
    let app = stage.app().await;
    let national = json!({ "phone_number": "90 123 45 67" });
    app.start(national.clone())
        .await
        .problem(422, "phone_number_invalid");
    let landline = json!({ "phone_number": "+442071838750" });
    app.start(landline.clone())
        .await
        .problem(422, "phone_number_unsupported");
    change_policy(
        &app,
        json!({ "numbers": { "default_country": "UZ", "fixed_line_countries": { "GB": "try" } } }),
    )
    .await;
    let v = app.start(national).await.expect(201);
    assert_eq!(v["phone_number"], "+998901234567");
    let found = app
        .get("/v1/verifications?phone_number=90%20123%2045%2067")
        .await
        .expect(200);
    assert_eq!(found["items"][0]["id"], v["id"]);
    app.start(landline).await.expect(201);
    app.start(json!({ "phone_number": "+49301234567" }))
        .await
        .problem(422, "phone_number_unsupported");
    let abroad = app
        .start(json!({ "phone_number": "0044 7700 900123" }))
        .await
        .expect(201);
    assert_eq!(abroad["phone_number"], "+447700900123");
    let admin = instance(&app).await;
    for (numbers, pointer) in [
        (
            json!({ "default_country": "XX" }),
            "/policy/numbers/default_country",
        ),
        (
            json!({ "default_country": "001" }),
            "/policy/numbers/default_country",
        ),
        (
            json!({ "fixed_line": "maybe" }),
            "/policy/numbers/fixed_line",
        ),
        (
            json!({ "fixed_line_countries": { "GB": 5 } }),
            "/policy/numbers/fixed_line_countries/GB",
        ),
        (
            json!({ "fixed_line_countries": { "UK": "try" } }),
            "/policy/numbers/fixed_line_countries/UK",
        ),
    ] {
        let body = json!({ "policy": { "numbers": numbers } });
        let refused = patch(&admin, "/v1/projects/default", body).await;
        refused.problem(400, "invalid_request");
        assert_eq!(refused.pointers(), [pointer]);
    }
}

async fn networks_of_no_country_are_served_only_where_they_are_named(stage: Stage) {
    let mut provider = Stage::sms_provider("main", &stage.sms);
    provider["prices"] = json!({ "*": "0.05", "001": "2.5" });
    let app = stage
        .app_with(&[
            ("SMS__PROVIDERS", &json!([provider]).to_string()),
            UNLIMITED,
        ])
        .await;
    let satellite = json!({ "phone_number": "+881612345601", "channels": ["sms"] });
    app.start(satellite.clone())
        .await
        .problem(403, "country_blocked");
    for allow in [json!(["*", "001"]), json!(["*", "ZZ"]), json!(["001"])] {
        change_policy(&app, json!({ "countries": { "allow": allow } })).await;
        let v = app.start(satellite.clone()).await.expect(201);
        assert_eq!(
            (&v["country"], &v["channel"]),
            (&json!("001"), &json!("sms"))
        );
        assert_eq!(v["costs"], json!([{ "amount": "2.50", "currency": "USD" }]));
        app.cancel(&v["id"]).await.expect(200);
        app.settle(&v["id"]).await;
    }
    change_policy(
        &app,
        json!({ "countries": { "allow": ["*", "001"], "deny": ["001"] } }),
    )
    .await;
    app.start(satellite.clone())
        .await
        .problem(403, "country_blocked");
    let project = change_policy(
        &app,
        json!({ "countries": { "allow": ["*", "001"], "deny": [] } }),
    )
    .await;
    assert_eq!(project["policy"]["countries"]["allow"], json!(["*", "001"]));
    let day = stage.clock.now().format("%F");
    let finance = app.with_key(&stage.new_key(None, "finance").await);
    let report = finance
        .get(&format!(
            "/v1/reports/costs?from={day}&to={day}&group_by=country"
        ))
        .await
        .expect(200);
    assert_eq!(report["rows"][0]["country"], "001", "{report}");
    let limit = json!({ "amount": "2.60", "currency": "USD" });
    let budgets = json!({ "items": [{ "project": "default", "period": "day", "limit": limit, "country": "ZZ" }] });
    let admin = instance(&app).await;
    let request = admin.request(Method::PUT, "/v1/budgets").json(&budgets);
    let kept = admin.send(request).await.expect(200);
    assert_eq!(kept["items"][0]["country"], "001");
    app.start(satellite).await.problem(402, "budget_exhausted");
}

async fn lengths_are_measured_in_characters(stage: Stage) {
    let app = stage.app().await;
    let fits = "ж".repeat(512);
    let v = app
        .start(json!({ "phone_number": stage.number(), "payload": fits }))
        .await
        .expect(201);
    assert_eq!(v["payload"], fits);
    let refused = app
        .start(json!({ "phone_number": stage.number(), "payload": "ж".repeat(513) }))
        .await;
    let problem = refused.problem(400, "invalid_request");
    assert!(problem.to_string().contains("512 characters"), "{problem}");
}
