//! The real process under what happens to processes: a signal under load, a disk without room.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::on_both_engines;
use crate::program::{Server, program};
use crate::stage::{Engine, Stage};

on_both_engines!(
    no_request_on_an_open_connection_is_cut_off_by_a_stop,
    no_connection_that_was_opened_is_lost_by_a_stop,
    a_drain_serves_on_while_it_is_not_ready,
    a_drain_ends_by_itself,
    a_disk_without_room_makes_it_unready_until_a_write_succeeds,
);

/// Sends one request after another on one connection until an answer says that it is the last. Every request is answered.
async fn keep_asking(
    address: String,
    key: String,
    answered: Arc<AtomicUsize>,
) -> Result<(), String> {
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let request =
        format!("GET /v1/verifications HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n");
    for place in 0_u32.. {
        stream
            .write_all(request.as_bytes())
            .await
            .map_err(|error| error.to_string())?;
        let mut answer = Vec::new();
        while !is_whole(&answer) {
            let mut piece = [0; 4096];
            match stream.read(&mut piece).await {
                Ok(0) => return Err(format!("request {place} was not answered")),
                Ok(n) => answer.extend_from_slice(&piece[..n]),
                Err(error) => return Err(error.to_string()),
            }
        }
        answered.fetch_add(1, Ordering::Relaxed);
        let head = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        if head.contains("\r\nconnection: close") {
            return Ok(());
        }
    }
    Ok(())
}

fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.split("content-length: ").nth(1);
    let length = length.and_then(|rest| rest.lines().next()?.trim().parse::<usize>().ok());
    length.is_some_and(|length| body.len() >= length)
}

async fn no_request_on_an_open_connection_is_cut_off_by_a_stop(stage: Stage) {
    let mut command = program(&stage);
    command.env("PINROUTE_SHUTDOWN_GRACE", "20s");
    let server = Server::start(command).await;
    let key = stage.new_key(None, "verify").await;
    let address = server.base.trim_start_matches("http://").to_owned();
    let visitors: Vec<_> = (0..16)
        .map(|_| {
            let answered = Arc::new(AtomicUsize::new(0));
            let asking = keep_asking(address.clone(), key.clone(), Arc::clone(&answered));
            (tokio::spawn(asking), answered)
        })
        .collect();
    while visitors
        .iter()
        .any(|(_, answered)| answered.load(Ordering::Relaxed) < 10)
    {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.terminate().await, Some(0));
    for (visitor, _) in visitors {
        assert_eq!(visitor.await.unwrap(), Ok(()));
    }
}

/// Opens one connection after another, each for one request, until there is none to be had.
async fn keep_connecting(address: String, opened: Arc<AtomicUsize>) -> Result<(), String> {
    let request = b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    while let Ok(mut stream) = TcpStream::connect(&address).await {
        let place = opened.fetch_add(1, Ordering::Relaxed);
        let fault = |error: std::io::Error| format!("connection {place}: {error}");
        stream.write_all(request).await.map_err(fault)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.map_err(fault)?;
        if !is_whole(&answer) {
            return Err(format!("connection {place} was not answered"));
        }
    }
    Ok(())
}

async fn no_connection_that_was_opened_is_lost_by_a_stop(stage: Stage) {
    let mut command = program(&stage);
    command.env("PINROUTE_SHUTDOWN_GRACE", "20s");
    let server = Server::start(command).await;
    let address = server.base.trim_start_matches("http://").to_owned();
    let opened = Arc::new(AtomicUsize::new(0));
    let visitors: Vec<_> = (0..64)
        .map(|_| tokio::spawn(keep_connecting(address.clone(), Arc::clone(&opened))))
        .collect();
    while opened.load(Ordering::Relaxed) < 500 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.terminate().await, Some(0));
    for visitor in visitors {
        assert_eq!(visitor.await.unwrap(), Ok(()));
    }
}

async fn a_drain_serves_on_while_it_is_not_ready(stage: Stage) {
    let mut command = program(&stage);
    command.env("PINROUTE_DRAIN", "10m");
    let server = Server::start(command).await;
    let client = stage.client(&server.base);
    let before = client.get("/readyz").await;
    before.expect(200);
    assert_eq!(before.header("connection"), None);
    server.signal("TERM");
    let unready = loop {
        let answer = client.get("/readyz").await;
        if answer.status != 200 {
            break answer;
        }
    };
    unready.problem(503, "service_unavailable");
    assert_eq!(unready.header("connection"), Some("close"));
    // That answer was the last one of its connection: this takes a new one.
    let started = client
        .start(json!({ "phone_number": stage.number() }))
        .await;
    started.expect(201);
    assert_eq!(started.header("connection"), Some("close"));
    let told = server.log();
    assert!(
        told.iter().any(|line| line.contains("draining")),
        "{told:?}"
    );
    // The second signal ends ten minutes at once.
    server.signal("INT");
    assert_eq!(server.ended().await, Some(0));
}

async fn a_drain_ends_by_itself(stage: Stage) {
    let mut command = program(&stage);
    command.env("PINROUTE_DRAIN", "1s");
    let server = Server::start(command).await;
    let log = server.terminate_and_read().await;
    let at = |text: &str| log.iter().position(|line| line.contains(text));
    assert!(at("draining").unwrap() < at("stopping").unwrap(), "{log:?}");
}

async fn a_disk_without_room_makes_it_unready_until_a_write_succeeds(stage: Stage) {
    if stage.engine == Engine::Postgres
        || Command::new("prlimit").arg("--version").output().is_err()
    {
        println!("skipped: a limit on file sizes stands in for the full disk of SQLite");
        return;
    }
    let plain = program(&stage);
    let mut command = Command::new("sh");
    // The limit makes writes fail instead of ending the process.
    command
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(plain.get_program())
        .args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.stderr(std::process::Stdio::piped());
    let server = Server::start(command).await;
    let client = stage.client(&server.base);
    let limit = |size: &str| {
        let done = Command::new("prlimit")
            .args([
                "--pid",
                &server.id().to_string(),
                &format!("--fsize={size}"),
            ])
            .status();
        assert!(done.unwrap().success());
    };
    let start = || client.start(json!({ "phone_number": stage.number() }));
    start().await.expect(201);
    assert_eq!(client.get("/readyz").await.status, 200);
    limit("1:");
    start().await.problem(503, "service_unavailable");
    client
        .get("/readyz")
        .await
        .problem(503, "service_unavailable");
    client.get("/v1/verifications").await.expect(200);
    client
        .get("/readyz")
        .await
        .problem(503, "service_unavailable");
    limit("unlimited:");
    client.get("/readyz").await.expect(200);
    start().await.expect(201);
}
