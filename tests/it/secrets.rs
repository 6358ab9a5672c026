//! No second copy of a secret: the database, lists and logs contain no codes or keys, and no phone number in the clear.

use pinroute::secret::fingerprint;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::on_both_engines;
use crate::program::{Server, program};
use crate::stage::{Client, Engine, Stage, word};
use crate::world::{TOKEN, error};

on_both_engines!(
    the_database_contains_no_plain_number_code_or_key,
    no_stored_hash_lets_a_number_or_a_code_be_guessed,
    no_response_list_timeline_or_ledger_contains_a_code,
    logs_contain_no_secret_at_any_level,
);

/// Long enough not to occur by chance.
const CODE: &str = "83920174";

/// A verification through Telegram and SMS, with a wrong and a right check, idempotency keys, a payload and a client
/// address.
async fn whole_story(app: &Client, number: &str) -> serde_json::Value {
    let body = json!({
        "phone_number": number, "code": CODE, "payload": "order 42",
        "client": { "ip": "203.0.113.7", "user_agent": "Mozilla" },
    });
    app.stage
        .telegram
        .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE")]);
    let v = app
        .post_once("/v1/verifications", "k1", body.clone())
        .await
        .expect(201);
    app.post_once("/v1/verifications", "k1", body)
        .await
        .expect(201);
    let check = format!("/v1/verifications/{}/check", word(&v["id"]));
    app.post_once(&check, "k2", json!({ "code": "83920175" }))
        .await
        .expect(200);
    let approved = app
        .post_once(&check, "k3", json!({ "code": CODE }))
        .await
        .expect(200);
    app.post_once(&check, "k3", json!({ "code": CODE }))
        .await
        .expect(200);
    approved
}

async fn the_database_contains_no_plain_number_code_or_key(stage: Stage) {
    let app = stage.app().await;
    let number = stage.number();
    let approved = whole_story(&app, &number).await;
    // A pending verification, whose code is still needed.
    let pending = stage.number();
    app.start(json!({ "phone_number": pending, "code": CODE }))
        .await
        .expect(201);
    let proof = word(&approved["proof"]).to_owned();
    let secrets = [
        &number[1..],
        &pending[1..],
        CODE,
        "83920175",
        "203.0.113.7",
        "Mozilla",
        &stage.key,
        TOKEN,
        &stage.secret_key,
        &proof,
    ];
    let stored = stored(&stage).await;
    let hex = |text: &str| {
        text.bytes()
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
    };
    // As Postgres prints bytes.
    let payload = ["order 42".to_owned(), hex("order 42")];
    assert!(
        payload
            .iter()
            .any(|text| contains(&stored, text.as_bytes()))
            && contains(&stored, b"pending"),
        "the search looks in the right place"
    );
    for secret in secrets {
        assert!(!contains(&stored, secret.as_bytes()), "{secret} is stored");
        let hex = hex(secret);
        assert!(
            !contains(&stored, hex.as_bytes()),
            "{secret} is stored as bytes"
        );
    }
}

