//! Sinks: where the operator has all events sent, in the format of [`event`]. A stream in Redis ([`Stream`]) or a file ([`file`]), as
//! configured ([`settings`]).
//!
//! To add a kind: a variant of [`settings::Target`] with its keys, one of [`Out`], and an arm in each `match` here.

pub mod event;
pub mod file;
pub mod settings;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use event::{About, cloud_event};
use file::EventFile;
pub use settings::{Numbers, Settings, Target};

use super::wants;
use crate::shared_state::{Place, Stream};

/// Time limit for a batch.
pub const LIMIT: Duration = Duration::from_secs(5);

/// A sink, ready to take events.
#[derive(Debug)]
pub struct Sink {
    pub id: Uuid,
    pub name: String,
    pub numbers: Numbers,
    /// Comma-separated types, or `*`.
    events: String,
    out: Out,
}

#[derive(Debug)]
enum Out {
    Stream(Box<Stream>),
    File(Arc<EventFile>),
}

impl Sink {
    /// Opens nothing yet. `authorities`: the certificate authorities (PEM) that a Redis is trusted by; `None`: the usual ones.
    pub fn new(settings: &Settings, authorities: Option<&[u8]>) -> Result<Self, String> {
        let out = match &settings.target {
            Target::RedisStream {
                url,
                stream,
                max_len,
            } => {
                let place = Place::read(url.expose(), authorities.map(<[u8]>::to_vec))?;
                let stream = Stream::new(place, stream, *max_len, LIMIT);
                Out::Stream(Box::new(stream))
            }
            Target::File(file) => Out::File(Arc::new(EventFile::new(file.clone()))),
        };
        Ok(Self {
            id: id_of(&settings.name),
            name: settings.name.clone(),
            numbers: settings.numbers,
            events: settings.events.clone(),
            out,
        })
    }

    #[must_use]
    pub fn wants(&self, kind: &str) -> bool {
        wants(&self.events, kind)
    }

    /// Appends all of these, in this order. After an error some, or all, may be there all the same.
    pub async fn append(&self, texts: Vec<String>, now: DateTime<Utc>) -> Result<(), String> {
        self.within(async {
            match &self.out {
                Out::Stream(stream) => stream.append(&texts).await,
                Out::File(file) => {
                    let file = Arc::clone(file);
                    blocking(move || file.append(&texts, now)).await
                }
            }
        })
        .await
    }

    /// Whether events could be appended now. It writes none.
    pub async fn probe(&self) -> Result<(), String> {
        self.within(async {
            match &self.out {
                Out::Stream(stream) => stream.probe().await,
                Out::File(file) => {
                    let path = file.path().to_owned();
                    blocking(move || file::check(&path)).await
                }
            }
        })
        .await
    }

    async fn within(&self, work: impl Future<Output = Result<(), String>>) -> Result<(), String> {
        let late = |_| Err(format!("no answer within {} s", LIMIT.as_secs()));
        tokio::time::timeout(LIMIT, work).await.unwrap_or_else(late)
    }
}

/// The id of a sink's messages: the same on every replica, and after a change of all but its name.
#[must_use]
pub fn id_of(name: &str) -> Uuid {
    let hash = digest(&SHA256, format!("pinroute sink {name}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_ref()[..16]);
    // RFC 9562, section 5.8: a hash of one's own.
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// A disk may hang.
async fn blocking(
    work: impl FnOnce() -> Result<(), String> + Send + 'static,
) -> Result<(), String> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sinks_id_is_its_names() {
        assert_eq!(id_of("audit"), id_of("audit"));
        assert_ne!(id_of("audit"), id_of("audits"));
        assert_eq!(id_of("audit").get_version_num(), 8);
    }
}
