//! How Postgres is reached: pools for the server, for commands and for migrations, and the settings of their connections.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{PgPool, Row};

/// How long a statement waits for a connection or for SQLite's write lock before it fails.
pub(in crate::storage) const PATIENCE: Duration = Duration::from_secs(3);
/// On Postgres, which may be away: callers get an error within two seconds.
const SHORT_PATIENCE: Duration = Duration::from_millis(1_500);

/// Every statement finds its rows by an index. Without statistics, or with old ones, the planner prefers to scan a young table,
/// and caches that plan as the table grows: measured, five times the cost per change.
const PLANS: [(&str, &str); 5] = [
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("jit", "off"),
];

/// A Postgres server and how it is used.
#[derive(Clone)]
pub struct Postgres {
    /// Password included.
    pub url: String,
    /// Past a pooler, for migrations.
    pub migrate_url: Option<String>,
    pub max_connections: u32,
    /// Of the server's statements; zero: no limit.
    pub statement_timeout: Duration,
    /// Certificate authorities (PEM).
    pub authorities: Option<Vec<u8>>,
    pub pooler: Pooler,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Postgres(…)")
    }
}

/// What is between this program and Postgres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooler {
    None,
    /// A connection to it has a connection to Postgres for its whole life.
    Session,
    /// For a transaction only: settings of a connection would reach others.
    Transaction,
}

/// What a pool is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage) enum Purpose {
    Serve,
    /// A command, whose statements take the time that they take.
    Administer,
    Migrate,
}

/// A setting that a role must have, since connections cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSetting {
    pub name: &'static str,
    pub wanted: String,
    /// As Postgres shows it; empty if it does not know the name.
    pub found: String,
}

/// A role's settings, and what sets those that it lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSettings {
    pub settings: Vec<RoleSetting>,
    /// One statement for each setting, whether it is there or not.
    pub statements: Vec<String>,
}

impl RoleSettings {
    /// Those that differ.
    pub fn lacking(&self) -> impl Iterator<Item = &RoleSetting> {
        let settings = self.settings.iter();
        settings.filter(|setting| setting.found != setting.wanted)
    }
}

impl Postgres {
    pub(super) async fn pool(&self, purpose: Purpose) -> sqlx::Result<PgPool> {
        let (url, size) = match (purpose, &self.migrate_url) {
            (Purpose::Migrate, Some(url)) => (url, 2),
            (Purpose::Migrate, None) => (&self.url, 2),
            (Purpose::Serve | Purpose::Administer, _) => (&self.url, self.max_connections),
        };
        let settings = self.settings(purpose);
        let pool = PgPoolOptions::new()
            .max_connections(size)
            .acquire_timeout(SHORT_PATIENCE)
            .after_connect(move |connection, _| {
                let settings = settings.clone();
                Box::pin(async move {
                    if settings.is_empty() {
                        return Ok(());
                    }
                    let settings = sqlx::raw_sql(sqlx::AssertSqlSafe(settings));
                    settings.execute(connection).await.map(|_| ())
                })
            });
        pool.connect_with(self.options(url)?).await
    }

    /// The statements at the beginning of each connection; none where a pooler would give the connection to others.
    fn settings(&self, purpose: Purpose) -> String {
        let limit = match purpose {
            Purpose::Serve if self.statement_timeout.is_zero() => None,
            Purpose::Serve => Some(self.statement_timeout),
            Purpose::Administer | Purpose::Migrate => Some(Duration::ZERO),
        };
        let is_shared = self.pooler == Pooler::Transaction
            && !(purpose == Purpose::Migrate && self.migrate_url.is_some());
        if is_shared {
            return String::new();
        }
        let plans = match purpose {
            Purpose::Migrate => &[][..],
            Purpose::Serve | Purpose::Administer => &PLANS,
        };
        let plans = plans
            .iter()
            .map(|(name, value)| format!("SET {name} = {value};"));
        let limit = limit.map(|limit| format!("SET statement_timeout = {};", limit.as_millis()));
        plans.chain(limit).collect()
    }

    fn options(&self, url: &str) -> sqlx::Result<PgConnectOptions> {
        let mut options = PgConnectOptions::from_str(url)?.application_name("pinroute");
        if self.pooler != Pooler::None {
            // PgBouncer before 1.20 refuses it; nothing that we read is a float.
            options = options.extra_float_digits(None);
        }
        if let Some(authorities) = &self.authorities {
            options = options.ssl_root_cert_from_pem(authorities.clone());
            if !has_ssl_mode(url) {
                options = options.ssl_mode(PgSslMode::VerifyFull);
            }
        }
        Ok(options)
    }

