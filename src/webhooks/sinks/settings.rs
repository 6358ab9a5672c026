//! `[events]`: the sinks, and how long messages to them are tried.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use crate::reader::{Checked, Field, Reader, Secret, all, nearest, optional, quote, url};
use crate::shared_state::Place;
use crate::webhooks::{ALL, TYPES};

const NAME_LENGTH: usize = 32;
const KINDS: [&str; 2] = ["redis_stream", "file"];
const MAX_LEN: u64 = 100_000;
const ROTATE_MIB: u64 = 100;
const KEEP: usize = 10;
const AGES: std::ops::RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(720);

/// `[events]`.
#[derive(Clone, Debug)]
pub struct Events {
    pub sinks: Vec<Settings>,
    /// After which a message that no sink has taken is given up.
    pub outbox_max_age: Duration,
}

/// One of `[[events.sinks]]`.
#[derive(Clone, Debug)]
pub struct Settings {
    pub name: String,
    /// Comma-separated types, or `*`.
    pub events: String,
    pub numbers: Numbers,
    pub target: Target,
}

/// How phone numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    Masked,
    Full,
}

#[derive(Clone, Debug)]
pub enum Target {
    RedisStream {
        url: Secret,
        stream: String,
        max_len: u64,
    },
    File(FileSettings),
}

#[derive(Clone, Debug)]
pub struct FileSettings {
    pub path: PathBuf,
    /// `None`: its size does not matter.
    pub rotate_at: Option<u64>,
    pub rotate_daily: bool,
    /// Older files that are kept.
    pub keep: usize,
}

impl Numbers {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Masked => "masked",
            Self::Full => "full",
        }
    }
}

impl Target {
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RedisStream { .. } => "redis_stream",
            Self::File(_) => "file",
        }
    }

    /// The Redis that it needs.
    #[must_use]
    pub fn redis_url(&self) -> Option<&Secret> {
        match self {
            Self::RedisStream { url, .. } => Some(url),
            Self::File(_) => None,
        }
    }

    /// Where it is, without a password.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::RedisStream { url, stream, .. } => {
                format!("{} {stream}", url::redact(url.expose()))
            }
            Self::File(file) => file.path.display().to_string(),
        }
    }
}

/// Reads `[events]`.
pub fn read(mut table: Reader<'_>) -> Checked<Events> {
    let outbox_max_age = table
        .get("outbox_max_age")
        .and_then(|field| field.span(AGES));
    let items = optional(table.find("sinks"), Field::items);
    table.finish();
    let mut taken = Taken::default();
    let sinks = items?.unwrap_or_default();
    let sinks = all(sinks.into_iter().map(|item| sink(item, &mut taken)));
    Ok(Events {
        sinks: sinks?,
        outbox_max_age: outbox_max_age?,
    })
}

/// What only one sink can have.
#[derive(Default)]
struct Taken {
    names: BTreeSet<String>,
    paths: BTreeSet<String>,
}

fn sink(field: Field<'_>, taken: &mut Taken) -> Checked<Settings> {
    let mut table = field.table()?;
    let name = table
        .get("name")
        .and_then(|field| field.parsed(|text| name(text, &mut taken.names)));
    let events = optional(table.find("events"), events);
    let choices = [("masked", Numbers::Masked), ("full", Numbers::Full)];
    let numbers = optional(table.find("numbers"), |field| field.choice(&choices));
    let kind = table.get("kind").and_then(|field| field.parsed(kind));
    // Without the kind it is not known which other keys belong here.
    let target = match kind? {
        "file" => file(&mut table, &mut taken.paths).map(Target::File),
        _ => redis_stream(&mut table),
    };
    table.finish();
    Ok(Settings {
        name: name?,
        events: events?.unwrap_or_else(|| ALL.to_owned()),
        numbers: numbers?.unwrap_or(Numbers::Masked),
        target: target?,
    })
}

