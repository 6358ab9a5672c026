//! A stream in a Redis of its own, to which events are appended. It is no shared state: nothing here reads it.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{AsyncConnectionConfig, RedisError, cmd, pipe};

use super::Place;

/// The name of the field that holds an entry's text.
const FIELD: &str = "event";

/// A stream and the connection to it, which is opened when it is needed.
pub struct Stream {
    place: Place,
    name: String,
    /// Older entries are dropped beyond about so many.
    max_len: u64,
    /// For an answer, and for a connection.
    limit: Duration,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Stream {
    /// Connects to nothing yet.
    pub fn new(place: Place, name: &str, max_len: u64, limit: Duration) -> Self {
        Self {
            place,
            name: name.to_owned(),
            max_len,
            limit,
            connection: Mutex::default(),
        }
    }

    /// Appends all texts in this order, or none. After an error without an answer, they may be there all the same.
    pub async fn append(&self, texts: &[String]) -> Result<(), String> {
        let mut all = pipe();
        all.atomic();
        for text in texts {
            all.cmd("XADD")
                .arg(&self.name)
                .arg("MAXLEN")
                .arg("~")
                .arg(self.max_len)
                .arg("*")
                .arg(FIELD)
                .arg(text)
                .ignore();
        }
        let mut connection = self.connected().await?;
        let answer = all.query_async::<()>(&mut connection).await;
        self.answered(connection, answer)
    }

    /// Whether entries could be appended now: it trims the stream, as each entry does.
    pub async fn probe(&self) -> Result<(), String> {
        let mut connection = self.connected().await?;
        let trim = cmd("XTRIM")
            .arg(&self.name)
            .arg("MAXLEN")
            .arg("~")
            .arg(self.max_len)
            .query_async::<u64>(&mut connection)
            .await;
        self.answered(connection, trim.map(drop))
    }

    /// Takes the connection. It is kept only when it has answered without an error: else it may lead to a replica by now, or hang.
    async fn connected(&self) -> Result<MultiplexedConnection, String> {
        if let Some(connection) = self.connection().take() {
            return Ok(connection);
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.limit))
            .set_response_timeout(Some(self.limit));
        let open = async {
            let client = self.place.find().await?;
            client
                .get_multiplexed_async_connection_with_config(&config)
                .await
        };
        open.await.map_err(|error| said(&error))
    }

    fn answered(
        &self,
        connection: MultiplexedConnection,
        answer: Result<(), RedisError>,
    ) -> Result<(), String> {
        answer.map_err(|error| said(&error))?;
        *self.connection() = Some(connection);
        Ok(())
    }

    fn connection(&self) -> MutexGuard<'_, Option<MultiplexedConnection>> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// It names neither the URL nor what was sent.
fn said(error: &RedisError) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    error.to_string().chars().take(200).collect()
}
