//! What sinks of both kinds get: which events, in which order, how they look.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{app, deliver, events_file, file, ids, in_file, in_order, in_stream, stream, types};
use crate::limits::Redis;
use crate::stage::{Stage, word};
use crate::{on_both_engines, on_postgres};

on_both_engines!(
    both_kinds_get_the_events_of_a_verification_as_cloud_events,
    numbers_are_masked_unless_the_sink_is_to_have_them_in_full,
    a_sink_gets_the_types_that_it_names,
    an_event_that_concerns_no_verification_has_neither_subject_nor_sequence,
    a_file_is_rotated_with_the_day,
    a_stream_keeps_about_its_length,
);
on_postgres!(replicas_send_each_event_once_and_in_order);

async fn both_kinds_get_the_events_of_a_verification_as_cloud_events(stage: Stage) {
    let Some(redis) = Redis::start(0).await else {
        println!("skipped: no redis-server");
        return;
    };
    let path = events_file(&stage);
    let app = app(
        &stage,
        json!([stream("stream", &redis), file("file", &path)]),
    )
    .await;
    let v = app.started().await;
    app.check(&v["id"], &app.telegram_code()).await.expect(200);
    let v = app.settle(&v["id"]).await;
    deliver(&app).await;
    let (streamed, filed) = (in_stream(&redis).await, in_file(&path));
    let path_of_it = format!("/v1/verifications/{}/events", word(&v["id"]));
    let timeline = app.get(&path_of_it).await.expect(200);
    for events in [&streamed, &filed] {
        let kinds = ["created", "sent", "approved"].map(|kind| format!("verification.{kind}"));
        assert_eq!(types(events), kinds);
        in_order(events);
        for event in events {
            assert_eq!(
                (&event["specversion"], &event["source"], &event["subject"]),
                (&json!("1.0"), &json!("https://verify.example"), &v["id"])
            );
            assert_eq!(
                (&event["datacontenttype"], &event["project"]),
                (&json!("application/json"), &json!("default"))
            );
            let time: DateTime<Utc> = word(&event["time"]).parse().unwrap();
            assert_eq!(time, stage.clock.now());
            // The webhook's data, with the number masked.
            let mut data = v.clone();
            data["phone_number"] = event["data"]["phone_number"].clone();
            assert_eq!(event["data"], data);
            // The sequence is the place in the timeline.
            let sequence: usize = word(&event["sequence"]).parse().unwrap();
            assert_eq!(timeline["items"][sequence - 1]["type"], event["type"]);
        }
    }
    // Each sink has its own message, which has its own id.
    assert!(ids(&streamed).iter().all(|id| !ids(&filed).contains(id)));
    // Nothing is sent twice.
    stage.advance(600);
    deliver(&app).await;
    assert_eq!((in_stream(&redis).await, in_file(&path)), (streamed, filed));
}

async fn numbers_are_masked_unless_the_sink_is_to_have_them_in_full(stage: Stage) {
    let (masked, full) = (stage.folder.join("masked"), stage.folder.join("full"));
    let mut open = file("full", &full);
    open["numbers"] = json!("full");
    let app = app(&stage, json!([file("masked", &masked), open])).await;
    let started = app.start(json!({ "phone_number": "+998901234567", "payload": "a" }));
    started.await.expect(201);
    deliver(&app).await;
    let number = |path| in_file(path)[0]["data"]["phone_number"].clone();
    assert_eq!(number(&masked), "+998 90 ••• •• 67");
    assert_eq!(number(&full), "+998901234567");
    let text = std::fs::read_to_string(&masked).unwrap();
    assert!(!text.contains("1234567"), "{text}");
}

async fn a_sink_gets_the_types_that_it_names(stage: Stage) {
    let path = events_file(&stage);
    let mut sink = file("file", &path);
    sink["events"] = json!(["verification.approved", "verification.canceled"]);
    let app = app(&stage, json!([sink])).await;
    let v = app.started().await;
    app.check(&v["id"], &app.telegram_code()).await.expect(200);
    stage.advance(1);
    let other = app.started().await;
    app.cancel(&other["id"]).await.expect(200);
    app.settle(&other["id"]).await;
    deliver(&app).await;
    assert_eq!(
        types(&in_file(&path)),
        ["verification.approved", "verification.canceled"]
    );
}

