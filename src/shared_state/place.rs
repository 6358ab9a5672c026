//! Where Redis is: at an address, or where its sentinels say.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{
    Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisConnectionInfo,
    RedisError, TlsCertificates, cmd,
};
use futures_util::FutureExt;
use futures_util::future::select_ok;
use percent_encoding::percent_decode_str;

/// Written to see whether writes succeed.
pub(super) const PROBE: &str = "pinroute:probe";

/// The port of a sentinel that is named without one.
const SENTINEL_PORT: u16 = 26379;

#[derive(Clone)]
pub struct Place(Arc<Kind>);

enum Kind {
    At(Client),
    Watched {
        sentinels: Vec<Client>,
        master: String,
        /// The user, the password and the database.
        settings: RedisConnectionInfo,
        tls: Option<Authorities>,
    },
}

/// Certificate authorities (PEM); `None`: Mozilla's.
type Authorities = Option<Vec<u8>>;

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Place(…)")
    }
}

impl Place {
    /// Reads the URL of a Redis. The fault quotes no secret.
    pub fn read(url: &str, authorities: Option<Vec<u8>>) -> Result<Self, String> {
        let kind = if let Some((scheme, rest)) = url.split_once("+sentinel://") {
            let tls = (scheme == "rediss").then_some(authorities);
            watched(rest, tls)?
        } else {
            let info = url.into_connection_info().map_err(|_| {
                "must be redis://HOST:PORT, rediss:// for TLS, or redis+sentinel://HOST1:26379,HOST2:26379/MASTER; \
                 percent-encode a password"
            })?;
            let is_tls = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
            let client = open(info, is_tls.then_some(&authorities));
            Kind::At(client.map_err(|error| error.to_string())?)
        };
        Ok(Self(Arc::new(kind)))
    }

    /// How long a connection may take: longer where sentinels are asked, or certificates exchanged, first.
    pub(super) fn patience(&self) -> Duration {
        match &*self.0 {
            Kind::At(client) => match client.get_connection_info().addr() {
                ConnectionAddr::TcpTls { .. } => Duration::from_secs(1),
                _ => Duration::from_millis(250),
            },
            Kind::Watched { .. } => Duration::from_secs(1),
        }
    }

    /// Redis, or the one of several that is the master now.
    pub(super) async fn find(&self) -> Result<Client, RedisError> {
        match &*self.0 {
            Kind::At(client) => Ok(client.clone()),
            Kind::Watched {
                sentinels,
                master,
                settings,
                tls,
            } => {
                // The first that answers: one may be away.
                let asked = sentinels.iter().map(|one| ask(one, master).boxed());
                let ((host, port), _) = select_ok(asked).await?;
                let info = address(host, port, tls.is_some()).into_connection_info()?;
                open(info.set_redis_settings(settings.clone()), tls.as_ref())
            }
        }
    }

    /// Whether a write succeeds, and the version of the server.
    pub async fn examine(&self) -> Result<String, String> {
        let examine = async {
            let client = self.find().await?;
            let mut connection = client.get_multiplexed_async_connection().await?;
            let mut write = cmd("SET");
            write.arg(PROBE).arg(1).arg("EX").arg(60);
            write.query_async::<()>(&mut connection).await?;
            let told: String = cmd("INFO")
                .arg("server")
                .query_async(&mut connection)
                .await?;
            let version = told
                .lines()
                .find_map(|line| line.strip_prefix("redis_version:"));
            Ok::<_, RedisError>(version.unwrap_or("of an unknown version").trim().to_owned())
        };
        match tokio::time::timeout(Duration::from_secs(3), examine).await {
            Ok(told) => told.map_err(|error| error.to_string()),
            Err(_) => Err("no answer within 3 s".to_owned()),
        }
    }
}

