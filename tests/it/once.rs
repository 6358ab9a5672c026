//! What `Idempotency-Key` promises for everything that is made: the effect and its record are one change, so that a crash between
//! them leaves neither, and a repeat makes nothing twice.

use serde_json::{Value, json};

use crate::on_both_engines;
use crate::stage::{Engine, Stage, word};

on_both_engines!(
    an_effect_whose_record_cannot_be_written_is_not_made,
    a_repeat_answers_again_and_makes_nothing,
);

/// From now on no request can be completed.
async fn refuse_completion(stage: &Stage) {
    stage
        .run_sql(match stage.engine {
            Engine::Postgres => {
                "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION 'refused'; END $$; \
                 CREATE TRIGGER refuse BEFORE UPDATE ON idempotency FOR EACH ROW EXECUTE FUNCTION refuse()"
            }
            Engine::Sqlite => {
                "CREATE TRIGGER refuse BEFORE UPDATE ON idempotency BEGIN SELECT RAISE(ABORT, 'refused'); END"
            }
        })
        .await;
}

async fn allow_completion(stage: &Stage) {
    let statement = match stage.engine {
        Engine::Postgres => "DROP TRIGGER refuse ON idempotency",
        Engine::Sqlite => "DROP TRIGGER refuse",
    };
    stage.run_sql(statement).await;
}

/// Each address that makes or changes something, a body for it, and where the result is listed.
fn requests(webhook: &str) -> Vec<(String, Value, String)> {
    let secret_of = |id: &str| format!("/v1/webhooks/{id}");
    vec![
        (
            "/v1/projects".to_owned(),
            json!({ "name": "shop" }),
            "/v1/projects".to_owned(),
        ),
        (
            "/v1/keys".to_owned(),
            json!({ "scopes": ["verify"] }),
            "/v1/keys".to_owned(),
        ),
        (
            "/v1/webhooks".to_owned(),
            json!({ "url": "http://127.0.0.1:9/new", "events": ["*"] }),
            "/v1/webhooks".to_owned(),
        ),
        (
            format!("/v1/webhooks/{webhook}/rotate"),
            Value::Null,
            secret_of(webhook),
        ),
    ]
}

/// Without the times at which keys were used.
fn seen(list: &Value) -> Value {
    let mut list = list.clone();
    for item in list["items"].as_array_mut().into_iter().flatten() {
        item["last_used_at"] = Value::Null;
    }
    list
}

async fn an_effect_whose_record_cannot_be_written_is_not_made(stage: Stage) {
    let app = stage.app_with(&[("WEBHOOKS__ALLOW_PRIVATE", "true")]).await;
    let admin = app.with_key(&stage.new_key(None, "admin").await);
    let hook = json!({ "url": "http://127.0.0.1:9/hook", "events": ["*"] });
    let hook = admin.post("/v1/webhooks", hook).await.expect(201);
    for (path, body, list) in requests(word(&hook["id"])) {
        let before = seen(&admin.get(&list).await.expect(200));
        refuse_completion(&stage).await;
        let refused = admin.post_once(&path, "k", body.clone()).await;
        refused.problem(503, "service_unavailable");
        allow_completion(&stage).await;
        let after = seen(&admin.get(&list).await.expect(200));
        assert_eq!(after, before, "{path}");
        let made = admin.post_once(&path, "k", body).await;
        assert!(matches!(made.status, 200 | 201), "{path}: {}", made.text);
    }
}

async fn a_repeat_answers_again_and_makes_nothing(stage: Stage) {
    let app = stage.app_with(&[("WEBHOOKS__ALLOW_PRIVATE", "true")]).await;
    let admin = app.with_key(&stage.new_key(None, "admin").await);
    let hook = json!({ "url": "http://127.0.0.1:9/hook", "events": ["*"] });
    let hook = admin.post("/v1/webhooks", hook).await.expect(201);
    for (path, body, list) in requests(word(&hook["id"])) {
        let first = admin.post_once(&path, "k", body.clone()).await;
        assert!(matches!(first.status, 200 | 201), "{path}: {}", first.text);
        let after = seen(&admin.get(&list).await.expect(200));
        let again = admin.post_once(&path, "k", body).await;
        assert_eq!(
            (again.status, seen(&again.body)),
            (first.status, seen(&first.body)),
            "{path}"
        );
        assert_eq!(seen(&admin.get(&list).await.expect(200)), after, "{path}");
    }
}
