//! TLS with certificates that an authority of one's own signed.

use std::process::Command;

use serde_json::json;

use super::failure;
use super::peers::{self, Certificates, Peer};
use crate::on_postgres;
use crate::stage::Stage;

on_postgres!(
    redis_over_tls_is_trusted_by_its_authority,
    postgres_over_tls_is_trusted_by_its_authority,
);

async fn redis_over_tls_is_trusted_by_its_authority(stage: Stage) {
    let Some(server) = peers::redis_server() else {
        return;
    };
    let folder = peers::folder(&stage, "tls");
    let signed = Certificates::make(&folder, "redis");
    let other = Certificates::make(&folder, "other");
    let port = crate::limits::free_port();
    let mut command = Command::new(server);
    command
        .args(["--port", "0", "--bind", "127.0.0.1", "--save", ""])
        .args(["--tls-auth-clients", "no", "--requirepass", "sesame"])
        .args(["--tls-port", &port.to_string()]);
    for (option, path) in [
        ("--tls-cert-file", &signed.certificate),
        ("--tls-key-file", &signed.key),
        ("--tls-ca-cert-file", &signed.authority),
        ("--dir", &folder),
    ] {
        command.arg(option).arg(path);
    }
    let redis = Peer::start(command, port).await;
    let at = |host: &str| format!("rediss://:sesame@{host}:{}", redis.port);
    let authority = |certificates: &Certificates| certificates.authority.display().to_string();
    for (url, authority, state) in [
        (at("127.0.0.1"), authority(&signed), "ok"),
        // Another authority, none of one's own, a host that the certificate does not name.
        (at("127.0.0.1"), authority(&other), "away"),
        (at("127.0.0.1"), String::new(), "away"),
        (at("localhost"), authority(&signed), "away"),
    ] {
        let changes = [("REDIS_URL", url.as_str()), ("REDIS_CA_FILE", &authority)];
        let app = stage.app_with(&changes).await;
        let ready = app.get("/readyz").await.expect(200);
        assert_eq!(ready["redis"], state, "{url} {authority}");
        app.started().await;
        stage.stop(app).await;
    }
    // A stream of events there is trusted by the same authority.
    for (authority, is_sent) in [(authority(&signed), true), (authority(&other), false)] {
        let sink =
            json!([{ "name": "s", "kind": "redis_stream", "url": at("127.0.0.1"), "stream": "s" }]);
        let sink = sink.to_string();
        let changes = [("EVENTS__SINKS", &*sink), ("REDIS_CA_FILE", &authority)];
        let app = stage.app_with(&changes).await;
        app.started().await;
        app.gateway.notices().deliver_due_to_sinks().await.unwrap();
        let waiting = "SELECT count(*) FROM webhook_deliveries WHERE state = 'pending'";
        let waiting = peers::count(&stage.database_url, waiting).await;
        assert_eq!(waiting == 0, is_sent, "{waiting}");
        stage.stop(app).await;
    }
    let secret = "rediss://:sesame@127.0.0.1";
    let nowhere = [("REDIS_URL", secret), ("REDIS_CA_FILE", "/nowhere/ca.pem")];
    let said = failure(stage.try_app(&nowhere).await);
    assert!(
        said.starts_with("redis_ca_file: /nowhere/ca.pem: "),
        "{said}"
    );
    let key = signed.key.display().to_string();
    let no_certificate = [("REDIS_URL", secret), ("REDIS_CA_FILE", &key)];
    let said = failure(stage.try_app(&no_certificate).await);
    assert!(said.contains("holds no certificate"), "{said}");
}

async fn postgres_over_tls_is_trusted_by_its_authority(stage: Stage) {
    let Some(programs) = peers::postgres_folder() else {
        return;
    };
    let (folder, secrets) = (
        peers::folder(&stage, "postgres"),
        peers::folder(&stage, "tls"),
    );
    let signed = Certificates::make(&folder, "postgres");
    let other = Certificates::make(&secrets, "other");
    let data = folder.join("data");
    let mut initdb = peers::unprivileged(&format!("{programs}/initdb"), &folder);
    initdb.args(["-U", "postgres", "-A", "trust", "--no-sync", "-D"]);
    assert!(initdb.arg(&data).output().unwrap().status.success());
    std::fs::write(
        data.join("pg_hba.conf"),
        "hostssl all all 127.0.0.1/32 trust\n",
    )
    .unwrap();
    let port = crate::limits::free_port();
    let mut postgres = peers::unprivileged(&format!("{programs}/postgres"), &folder);
    postgres
        .arg("-D")
        .arg(&data)
        .args(["-p", &port.to_string()]);
    for setting in [
        "listen_addresses=127.0.0.1".to_owned(),
        "unix_socket_directories=".to_owned(),
        "fsync=off".to_owned(),
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", signed.certificate.display()),
        format!("ssl_key_file={}", signed.key.display()),
    ] {
        postgres.arg("-c").arg(setting);
    }
    let server = Peer::start(postgres, port).await;
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let named = format!("postgres://postgres@localhost:{port}/postgres");
    let (ours, theirs) = (
        signed.authority.display().to_string(),
        other.authority.display().to_string(),
    );
    // It listens before it takes connections.
    let changes = [
        ("DATABASE_URL", url.as_str()),
        ("DATABASE_CA_FILE", &ours),
        ("DATABASE_MAX_CONNECTIONS", "3"),
    ];
    let app = loop {
        match stage.try_app(&changes).await {
            Ok(app) => break app,
            Err(error) => assert!(error.to_string().contains("starting up"), "{error}"),
        }
    };
    // All at once: as many connections as there may be.
    let asked: Vec<_> = (0..30)
        .map(|_| {
            let client = stage.client(&app.base);
            tokio::spawn(async move { client.get("/readyz").await.expect(200) })
        })
        .collect();
    for answer in asked {
        assert_eq!(answer.await.unwrap()["database"], "postgres");
    }
    let ours_of =
        "FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE application_name = 'pinroute'";
    let unsecured = format!("{url}?sslmode=require");
    let all = peers::count(&unsecured, &format!("SELECT count(*) {ours_of}")).await;
    let secured = peers::count(&unsecured, &format!("SELECT count(*) {ours_of} AND ssl")).await;
    assert!(
        (1..=3).contains(&all) && secured == all,
        "{secured} of {all}"
    );
    stage.stop(app).await;
    for (url, authority) in [
        (&url, &theirs),
        (&format!("{url}?sslmode=verify-full"), &String::new()),
        (&named, &ours),
    ] {
        let changes = [
            ("DATABASE_URL", url.as_str()),
            ("DATABASE_CA_FILE", authority),
        ];
        let said = failure(stage.try_app(&changes).await);
        assert!(said.contains("ertificate"), "{url} {authority}: {said}");
    }
    drop(server);
}
