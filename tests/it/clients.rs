//! The official clients (`clients/`), and those that the usual generators make of the OpenAPI document, unedited: they compile, and walk the
//! whole way of a verification.
//!
//! `scripts/clients` builds or generates them and runs them, and knows more generators than are run here; the programs are in
//! `tests/clients/`.

use std::process::Command;

use crate::program::{Server, bare_program, run};

#[tokio::test]
async fn the_python_client_walks_the_whole_way() {
    walk("pinroute-python").await;
}

#[tokio::test]
async fn the_typescript_client_walks_the_whole_way() {
    walk("pinroute-typescript").await;
}

#[tokio::test]
async fn openapi_typescript_at_its_defaults_makes_types_that_compile_and_fit() {
    walk("openapi-typescript").await;
}

#[tokio::test]
async fn openapi_python_client_at_its_defaults_makes_a_client_that_works() {
    walk("openapi-python-client").await;
}

async fn walk(name: &'static str) {
    if std::env::var("PINROUTE_TEST_CLIENTS").unwrap_or_default() != "1" {
        println!(
            "skipped: PINROUTE_TEST_CLIENTS is not 1 (./scripts/test installs the generators)"
        );
        return;
    }
    let folder = format!("pinroute-clients-{name}-{}", std::process::id());
    let folder = std::env::temp_dir().join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    let database = format!("sqlite://{}/sandbox.db", folder.display());
    let mut command = bare_program();
    command
        .env("PINROUTE_LISTEN", "127.0.0.1:0")
        .env("PINROUTE_SIMULATOR_LISTEN", "127.0.0.1:0")
        .env("PINROUTE_DATABASE_URL", &database)
        .env("PINROUTE_WEBHOOKS__ALLOW_PRIVATE", "true")
        .env("PINROUTE_DEFAULTS__RESEND_AFTER", "2s");
    let (server, [key]) = Server::start_and_read(command, ["API key"]).await;
    let mut script = Command::new("bash");
    script
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/clients"))
        .arg(name)
        .env("PINROUTE_URL", &server.base)
        .env("PINROUTE_KEY", key);
    let output = run(script).await;
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(server.terminate().await, Some(0));
    std::fs::remove_dir_all(&folder).unwrap();
}
