//! What is kept about a number is found and erased at once.

use std::sync::Arc;

use pinroute::verification::id::VerificationId;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{CODE, DAY, LIMIT, approved, bytes_of, started, told};
use crate::guard::add;
use crate::on_both_engines;
use crate::projects::{instance, project};
use crate::stage::{Client, Engine, SMS, Stage, TestApp, UNLIMITED, word};
use crate::webhooks::{OPEN, admin, receiver, register, types};
use crate::world::Answer;

on_both_engines!(
    what_is_pending_is_canceled_and_all_is_erased,
    the_text_goes_too,
    a_repeat_under_an_old_key_is_not_found_and_sends_nothing,
    a_block_stays_as_a_hash_and_an_allowance_goes,
    a_project_erases_its_own,
    what_was_being_sent_is_booked_after_the_erasure,
    what_cannot_be_a_number_is_refused,
    nothing_is_left_in_the_file,
);

const FIND: &str = "/v1/subjects/find";
const ERASE: &str = "/v1/subjects/erase";

async fn app(stage: &Stage) -> TestApp {
    let any_address = ("DEFAULTS__LIMITS__PER_IP", "off");
    stage
        .app_with(&[SMS, LIMIT, OPEN, UNLIMITED, any_address])
        .await
}

async fn erase(client: &Client, number: &str) -> Value {
    let asked = json!({ "phone_number": number });
    client.post(ERASE, asked).await.expect(200)
}

async fn find(client: &Client, number: &str) -> Value {
    let asked = json!({ "phone_number": number });
    client.post(FIND, asked).await.expect(200)
}

async fn what_is_pending_is_canceled_and_all_is_erased(stage: Stage) {
    let app = app(&stage).await;
    let admin = admin(&app).await;
    let (number, other) = (stage.number(), stage.number());
    let past = approved(&app, &number).await;
    stage.advance(3 * DAY);
    app.gateway.move_to_past().await.unwrap();
    let hot = approved(&app, &number).await;
    let hook = receiver().await;
    register(&admin, &hook, &["*"]).await;
    stage.advance(1);
    let pending = started(&app, &number).await;
    let strangers = approved(&app, &other).await;
    let found = find(&admin, &number).await;
    let ids: Vec<&Value> = found["verifications"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| &v["verification"]["id"])
        .collect();
    assert_eq!(ids, [&pending["id"], &hot["id"], &past["id"]]);
    assert_eq!(found["phone_number"], number);

    let erased = erase(&admin, &number).await;
    let all = json!({ "verifications": 3, "canceled": 1, "decisions": 0, "list_entries": 0, "blocks": [] });
    assert_eq!(erased, all);
    app.settle(&pending["id"]).await;
    for (v, status) in [
        (&past, "approved"),
        (&hot, "approved"),
        (&pending, "canceled"),
    ] {
        let left = app.find(&v["id"]).await;
        assert_eq!(left["status"], status);
        for gone in ["phone_number", "payload"] {
            assert_eq!(left[gone], Value::Null, "{gone} of {status}");
        }
        assert_eq!(
            (&left["attempts"], &left["costs"]),
            (&v["attempts"], &v["costs"])
        );
    }
    app.check(&pending["id"], CODE)
        .await
        .problem(409, "verification_not_pending");
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    assert!(
        types(&hook).contains(&"verification.canceled".to_owned()),
        "{:?}",
        types(&hook)
    );
    assert_eq!(find(&admin, &number).await["verifications"], json!([]));
    // Somebody else's is as it was, and another erasure finds nothing.
    assert_eq!(app.find(&strangers["id"]).await, strangers);
    let nothing = json!({ "verifications": 0, "canceled": 0, "decisions": 0, "list_entries": 0, "blocks": [] });
    assert_eq!(erase(&admin, &number).await, nothing);
    // Ages that come later find nothing either.
    stage.advance(100 * DAY);
    app.gateway.move_to_past().await.unwrap();
    assert_eq!(app.gateway.apply_ages().await.unwrap(), 2, "the stranger's");
}

