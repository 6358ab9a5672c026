//! Redis Sentinel: what a fail-over under load does to limits.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use deadpool_redis::redis::{Client as RedisClient, cmd};
use serde_json::json;

use super::peers::{self, Peer};
use crate::on_postgres;
use crate::stage::{Client, Stage};

/// The clock stands still, so that a second never ends.
const UNMETERED: (&str, &str) = ("DEFAULTS__LIMITS__CREATES", "off");

on_postgres!(limits_survive_a_fail_over_by_sentinels);

async fn redis(server: &str, folder: &Path, port: u16, of: Option<u16>) -> Peer {
    let mut command = Command::new(server);
    command
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
        ])
        .args(["--requirepass", "sesame", "--masterauth", "sesame"])
        .args(["--repl-diskless-sync-delay", "0"])
        .arg("--dir")
        .arg(folder);
    if let Some(master) = of {
        command.args(["--replicaof", "127.0.0.1", &master.to_string()]);
    }
    Peer::start(command, port).await
}

async fn sentinel(server: &str, folder: &Path, master: u16) -> Peer {
    let port = crate::limits::free_port();
    let file = folder.join(format!("sentinel-{port}.conf"));
    let settings = format!(
        "port {port}\nbind 127.0.0.1\nrequirepass watch\nsentinel sentinel-pass watch\n\
         sentinel monitor main 127.0.0.1 {master} 2\nsentinel auth-pass main sesame\n\
         sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n"
    );
    std::fs::write(&file, settings).unwrap();
    let mut command = Command::new(server);
    command.arg(&file).arg("--sentinel");
    Peer::start(command, port).await
}

/// What a sentinel answers to a question.
fn asked(port: u16, question: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let script = format!("AUTH watch\r\n{question}\r\nPING\r\n");
    stream.write_all(script.as_bytes()).unwrap();
    let (mut text, mut piece) = (String::new(), [0; 4096]);
    while !text.ends_with("+PONG\r\n") {
        let length = stream.read(&mut piece).unwrap();
        assert_ne!(length, 0, "{text}");
        text.push_str(std::str::from_utf8(&piece[..length]).unwrap());
    }
    text
}

/// How many entries the stream of events has.
async fn entries(port: u16) -> u64 {
    let url = format!("redis://:sesame@127.0.0.1:{port}/1");
    let client = RedisClient::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let length = cmd("XLEN").arg("events").to_owned();
    length.query_async(&mut connection).await.unwrap()
}

async fn redis_state(client: &Client) -> String {
    let ready = client.get("/readyz").await.expect(200);
    ready["redis"].as_str().unwrap().to_owned()
}

/// How many of `tries` starts for one number, alternating between replicas, are accepted; all others are limited.
async fn accepted(replicas: &[&Client], number: &str, tries: usize, from: usize) -> usize {
    let mut accepted = 0;
    for place in from..from + tries {
        let body = json!({ "phone_number": number, "payload": place.to_string() });
        let answer = replicas[place % replicas.len()].start(body).await;
        match answer.status {
            201 => accepted += 1,
            _ => {
                answer.problem(429, "rate_limited");
            }
        }
    }
    accepted
}

async fn limits_survive_a_fail_over_by_sentinels(stage: Stage) {
    let Some(server) = peers::redis_server() else {
        return;
    };
    let folder = peers::folder(&stage, "sentinel");
    let (first, second) = (crate::limits::free_port(), crate::limits::free_port());
    let master = redis(&server, &folder, first, None).await;
    let _replica = redis(&server, &folder, second, Some(first)).await;
    let mut sentinels = Vec::new();
    for _ in 0..3 {
        sentinels.push(sentinel(&server, &folder, first).await);
    }
    // They must know one another, and the replica, before they can act.
    for one in &sentinels {
        while !asked(one.port, "SENTINEL CKQUORUM main").contains("OK 3 usable")
            || !asked(one.port, "SENTINEL REPLICAS main").contains("\r\nok\r\n")
        {
            tokio::task::yield_now().await;
        }
    }
    let dead = crate::limits::free_port();
    let addresses: Vec<String> = [dead]
        .into_iter()
        .chain(sentinels.iter().map(|one| one.port))
        .map(|port| format!("127.0.0.1:{port}"))
        .collect();
    let url = format!(
        "redis+sentinel://:sesame@{}/main/1?sentinel_password=watch",
        addresses.join(",")
    );
    let one = stage.app_with(&[("REDIS_URL", &url), UNMETERED]).await;
    let two = stage.app_with(&[("REDIS_URL", &url), UNMETERED]).await;
    let replicas: [&Client; 2] = [&one, &two];
    for client in replicas {
        assert_eq!(redis_state(client).await, "ok");
    }
    let sinks = json!([{ "name": "all", "kind": "redis_stream", "url": url, "stream": "events" }]);
    let sinks = [("EVENTS__SINKS", &*sinks.to_string()), UNMETERED];
    let three = stage.app_with(&sinks).await;
    // What a stream holds after another verification.
    let streamed = async |port: u16| {
        three.started().await;
        let sent = three.gateway.notices().deliver_due_to_sinks();
        sent.await.unwrap();
        entries(port).await
    };
    assert_ne!(streamed(first).await, 0);
    let before = stage.number();
    assert_eq!(accepted(&replicas, &before, 8, 0).await, 5);
    let halfway = stage.number();
    assert_eq!(accepted(&replicas, &halfway, 2, 0).await, 2);

    // Load: nothing but 201 and 429 for as long as it lasts.
    let (stop, started) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let load: Vec<_> = replicas
        .iter()
        .map(|client| {
            let client = stage.client(&client.base);
            let (stop, started) = (Arc::clone(&stop), Arc::clone(&started));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    client.started().await;
                    started.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    master.kill();
    for client in replicas {
        while redis_state(client).await != "away" {}
    }
    let at_kill = started.load(Ordering::Relaxed);
    // Meanwhile each remembers what the database knows.
    assert_eq!(accepted(&replicas, &before, 4, 8).await, 0);
    for client in replicas {
        while redis_state(client).await != "ok" {}
    }
    stop.store(true, Ordering::Relaxed);
    for load in load {
        load.await.unwrap();
    }
    assert!(started.load(Ordering::Relaxed) > at_kill);
    let elected = asked(sentinels[0].port, "SENTINEL GET-MASTER-ADDR-BY-NAME main");
    assert!(elected.contains(&format!("\r\n{second}\r\n")), "{elected}");

    // Shared again: what was there before, and what is new.
    assert_eq!(accepted(&replicas, &before, 4, 12).await, 0);
    assert_eq!(accepted(&replicas, &halfway, 8, 2).await, 3);
    assert_eq!(accepted(&replicas, &stage.number(), 9, 0).await, 5);

    // Events go on to the new master.
    let replicated = entries(second).await;
    for _ in 0..2 {
        stage.advance(60);
        streamed(second).await;
    }
    assert!(entries(second).await > replicated);
}
