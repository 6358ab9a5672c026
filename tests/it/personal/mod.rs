//! Personal data: what passes its age goes, and so does what a person asks to erase; the accounts stay.

mod ages;
mod command;
mod rotation;
mod subjects;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::stage::{Engine, Stage, TestApp};

pub const CODE: &str = "314159";
pub const DAY: u64 = 86_400;
/// A limit of the site's own.
pub const LIMIT: (&str, &str) = ("DEFAULTS__LIMITS__KEYS", r#"{"user_id":["500/1d"]}"#);

/// A start that leaves behind as much as one can.
pub fn told(number: &str) -> Value {
    json!({
        "phone_number": number, "code": CODE, "payload": "order 42", "locale": "ru", "limit_keys": { "user_id": "u-17" },
        "client": { "ip": "203.0.113.7", "user_agent": "Mozilla" },
    })
}

pub async fn started(app: &TestApp, number: &str) -> Value {
    let v = app.start(told(number)).await.expect(201);
    app.settle(&v["id"]).await
}

pub async fn approved(app: &TestApp, number: &str) -> Value {
    let v = started(app, number).await;
    app.check(&v["id"], CODE).await.expect(200);
    app.settle(&v["id"]).await
}

/// The bytes of some columns of a verification's row, wherever it is.
pub async fn bytes_of(stage: &Stage, id: &Value, columns: [&str; 4]) -> [Vec<u8>; 4] {
    let id = stage.literal(id.as_str().unwrap().parse().unwrap());
    let columns = columns.join(", ");
    let sql = AssertSqlSafe(format!(
        "SELECT {columns} FROM verifications WHERE id = {id} UNION ALL SELECT {columns} FROM past_verifications WHERE id = {id}"
    ));
    let (one, two, three, four): (Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>) = match stage.engine {
        Engine::Sqlite => {
            let connection = SqliteConnection::connect(&stage.database_url);
            let mut connection = connection.await.unwrap();
            sqlx::query_as(sql)
                .fetch_one(&mut connection)
                .await
                .unwrap()
        }
        Engine::Postgres => {
            let connection = PgConnection::connect(&stage.database_url);
            let mut connection = connection.await.unwrap();
            sqlx::query_as(sql)
                .fetch_one(&mut connection)
                .await
                .unwrap()
        }
    };
    [one, two, three, four]
}
