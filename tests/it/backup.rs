//! `pinroute backup` and `pinroute restore`: a copy while the server runs, and that nothing is sent from the past.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};

use crate::on_both_engines;
use crate::program::{lines, program, run, run_well};
use crate::stage::{Engine, Stage, TestApp, word};
use crate::webhooks;
use crate::world::Answer;

on_both_engines!(
    a_backup_is_restored_and_nothing_is_sent_from_the_past,
    what_does_not_fit_is_refused,
    kills_leave_nothing_half_that_looks_whole,
);

/// An empty database to restore into, on the stage's engine.
struct Place {
    url: String,
    /// Of Postgres: the name of the database, and where it is created.
    database: Option<(String, String)>,
}

impl Place {
    async fn empty(stage: &Stage, name: &str) -> Self {
        if stage.engine == Engine::Sqlite {
            let url = format!("sqlite://{}/{name}.db", stage.folder.display());
            return Self {
                url,
                database: None,
            };
        }
        let (server, options) = stage.database_url.split_once('?').unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        let (_, schema) = options.rsplit_once("%3D").unwrap();
        let database = format!("{schema}_{name}");
        let place = Self {
            url: format!("{base}/{database}?{options}"),
            database: Some((database.clone(), server.to_owned())),
        };
        place
            .at(server, &format!("CREATE DATABASE {database}"))
            .await;
        let own = format!("{base}/{database}");
        place.at(&own, &format!("CREATE SCHEMA {schema}")).await;
        place
    }

    async fn at(&self, url: &str, sql: &str) {
        let mut connection = PgConnection::connect(url).await.unwrap();
        connection
            .execute(sqlx::AssertSqlSafe(sql.to_owned()))
            .await
            .unwrap();
        connection.close().await.unwrap();
    }

    async fn remove(self) {
        if let Some((name, server)) = &self.database {
            self.at(server, &format!("DROP DATABASE {name} WITH (FORCE)"))
                .await;
        } else {
            let _ = std::fs::remove_file(self.url.trim_start_matches("sqlite://"));
        }
    }

    fn file(&self) -> Option<PathBuf> {
        self.url.strip_prefix("sqlite://").map(PathBuf::from)
    }
}

fn restoring(stage: &Stage, url: &str, file: &Path) -> Command {
    let mut command = program(stage);
    command
        .env("PINROUTE_DATABASE_URL", url)
        .arg("restore")
        .arg(file);
    command
}

async fn restore(stage: &Stage, url: &str, file: &Path) -> Vec<String> {
    let output = run(restoring(stage, url, file)).await;
    assert_eq!(output.status.code(), Some(0), "{:?}", lines(&output.stderr));
    lines(&output.stdout)
}

/// Exit code and complaint of a restore that is refused.
async fn refused(command: Command) -> (Option<i32>, String) {
    let output = run(command).await;
    assert!(output.stdout.is_empty(), "{output:?}");
    (output.status.code(), lines(&output.stderr).join("\n"))
}

async fn backup(stage: &Stage, name: &str) -> PathBuf {
    let file = stage.folder.join(name);
    run_well(stage, &["backup", file.to_str().unwrap()]).await;
    file
}

/// Does all that is due, over two days.
async fn two_days_pass(app: &TestApp) {
    for seconds in [0, 20, 60, 3_600, 82_800, 86_400] {
        app.stage.advance(seconds);
        while app.gateway.verify().work_on_due(100).await.unwrap() > 0 {}
        app.gateway.notices().start_deliveries().await.unwrap();
        app.gateway.verify().start_reports().await.unwrap();
    }
}