async fn an_event_that_concerns_no_verification_has_neither_subject_nor_sequence(stage: Stage) {
    let path = events_file(&stage);
    let mut sink = file("file", &path);
    sink["events"] = json!(["budget.reached"]);
    let budget = r#"{"period":"day","limit":{"amount":"0.01","currency":"USD"}}"#;
    let app = stage
        .app_with(&[
            ("EVENTS__SINKS", &json!([sink]).to_string()),
            ("DEFAULTS__BUDGET", budget),
        ])
        .await;
    app.started().await;
    assert_eq!(app.gateway.finance().watch_budgets().await.unwrap(), 1);
    deliver(&app).await;
    let [event] = in_file(&path).try_into().unwrap();
    assert_eq!(
        (&event["type"], &event["project"], &event["data"]["share"]),
        (&json!("budget.reached"), &json!("default"), &json!(0.8))
    );
    for absent in ["subject", "sequence"] {
        assert_eq!(event[absent], Value::Null);
    }
}

async fn a_file_is_rotated_with_the_day(stage: Stage) {
    let path = events_file(&stage);
    let mut sink = file("file", &path);
    sink["rotate_daily"] = json!(true);
    sink["keep"] = json!(1);
    sink["events"] = json!(["verification.created"]);
    let app = app(&stage, json!([sink])).await;
    let mut started = Vec::new();
    for _ in 0..3 {
        started.push(app.started().await["id"].clone());
        deliver(&app).await;
        stage.advance(86_400);
    }
    let names = std::fs::read_dir(&stage.folder).unwrap();
    let names = names.map(|it| it.unwrap().file_name().to_string_lossy().into_owned());
    let old: Vec<String> = names.filter(|it| it.starts_with("events.jsonl.")).collect();
    let [old] = old.try_into().unwrap();
    assert_eq!(in_file(&path)[0]["subject"], started[2]);
    assert_eq!(in_file(&stage.folder.join(old))[0]["subject"], started[1]);
}

async fn a_stream_keeps_about_its_length(stage: Stage) {
    let Some(redis) = Redis::start(0).await else {
        println!("skipped: no redis-server");
        return;
    };
    redis.command("CONFIG SET stream-node-max-entries 10");
    let mut sink = stream("stream", &redis);
    sink["max_len"] = json!(20);
    let app = app(&stage, json!([sink])).await;
    for _ in 0..30 {
        app.started().await;
    }
    deliver(&app).await;
    let kept = in_stream(&redis).await.len();
    assert!((20..40).contains(&kept), "{kept}");
}

async fn replicas_send_each_event_once_and_in_order(stage: Stage) {
    let Some(redis) = Redis::start(0).await else {
        println!("skipped: no redis-server");
        return;
    };
    let path = |replica: u8| stage.folder.join(format!("events-{replica}.jsonl"));
    let sinks = |replica| json!([stream("stream", &redis), file("file", &path(replica))]);
    let (one, two) = (app(&stage, sinks(1)).await, app(&stage, sinks(2)).await);
    for round in 0..4 {
        for _ in 0..5 {
            let v = one.started().await;
            two.cancel(&v["id"]).await.expect(200);
            let v = two.started().await;
            one.cancel(&v["id"]).await.expect(200);
        }
        if round == 2 {
            // The replica that did not get a sink tries again after a second.
            stage.advance(2);
        }
        tokio::join!(deliver(&one), deliver(&two));
    }
    stage.advance(2);
    tokio::join!(deliver(&one), deliver(&two));
    let streamed = in_stream(&redis).await;
    let filed: Vec<Value> = [path(1), path(2)]
        .iter()
        .flat_map(|it| in_file(it))
        .collect();
    for events in [&streamed, &filed] {
        let mut seen = ids(events);
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), events.len(), "each once");
    }
    let all = in_order(&streamed);
    assert_eq!(all.len(), 40);
    for kinds in all.values() {
        let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
        assert_eq!(
            kinds,
            [
                "verification.created",
                "verification.sent",
                "verification.canceled"
            ]
        );
    }
    assert_eq!(filed.len(), streamed.len());
    in_order(&in_file(&path(1)));
    in_order(&in_file(&path(2)));
}