/// There are few enough numbers and codes to try them all, so every stored hash of them must be keyed.
async fn no_stored_hash_lets_a_number_or_a_code_be_guessed(stage: Stage) {
    let app = stage.app().await;
    let number = stage.number();
    let start = json!({ "phone_number": number, "code": CODE });
    let started = app.post_once("/v1/verifications", &number, start.clone());
    let v = started.await.expect(201);
    let check = format!("/v1/verifications/{}/check", word(&v["id"]));
    let wrong = json!({ "code": "83920175" });
    app.post_once(&check, CODE, wrong.clone()).await.expect(200);
    let project = stage.project("default").await.0;
    let mut scoped = Vec::new();
    for (path, key) in [("/v1/verifications", number.as_str()), (&check, CODE)] {
        for project in [project, uuid::Uuid::nil()] {
            let mut text = project.as_bytes().to_vec();
            for part in [path, key] {
                text.extend_from_slice(&(part.len() as u64).to_be_bytes());
                text.extend_from_slice(part.as_bytes());
            }
            scoped.push(text);
        }
    }
    let bodies = [start, wrong].map(|body| body.to_string().into_bytes());
    let plain = [number.as_bytes(), &number.as_bytes()[1..], CODE.as_bytes()].map(<[u8]>::to_vec);
    let stored = stored(&stage).await;
    for guess in plain.iter().chain(&bodies).chain(&scoped) {
        let hash = fingerprint(guess);
        let hex = hash
            .iter()
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let found = contains(&stored, &hash) || contains(&stored, hex.as_bytes());
        assert!(
            !found,
            "a bare hash of {:?} is stored",
            String::from_utf8_lossy(guess)
        );
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The database's entire content: its files on SQLite, all rows as text on Postgres.
async fn stored(stage: &Stage) -> Vec<u8> {
    let mut all = Vec::new();
    if stage.engine == Engine::Sqlite {
        for entry in std::fs::read_dir(&stage.folder).unwrap() {
            let path = entry.unwrap().path();
            if path
                .file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("pinroute.db")
            {
                all.extend(std::fs::read(path).unwrap());
            }
        }
        return all;
    }
    let mut db = PgConnection::connect(&stage.database_url).await.unwrap();
    let tables = sqlx::query(
        "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()",
    );
    for table in tables.fetch_all(&mut db).await.unwrap() {
        let table: String = table.get(0);
        let rows = sqlx::query(AssertSqlSafe(format!("SELECT t::text FROM {table} t")))
            .fetch_all(&mut db)
            .await
            .unwrap();
        for row in rows {
            all.extend(row.get::<String, _>(0).into_bytes());
        }
    }
    db.close().await.unwrap();
    all
}

async fn no_response_list_timeline_or_ledger_contains_a_code(stage: Stage) {
    let app = stage.app().await;
    let number = stage.number();
    let approved = whole_story(&app, &number).await;
    let id = word(&approved["id"]).to_owned();
    for path in [
        format!("/v1/verifications/{id}"),
        "/v1/verifications".to_owned(),
        format!("/v1/verifications/{id}/events"),
        "/v1/ledger".to_owned(),
        "/v1/ledger?format=csv".to_owned(),
        "/metrics".to_owned(),
    ] {
        let reply = app.get(&path).await;
        assert_eq!(reply.status, 200);
        assert!(!reply.text.contains("8392017"), "{path}: {}", reply.text);
        assert!(
            path.starts_with("/v1/verifications") && !path.ends_with("events")
                || !reply.text.contains(&number[1..]),
            "{path}"
        );
    }
}

async fn logs_contain_no_secret_at_any_level(stage: Stage) {
    let mut command = program(&stage);
    command.env("PINROUTE_LOG__LEVEL", "pinroute=trace,debug");
    let server = Server::start(command).await;
    let app = stage.client(&server.base);
    let number = stage.number();
    let approved = whole_story(&app, &number).await;
    let callback = stage.sms.callback_path();
    let request = app
        .open_request(reqwest::Method::POST, &callback)
        .header("Content-Type", "application/json");
    app.send(request.body(r#"{"message_id":"m","status":"DELIVRD"}"#))
        .await
        .expect(200);
    // Errors are where secrets tend to leak into messages.
    let forged = format!("{callback}x");
    app.send(app.open_request(reqwest::Method::GET, &forged))
        .await
        .expect(401);
    app.start(json!({ "phone_number": format!("{number}x"), "code": CODE }))
        .await
        .expect(422);
    app.with_key("pin_someone_elses")
        .get("/v1/verifications")
        .await
        .expect(401);
    for broken in [
        crate::world::Answer::Text(500, CODE.to_owned()),
        crate::world::Answer::Cut,
    ] {
        stage.telegram.next_sends([broken.clone()]);
        stage.sms.next_sends([broken]);
        let body = json!({ "phone_number": stage.number(), "code": CODE });
        app.start(body).await.expect(201);
    }
    let log = server.log();
    assert_eq!(server.terminate().await, Some(0));
    assert!(log.len() > 10, "{log:?}");
    let mac = callback.rsplit_once('.').unwrap().1;
    let proof = word(&approved["proof"]);
    for secret in [
        &number[1..],
        CODE,
        "83920175",
        &stage.key,
        TOKEN,
        "sms-secret",
        mac,
        proof,
        "pin_someone_elses",
        "order 42",
    ] {
        let shown = log.iter().find(|line| line.contains(secret));
        assert_eq!(shown, None, "{secret} is logged");
    }
}
