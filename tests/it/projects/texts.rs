//! The texts a project sends, and their preview.

use serde_json::json;

use super::{instance, newest_sms, patch, project, sms_to};
use crate::on_both_engines;
use crate::stage::Stage;

on_both_engines!(
    the_text_comes_from_the_project_in_the_visitors_language,
    a_verification_keeps_its_text_to_the_end,
    a_preview_shows_text_segments_and_costs_and_sends_nothing,
    bad_previews_name_the_field,
);

async fn the_text_comes_from_the_project_in_the_visitors_language(stage: Stage) {
    let app = stage.app().await;
    let templates = json!({ "ru": "Магазин: {code}, {minutes} мин", "en": "Shop: {code}" });
    let shop = project(
        &app,
        "shop",
        json!({ "templates": templates, "code_length": 4 }),
    )
    .await;
    let has = |text: &str, before: &str, after: &str| {
        assert!(text.starts_with(before) && text.ends_with(after), "{text}");
    };
    has(
        &sms_to(&shop, &stage.number(), json!({ "locale": "ru-UZ" })).await,
        "Магазин: ",
        ", 10 мин",
    );
    has(
        &sms_to(
            &shop,
            &stage.number(),
            json!({ "locale": "ru", "ttl": 120 }),
        )
        .await,
        "Магазин: ",
        ", 2 мин",
    );
    has(
        &sms_to(&shop, &stage.number(), json!({})).await,
        "Kodingiz: ",
        "",
    );
    has(
        &sms_to(&shop, "+12015550123", json!({})).await,
        "Shop: ",
        "",
    );
    has(
        &sms_to(
            &shop,
            "+79161234567",
            json!({ "web_domain": "shop.example" }),
        )
        .await,
        "Магазин: ",
        "",
    );
    assert!(newest_sms(&stage).contains(" мин\n\n@shop.example #"));
    has(
        &sms_to(&app, &stage.number(), json!({ "locale": "de" })).await,
        "Ihr Code lautet ",
        "",
    );
}

async fn a_verification_keeps_its_text_to_the_end(stage: Stage) {
    let app = stage.app().await;
    let shop = project(
        &app,
        "shop",
        json!({ "templates": { "uz": "Do'kon: {code}" } }),
    )
    .await;
    let v = shop.started().await;
    let code = app.telegram_code();
    let admin = instance(&app).await;
    patch(
        &admin,
        "/v1/projects/shop",
        json!({ "policy": { "templates": { "uz": "Yangi: {code}" } } }),
    )
    .await
    .expect(200);
    stage.advance(30);
    shop.resend(&v["id"], json!({ "channel": "sms" }))
        .await
        .expect(200);
    app.settled(&v["id"]).await;
    assert_eq!(newest_sms(&stage), format!("Do'kon: {code}"));
}

async fn a_preview_shows_text_segments_and_costs_and_sends_nothing(stage: Stage) {
    let app = stage.app().await;
    let shown = app
        .post(
            "/v1/messages/preview",
            json!({ "phone_number": "+998901234567", "web_domain": "shop.example" }),
        )
        .await
        .expect(200);
    assert_eq!(
        shown,
        json!({
            "locale": "uz", "text": "Kodingiz: 121212\n\n@shop.example #121212", "encoding": "GSM-7", "segments": 1, "characters": 39,
            "costs": [
                { "channel": "telegram", "provider": "telegram", "cost": { "amount": "0.01", "currency": "USD" } },
                { "channel": "sms", "provider": "main", "cost": { "amount": "0.05", "currency": "USD" } },
            ],
        })
    );
    let shop = project(&app, "shop", json!({ "max_segments": 2 })).await;
    let long = format!("{{code}} {}", "я".repeat(64));
    let body = json!({ "country": "KZ", "locale": "ru", "template": long, "code_length": 8 });
    let shown = shop
        .post("/v1/messages/preview", body.clone())
        .await
        .expect(200);
    assert_eq!(
        (
            &shown["segments"],
            &shown["encoding"],
            &shown["costs"][1]["cost"]["amount"]
        ),
        (&json!(2), &json!("UCS-2"), &json!("0.16"))
    );
    let refused = app.post("/v1/messages/preview", body).await;
    assert_eq!(refused.pointers(), ["/template"]);
    assert!(stage.sms.sends().is_empty() && stage.telegram.sends().is_empty());
}

async fn bad_previews_name_the_field(stage: Stage) {
    let app = stage.app().await;
    for (body, pointer) in [
        (json!({}), "/phone_number"),
        (json!({ "country": "Uzbekistan" }), "/country"),
        (
            json!({ "country": "UZ", "phone_number": "+998901234567" }),
            "/country",
        ),
        (json!({ "country": "UZ", "locale": "!" }), "/locale"),
        (
            json!({ "country": "UZ", "template": "no code" }),
            "/template",
        ),
        (json!({ "country": "UZ", "code_length": 3 }), "/code_length"),
        (json!({ "country": "UZ", "text": "x" }), "/text"),
    ] {
        let reply = app.post("/v1/messages/preview", body).await;
        reply.problem(400, "invalid_request");
        assert_eq!(reply.pointers(), [pointer], "{}", reply.text);
    }
    app.post("/v1/messages/preview", json!({ "phone_number": "12" }))
        .await
        .problem(422, "phone_number_invalid");
}