async fn the_text_goes_too(stage: Stage) {
    let templates = ("DEFAULTS__TEMPLATES", r#"{"en":"Dear friend, {code}"}"#);
    let app = stage.app_with(&[SMS, templates]).await;
    let admin = admin(&app).await;
    let number = stage.number();
    let v = app
        .start(json!({ "phone_number": number, "locale": "en" }))
        .await;
    let v = v.expect(201);
    app.settle(&v["id"]).await;
    let kept = find(&admin, &number).await["verifications"][0].clone();
    assert_eq!(kept["text"], "Dear friend, {code}");
    erase(&admin, &number).await;
    let id = VerificationId::from_uuid(word(&v["id"]).parse().unwrap());
    let left = stage.db.find(id).await.unwrap().unwrap();
    assert_eq!(left.record.wording.template, None);
}

async fn a_repeat_under_an_old_key_is_not_found_and_sends_nothing(stage: Stage) {
    let app = app(&stage).await;
    let admin = admin(&app).await;
    let number = stage.number();
    let first = app
        .post_once("/v1/verifications", "k1", told(&number))
        .await
        .expect(201);
    app.settle(&first["id"]).await;
    let check = format!("/v1/verifications/{}/check", word(&first["id"]));
    let checked = app
        .post_once(&check, "k2", json!({ "code": CODE }))
        .await
        .expect(200);
    assert!(checked["proof"].is_string());
    erase(&admin, &number).await;
    let sent = stage.sms.sends().len();
    app.post_once("/v1/verifications", "k1", told(&number))
        .await
        .problem(404, "verification_not_found");
    app.post_once(&check, "k2", json!({ "code": CODE }))
        .await
        .problem(404, "verification_not_found");
    assert_eq!(stage.sms.sends().len(), sent);
    // A new request is a new one.
    let again = app
        .post_once("/v1/verifications", "k3", told(&number))
        .await
        .expect(201);
    assert_ne!(again["id"], first["id"]);
}

async fn a_block_stays_as_a_hash_and_an_allowance_goes(stage: Stage) {
    let app = app(&stage).await;
    let (all, own) = (instance(&app).await, admin(&app).await);
    let number = stage.number();
    let entry =
        |kind: &str| json!({ "kind": kind, "match": "number", "value": number, "note": "why" });
    let block = add(&all, entry("block")).await;
    add(&own, entry("allow")).await;
    let found = find(&all, &number).await;
    assert_eq!(found["list_entries"].as_array().unwrap().len(), 2);
    let erased = erase(&all, &number).await;
    let mut left = block.clone();
    left["value"] = Value::Null;
    assert_eq!(erased["list_entries"], 1);
    assert_eq!(erased["blocks"], json!([left]));
    // It blocks as before, also after a restart, and says so when it is asked about.
    app.start(told(&number))
        .await
        .problem(403, "request_blocked");
    stage.stop(app).await;
    let app = self::app(&stage).await;
    let all = instance(&app).await;
    app.start(told(&number))
        .await
        .problem(403, "request_blocked");
    app.start(told(&stage.number())).await.expect(201);
    assert_eq!(find(&all, &number).await["list_entries"], json!([left]));
    assert_eq!(erase(&all, &number).await["blocks"], json!([left]));
    // It is known for what it is: nothing that says the contrary goes in beside it.
    let reply = all.post("/v1/guard/lists", entry("allow")).await;
    let problem = reply.problem(400, "invalid_request");
    assert!(
        problem.to_string().contains(word(&block["id"])),
        "{problem}"
    );
    // Who may be written to again is let go.
    let path = format!("/v1/guard/lists/{}", word(&block["id"]));
    all.send(all.request(reqwest::Method::DELETE, &path))
        .await
        .expect(204);
    app.start(told(&number)).await.expect(201);
}

async fn a_project_erases_its_own(stage: Stage) {
    let app = app(&stage).await;
    let number = stage.number();
    let mine = approved(&app, &number).await;
    let other = project(&app, "other", json!({})).await;
    let body = json!({ "phone_number": number, "code": CODE });
    let theirs = other.post("/v1/verifications", body).await.expect(201);
    app.settled(&theirs["id"]).await;
    let path = format!("/v1/verifications/{}", word(&theirs["id"]));
    let (own, all) = (admin(&app).await, instance(&app).await);
    assert_eq!(erase(&own, &number).await["verifications"], 1);
    assert_eq!(app.find(&mine["id"]).await["phone_number"], Value::Null);
    assert_eq!(other.get(&path).await.expect(200)["phone_number"], number);
    let named = |project: &str| json!({ "phone_number": number, "project": project });
    own.post(ERASE, named("other"))
        .await
        .problem(403, "forbidden");
    assert_eq!(
        all.post(ERASE, named("default")).await.expect(200)["verifications"],
        0
    );
    assert_eq!(
        all.post(FIND, named("other")).await.expect(200)["verifications"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        all.post(ERASE, named("other")).await.expect(200)["canceled"],
        1
    );
    assert_eq!(
        other.get(&path).await.expect(200)["phone_number"],
        Value::Null
    );
    // A key that may only verify may neither look nor erase.
    for path in [FIND, ERASE] {
        app.post(path, named("default"))
            .await
            .problem(403, "forbidden");
    }
}

async fn what_was_being_sent_is_booked_after_the_erasure(stage: Stage) {
    let app = app(&stage).await;
    let number = stage.number();
    let now = Arc::new(Notify::new());
    let taken = Answer::JsonAfter(Arc::clone(&now), json!({ "message_id": "sms-1" }));
    stage.sms.next_sends([taken]);
    let start = app.start(told(&number));
    let erased = async {
        stage.sms.fake.until_seen(1).await;
        let erased = erase(&admin(&app).await, &number).await;
        now.notify_one();
        erased
    };
    let (reply, erased) = tokio::join!(start, erased);
    assert_eq!(erased["canceled"], 1);
    let id = reply.body["id"].clone();
    let v = app.settle(&id).await;
    assert_eq!(
        (&v["status"], &v["phone_number"]),
        (&json!("canceled"), &Value::Null)
    );
    assert_eq!(v["attempts"][0]["status"], "sent");
    assert_eq!(app.ledger(&id).await.len(), 1, "the message is charged");
}

async fn what_cannot_be_a_number_is_refused(stage: Stage) {
    let app = app(&stage).await;
    let admin = admin(&app).await;
    for path in [FIND, ERASE] {
        for body in [
            json!({}),
            json!({ "phone_number": "12" }),
            json!({ "phone_number": 5 }),
        ] {
            let problem = admin.post(path, body).await;
            problem.problem(400, "invalid_request");
            assert_eq!(problem.pointers(), ["/phone_number"]);
        }
    }
}

/// Neither the number, encrypted or as an index, nor a hash that has to go, is in the file or in the log beside it.
async fn nothing_is_left_in_the_file(stage: Stage) {
    let app = app(&stage).await;
    let admin = admin(&app).await;
    let number = stage.number();
    // Enough rows that pages are split and merged.
    let mut ids = Vec::new();
    for place in 0..120 {
        let v = if place % 20 == 7 {
            let v = approved(&app, &number).await;
            ids.push(v["id"].clone());
            v
        } else {
            approved(&app, &stage.number()).await
        };
        if place == 60 {
            stage.advance(3 * DAY);
            app.gateway.move_to_past().await.unwrap();
        }
        assert!(v["id"].is_string());
    }
    ids.push(started(&app, &number).await["id"].clone());
    let mut gone: Vec<Vec<u8>> = Vec::new();
    for id in &ids {
        let columns = ["phone_index", "reuse_key", "sealed", "code_hash"];
        gone.extend(bytes_of(&stage, id, columns).await);
        let v = app.settled(id).await;
        let record = v.record;
        gone.extend(record.limit_keys.iter().map(|key| key.value.0.to_vec()));
        let requester = record.origin.unwrap().requester;
        gone.push(requester.user_agent.unwrap().0.to_vec());
    }
    let shared = gone.len();
    // Others have the same address and user: only what is this number's alone must be gone.
    let kept = approved(&app, &stage.number()).await;
    let record = app.settled(&kept["id"]).await.record;
    gone.retain(|bytes| {
        let requester = &record.origin.as_ref().unwrap().requester;
        *bytes != record.limit_keys[0].value.0 && *bytes != requester.user_agent.unwrap().0
    });
    assert!(gone.len() >= 4 * ids.len() && gone.len() < shared);
    if stage.engine == Engine::Sqlite {
        let file = files(&stage);
        assert!(
            gone.iter().all(|bytes| contains(&file, bytes)),
            "the search looks in the right place"
        );
    }
    assert_eq!(erase(&admin, &number).await["verifications"], ids.len());
    for id in &ids {
        let columns = ["phone_index", "reuse_key", "sealed", "code_hash"];
        let now = bytes_of(&stage, id, columns).await;
        assert!(now.iter().all(|bytes| !gone.contains(bytes)));
    }
    if stage.engine == Engine::Sqlite {
        let file = files(&stage);
        for bytes in &gone {
            assert!(!contains(&file, bytes), "{bytes:02x?} is left");
        }
        assert!(!contains(&file, &number.as_bytes()[1..]));
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The database, and the log beside it.
fn files(stage: &Stage) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(&stage.folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if ["pinroute.db", "pinroute.db-wal"].contains(&&*name) {
            all.extend(std::fs::read(path).unwrap());
        }
    }
    assert!(!all.is_empty());
    all
}
