//! `pinroute health`: what it says of a server that is ready, of one that is not, and of none.

use std::net::TcpListener;
use std::process::Output;

use crate::on_both_engines;
use crate::program::{Server, bare_program, lines, program, run};
use crate::stage::Stage;

on_both_engines!(
    a_ready_server_is_found_by_its_address_and_by_the_configuration,
    a_server_that_is_not_ready_is_told_from_none,
);

async fn health(base: &str) -> Output {
    let mut command = bare_program();
    command.args(["health", base]);
    // A health check never leaves by a proxy.
    command.env("http_proxy", "http://127.0.0.1:1");
    run(command).await
}

fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let [line] = lines(&output.stderr).try_into().unwrap();
    line
}

async fn a_ready_server_is_found_by_its_address_and_by_the_configuration(stage: Stage) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let configured = || {
        let mut command = program(&stage);
        command.env("PINROUTE_LISTEN", format!("0.0.0.0:{}", address.port()));
        command
    };
    let asked = || {
        let mut command = configured();
        command.arg("health");
        run(command)
    };
    let none = complaint(&asked().await);
    let url = format!("http://{address}/readyz");
    assert!(
        none.starts_with(&format!("pinroute: {url}: no connection (")),
        "{none}"
    );

    let server = Server::start(configured()).await;
    let by_configuration = asked().await;
    let base = format!("http://{address}");
    for output in [by_configuration, health(&base).await, health(&url).await] {
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(output.stdout, b"ok\n");
        assert!(output.stderr.is_empty(), "{output:?}");
    }
    drop(server);
}

async fn a_server_that_is_not_ready_is_told_from_none(stage: Stage) {
    let mut draining = program(&stage);
    draining.env("PINROUTE_DRAIN", "10m");
    let server = Server::start(draining).await;
    assert_eq!(health(&server.base).await.status.code(), Some(0));
    server.signal("TERM");
    let unready = loop {
        let output = health(&server.base).await;
        if output.status.code() != Some(0) {
            break complaint(&output);
        }
    };
    assert!(unready.contains("/readyz answered 503: "), "{unready}");
    drop(server);
    // What takes connections but never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let said = complaint(&health(&silent).await);
    assert!(
        said.contains("no connection") || said.contains("no answer within 2 s"),
        "{said}"
    );
    let mut wrong = bare_program();
    wrong.args(["health", "nowhere"]);
    assert_eq!(run(wrong).await.status.code(), Some(2));
    let mut picked = program(&stage);
    picked.arg("health");
    let picked = run(picked).await;
    assert_eq!(picked.status.code(), Some(2));
    assert!(
        lines(&picked.stderr)[0].starts_with("pinroute: listen: port 0"),
        "{picked:?}"
    );
}
