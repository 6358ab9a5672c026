//! Status requests to Telegram, and reports of approvals to it.

use serde_json::json;

use super::{LONG, PATIENT, attempt, broken};
use crate::on_both_engines;
use crate::stage::Stage;
use crate::world::{Answer, error};

on_both_engines!(
    without_reports_the_status_is_polled_until_known,
    an_approval_is_reported_with_the_code,
    an_approval_report_is_retried_and_then_dropped,
);

async fn without_reports_the_status_is_polled_until_known(stage: Stage) {
    let app = stage.app_with(&[PATIENT, LONG]).await;
    let v = app.started().await;
    let id = &v["id"];
    stage.telegram.next_asks([
        Answer::Cut,
        Answer::Text(502, "x".to_owned()),
        error("REQUEST_ID_INVALID"),
    ]);
    for _ in 0..40 {
        app.later(id, 60).await;
    }
    let asked = stage.telegram.asks().len();
    assert!(
        (4..=12).contains(&asked),
        "asked {asked} times in 40 minutes"
    );
    assert_eq!(
        stage.telegram.asks()[0],
        json!({ "request_id": stage.telegram.last_request_id() })
    );
    stage.telegram.next_asks([stage.telegram.asked("read")]);
    let v = app.later(id, 1_200).await;
    assert_eq!(attempt(&v, 0).1, "read");
    let asked = stage.telegram.asks().len();
    app.later(id, 36_000).await;
    assert_eq!(stage.telegram.asks().len(), asked, "nothing is left to ask");
}

async fn an_approval_is_reported_with_the_code(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    let code = app.telegram_code();
    app.check(&v["id"], &code).await.expect(200);
    app.settle(&v["id"]).await;
    let [ask] = stage.telegram.asks().try_into().unwrap();
    assert_eq!(
        ask,
        json!({ "request_id": stage.telegram.last_request_id(), "code": code })
    );
    // Once, whatever happens later.
    app.telegram_reports(&stage.telegram.status("read"))
        .await
        .expect(200);
    app.later(&v["id"], 3_600).await;
    let with_code = stage
        .telegram
        .asks()
        .iter()
        .filter(|ask| ask["code"].is_string())
        .count();
    assert_eq!(with_code, 1);
    // An approval of a code sent only by SMS is not reported to Telegram.
    stage
        .telegram
        .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE")]);
    let v = app.started().await;
    app.check(&v["id"], &app.telegram_code()).await.expect(200);
    app.settle(&v["id"]).await;
    let with_code = stage
        .telegram
        .asks()
        .iter()
        .filter(|ask| ask["code"].is_string())
        .count();
    assert_eq!(with_code, 1);
}

async fn an_approval_report_is_retried_and_then_dropped(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    let code = app.telegram_code();
    app.telegram_reports(&stage.telegram.status("delivered"))
        .await
        .expect(200);
    stage.telegram.next_asks([broken(), Answer::Cut]);
    app.check(&v["id"], &code).await.expect(200);
    app.settle(&v["id"]).await;
    assert!(
        app.settled(&v["id"]).await.code.is_some(),
        "the code is kept while the report is pending"
    );
    for _ in 0..3 {
        app.later(&v["id"], 60).await;
    }
    let with_code = stage
        .telegram
        .asks()
        .iter()
        .filter(|ask| ask["code"] == json!(code))
        .count();
    assert_eq!(with_code, 3);
    assert!(
        app.settled(&v["id"]).await.code.is_none(),
        "the code is erased once reported"
    );

    // The code is erased within the hour in any case.
    let v = app.started().await;
    app.telegram_reports(&stage.telegram.status("delivered"))
        .await
        .expect(200);
    stage.telegram.next_asks((0..50).map(|_| broken()));
    app.check(&v["id"], &app.telegram_code()).await.expect(200);
    app.settle(&v["id"]).await;
    for _ in 0..60 {
        app.later(&v["id"], 60).await;
    }
    assert!(app.settled(&v["id"]).await.code.is_none());
}
