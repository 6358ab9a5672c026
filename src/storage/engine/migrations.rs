//! The migrations: the files of `migrations/`, as sqlx runs them.

use std::sync::LazyLock;

use sqlx::SqlStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::{Engine, Location};

/// A migration's file name without `.sql`, and its text for one engine.
type File = (&'static str, &'static str);

/// Both engines have all of them, under the same names.
macro_rules! files {
    ($($name:literal)+) => {
        const POSTGRES_FILES: &[File] = &[$((
            $name,
            include_str!(concat!("../../../migrations/postgres/", $name, ".sql")),
        )),+];
        const SQLITE_FILES: &[File] = &[$((
            $name,
            include_str!(concat!("../../../migrations/sqlite/", $name, ".sql")),
        )),+];
    };
}

files! {
    "0001_core"
    "0002_webhooks"
    "0003_key_use"
    "0004_reports"
    "0005_money"
    "0006_users"
    "0007_lists"
    "0008_made_by"
    "0009_keyed_requests"
    "0010_no_country"
    "0011_key_names"
    "0012_packed"
    "0013_report_hosts"
    "0014_kept_reuse"
    "0015_integrations"
    "0016_unchecked"
    "0017_guard_lists"
    "0018_past"
    "0019_sinks"
    "0020_guard_decisions"
    "0021_audit"
    "0022_guard_replays"
    "0023_guard_alarms"
    "0024_guard_cells"
}

static POSTGRES: LazyLock<Migrator> = LazyLock::new(|| migrator(POSTGRES_FILES));
static SQLITE: LazyLock<Migrator> = LazyLock::new(|| migrator(SQLITE_FILES));

pub(in crate::storage) fn of(engine: &Engine) -> &'static Migrator {
    match engine {
        Engine::Postgres(_) => &POSTGRES,
        Engine::Sqlite { .. } => &SQLITE,
    }
}

/// Those of the engine of a database.
pub(in crate::storage) fn all(location: &Location) -> &'static Migrator {
    match location {
        Location::Postgres(_) => &POSTGRES,
        Location::Sqlite(_) => &SQLITE,
    }
}

/// The versions that were applied.
pub(in crate::storage) const APPLIED: &str =
    "SELECT version FROM _sqlx_migrations WHERE success = true";

/// Those of this version that are not among the `applied`, as commands name them.
pub(in crate::storage) fn lacking(engine: &Engine, applied: &[(i64,)]) -> Vec<String> {
    let is_applied = |one: &&Migration| applied.iter().any(|(version,)| *version == one.version);
    let known = of(engine).iter();
    known.filter(|one| !is_applied(one)).map(shown).collect()
}

/// As commands name it.
pub(in crate::storage) fn shown(migration: &Migration) -> String {
    format!("{:04} {}", migration.version, migration.description)
}

/// On Postgres, sqlx holds an advisory lock meanwhile, so replicas that start together take turns.
pub(super) async fn run(engine: &Engine) -> Result<(), sqlx::migrate::MigrateError> {
    match engine {
        Engine::Postgres(pool) => POSTGRES.run(pool).await,
        Engine::Sqlite { write, .. } => SQLITE.run(write).await,
    }
}

/// Migrations that this version does not know are ignored: a newer one may have added what this one need not read, and
/// both serve while replicas are replaced. CHANGELOG names the first version that reads what newer ones write.
fn migrator(files: &[File]) -> Migrator {
    let mut migrator = Migrator::with_migrations(files.iter().copied().map(migration).collect());
    migrator.set_ignore_missing(true);
    migrator
}

/// As sqlx reads the file: databases hold the version, the description and the text's checksum of what they applied.
fn migration((name, sql): File) -> Migration {
    let (version, description) = name.split_once('_').unwrap_or((name, ""));
    Migration::new(
        version
            .parse()
            .expect("the names are those of `files!`, and each begins with its number"),
        description.replace('_', " ").into(),
        MigrationType::Simple,
        SqlStr::from_static(sql),
        sql.starts_with("-- no-transaction"),
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// sqlx itself reads the folders, so what databases hold stays valid.
    #[tokio::test]
    async fn the_table_is_what_the_folders_hold() {
        for (folder, ours) in [("postgres", &*POSTGRES), ("sqlite", &*SQLITE)] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("migrations")
                .join(folder);
            let theirs = Migrator::new(path).await.unwrap();
            let shown = |migrator: &Migrator| -> Vec<String> {
                let kept = migrator.iter().map(|it| {
                    let (version, name, kind) = (it.version, &it.description, it.migration_type);
                    let checksum = hex::encode(&it.checksum);
                    format!("{version} {name}, {kind:?}, {checksum}, no_tx {}", it.no_tx)
                });
                kept.collect()
            };
            assert_eq!(
                shown(ours),
                shown(&theirs),
                "{folder}: `files!` lacks a file, or has one too many"
            );
        }
    }
}
