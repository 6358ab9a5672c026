//! Requests that meet: one verification comes of them, and nothing is sent twice.

use serde_json::{Value, json};

use super::{Account, refused, steps};
use crate::stage::{Stage, UNLIMITED, word};
use crate::{on_both_engines, on_postgres};

on_both_engines!(parallel_requests_agree);
on_postgres!(parallel_requests_on_two_replicas_agree);

async fn parallel_requests_agree(stage: Stage) {
    let app = stage.app_with(&[UNLIMITED]).await;
    let site = Account::of(&app, "verify").await;
    agree(&stage, &site, &site).await;
}

async fn parallel_requests_on_two_replicas_agree(stage: Stage) {
    let (one, other) = (
        stage.app_with(&[UNLIMITED]).await,
        stage.app_with(&[UNLIMITED]).await,
    );
    let here = Account::of(&one, "verify").await;
    let there = Account {
        app: &other,
        user: here.user.clone(),
        key: here.key.clone(),
    };
    agree(&stage, &here, &there).await;
}

async fn agree(stage: &Stage, here: &Account<'_>, there: &Account<'_>) {
    let side = |n: usize| if n.is_multiple_of(2) { here } else { there };
    let number = stage.number();
    let (number, workflow) = (&number, steps(&number, &["telegram", "sms"]));
    let more = &json!({ "workflow": workflow });
    let starts = (0..8).map(|n| async move { side(n).start(number, more.clone()).await });
    let starts = futures_util::future::join_all(starts).await;
    let made: Vec<&Value> = starts
        .iter()
        .filter(|it| it.status == 202)
        .map(|it| &it.body)
        .collect();
    let [request] = made[..] else {
        panic!("{} requests", made.len())
    };
    for lost in starts.iter().filter(|it| it.status != 202) {
        refused(lost, 409, "Conflict");
        assert_eq!(lost.body["request_id"], request["request_id"]);
    }
    assert_eq!(stage.telegram.sends().len(), 1);

    // There is one more step.
    let next = (0..6).map(|n| side(n).next(request));
    let next = futures_util::future::join_all(next).await;
    assert_eq!(next.iter().filter(|it| it.status == 200).count(), 1);
    for lost in next.iter().filter(|it| it.status != 200) {
        refused(lost, 409, "Conflict");
    }
    assert_eq!(here.channels(request).await, ["telegram", "sms"]);

    let code = &here.app.telegram_code();
    let checks = (0..6).map(|n| side(n).check(request, code));
    let checks = futures_util::future::join_all(checks).await;
    assert_eq!(checks.iter().filter(|it| it.status == 200).count(), 1);
    for lost in checks.iter().filter(|it| it.status != 200) {
        refused(lost, 404, "Not Found");
    }
    here.app.settle(&request["request_id"]).await;

    // Three wrong codes are evaluated, however many come at once.
    let other = stage.number();
    let request = &here.start(&other, json!({})).await.expect(202);
    let wrong = &here.app.wrong_code();
    let checks = (0..8).map(|n| side(n).check(request, wrong));
    let checks = futures_util::future::join_all(checks).await;
    assert_eq!(checks.iter().filter(|it| it.status == 400).count(), 3);
    for lost in checks.iter().filter(|it| it.status != 400) {
        refused(lost, 410, "Invalid Code");
    }
    assert_eq!(
        word(&here.app.settle(&request["request_id"]).await["status"]),
        "locked"
    );
}
