//! Requests that meet: one verification comes of them, and nothing is lost.

use serde_json::Value;

use super::{Account, channels, native, refused};
use crate::stage::{Stage, UNLIMITED, word};
use crate::{on_both_engines, on_postgres};

on_both_engines!(parallel_requests_agree);
on_postgres!(parallel_starts_on_two_replicas_are_one_verification);

async fn parallel_requests_agree(stage: Stage) {
    let app = stage.app_with(&[UNLIMITED]).await;
    let site = Account::of(&app, "verify").await;
    let number = stage.number();
    let codes: Vec<String> = (0..6).map(|n| format!("{n}333")).collect();
    let starts = codes.iter().map(|code| {
        let number = &number;
        let site = &site;
        async move { site.start(number, &[("CustomCode", code)]).await }
    });
    let starts = futures_util::future::join_all(starts).await;
    let made = starts.iter().filter(|start| start.status == 201).count();
    assert_eq!(made, 1);
    for start in starts.iter().filter(|start| start.status != 201) {
        refused(start, 400, 60200);
    }
    // A second start, six times at once.
    stage.advance(3);
    let again = (0..6).map(|_| site.start(&number, &[]));
    for start in futures_util::future::join_all(again).await {
        start.expect(201);
    }
    let v = site
        .get(&format!("Verifications/{number}"))
        .await
        .expect(200);
    app.settle(&native(&v)).await;
    let v = site
        .get(&format!("Verifications/{number}"))
        .await
        .expect(200);
    assert_eq!(channels(&v), ["telegram", "SMS"]);

    let admin = Account::of(&app, "admin").await;
    let limit = admin
        .post("RateLimits", &[("UniqueName", "ip")])
        .await
        .expect(201);
    let buckets = format!("RateLimits/{}/Buckets", word(&limit["sid"]));
    let intervals: Vec<String> = (1..=6).map(|n| n.to_string()).collect();
    let (admin, path) = (&admin, buckets.as_str());
    let add = |interval: &'_ String| {
        let interval = interval.clone();
        async move {
            admin
                .post(path, &[("Max", "5"), ("Interval", &interval)])
                .await
        }
    };
    for bucket in futures_util::future::join_all(intervals.iter().map(add)).await {
        bucket.expect(201);
    }
    let twice =
        futures_util::future::join_all(["9".to_owned(), "9".to_owned()].iter().map(add)).await;
    assert_eq!(
        twice.iter().filter(|bucket| bucket.status == 201).count(),
        1
    );
    let kept = admin.get(path).await.expect(200);
    assert_eq!(kept["buckets"].as_array().unwrap().len(), 7);
}

async fn parallel_starts_on_two_replicas_are_one_verification(stage: Stage) {
    let (one, other) = (stage.app().await, stage.app().await);
    let here = Account::of(&one, "verify").await;
    let there = Account {
        app: &other,
        user: here.user.clone(),
        key: here.key.clone(),
        service: here.service.clone(),
    };
    let number = stage.number();
    let starts = (0..8).map(|n| {
        if n % 2 == 0 {
            here.start(&number, &[])
        } else {
            there.start(&number, &[])
        }
    });
    let starts = futures_util::future::join_all(starts).await;
    let sids: Vec<Value> = starts
        .iter()
        .map(|start| start.expect(201)["sid"].clone())
        .collect();
    assert!(sids.iter().all(|sid| *sid == sids[0]), "{sids:?}");
    assert_eq!(stage.telegram.sends().len(), 1);
    let code = one.telegram_code();
    let checks = (0..8).map(|n| {
        if n % 2 == 0 {
            here.check(&number, &code)
        } else {
            there.check(&number, &code)
        }
    });
    let checks = futures_util::future::join_all(checks).await;
    let valid = checks
        .iter()
        .filter(|check| check.body["valid"] == true)
        .count();
    assert_eq!(valid, 1);
    for lost in checks.iter().filter(|check| check.body["valid"] != true) {
        refused(lost, 404, 20404);
    }
    one.settle(&native(&starts[0].body)).await;
}
