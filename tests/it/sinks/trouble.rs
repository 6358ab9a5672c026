//! Sinks that are away: nothing waits for them, nothing is lost, and what is too old is dead until it is redelivered.

use std::time::Duration;

use pinroute::webhooks::sinks::id_of;
use serde_json::json;
use tokio::net::TcpListener;
use uuid::Uuid;

use super::{STREAM, app, deliver, events_file, file, in_file, in_order, in_stream, metric};
use crate::limits::{Redis, free_port};
use crate::on_both_engines;
use crate::program::{Server, program};
use crate::stage::{Engine, Stage, word};
use crate::webhooks::{admin, receiver, register};

on_both_engines!(
    nothing_waits_for_a_sink_that_hangs,
    what_a_dead_redis_did_not_take_comes_in_order_when_it_is_back,
    what_is_too_old_is_dead_and_can_be_redelivered,
    a_redelivered_event_is_tried_for_as_long_as_a_new_one,
    an_event_that_cannot_be_read_blocks_no_other,
    events_survive_a_replica_that_dies_while_it_sends,
    events_of_a_sink_that_is_no_longer_configured_age,
    a_kill_loses_no_event_and_the_log_says_once_that_a_sink_is_away,
);

async fn nothing_waits_for_a_sink_that_hangs(stage: Stage) {
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", hanging.local_addr().unwrap());
    let dead = json!({ "name": "dead", "kind": "redis_stream", "url": url, "stream": STREAM });
    let path = events_file(&stage);
    let app = app(&stage, json!([dead, file("file", &path)])).await;
    let (admin, receiver) = (admin(&app).await, receiver().await);
    register(&admin, &receiver, &["verification.created"]).await;
    app.started().await;
    app.gateway.notices().start_sinks().await.unwrap();
    // It is connected, and waits for an answer.
    let (connection, _) = hanging.accept().await.unwrap();
    for count in 2..=5 {
        let v = app.started().await;
        app.cancel(&v["id"]).await.expect(200);
        // An endpoint whose last message is still being recorded is not started again.
        while receiver.seen().len() < count {
            app.gateway.notices().start_deliveries().await.unwrap();
            tokio::task::yield_now().await;
        }
        while in_file(&path)
            .iter()
            .all(|event| event["subject"] != v["id"])
        {
            app.gateway.notices().start_sinks().await.unwrap();
            tokio::task::yield_now().await;
        }
    }
    drop((connection, hanging));
    deliver(&app).await;
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    app.gateway.notices().measure_sinks().await.unwrap();
    let pending = r#"pinroute_sink_messages{sink="dead",state="pending"}"#;
    assert_eq!(metric(&app, pending).await, Some(14.0));
}

