//! The cost of a Telegram message: charged, unknown, refunded.

use serde_json::json;

use super::{ALONE, LONG, PATIENT, attempt, broken};
use crate::on_both_engines;
use crate::stage::Stage;
use crate::world::{Answer, taken};

on_both_engines!(
    a_send_without_an_answer_is_unknown_and_a_late_report_settles_it,
    an_attempt_that_stays_unknown_is_charged_its_estimate,
    a_refund_is_booked_once,
    expired_without_the_refund_flag_is_checked_once_then_a_refund_is_expected,
    a_delivery_after_its_refund_is_drift,
    request_cost_is_what_is_charged,
);

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
    // No automatic retry on the same channel.
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

async fn an_attempt_that_stays_unknown_is_charged_its_estimate(stage: Stage) {
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
    // A later report reverses the charge.
    let mut report = stage.telegram.status("expired");
    report["is_refunded"] = json!(true);
    app.telegram_reports(&report).await.expect(200);
    let v = app.settle(&v["id"]).await;
    assert_eq!(
        (attempt(&v, 0).3, v["costs"].clone()),
        ("refunded", json!([]))
    );
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
    let actual: Vec<String> = entries
        .iter()
        .map(|(k, b, a)| format!("{k} {b} {a}"))
        .collect();
    assert_eq!(
        actual,
        [
            "charge reported -0.01",
            "refund reported 0.01",
            "charge estimated -0.05"
        ]
    );
}

async fn expired_without_the_refund_flag_is_checked_once_then_a_refund_is_expected(stage: Stage) {
    let app = stage.app_with(&[ALONE, LONG]).await;
    let v = app.started().await;
    // The message is past its TTL, so a status request returns the same answer.
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
        "charged until a refund is reported"
    );
    let actual = |entries: Vec<(String, String, String)>| -> Vec<String> {
        entries
            .iter()
            .map(|(k, b, a)| format!("{k} {b} {a}"))
            .collect()
    };
    let expected = ["charge reported -0.01", "refund documented 0.01"];
    assert_eq!(actual(app.ledger(&v["id"]).await), expected);
    app.later(&v["id"], 7_200).await;
    assert_eq!(actual(app.ledger(&v["id"]).await), expected, "once");

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
        "the refund is kept"
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
