//! `pinroute doctor`: a healthy installation, and each kind of illness with its mend.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

use serde_json::Value;

use crate::program::{Server, lines, program, run};
use crate::stage::{Engine, Stage};
use crate::world::{TOKEN, error};
use crate::{on_both_engines, on_postgres};

on_both_engines!(
    a_healthy_installation_has_no_fault,
    what_is_wrong_with_the_database_is_found,
    what_is_wrong_outside_is_found,
    what_is_wrong_with_the_machine_is_found,
    what_there_is_not_yet_is_not_created,
);
on_postgres!(what_only_servers_have_is_examined);

/// A server at a known address, and the configuration that doctor reads.
struct Patient {
    stage: Stage,
    address: String,
}

impl Patient {
    fn of(stage: &Stage) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            stage: stage.clone(),
            address: free.local_addr().unwrap().to_string(),
        }
    }

    fn command(&self, changes: &[(&str, &str)]) -> Command {
        let mut command = program(&self.stage);
        command
            .env("PINROUTE_LISTEN", &self.address)
            .env("PINROUTE_PUBLIC_URL", format!("http://{}", self.address))
            .env_remove("KUBERNETES_SERVICE_HOST");
        for (name, value) in changes {
            let own = [
                "PATH",
                "TERMINATION_GRACE_PERIOD",
                "KUBERNETES_SERVICE_HOST",
            ];
            match own.contains(name) {
                true => command.env(name, value),
                false => command.env(format!("PINROUTE_{name}"), value),
            };
        }
        command
    }

    /// What it finds.
    async fn examined(&self, changes: &[(&str, &str)]) -> Examination {
        let mut command = self.command(changes);
        command.args(["doctor", "--json"]);
        let output = run(command).await;
        let said = String::from_utf8(output.stdout).unwrap();
        for secret in [TOKEN, "sms-secret", "topsecret", &self.stage.secret_key] {
            assert!(!said.contains(secret), "{said}");
        }
        let found: Value = serde_json::from_str(&said).unwrap();
        let checks = found["checks"].as_array().unwrap();
        let is_fault = |check: &Value| check["status"] == "fault";
        let is_well = !checks.iter().any(is_fault);
        assert_eq!(found["ok"], is_well);
        assert_eq!(output.status.code(), Some(i32::from(!is_well)), "{said}");
        Examination(checks.clone())
    }
}

struct Examination(Vec<Value>);

impl Examination {
    /// The one fault, of this check, with these words in its detail and its mend.
    fn fault(&self, check: &str, detail: &str, mend: &str) {
        self.has("fault", check, detail, mend);
        let faults = self.0.iter().filter(|found| found["status"] == "fault");
        assert_eq!(faults.count(), 1, "{:#?}", self.0);
    }

    fn has(&self, status: &str, check: &str, detail: &str, mend: &str) {
        let holds = |value: &Value, words: &str| value.as_str().unwrap_or_default().contains(words);
        let found = self.0.iter().any(|found| {
            found["status"] == status
                && found["check"] == check
                && holds(&found["detail"], detail)
                && holds(&found["mend"], mend)
        });
        assert!(found, "{status} {check} {detail} {mend}: {:#?}", self.0);
    }
}

async fn a_healthy_installation_has_no_fault(stage: Stage) {
    let patient = Patient::of(&stage);
    let server = Server::start(patient.command(&[])).await;
    let found = patient
        .examined(&[("TERMINATION_GRACE_PERIOD", "30")])
        .await;
    for finding in &found.0 {
        assert_eq!(finding["status"], "ok", "{finding}");
        assert_eq!(finding["mend"], Value::Null);
    }
    let mut expected = vec![
        "version",
        "configuration",
        "secret_key",
        "database",
        "migrations",
        "database_key",
        "redis",
        "provider",
        "public_url",
        "permissions",
        "shutdown",
    ];
    expected.push(match stage.engine {
        Engine::Sqlite => "disk",
        Engine::Postgres => "connections",
    });
    for check in expected {
        found.has("ok", check, "", "");
    }
    found.has("ok", "provider", "telegram accepts the account", "");
    found.has("ok", "provider", "main is reached", "");
    found.has("ok", "public_url", "leads to this installation", "");
    assert!(stage.telegram.sends().is_empty());
    let asked = stage.sms.fake.seen();
    assert!(
        asked
            .iter()
            .all(|seen| seen.method == "HEAD" && seen.header("authorization").is_none())
    );
    // As text: a line each.
    let mut text = patient.command(&[("TERMINATION_GRACE_PERIOD", "2")]);
    text.arg("doctor");
    let output = run(text).await;
    assert_eq!(output.status.code(), Some(1));
    let said = lines(&output.stdout);
    assert_eq!(said.len(), found.0.len());
    let shutdown = said
        .iter()
        .find(|line| line.starts_with("fault    shutdown: "));
    assert!(
        shutdown
            .unwrap()
            .contains(" -> set terminationGracePeriodSeconds to "),
        "{said:?}"
    );
    assert_eq!(
        lines(&output.stderr).last().unwrap(),
        "pinroute: found 1 fault"
    );
    drop(server);
}