/// The file is its owner's, and its manifest has the key's fingerprint.
async fn is_private_and_holds_no_key(app: &TestApp, file: &Path) {
    let bytes = std::fs::read(file).unwrap();
    let manifest = manifest(&bytes);
    assert_eq!(manifest["pinroute"], env!("CARGO_PKG_VERSION"));
    let newest = manifest["migration"].as_i64().unwrap();
    assert!(newest >= 17, "{manifest}");
    let keys = app.get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(manifest["key"], keys["keys"][0]["kid"]);
    let secret = app.stage.secret_key.as_bytes();
    assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

async fn a_backup_is_restored_and_nothing_is_sent_from_the_past(stage: Stage) {
    let app = stage
        .app_with(&[webhooks::OPEN, ("TELEGRAM__TIMEOUT", "5m")])
        .await;
    let admin = webhooks::admin(&app).await;
    let receiver = webhooks::receiver().await;
    let webhook = webhooks::register(&admin, &receiver, &["*"]).await;
    // Delivered and approved; sent, and an SMS follows if nothing is heard; being sent. Their webhook messages are due.
    let asked = json!({ "phone_number": stage.number(), "code": "424242" });
    let approved = app.start(asked).await.expect(201);
    app.check(&approved["id"], "424242").await.expect(200);
    app.settle(&approved["id"]).await;
    let started = json!({ "phone_number": stage.number() });
    let sent = app
        .client
        .post_once("/v1/verifications", "again", started)
        .await
        .expect(201);
    app.settle(&sent["id"]).await;
    let before_hang = stage.telegram.fake.seen().len();
    stage.telegram.next_sends([Answer::Hang]);
    let slow = json!({ "phone_number": stage.number(), "wait": 0 });
    let sending = app.start(slow).await.expect(201);
    stage.telegram.fake.until_seen(before_hang + 1).await;
    assert_eq!(sent["status"], "pending");
    let due = webhooks::deliveries(&admin, &webhook).await;
    assert!(
        !due.is_empty() && due.iter().all(|one| one["state"] == "pending"),
        "{due:?}"
    );

    let file = backup(&stage, "copy.backup").await;
    is_private_and_holds_no_key(&app, &file).await;
    let ids = [&approved["id"], &sent["id"], &sending["id"]];
    let mut booked = Vec::new();
    for id in ids {
        booked.push(app.ledger(id).await);
    }
    let budgets = admin.get("/v1/budgets").await.expect(200);
    stage.kill(app).await;
    let telegram = stage.telegram.sends().len();

    let place = Place::empty(&stage, "restored").await;
    let said = restore(&stage, &place.url, &file).await;
    assert!(said[0].starts_with("restored the state of "), "{said:?}");
    assert!(
        said[1].starts_with("ended 2 verifications that were open"),
        "{said:?}"
    );
    let messages = format!("gave up {} messages to webhooks", due.len());
    assert!(said[2].starts_with(&messages), "{said:?}");

    let changes = [("DATABASE_URL", place.url.as_str()), webhooks::OPEN];
    let app = stage.app_with(&changes).await;
    assert_eq!(app.find(&approved["id"]).await["status"], "approved");
    for id in [&sent["id"], &sending["id"]] {
        assert_eq!(app.find(id).await["status"], "expired");
    }
    let interrupted = &app.find(&sending["id"]).await["attempts"][0];
    assert_eq!(
        (&interrupted["status"], &interrupted["reason"]),
        (&json!("unknown"), &json!("interrupted"))
    );
    for (id, booked) in ids.iter().zip(&booked) {
        assert_eq!(app.ledger(id).await, *booked);
    }
    let admin = app.client.with_key(&admin.key);
    assert_eq!(admin.get("/v1/budgets").await.expect(200), budgets);
    for delivery in webhooks::deliveries(&admin, &webhook).await {
        assert_eq!(delivery["state"], "dead", "{delivery}");
    }
    // The idempotency key is forgotten: another body is no conflict.
    let other = json!({ "phone_number": stage.number() });
    app.client
        .post_once("/v1/verifications", "again", other)
        .await
        .expect(201);
    assert_eq!(stage.telegram.sends().len(), telegram + 1);
    let (asks, heard) = (reports_of_success(&stage), receiver.seen().len());
    let expected = booked[2].len() + 1;
    two_days_pass(&app).await;
    // What was being sent may have been: its estimate is charged once, as after any crash.
    app.settle(&sending["id"]).await;
    assert_eq!(app.ledger(&sending["id"]).await.len(), expected);
    app.settle(&sent["id"]).await;
    // Only of what was started since does anything go out.
    let sends = stage.telegram.sends();
    assert_eq!(sends.len(), telegram + 1, "{sends:?}");
    let texts = stage.sms.sends();
    assert!(texts.len() <= 1, "{texts:?}");
    for old in [&sent, &sending] {
        let number = word(&old["phone_number"]);
        assert!(!texts.iter().any(|text| text["to"] == number), "{texts:?}");
    }
    assert_eq!(reports_of_success(&stage), asks);
    assert!(stage.telegram.revokes().is_empty());
    for seen in &receiver.seen()[heard..] {
        let about = &seen.json()["data"];
        assert!(!ids.iter().any(|id| about["id"] == **id), "{about}");
    }
    stage.stop(app).await;
    place.remove().await;
}

/// Status requests that report a code.
fn reports_of_success(stage: &Stage) -> usize {
    let asks = stage.telegram.asks();
    asks.iter().filter(|ask| ask["code"].is_string()).count()
}

/// The second line of a backup.
fn manifest(bytes: &[u8]) -> Value {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    assert_eq!(lines.next().unwrap(), b"pinroute backup 1");
    serde_json::from_slice(lines.next().unwrap()).unwrap()
}

async fn what_does_not_fit_is_refused(stage: Stage) {
    let file = backup(&stage, "copy.backup").await;
    let bytes = std::fs::read(&file).unwrap();
    let place = Place::empty(&stage, "restored").await;
    let (code, said) = refused({
        let mut command = program(&stage);
        command.arg("backup").arg(&file);
        command
    })
    .await;
    assert!(code == Some(1) && said.contains("exists already"), "{said}");

    let (code, said) = refused(restoring(&stage, &stage.database_url, &file)).await;
    let not_empty = match stage.engine {
        Engine::Sqlite => "is not empty",
        Engine::Postgres => "into an empty database",
    };
    assert!(code == Some(1) && said.contains(not_empty), "{said}");

    let mut other = restoring(&stage, &place.url, &file);
    other.env(
        "PINROUTE_SECRET_KEY",
        "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=",
    );
    let (code, said) = refused(other).await;
    let key = manifest(&bytes)["key"].as_str().unwrap().to_owned();
    assert!(
        code == Some(2) && said.contains("secret_key: ") && said.contains(&key),
        "{said}"
    );

    let changed = |from: &str, to: &str| {
        let head = bytes
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .nth(1)
            .unwrap()
            .0;
        let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
        assert!(text.contains(from), "{text}");
        [text.replace(from, to).as_bytes(), &bytes[head..]].concat()
    };
    let migration = format!("\"migration\":{}", manifest(&bytes)["migration"]);
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for (name, changed, words) in [
        (
            "newer",
            changed(&migration, "\"migration\":9999"),
            "with migration 9999",
        ),
        (
            "format",
            changed("pinroute backup 1", "pinroute backup 2"),
            "a newer version of pinroute",
        ),
        ("flipped", flipped, "is damaged or not whole"),
        (
            "cut",
            bytes[..bytes.len() - 1].to_vec(),
            "is damaged or not whole",
        ),
        ("cut_more", bytes[..10].to_vec(), "is not a backup"),
        ("empty", Vec::new(), "is not a backup"),
    ] {
        let file = stage.folder.join(name);
        std::fs::write(&file, changed).unwrap();
        let (code, said) = refused(restoring(&stage, &place.url, &file)).await;
        assert!(code == Some(1) && said.contains(words), "{name}: {said}");
    }
    assert!(
        !place.file().is_some_and(|file| file.exists()),
        "nothing was restored"
    );
    restore(&stage, &place.url, &file).await;
    let (code, said) = refused(restoring(&stage, &place.url, &file)).await;
    assert!(code == Some(1) && said.contains(not_empty), "{said}");
    place.remove().await;
}

/// Starts a command and kills it after some time; returns whether it had ended by itself.
async fn killed(mut command: Command, after: std::time::Duration) -> bool {
    let mut child = command.spawn().unwrap();
    tokio::time::sleep(after).await;
    let ended = child
        .try_wait()
        .unwrap()
        .is_some_and(|status| status.success());
    let _ = child.kill();
    child.wait().unwrap();
    ended
}

async fn kills_leave_nothing_half_that_looks_whole(stage: Stage) {
    let app = stage.app().await;
    for _ in 0..20 {
        app.started().await;
    }
    stage.stop(app).await;
    // From the very beginning until it ends by itself, however slow the machine is.
    let moments =
        || (0..).map(|round| std::time::Duration::from_millis(10).mul_f64(1.4_f64.powi(round)));
    let mut whole = None;
    for (round, moment) in moments().enumerate() {
        let file = stage.folder.join(format!("{round}.backup"));
        let mut command = program(&stage);
        command.arg("backup").arg(&file);
        let ended = killed(command, moment).await;
        assert!(!ended || file.exists());
        if file.exists() {
            whole = Some(file);
        }
        if ended {
            break;
        }
    }
    let file = whole.unwrap();
    for (round, moment) in moments().enumerate() {
        let place = Place::empty(&stage, &format!("r{round}")).await;
        let ended = killed(restoring(&stage, &place.url, &file), moment).await;
        let is_there = place.file().is_none_or(|file| file.exists());
        if is_there {
            match stage.try_app(&[("DATABASE_URL", &place.url)]).await {
                Ok(app) => {
                    // Whole, or as empty as before.
                    let app = app.with_key(&stage.key);
                    let list = app.get("/v1/verifications?limit=100").await;
                    if list.status == 200 {
                        let list = list.expect(200);
                        let items = list["items"].as_array().unwrap();
                        assert_eq!(items.len(), 20);
                        assert!(items.iter().all(|v| v["status"] == "expired"), "{list}");
                    } else {
                        list.problem(401, "unauthorized");
                        assert!(!ended && stage.engine == Engine::Postgres);
                    }
                }
                Err(error) => assert!(
                    !ended && error.to_string().contains("did not end"),
                    "{error}"
                ),
            }
        } else {
            assert!(!ended);
        }
        if ended {
            // The apps of this round hold connections until the test ends.
            place.remove().await;
            break;
        }
        place.remove().await;
    }
}
