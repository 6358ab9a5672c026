//! Pauses of Telegram: causes, duration and end.

use serde_json::json;

use super::{attempt, broken, paused};
use crate::on_both_engines;
use crate::stage::{Stage, UNLIMITED};
use crate::world::{Answer, error};

on_both_engines!(
    a_refused_account_pauses_with_doubling_and_one_send_probes,
    five_consecutive_failures_pause_the_provider,
    an_unknown_error_falls_back_and_never_pauses,
    a_flood_wait_pauses_the_number_and_three_numbers_the_channel,
);

async fn a_refused_account_pauses_with_doubling_and_one_send_probes(stage: Stage) {
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
            "the next step follows at once"
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
            "nothing is sent during the pause"
        );
        stage.advance(1);
        assert_eq!(paused(&app).await, json!([]));
    }
    // A success resets the pause: the next pause is 10 s again.
    let v = app.started().await;
    assert_eq!(attempt(&v, 0), ("telegram", "sent", None, "charged"));
    stage.telegram.next_sends([error("BALANCE_NOT_ENOUGH")]);
    app.started().await;
    stage.advance(10);
    let v = app.started().await;
    assert_eq!(attempt(&v, 0), ("telegram", "sent", None, "charged"));
}

async fn five_consecutive_failures_pause_the_provider(stage: Stage) {
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
        "a success in between resets the count"
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

async fn an_unknown_error_falls_back_and_never_pauses(stage: Stage) {
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
    let app = stage.app_with(&[UNLIMITED]).await;
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

    // The first number's flood wait was more than 10 s ago and no longer counts.
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
    // Five minutes at most, whatever Telegram asks for.
    stage
        .telegram
        .next_sends(["FLOOD_WAIT_86400", "FLOOD_WAIT_86400", "FLOOD_WAIT_86400"].map(error));
    for _ in 0..3 {
        app.started().await;
    }
    stage.advance(300);
    assert_eq!(paused(&app).await, json!([]));
}