async fn what_is_wrong_with_the_database_is_found(stage: Stage) {
    let patient = Patient::of(&stage);
    let away = match stage.engine {
        Engine::Sqlite => format!("sqlite://{}", stage.folder.display()),
        Engine::Postgres => "postgres://u:topsecret@127.0.0.1:1/x".to_owned(),
    };
    let mend = match stage.engine {
        Engine::Sqlite => "check the file",
        Engine::Postgres => "check host, port, user and password",
    };
    patient
        .examined(&[("DATABASE_URL", &away)])
        .await
        .fault("database", "", mend);
    let other = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=";
    patient.examined(&[("SECRET_KEY", other)]).await.fault(
        "database_key",
        "another secret_key",
        "previous_secret_keys",
    );
    let both = format!("[\"{}\"]", stage.secret_key);
    patient
        .examined(&[("SECRET_KEY", other), ("PREVIOUS_SECRET_KEYS", &both)])
        .await
        .has("ok", "database_key", "a previous secret key", "");
    stage
        .run_sql("DELETE FROM _sqlx_migrations WHERE version = 17")
        .await;
    patient
        .examined(&[("MIGRATE_ON_START", "false")])
        .await
        .fault("migrations", "1 pending", "pinroute migrate");
    patient
        .examined(&[])
        .await
        .has("ok", "migrations", "the next start applies them", "");
    let checksum = match stage.engine {
        Engine::Sqlite => "X'00'",
        Engine::Postgres => "'\\x00'",
    };
    for version in [17, 9_999] {
        let later = format!(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES ({version}, 'later', true, {checksum}, 0)"
        );
        stage.run_sql(&later).await;
    }
    patient.examined(&[]).await.has(
        "warning",
        "migrations",
        "has migration 9999",
        "finish the upgrade",
    );
}

async fn what_is_wrong_outside_is_found(stage: Stage) {
    let patient = Patient::of(&stage);
    patient
        .examined(&[("REDIS_URL", "redis://:topsecret@127.0.0.1:1")])
        .await
        .fault("redis", "", "check redis_url");
    stage.telegram.next_asks([error("ACCESS_TOKEN_INVALID")]);
    patient.examined(&[]).await.fault(
        "provider",
        "telegram refuses the account",
        "check telegram.token",
    );
    patient
        .examined(&[("TELEGRAM__BASE_URL", "http://127.0.0.1:1")])
        .await
        .fault(
            "provider",
            "telegram is not reached: no connection",
            "firewall",
        );
    let found = patient.examined(&[]).await;
    found.has("skipped", "public_url", "the server does not run", "");
    let plain = patient
        .examined(&[("PUBLIC_URL", "http://verify.invalid")])
        .await;
    plain.has("warning", "public_url", "is not https", "TLS proxy");

    let server = Server::start(patient.command(&[])).await;
    let elsewhere = format!("http://{}", stage.sms.fake.address);
    patient.examined(&[("PUBLIC_URL", &elsewhere)]).await.fault(
        "public_url",
        "does not lead to it",
        "check DNS, the certificate and the proxy",
    );
    let other = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=";
    let both = format!("[\"{}\"]", stage.secret_key);
    patient
        .examined(&[("SECRET_KEY", other), ("PREVIOUS_SECRET_KEYS", &both)])
        .await
        .fault("public_url", "another installation", "check public_url");
    drop(server);

    // A provider whose clock says that ours is wrong.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let late = format!("http://{}", listener.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).unwrap();
        let body = r#"{"ok":false,"error":"REQUEST_ID_INVALID"}"#;
        let answer = format!(
            "HTTP/1.1 200 OK\r\nDate: Mon, 05 Jan 2026 10:00:00 GMT\r\nContent-Length: {}\r\n\
             Content-Type: application/json\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let found = patient
        .examined(&[("TELEGRAM__BASE_URL", &late), ("TELEGRAM__TIMEOUT", "10s")])
        .await;
    found.fault("world_clock", "this machine's clock is", "run NTP");
    found.has("ok", "provider", "telegram accepts the account", "");
    answering.join().unwrap();
}

async fn what_is_wrong_with_the_machine_is_found(stage: Stage) {
    use std::os::unix::fs::PermissionsExt as _;
    let patient = Patient::of(&stage);
    let folder = stage.folder.join("open");
    std::fs::create_dir(&folder).unwrap();
    let mode = |path: &std::path::Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&folder, 0o755);
    let file = folder.join("token");
    std::fs::write(&file, TOKEN).unwrap();
    mode(&file, 0o644);
    let path = file.display().to_string();
    patient
        .examined(&[("TELEGRAM__TOKEN_FILE", &path)])
        .await
        .fault(
            "permissions",
            "everyone on this machine may read this secret",
            "chmod 600 ",
        );
    for (given, status) in [("10", "fault"), ("1m", "ok"), ("soon", "warning")] {
        patient
            .examined(&[
                ("TERMINATION_GRACE_PERIOD", given),
                ("SHUTDOWN_GRACE", "20s"),
                ("DRAIN", "5s"),
            ])
            .await
            .has(status, "shutdown", "", "");
    }
    let invalid = patient
        .examined(&[("LISTEN", "nowhere"), ("DRAIN", "1h")])
        .await;
    invalid.has(
        "fault",
        "configuration",
        "listen: ",
        "pinroute check-config",
    );
    invalid.has("fault", "configuration", "drain: ", "pinroute check-config");
    if stage.engine == Engine::Postgres {
        return;
    }
    patient
        .examined(&[("KUBERNETES_SERVICE_HOST", "10.0.0.1")])
        .await
        .has("warning", "replicas", "SQLite in Kubernetes", "Recreate");
    // A disk that is nearly full.
    let df = folder.join("df");
    let full = "#!/bin/sh\necho 'Filesystem 1024-blocks Used Available Capacity Mounted on'\n\
        echo '/dev/my disk 1000000 990000 10000 99% /'\n";
    std::fs::write(&df, full).unwrap();
    mode(&df, 0o755);
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    patient
        .examined(&[("PATH", &path)])
        .await
        .fault("disk", "9 MiB free", "make room");
    let (_, database) = stage.database_url.split_once("://").unwrap();
    mode(std::path::Path::new(database), 0o644);
    mode(&stage.folder, 0o755);
    patient.examined(&[]).await.has(
        "warning",
        "permissions",
        "may read the database",
        "chmod 600 ",
    );
}