fn name(text: &str, taken: &mut BTreeSet<String>) -> Result<String, String> {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    if text.is_empty() || text.len() > NAME_LENGTH || !text.bytes().all(letter) {
        return Err(format!(
            "{} is not a name: 1 to {NAME_LENGTH} of a-z, 0-9, _ and -",
            quote(text)
        ));
    }
    if !taken.insert(text.to_owned()) {
        return Err(format!(
            "`{text}` is the name of an earlier sink; names are unique"
        ));
    }
    Ok(text.to_owned())
}

fn kind(text: &str) -> Result<&'static str, String> {
    let known = KINDS.into_iter().find(|kind| *kind == text);
    known.ok_or_else(|| {
        format!(
            "{} is not a kind of sink; known: {}{}",
            quote(text),
            KINDS.join(", "),
            near(text, &KINDS)
        )
    })
}

/// A list of types; `*` alone is all.
fn events(field: Field<'_>) -> Checked<String> {
    let one = |text: &str| {
        if text == ALL || TYPES.contains(&text) {
            return Ok(text.to_owned());
        }
        Err(format!(
            "{} is not a type of event; docs/webhooks.md lists them{}",
            quote(text),
            near(text, &TYPES)
        ))
    };
    let (path, report) = (field.path.clone(), field.report);
    let items = field.items()?.into_iter().map(|item| item.parsed(one));
    let wanted = all(items)?;
    if wanted.is_empty() {
        return Err(report.fault(path, "is empty; leave it out for all events"));
    }
    Ok(wanted.join(","))
}

fn near(text: &str, known: &[&str]) -> String {
    nearest(text, known.iter().copied())
        .map(|near| format!("; did you mean `{near}`?"))
        .unwrap_or_default()
}

fn redis_stream(table: &mut Reader<'_>) -> Checked<Target> {
    let address = table.secret("url").and_then(|secret| {
        let secret = secret.ok_or_else(|| {
            table.fault(
                "url",
                "is missing; write redis://HOST:6379, rediss:// for TLS, or redis+sentinel://HOST1,HOST2/MASTER",
            )
        })?;
        let place = Place::read(secret.expose(), None);
        place.map_err(|problem| table.fault("url", problem))?;
        url::warn_of_example(table.report, &table.path("url"), secret.expose());
        Ok(secret)
    });
    let stream = table.get("stream").and_then(|field| {
        field.parsed(|text| {
            let fits = (1..=512).contains(&text.len()) && !text.chars().any(char::is_control);
            fits.then(|| text.to_owned())
                .ok_or("must be a key of 1 to 512 bytes, without control characters")
        })
    });
    let max_len = optional(table.find("max_len"), |field| {
        field.whole(1..=10_000_000_000)
    });
    Ok(Target::RedisStream {
        url: address?,
        stream: stream?,
        max_len: max_len?.unwrap_or(MAX_LEN),
    })
}

fn file(table: &mut Reader<'_>, taken: &mut BTreeSet<String>) -> Checked<FileSettings> {
    let path = table.get("path").and_then(|field| {
        field.parsed(|text| {
            if text.is_empty() || text.ends_with('/') {
                return Err(format!(
                    "{} names no file; write the file's path, such as /var/log/pinroute/events.jsonl",
                    quote(text)
                ));
            }
            if !taken.insert(text.to_owned()) {
                return Err(format!("{} is the file of an earlier sink", quote(text)));
            }
            Ok(PathBuf::from(text))
        })
    });
    let rotate_mib = optional(table.find("rotate_mib"), |field| {
        field.whole::<u64>(0..=1_048_576)
    });
    let rotate_daily = optional(table.find("rotate_daily"), Field::flag);
    let keep = optional(table.find("keep"), |field| field.whole(1..=10_000));
    let rotate_mib = rotate_mib?.unwrap_or(ROTATE_MIB);
    Ok(FileSettings {
        path: path?,
        rotate_at: (rotate_mib > 0).then_some(rotate_mib << 20),
        rotate_daily: rotate_daily?.unwrap_or(false),
        keep: keep?.unwrap_or(KEEP),
    })
}
