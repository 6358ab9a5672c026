//! What files in the format MMDB say of an address: its autonomous system, and its country.
//!
//! A file is read whole and checked before it is used, so one that is cut off, or replaced by something else, leaves the one before in
//! use. Known layouts: the nested one of `GeoLite2` and DB-IP, and the flat one of `IPinfo`. To add a layout: its path in [`IpDatabase::look`].

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use maxminddb::{LookupResult, PathElement, Reader, path};
use serde::Deserialize;

use crate::verification::phone::Country;

/// What is known of an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// The number of its autonomous system.
    pub asn: Option<u32>,
    pub country: Option<Country>,
}

/// Files, in the order in which they are asked.
#[derive(Debug, Default)]
pub struct IpDatabase {
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    read: Option<Arc<Read>>,
    /// Of the last try to read it, whatever came of it.
    seen: Option<Stamp>,
}

/// Changes when a file does.
type Stamp = Option<(SystemTime, u64)>;

/// A file that was read.
#[derive(Debug)]
pub struct Read {
    reader: Reader<Vec<u8>>,
}

impl Read {
    /// Reads and checks a file, which may take a second; the error says what is wrong with it.
    pub fn open(path: &Path) -> Result<Self, String> {
        let bytes = fs::read(path).map_err(|error| {
            format!("cannot be read: {error}; correct the path, or the file's rights")
        })?;
        let broken = |error| format!("is not a whole MMDB file, download it again: {error}");
        let reader = Reader::from_source(bytes).map_err(broken)?;
        reader.verify().map_err(broken)?;
        Ok(Self { reader })
    }

    /// Its kind as its maker calls it, such as `GeoLite2-ASN`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.reader.metadata().database_type
    }

    /// When its maker built it.
    #[must_use]
    pub fn built_at(&self) -> DateTime<Utc> {
        let seconds = i64::try_from(self.reader.metadata().build_epoch);
        let built = seconds.ok().and_then(|at| DateTime::from_timestamp(at, 0));
        built.unwrap_or_default()
    }

    fn look(&self, ip: IpAddr) -> Network {
        // An IPv6 address in a file of IPv4.
        let Ok(row) = self.reader.lookup(ip) else {
            return Network::default();
        };
        if !row.has_data() {
            return Network::default();
        }
        let text = |path: &[PathElement<'_>]| at::<&str>(&row, path);
        let numbered = |text: &str| text.strip_prefix("AS").unwrap_or(text).parse().ok();
        let asn = at(&row, &path!["autonomous_system_number"])
            .or_else(|| text(&path!["asn"]).and_then(numbered));
        let country = text(&path!["country", "iso_code"])
            .or_else(|| text(&path!["country_code"]))
            .or_else(|| text(&path!["country"]));
        Network {
            asn,
            country: country.and_then(|code| code.parse().ok()),
        }
    }
}

/// `None`: there is nothing, or another layout has another type there.
fn at<'a, T: Deserialize<'a>>(
    row: &LookupResult<'a, Vec<u8>>,
    path: &[PathElement<'_>],
) -> Option<T> {
    row.decode_path(path).ok().flatten()
}

impl IpDatabase {
    /// Nothing is read before the first [`IpDatabase::refresh`].
    #[must_use]
    pub fn new(paths: &[PathBuf]) -> Self {
        let file = |path: &PathBuf| File {
            path: path.clone(),
            state: RwLock::default(),
        };
        Self {
            files: paths.iter().map(file).collect(),
        }
    }

    /// The first file that knows one of both says it.
    #[must_use]
    pub fn look(&self, ip: IpAddr) -> Network {
        let ip = ip.to_canonical();
        self.files.iter().fold(Network::default(), |found, file| {
            let Some(read) = file.read() else {
                return found;
            };
            let more = read.look(ip);
            Network {
                asn: found.asn.or(more.asn),
                country: found.country.or(more.country),
            }
        })
    }

    /// Reads the files that have changed. One that cannot be read leaves what was read before in use, and is tried again when it
    /// changes. Blocks.
    pub fn refresh(&self) {
        self.files.iter().for_each(File::refresh);
    }
}

impl File {
    fn lock(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> Option<Arc<Read>> {
        self.lock().read.clone()
    }

    fn refresh(&self) {
        let stamp = fs::metadata(&self.path)
            .and_then(|it| Ok((it.modified()?, it.len())))
            .ok();
        if self.lock().seen == Some(stamp) {
            return;
        }
        let opened = Read::open(&self.path);
        let path = self.path.display();
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.seen = Some(stamp);
        match opened {
            Ok(read) => {
                tracing::info!(%path, kind = read.kind(), built = %read.built_at().date_naive(), "guard.ip_database was read");
                state.read = Some(Arc::new(read));
            }
            Err(fault) => {
                let instead = match &state.read {
                    Some(_) => "what was read before stays in use",
                    None => "rules and list entries about networks do nothing",
                };
                tracing::error!(%path, %fault, "guard.ip_database cannot be used; {instead}");
            }
        }
    }
}