async fn what_a_dead_redis_did_not_take_comes_in_order_when_it_is_back(stage: Stage) {
    let port = free_port();
    let url = format!("redis://127.0.0.1:{port}");
    let sink = json!({ "name": "back", "kind": "redis_stream", "url": url, "stream": STREAM });
    let app = app(&stage, json!([sink])).await;
    for pauses in 0..4 {
        for _ in 0..3 {
            let v = app.started().await;
            app.check(&v["id"], "000000").await.expect(200);
            app.cancel(&v["id"]).await.expect(200);
        }
        deliver(&app).await;
        // It rests: 1 s, 2 s, 4 s …
        assert_eq!(app.gateway.notices().start_sinks().await.unwrap(), 0);
        stage.advance(1 << pauses);
    }
    app.gateway.notices().measure_sinks().await.unwrap();
    let oldest = metric(&app, r#"pinroute_sink_oldest_seconds{sink="back"}"#).await;
    assert_eq!(oldest, Some(15.0));
    let tries =
        |outcome| format!(r#"pinroute_sink_tries_total{{sink="back",outcome="{outcome}"}}"#);
    assert!(metric(&app, &tries("failed")).await.unwrap() >= 4.0);
    let Some(redis) = Redis::start(port).await else {
        println!("skipped: no redis-server");
        return;
    };
    deliver(&app).await;
    let events = in_stream(&redis).await;
    let all = in_order(&events);
    assert_eq!((all.len(), events.len()), (12, 36));
    app.gateway.notices().measure_sinks().await.unwrap();
    let pending = r#"pinroute_sink_messages{sink="back",state="pending"}"#;
    assert_eq!(metric(&app, pending).await, Some(0.0));
    assert!(metric(&app, &tries("delivered")).await.unwrap() >= 36.0);
    // A Redis that takes no writes is one that is away.
    assert_eq!(
        redis.command("CONFIG SET min-replicas-to-write 1").trim(),
        "+OK"
    );
    app.started().await;
    deliver(&app).await;
    assert_eq!(in_stream(&redis).await.len(), 36);
    assert_eq!(
        redis.command("CONFIG SET min-replicas-to-write 0").trim(),
        "+OK"
    );
    stage.advance(2);
    deliver(&app).await;
    assert_eq!(in_stream(&redis).await.len(), 38);
}

async fn what_is_too_old_is_dead_and_can_be_redelivered(stage: Stage) {
    let folder = stage.folder.join("later");
    let path = folder.join("events.jsonl");
    let app = app(&stage, json!([file("late", &path)])).await;
    let v = app.started().await;
    app.cancel(&v["id"]).await.expect(200);
    deliver(&app).await;
    stage.advance(71 * 3_600);
    let young = app.started().await;
    deliver(&app).await;
    app.gateway.sweep().await.unwrap();
    stage.advance(3_601);
    app.gateway.sweep().await.unwrap();
    app.gateway.notices().measure_sinks().await.unwrap();
    let count = |state| format!(r#"pinroute_sink_messages{{sink="late",state="{state}"}}"#);
    assert_eq!(metric(&app, &count("dead")).await, Some(3.0));
    assert_eq!(metric(&app, &count("pending")).await, Some(2.0));
    // Those that are not too old come when the sink is back.
    std::fs::create_dir(&folder).unwrap();
    deliver(&app).await;
    assert_eq!(in_order(&in_file(&path)).len(), 1);
    assert_eq!(in_file(&path)[0]["subject"], young["id"]);
    let again = stage.db.redeliver_dead(id_of("late"), stage.clock.now());
    assert_eq!(again.await.unwrap(), 3);
    deliver(&app).await;
    let events = in_file(&path);
    let [first, second, third] = events[2..].to_owned().try_into().unwrap();
    in_order(&[first.clone(), second.clone(), third]);
    // With the same id in each try.
    assert_eq!(
        (&first["subject"], first["type"].as_str()),
        (&v["id"], Some("verification.created"))
    );
    let stored = stage.db.find_delivery(word(&first["id"]).parse().unwrap());
    let stored = stored.await.unwrap().unwrap();
    let (last, before) = stored.history.split_last().unwrap();
    assert_eq!(
        (last.error.as_ref(), stored.state.as_str()),
        (None, "delivered")
    );
    let reasons = before.iter().map(|it| it.error.clone().unwrap_or_default());
    assert!(
        before.len() > 1
            && reasons
                .into_iter()
                .all(|it| it.contains("later/events.jsonl"))
    );
}

async fn a_redelivered_event_is_tried_for_as_long_as_a_new_one(stage: Stage) {
    let path = stage.folder.join("later/events.jsonl");
    let app = app(&stage, json!([file("late", &path)])).await;
    app.started().await;
    stage.advance(73 * 3_600);
    deliver(&app).await;
    app.gateway.sweep().await.unwrap();
    let dead = async || stage.db.backlog(id_of("late")).await.unwrap().dead;
    assert_eq!(dead().await, 2);
    let again = stage.db.redeliver_dead(id_of("late"), stage.clock.now());
    assert_eq!(again.await.unwrap(), 2);
    for _ in 0..71 {
        stage.advance(3_600);
        deliver(&app).await;
        app.gateway.sweep().await.unwrap();
        assert_eq!(dead().await, 0);
    }
    stage.advance(3_601);
    app.gateway.sweep().await.unwrap();
    assert_eq!(dead().await, 2);
}

async fn an_event_that_cannot_be_read_blocks_no_other(stage: Stage) {
    let path = events_file(&stage);
    let mut sink = file("file", &path);
    sink["events"] = json!(["verification.created"]);
    let app = app(&stage, json!([sink])).await;
    let spoilt = app.started().await;
    let sound = app.started().await;
    let spoilt_id: Uuid = word(&spoilt["id"]).parse().unwrap();
    stage.spoil(spoilt_id).await;
    deliver(&app).await;
    let [event] = in_file(&path).try_into().unwrap();
    assert_eq!(event["subject"], sound["id"]);
    assert_eq!(stage.db.backlog(id_of("file")).await.unwrap().dead, 1);
    stage.mend(spoilt_id).await;
    let again = stage.db.redeliver_dead(id_of("file"), stage.clock.now());
    assert_eq!(again.await.unwrap(), 1);
    deliver(&app).await;
    assert_eq!(in_file(&path)[1]["subject"], spoilt["id"]);
}

async fn events_survive_a_replica_that_dies_while_it_sends(stage: Stage) {
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", hanging.local_addr().unwrap());
    let sink = json!({ "name": "one", "kind": "redis_stream", "url": url, "stream": STREAM });
    let first = app(&stage, json!([sink])).await;
    for _ in 0..3 {
        let v = first.started().await;
        first.cancel(&v["id"]).await.expect(200);
    }
    first.gateway.notices().start_sinks().await.unwrap();
    let connection = hanging.accept().await.unwrap();
    stage.kill(first).await;
    drop((connection, hanging));
    let path = events_file(&stage);
    // The sink keeps its events wherever it leads to.
    let second = app(&stage, json!([file("one", &path)])).await;
    deliver(&second).await;
    if stage.engine == Engine::Postgres {
        assert!(in_file(&path).is_empty(), "another replica may be sending");
        stage.advance(16);
        deliver(&second).await;
    }
    let events = in_file(&path);
    assert_eq!((in_order(&events).len(), events.len()), (3, 9));
}

async fn events_of_a_sink_that_is_no_longer_configured_age(stage: Stage) {
    let path = stage.folder.join("none/events.jsonl");
    let first = app(&stage, json!([file("gone", &path)])).await;
    first.started().await;
    deliver(&first).await;
    stage.kill(first).await;
    let second = app(&stage, json!([file("other", &events_file(&stage))])).await;
    second.started().await;
    deliver(&second).await;
    assert_eq!(in_file(&events_file(&stage)).len(), 2);
    stage.advance(73 * 3_600);
    second.gateway.sweep().await.unwrap();
    let backlog = stage.db.backlog(id_of("gone")).await.unwrap();
    assert_eq!((backlog.pending, backlog.dead), (0, 2));
    // After 30 days nothing is left of it.
    stage.advance(30 * 86_400);
    second.gateway.sweep().await.unwrap();
    second.gateway.sweep().await.unwrap();
    let backlog = stage.db.backlog(id_of("gone")).await.unwrap();
    assert_eq!((backlog.pending, backlog.dead), (0, 0));
    let known = stage.db.list_sinks().await.unwrap();
    assert_eq!(known, [(id_of("other"), "other".to_owned())]);
}

/// In processes, with the machine's clock and background work as it runs.
async fn a_kill_loses_no_event_and_the_log_says_once_that_a_sink_is_away(stage: Stage) {
    let folder = stage.folder.join("later");
    let path = folder.join("events.jsonl");
    let sinks = json!([file("file", &path)]).to_string();
    let command = || {
        let mut command = program(&stage);
        command.env("PINROUTE_EVENTS__SINKS", &sinks);
        command
    };
    let server = Server::start(command()).await;
    let client = stage.client(&server.base);
    let until_logged = async |server: &Server, words: &str| {
        let logged = async {
            while !server.log().iter().any(|line| line.contains(words)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), logged)
            .await
            .unwrap_or_else(|_| panic!("no `{words}`: {:?}", server.log()));
    };
    for _ in 0..5 {
        client.started().await;
    }
    until_logged(&server, "a sink takes no events").await;
    // It fails again and again.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    std::fs::create_dir(&folder).unwrap();
    until_logged(&server, "a sink takes events again").await;
    let log = server.log();
    let away: Vec<&String> = log
        .iter()
        .filter(|line| line.contains("takes no events"))
        .collect();
    assert_eq!(away.len(), 1, "{log:?}");
    assert!(away[0].contains("later/events.jsonl"), "{away:?}");
    let mut started = Vec::new();
    for _ in 0..20 {
        started.push(word(&client.started().await["id"]).to_owned());
    }
    server.kill().await;
    // As if the kill had cut off a line.
    let text = std::fs::read_to_string(&path).unwrap();
    let cut = format!("{text}{{\"specversion\":\"1.0\",\"id");
    std::fs::write(&path, cut).unwrap();

    let server = Server::start(command()).await;
    let client = stage.client(&server.base);
    started.push(word(&client.started().await["id"]).to_owned());
    let whole = || {
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let events = lines
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok());
        (lines.len(), events.collect::<Vec<serde_json::Value>>())
    };
    let all_there = async {
        loop {
            let (lines, events) = whole();
            let has = |id: &String| {
                let mine = events.iter().filter(|event| event["subject"] == json!(id));
                let kinds: Vec<&str> = mine.map(|event| word(&event["type"])).collect();
                kinds.contains(&"verification.created") && kinds.contains(&"verification.sent")
            };
            if started.iter().all(has) {
                return (lines, events.len());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(60), all_there).await;
    let (lines, events) = found.expect("all events come");
    assert_eq!(lines, events + 1, "only the line that was cut off is none");
    assert_eq!(server.terminate().await, Some(0));
}