/// Reads what follows `redis+sentinel://`: `USER:PASSWORD@HOST1:26379,HOST2:26379/MASTER/DB?sentinel_user=…&sentinel_password=…`.
fn watched(rest: &str, tls: Option<Authorities>) -> Result<Kind, String> {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (credentials, hosts) = hosts.rsplit_once('@').unwrap_or(("", hosts));
    let (master, database) = path.split_once('/').unwrap_or((path, ""));
    if master.is_empty() {
        let problem = "does not name the master that the sentinels watch; write redis+sentinel://HOST1:26379,HOST2:26379/MASTER";
        return Err(problem.to_owned());
    }
    let decoded = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded
            .map(String::from)
            .map_err(|_| "holds escapes that are not UTF-8".to_owned())
    };
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let mut settings = RedisConnectionInfo::default();
    let mut of_sentinels = RedisConnectionInfo::default();
    if !user.is_empty() {
        settings = settings.set_username(decoded(user)?);
    }
    if !password.is_empty() {
        settings = settings.set_password(decoded(password)?);
    }
    if !database.is_empty() {
        let number = database.parse().ok().filter(|number: &i64| *number >= 0);
        let number = number.ok_or("names a database that is not a number, such as …/MASTER/0")?;
        settings = settings.set_db(number);
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        of_sentinels = match pair.split_once('=') {
            Some(("sentinel_user", user)) => of_sentinels.set_username(decoded(user)?),
            Some(("sentinel_password", word)) => of_sentinels.set_password(decoded(word)?),
            _ => return Err("takes only ?sentinel_user=…&sentinel_password=…".to_owned()),
        };
    }
    let sentinel = |text: &str| {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                let port = port.parse().map_err(|_| {
                    "names a sentinel whose port is not a number from 1 to 65535".to_owned()
                })?;
                (host, port)
            }
            _ => (text, SENTINEL_PORT),
        };
        let host = host.trim_matches(['[', ']']);
        if host.is_empty() || port == 0 {
            return Err(
                "names a sentinel without a host; write HOST1:26379,HOST2:26379".to_owned(),
            );
        }
        let info = address(host.to_owned(), port, tls.is_some());
        let info = info
            .into_connection_info()
            .map_err(|error| error.to_string())?;
        let info = info.set_redis_settings(of_sentinels.clone());
        open(info, tls.as_ref()).map_err(|error| error.to_string())
    };
    let sentinels: Result<Vec<Client>, String> = hosts.split(',').map(sentinel).collect();
    Ok(Kind::Watched {
        sentinels: sentinels?,
        master: decoded(master)?,
        settings,
        tls,
    })
}

fn address(host: String, port: u16, tls: bool) -> ConnectionAddr {
    match tls {
        true => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        },
        false => ConnectionAddr::Tcp(host, port),
    }
}

/// `tls`: the authorities, of a connection with TLS.
fn open(info: ConnectionInfo, tls: Option<&Authorities>) -> Result<Client, RedisError> {
    let Some(authorities) = tls else {
        return Client::open(info);
    };
    let certificates = TlsCertificates {
        client_tls: None,
        root_cert: authorities.clone(),
    };
    Client::build_with_tls(info, certificates)
}

/// The master's address.
async fn ask(sentinel: &Client, master: &str) -> Result<(String, u16), RedisError> {
    let mut connection = sentinel.get_multiplexed_async_connection().await?;
    let mut question = cmd("SENTINEL");
    question.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
    let found: Option<(String, u16)> = question.query_async(&mut connection).await?;
    found.ok_or_else(|| {
        let problem = "the sentinels watch no master of this name";
        RedisError::from((ErrorKind::InvalidClientConfig, problem))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentinels_are_read_with_their_master_and_both_passwords() {
        let url = "redis+sentinel://app:p%40ss@one:1,two,[::1]:3/main/2?sentinel_user=s&sentinel_password=w";
        let place = Place::read(url, None).unwrap();
        let Kind::Watched {
            sentinels,
            master,
            settings,
            tls,
        } = &*place.0
        else {
            panic!("it names sentinels");
        };
        let addresses: Vec<String> = sentinels
            .iter()
            .map(|one| one.get_connection_info().addr().to_string())
            .collect();
        assert_eq!(addresses, ["one:1", "two:26379", "::1:3"]);
        assert_eq!(master, "main");
        assert_eq!(
            (settings.username(), settings.password(), settings.db()),
            (Some("app"), Some("p@ss"), 2)
        );
        let of_sentinel = sentinels[0].get_connection_info().redis_settings();
        assert_eq!(of_sentinel.username(), Some("s"));
        assert_eq!(of_sentinel.password(), Some("w"));
        assert!(tls.is_none());
        assert_eq!(format!("{place:?}"), "Place(…)");
    }

    #[test]
    fn a_fault_names_no_secret() {
        for url in [
            "http://u:topsecret@one",
            "redis+sentinel://u:topsecret@one",
            "redis+sentinel://u:topsecret@one:nought/main",
            "redis+sentinel://u:topsecret@one,/main",
            "redis+sentinel://u:topsecret@one/main/two",
            "redis+sentinel://one/main?password=topsecret",
            "redis://u:topsecret@one/two",
        ] {
            let fault = Place::read(url, None).unwrap_err();
            assert!(!fault.contains("topsecret"), "{fault}");
        }
    }
}
