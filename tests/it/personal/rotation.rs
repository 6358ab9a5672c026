//! A new secret key takes the place of an old one, which can then go.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pinroute::secret::random;
use serde_json::{Value, json};

use super::{CODE, DAY, LIMIT, approved, bytes_of};
use crate::guard::add;
use crate::on_both_engines;
use crate::program::{lines, program, run};
use crate::projects::instance;
use crate::stage::{SMS, Stage, TestApp, UNLIMITED, word};
use crate::webhooks::{OPEN, admin, is_signed, receiver, register};

on_both_engines!(
    after_a_rotation_everything_is_read_without_the_old_key,
    without_a_previous_key_there_is_nothing_to_rotate,
);

async fn app(stage: &Stage, keys: &[(&str, &str)]) -> TestApp {
    let mut changes = vec![SMS, OPEN, UNLIMITED, LIMIT];
    changes.extend(keys);
    stage.app_with(&changes).await
}

/// What the command says, with these keys.
async fn rotated(stage: &Stage, new: &str, previous: &str) -> Value {
    let mut command = program(stage);
    command
        .env("PINROUTE_SECRET_KEY", new)
        .env("PINROUTE_PREVIOUS_SECRET_KEYS", previous)
        .args(["secrets", "rotate", "--json"]);
    let output = run(command).await;
    assert_eq!(output.status.code(), Some(0), "{:?}", lines(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn after_a_rotation_everything_is_read_without_the_old_key(stage: Stage) {
    let old = app(&stage, &[]).await;
    let (number, gone, blocked) = (stage.number(), stage.number(), stage.number());
    let past = approved(&old, &number).await;
    let erased = approved(&old, &gone).await;
    let all = instance(&old).await;
    let forget = json!({ "phone_number": gone });
    all.post("/v1/subjects/erase", forget).await.expect(200);
    let entry = json!({ "kind": "block", "match": "number", "value": blocked });
    add(&all, entry.clone()).await;
    let forget = json!({ "phone_number": blocked });
    all.post("/v1/subjects/erase", forget).await.expect(200);
    let hook = receiver().await;
    let webhook = register(&admin(&old).await, &hook, &["*"]).await;
    stage.advance(3 * DAY);
    assert_eq!(old.gateway.move_to_past().await.unwrap(), 2);
    let hot = approved(&old, &number).await;
    let body = json!({ "phone_number": number, "code": "271828" });
    let pending = old.start(body).await.expect(201);
    old.settle(&pending["id"]).await;
    stage.stop(old).await;

    let new = STANDARD.encode(random::<32>());
    let previous = format!("[\"{}\"]", stage.secret_key);
    let keys = [
        ("SECRET_KEY", new.as_str()),
        ("PREVIOUS_SECRET_KEYS", previous.as_str()),
    ];
    let both = app(&stage, &keys).await;
    let columns = ["sealed", "phone_index", "code_hash", "packed"];
    let before = bytes_of(&stage, &past["id"], columns).await;
    let first = rotated(&stage, &new, &previous).await;
    assert_eq!(
        (&first["verifications"], &first["secrets"]),
        (&json!(4), &json!(1))
    );
    let after = bytes_of(&stage, &past["id"], columns).await;
    assert!(before[0] != after[0] && before[1] != after[1] && before[3] == after[3]);
    let again = rotated(&stage, &new, &previous).await;
    assert_eq!(
        (&again["verifications"], &again["secrets"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(again["needed_until"], first["needed_until"]);
    // The server has gone on meanwhile, with a verification that began before.
    both.check(&pending["id"], "000000").await.expect(200);
    stage.stop(both).await;

    let app = app(&stage, &keys[..1]).await;
    let checked = app.check(&pending["id"], "271828").await.expect(200);
    assert_eq!(checked["valid"], true);
    for v in [&past, &hot] {
        assert_eq!(app.find(&v["id"]).await, *v);
    }
    let left = app.find(&erased["id"]).await;
    assert_eq!(
        (&left["status"], &left["phone_number"]),
        (&json!("approved"), &Value::Null)
    );
    let path = format!(
        "/v1/verifications?phone_number={}",
        number.replace('+', "%2B")
    );
    let found = app.get(&path).await.expect(200);
    assert_eq!(found["items"].as_array().unwrap().len(), 3);
    let body = json!({ "phone_number": blocked, "code": CODE });
    app.start(body).await.problem(403, "request_blocked");
    app.gateway.notices().deliver_due_webhooks().await.unwrap();
    let newest = hook.seen().pop().unwrap();
    assert!(
        is_signed(&newest, &webhook["secret"]),
        "{}",
        word(&webhook["id"])
    );
}

async fn without_a_previous_key_there_is_nothing_to_rotate(stage: Stage) {
    stage.stop(stage.app().await).await;
    let mut command = program(&stage);
    command.args(["secrets", "rotate"]);
    let output = run(command).await;
    assert_eq!(output.status.code(), Some(2));
    let said = lines(&output.stderr).join("\n");
    assert!(said.contains("previous_secret_keys: is empty"), "{said}");
}
