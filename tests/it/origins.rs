//! What is stored of who asked and where a code goes: keyed hashes that stay comparable, and nothing in the clear.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pinroute::secret::random;
use pinroute::verification::origin::Origin;
use pinroute::verification::phone::LineType;
use serde_json::{Value, json};

use crate::on_both_engines;
use crate::stage::{Stage, TestApp};

on_both_engines!(
    the_same_requester_and_range_are_recognised_across_verifications,
    hashes_stay_comparable_when_the_secret_key_is_rotated,
);

async fn origin_of(app: &TestApp, body: Value) -> Origin {
    let v = app.start(body).await.expect(201);
    let stored = app.settled(&v["id"]).await;
    stored.record.origin.expect("it is stored")
}

async fn the_same_requester_and_range_are_recognised_across_verifications(stage: Stage) {
    let app = stage.app().await;
    let asked = async |number: &str, ip: &str, agent: &str| {
        let client = json!({ "ip": ip, "user_agent": agent });
        let body = json!({ "phone_number": number, "client": client, "locale": "ru" });
        origin_of(&app, body).await
    };
    let first = asked("+998901110001", "203.0.113.7", "Mozilla/5.0").await;
    let same = asked("+998901110002", "::ffff:203.0.113.7", "Mozilla/5.0").await;
    assert_eq!(first, same, "one range, one address, one browser");
    assert_eq!(first.line, LineType::Mobile);
    assert_eq!(first.requester.locale.as_deref(), Some("ru"));
    assert_eq!(first.requester.networks.len(), 1);

    let near = asked("+998901120001", "203.0.113.8", "curl/8").await;
    assert_ne!(near.prefix, first.prefix);
    assert_ne!(near.requester.ip, first.requester.ip);
    assert_ne!(near.requester.user_agent, first.requester.user_agent);
    assert_eq!(near.requester.networks, first.requester.networks, "one /24");

    let (one, two) = (
        asked("+998901130001", "2001:db8:1:2::7", "")
            .await
            .requester,
        asked("+998901130002", "2001:db8:1:3::7", "")
            .await
            .requester,
    );
    assert_ne!(one.networks[0], two.networks[0], "two /64");
    assert_eq!(one.networks[1], two.networks[1], "one /48");

    let silent = origin_of(&app, json!({ "phone_number": "+998901140001" })).await;
    assert!(silent.requester.is_unknown());
}

async fn hashes_stay_comparable_when_the_secret_key_is_rotated(stage: Stage) {
    let body = |number: &str| json!({ "phone_number": number, "client": { "ip": "203.0.113.7" } });
    let app = stage.app().await;
    let before = origin_of(&app, body("+998901110001")).await;
    stage.stop(app).await;
    let (new, old) = (STANDARD.encode(random::<32>()), stage.secret_key.clone());
    let both = [
        ("SECRET_KEY", new.as_str()),
        ("PREVIOUS_SECRET_KEYS", &format!("[\"{old}\"]")),
    ];
    let app = stage.app_with(&both).await;
    let rotated = origin_of(&app, body("+998901110002")).await;
    assert_eq!(rotated, before);
    stage.stop(app).await;
    // Resealed by the first start after the rotation: the old key is not needed for it any more.
    let app = stage.app_with(&[("SECRET_KEY", new.as_str())]).await;
    let later = origin_of(&app, body("+998901110003")).await;
    assert_eq!(later, before);
}