async fn what_there_is_not_yet_is_not_created(stage: Stage) {
    let folder = stage.folder.join("new");
    std::fs::create_dir(&folder).unwrap();
    let url = format!("sqlite://{}/new.db", folder.display());
    let mut command = crate::program::bare_program();
    command
        .env("PINROUTE_DATABASE_URL", url)
        .env("PINROUTE_LISTEN", "127.0.0.1:0")
        .args(["doctor", "--json"]);
    let output = run(command).await;
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["ok"], true, "{found}");
    let found = Examination(found["checks"].as_array().unwrap().clone());
    found.has("ok", "configuration", "valid (sandbox)", "");
    found.has("skipped", "secret_key", "created at the first start", "");
    found.has("skipped", "database", "created at the first start", "");
    found.has("skipped", "provider", "simulated", "");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

async fn what_only_servers_have_is_examined(stage: Stage) {
    let patient = Patient::of(&stage);
    let changes = [
        ("DATABASE_POOLER", "transaction"),
        ("MIGRATE_DATABASE_URL", &stage.database_url),
    ];
    patient.examined(&changes).await.fault(
        "role_settings",
        "enable_seqscan is on and not off",
        "the statements that `pinroute migrate` prints",
    );
    let alive = "INSERT INTO replicas (owner, alive_until, oldest) SELECT n, now() + interval '1 day', \
        '00000000-0000-0000-0000-000000000000' FROM generate_series(1, 2) n";
    stage.run_sql(alive).await;
    patient.examined(&[("REDIS_URL", "")]).await.fault(
        "replicas",
        "2 replicas run without Redis",
        "set redis_url",
    );
    let many = patient
        .examined(&[("DATABASE_MAX_CONNECTIONS", "500")])
        .await;
    many.has(
        "warning",
        "connections",
        "up to 1000 of",
        "database_max_connections",
    );
    stage
        .run_sql("DELETE FROM replicas; CREATE TABLE pinroute_restore (at TEXT)")
        .await;
    patient.examined(&[]).await.fault(
        "migrations",
        "a restore into this database did not end",
        "drop the database",
    );
    let Err(refused) = stage.try_app(&[]).await else {
        panic!("it started on half a restore");
    };
    assert!(refused.to_string().contains("did not end"), "{refused}");
    stage.run_sql("DROP TABLE pinroute_restore").await;
}