    /// What the role must have set in the database, with a pooler in transaction mode; `None` with another.
    ///
    /// It asks in one simple query, which every pooler can carry.
    pub async fn role_settings(&self) -> sqlx::Result<Option<RoleSettings>> {
        if self.pooler != Pooler::Transaction {
            return Ok(None);
        }
        let mut wanted: Vec<(&'static str, String, String)> = PLANS
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned(), (*value).to_owned()))
            .collect();
        if !self.statement_timeout.is_zero() {
            let millis = self.statement_timeout.as_millis().to_string();
            wanted.push(("statement_timeout", format!("{millis}ms"), millis));
        }
        let shown: Vec<String> = wanted
            .iter()
            .map(|(name, _, _)| {
                format!("(SELECT setting FROM pg_settings WHERE name = '{name}') AS {name}")
            })
            .collect();
        let sql = format!(
            "SELECT quote_ident(current_user) AS role, quote_ident(current_database()) AS database, {}",
            shown.join(", ")
        );
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .connect_with(self.options(&self.url)?)
            .await?;
        let row = sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .fetch_one(&pool)
            .await;
        pool.close().await;
        let row = row?;
        let (role, database): (String, String) = (row.try_get("role")?, row.try_get("database")?);
        let (mut settings, mut statements) = (Vec::new(), Vec::new());
        for (name, written, wanted) in wanted {
            let found: Option<String> = row.try_get(name)?;
            let found = found.unwrap_or_default();
            settings.push(RoleSetting {
                name,
                wanted,
                found,
            });
            statements.push(format!(
                "ALTER ROLE {role} IN DATABASE {database} SET {name} = '{written}';"
            ));
        }
        Ok(Some(RoleSettings {
            settings,
            statements,
        }))
    }
}

fn has_ssl_mode(url: &str) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mut keys = query.split('&').filter_map(|pair| pair.split('=').next());
    keys.any(|key| matches!(key, "sslmode" | "ssl-mode"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postgres(pooler: Pooler, migrate_url: Option<&str>) -> Postgres {
        Postgres {
            url: "postgres://u:secret@h/d".to_owned(),
            migrate_url: migrate_url.map(str::to_owned),
            max_connections: 10,
            statement_timeout: Duration::from_secs(10),
            authorities: None,
            pooler,
        }
    }

    #[test]
    fn a_pooler_in_transaction_mode_is_sent_no_settings() {
        for pooler in [Pooler::None, Pooler::Session] {
            let settings = postgres(pooler, None).settings(Purpose::Serve);
            assert!(settings.contains("SET jit = off;"), "{settings}");
            assert!(
                settings.ends_with("SET statement_timeout = 10000;"),
                "{settings}"
            );
        }
        let shared = postgres(Pooler::Transaction, None);
        for purpose in [Purpose::Serve, Purpose::Administer, Purpose::Migrate] {
            assert_eq!(shared.settings(purpose), "");
        }
    }

    #[test]
    fn migrations_and_commands_have_no_limit() {
        let direct = postgres(Pooler::None, None);
        assert_eq!(
            direct.settings(Purpose::Migrate),
            "SET statement_timeout = 0;"
        );
        let command = direct.settings(Purpose::Administer);
        assert!(command.ends_with("SET statement_timeout = 0;"), "{command}");
        let past = postgres(Pooler::Transaction, Some("postgres://owner@h/d"));
        assert_eq!(
            past.settings(Purpose::Migrate),
            "SET statement_timeout = 0;"
        );
    }

    #[test]
    fn an_authority_asks_for_its_hosts_unless_the_url_says_otherwise() {
        for (url, mode) in [
            ("postgres://h/d", PgSslMode::VerifyFull),
            ("postgres://h/d?sslmode=verify-ca", PgSslMode::VerifyCa),
            ("postgres://h/d?options=-cx%3D1", PgSslMode::VerifyFull),
        ] {
            let with = Postgres {
                authorities: Some(b"-----BEGIN CERTIFICATE-----".to_vec()),
                ..postgres(Pooler::None, None)
            };
            let found = with.options(url).unwrap().get_ssl_mode();
            assert_eq!(format!("{found:?}"), format!("{mode:?}"), "{url}");
        }
        assert_eq!(format!("{:?}", postgres(Pooler::None, None)), "Postgres(…)");
    }
}
