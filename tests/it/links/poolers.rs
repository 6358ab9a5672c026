//! PgBouncer between Pinroute and Postgres.

use std::process::Command;

use serde_json::{Value, json};

use super::failure;
use super::peers::{self, Database, Peer};
use crate::on_postgres;
use crate::program::{Server, lines, program, run};
use crate::stage::{Stage, word};

on_postgres!(
    pgbouncer_in_session_mode_carries_everything,
    a_pooler_in_transaction_mode_needs_the_settings_that_migrate_prints,
    transaction_mode_works_with_the_roles_settings,
);

/// PgBouncer before the database, in this mode; `None` skips the test.
async fn pgbouncer(stage: &Stage, database: &Database, mode: &str) -> Option<(Peer, String)> {
    let server = peers::pgbouncer()?;
    let folder = peers::folder(stage, &format!("pgbouncer-{mode}"));
    let port = crate::limits::free_port();
    let (host, behind) = database.host_and_port();
    let file = folder.join("pgbouncer.ini");
    let name = &database.name;
    let settings = format!(
        "[databases]\n{name} = host={host} port={behind} dbname={name} user=postgres\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
         auth_type = any\npool_mode = {mode}\nmax_client_conn = 200\ndefault_pool_size = 20\n"
    );
    std::fs::write(&file, settings).unwrap();
    let mut command = peers::unprivileged(&server, &folder);
    command.arg(&file);
    let peer = Peer::start(command, port).await;
    Some((peer, format!("postgres://postgres@127.0.0.1:{port}/{name}")))
}

fn with(stage: &Stage, changes: &[(&str, &str)]) -> Command {
    let mut command = program(stage);
    for (name, value) in changes {
        command.env(format!("PINROUTE_{name}"), value);
    }
    command
}

async fn output(mut command: Command, arguments: &[&str]) -> Vec<String> {
    command.args(arguments);
    let output = run(command).await;
    assert_eq!(output.status.code(), Some(0), "{:?}", lines(&output.stderr));
    lines(&output.stdout)
}

/// Ten visitors at once start, read their code and check it.
async fn visitors_are_served(stage: &Stage, changes: &[(&str, &str)]) {
    let arguments = [
        "keys",
        "create",
        "--project",
        "default",
        "--scope",
        "verify",
        "--json",
    ];
    let made = output(with(stage, changes), &arguments).await;
    let made: Value = serde_json::from_str(&made[0]).unwrap();
    let server = Server::start(with(stage, changes)).await;
    let client = stage.client(&server.base).with_key(word(&made["key"]));
    let visitors: Vec<_> = (0..10)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                let asked = json!({ "phone_number": client.stage.number(), "code": "424242" });
                let v = client.start(asked).await.expect(201);
                let wrong = client.check(&v["id"], "111111").await.expect(200);
                assert_eq!(wrong["valid"], false);
                client.check(&v["id"], "424242").await.expect(200)
            })
        })
        .collect();
    for visitor in visitors {
        assert_eq!(visitor.await.unwrap()["valid"], true);
    }
    client.get("/v1/verifications").await.expect(200);
    assert_eq!(server.terminate().await, Some(0));
}

async fn pgbouncer_in_session_mode_carries_everything(stage: Stage) {
    let database = Database::make(&stage).await;
    if let Some((pooler, url)) = pgbouncer(&stage, &database, "session").await {
        let changes = [
            ("DATABASE_URL", url.as_str()),
            ("DATABASE_POOLER", "session"),
        ];
        // The migrations, and the lock that they take, too.
        let applied = output(with(&stage, &changes), &["migrate"]).await;
        assert!(applied[0].starts_with("applied 0001"), "{applied:?}");
        visitors_are_served(&stage, &changes).await;
        let migrated = peers::count(&database.url, "SELECT count(*) FROM verifications").await;
        assert_eq!(migrated, 10);
        drop(pooler);
    }
    database.drop().await;
}

async fn a_pooler_in_transaction_mode_needs_the_settings_that_migrate_prints(stage: Stage) {
    let database = Database::make(&stage).await;
    let changes = [
        ("DATABASE_URL", database.url.as_str()),
        ("DATABASE_POOLER", "transaction"),
    ];
    // Nothing would hold the lock of the migrations.
    let mut refused = with(&stage, &changes);
    refused.arg("check-config");
    let refused = run(refused).await;
    assert_eq!(refused.status.code(), Some(2));
    let said = lines(&refused.stderr).join("\n");
    assert!(
        said.contains("database_pooler: `transaction`") && said.contains("migrate_database_url"),
        "{said}"
    );
    if let Some((pooler, url)) = pgbouncer(&stage, &database, "transaction").await {
        let changes = [
            ("DATABASE_URL", url.as_str()),
            ("DATABASE_POOLER", "transaction"),
            ("MIGRATE_DATABASE_URL", &database.url),
        ];
        let printed = output(with(&stage, &changes), &["migrate"]).await;
        let settings: Vec<&String> = printed
            .iter()
            .filter(|line| line.starts_with("ALTER ROLE "))
            .collect();
        let name = &database.name;
        assert_eq!(settings.len(), 6, "{printed:?}");
        let expected =
            format!("ALTER ROLE postgres IN DATABASE {name} SET enable_seqscan = 'off';");
        assert!(settings.contains(&&expected), "{settings:?}");
        for statement in settings {
            peers::run_sql(&database.url, statement).await;
        }
        drop(pooler);
        let (pooler, url) = {
            std::fs::remove_dir_all(stage.folder.join("pgbouncer-transaction")).unwrap();
            pgbouncer(&stage, &database, "transaction").await.unwrap()
        };
        let changes = [
            ("DATABASE_URL", url.as_str()),
            ("DATABASE_POOLER", "transaction"),
            ("MIGRATE_DATABASE_URL", &database.url),
        ];
        let again = output(with(&stage, &changes), &["migrate"]).await;
        assert_eq!(
            again,
            [
                "No migrations are pending.",
                "The role of database_url has its settings."
            ]
        );
        drop(pooler);
    }
    database.drop().await;
}

/// Without a pooler, since PgBouncer keeps prepared statements only from 1.21 on: that no connection needs a setting of its own.
async fn transaction_mode_works_with_the_roles_settings(stage: Stage) {
    let database = Database::make(&stage).await;
    let changes = [
        ("DATABASE_URL", database.url.as_str()),
        ("DATABASE_POOLER", "transaction"),
        ("MIGRATE_DATABASE_URL", &database.url),
    ];
    let printed = output(with(&stage, &changes), &["migrate"]).await;
    for statement in printed
        .iter()
        .filter(|line| line.starts_with("ALTER ROLE "))
    {
        peers::run_sql(&database.url, statement).await;
    }
    visitors_are_served(&stage, &changes).await;
    let nowhere = [
        (
            "DATABASE_URL",
            "postgres://postgres:topsecret@127.0.0.1:1/x",
        ),
        ("DATABASE_POOLER", "session"),
    ];
    let said = failure(stage.try_app(&nowhere).await);
    assert!(
        said.starts_with("database_url: ") && !said.contains("topsecret"),
        "{said}"
    );
    database.drop().await;
}
