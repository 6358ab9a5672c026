//! A bare server with the same promise as a create: two durable group commits of a row of 1 kB, in a table with one index,
//! and between them a request to the provider. It shows what the machine allows. This program starts itself as it.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::error::ErrorInternalServerError;
use actix_web::{App, HttpResponse, HttpServer, web};
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, Executor};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::client::{Connection, find, write_request};

pub const FLAG: &str = "--serve-ceiling";

/// Writes of one group, at most.
const GROUP: usize = 1_000;

/// What starts it.
pub fn command(
    listen: SocketAddr,
    database_url: &str,
    provider: SocketAddr,
) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["--bench", FLAG, &listen.to_string(), database_url])
        .arg(provider.to_string());
    Ok(command)
}

/// Serves until SIGTERM.
pub async fn serve(arguments: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let [listen, database_url, provider] = arguments else {
        return Err(format!("{FLAG} is for this program itself").into());
    };
    let provider = SocketAddr::from_str(provider)?;
    let store = Store::open(database_url).await?;
    let (writes, queue) = mpsc::unbounded_channel();
    tokio::spawn(write_groups(store, queue));
    let next_id = Arc::new(AtomicU64::new(0));
    let server = HttpServer::new(move || {
        // Each worker has connections of its own.
        let bare = web::Data::new(Bare {
            provider,
            idle: RefCell::default(),
            writes: writes.clone(),
            next_id: Arc::clone(&next_id),
        });
        App::new()
            .app_data(bare)
            .route("/readyz", web::get().to(|| async { "ready" }))
            .route("/v1/verifications", web::post().to(start))
    });
    server.shutdown_timeout(1).bind(listen)?.run().await?;
    Ok(())
}

struct Bare {
    provider: SocketAddr,
    idle: RefCell<Vec<Connection>>,
    writes: mpsc::UnboundedSender<Write>,
    next_id: Arc<AtomicU64>,
}

struct Write {
    id: Uuid,
    record: String,
    /// Otherwise the row exists.
    new: bool,
    durable: oneshot::Sender<()>,
}

impl Bare {
    /// Returns when the row is durable.
    async fn write(&self, id: Uuid, record: String, new: bool) -> actix_web::Result<()> {
        let (durable, written) = oneshot::channel();
        let write = Write {
            id,
            record,
            new,
            durable,
        };
        self.writes.send(write).map_err(ErrorInternalServerError)?;
        written.await.map_err(ErrorInternalServerError)
    }

    async fn send(&self, number: &str, id: Uuid) -> io::Result<u16> {
        let mut request = Vec::with_capacity(512);
        let text = "123456 is your code. It is valid for 10 minutes.";
        let body = format!(r#"{{"to":"{number}","text":"{text}","ref":"{id}"}}"#);
        write_request(&mut request, "POST", "/send", "", &body);
        let idle = self.idle.borrow_mut().pop();
        let mut connection = idle.unwrap_or_else(|| Connection::new(self.provider));
        let (status, _) = connection.send(&request).await?;
        self.idle.borrow_mut().push(connection);
        Ok(status)
    }
}

async fn start(bare: web::Data<Bare>, body: web::Bytes) -> actix_web::Result<HttpResponse> {
    let number = find(&body, b"+998").and_then(|begin| body.get(begin..begin + 13));
    let number = String::from_utf8_lossy(number.unwrap_or_default());
    let id = bare.next_id.fetch_add(1, Ordering::Relaxed);
    let id = Uuid::from_u128(1 << 100 | u128::from(id));
    bare.write(id, record(&number, 0), true).await?;
    let status = bare.send(&number, id).await?;
    bare.write(id, record(&number, status), false).await?;
    let answer = format!(r#"{{"id":"{id}","phone_number":"{number}","status":"pending"}}"#);
    Ok(HttpResponse::Created()
        .content_type("application/json")
        .body(answer))
}

/// A row of 1 kB.
fn record(number: &str, status: u16) -> String {
    format!(
        r#"{{"phone_number":"{number}","status":{status},"rest":"{:940}"}}"#,
        ""
    )
}

async fn write_groups(mut store: Store, mut queue: mpsc::UnboundedReceiver<Write>) {
    let mut group = Vec::with_capacity(GROUP);
    while queue.recv_many(&mut group, GROUP).await > 0 {
        if let Err(error) = store.write(&mut group).await {
            // Without a word to those who wait, they answer 500.
            eprintln!("{error}");
            group.clear();
        }
        for write in group.drain(..) {
            let _ = write.durable.send(());
        }
    }
}

enum Store {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Store {
    async fn open(url: &str) -> Result<Self, sqlx::Error> {
        if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(url)?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full);
            let mut connection = SqliteConnection::connect_with(&options).await?;
            let table = "CREATE TABLE bare (id TEXT PRIMARY KEY, record TEXT NOT NULL)";
            connection.execute(table).await?;
            return Ok(Self::Sqlite(connection));
        }
        let mut connection = PgConnection::connect(url).await?;
        let table =
            "CREATE TABLE bare (id UUID PRIMARY KEY, record TEXT NOT NULL) WITH (fillfactor = 70)";
        connection.execute(table).await?;
        Ok(Self::Postgres(connection))
    }

    /// Leaves in the group only whom to tell.
    async fn write(&mut self, group: &mut [Write]) -> Result<(), sqlx::Error> {
        let (mut new, mut old) = (Rows::default(), Rows::default());
        for write in group {
            let rows = if write.new { &mut new } else { &mut old };
            rows.ids.push(write.id);
            rows.records.push(std::mem::take(&mut write.record));
        }
        match self {
            Self::Sqlite(connection) => write_sqlite(connection, &new, &old).await,
            Self::Postgres(connection) => write_postgres(connection, &new, &old).await,
        }
    }
}

#[derive(Default)]
struct Rows {
    ids: Vec<Uuid>,
    records: Vec<String>,
}

impl Rows {
    fn json(&self) -> String {
        let rows: Vec<_> = self.ids.iter().zip(&self.records).collect();
        serde_json::json!(rows).to_string()
    }
}

async fn write_postgres(
    connection: &mut PgConnection,
    new: &Rows,
    old: &Rows,
) -> Result<(), sqlx::Error> {
    const WRITE: &str = "\
WITH new AS (INSERT INTO bare SELECT * FROM UNNEST($1::UUID[], $2::TEXT[]))
UPDATE bare SET record = old.record FROM UNNEST($3::UUID[], $4::TEXT[]) AS old (id, record) WHERE bare.id = old.id";
    sqlx::query(WRITE)
        .bind(&new.ids)
        .bind(&new.records)
        .bind(&old.ids)
        .bind(&old.records)
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_sqlite(
    connection: &mut SqliteConnection,
    new: &Rows,
    old: &Rows,
) -> Result<(), sqlx::Error> {
    const INSERT: &str = "INSERT INTO bare SELECT value ->> 0, value ->> 1 FROM json_each($1)";
    const UPDATE: &str = "\
UPDATE bare SET record = old.record
FROM (SELECT value ->> 0 AS id, value ->> 1 AS record FROM json_each($1)) AS old WHERE bare.id = old.id";
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for (rows, statement) in [(new, INSERT), (old, UPDATE)] {
        if !rows.ids.is_empty() {
            let query = sqlx::query(statement).bind(rows.json());
            query.execute(&mut *transaction).await?;
        }
    }
    transaction.commit().await
}
