//! What pending migrations would do: each statement, the lock that it takes, and how large its table is.
//!
//! The lock is read off the statement. A migration whose statement says too little has a comment before it that begins with
//! `-- plan: `, whose words are shown instead.

use super::engine::{Engine, Location, migrations};
use super::{Inspection, OpenError, StorageError};

/// A migration that would run.
#[derive(Clone, Debug)]
pub struct Planned {
    /// `0018 name`.
    pub name: String,
    pub steps: Vec<Step>,
}

/// One statement of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its beginning, on one line.
    pub statement: String,
    /// That is there already.
    pub table: Option<String>,
    /// As Postgres estimates them, or as counted in SQLite. `None`: not known, or there is no such table yet.
    pub rows: Option<i64>,
    pub effect: String,
}

/// The statements shown at most so long.
const LONGEST: usize = 110;

/// What `migrate` would run. Changes nothing.
pub async fn plan_migrations(location: &Location) -> Result<Vec<Planned>, OpenError> {
    let dialect = match location {
        Location::Postgres(_) => Dialect::Postgres,
        Location::Sqlite(_) => Dialect::Sqlite,
    };
    let pending = match Inspection::of(location).await? {
        Some(inspection) => inspection.pending,
        None => migrations::all(location)
            .iter()
            .map(migrations::shown)
            .collect(),
    };
    let mut planned = Vec::new();
    for migration in migrations::all(location).iter() {
        let name = migrations::shown(migration);
        if pending.contains(&name) {
            let steps = read(migration.sql.as_str(), dialect);
            planned.push(Planned { name, steps });
        }
    }
    if let Some(engine) = Inspection::engine(location).await? {
        let counted = count(&engine, &mut planned).await;
        engine.close().await;
        counted?;
    }
    Ok(planned)
}

async fn count(engine: &Engine, planned: &mut [Planned]) -> Result<(), StorageError> {
    const ESTIMATE: &str = "SELECT CAST(c.reltuples AS BIGINT) FROM pg_class c \
        WHERE c.oid = to_regclass($1)";
    const THERE: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = $1";
    for step in planned.iter_mut().flat_map(|one| &mut one.steps) {
        let Some(table) = &step.table else { continue };
        step.rows = match engine {
            Engine::Postgres(pool) => {
                let rows: Option<i64> = sqlx::query_scalar(ESTIMATE)
                    .bind(table)
                    .fetch_optional(pool)
                    .await?;
                // Never analysed.
                rows.filter(|rows| *rows >= 0)
            }
            Engine::Sqlite { read, .. } => {
                let there: Option<String> = sqlx::query_scalar(THERE)
                    .bind(table)
                    .fetch_optional(read)
                    .await?;
                match there {
                    Some(name) => {
                        let sql = format!("SELECT COUNT(*) FROM \"{}\"", name.replace('"', "\"\""));
                        let sql = sqlx::AssertSqlSafe(sql);
                        Some(sqlx::query_scalar(sql).fetch_one(read).await?)
                    }
                    None => None,
                }
            }
        };
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Postgres,
    Sqlite,
}

/// The statements of a file, each with what it does.
fn read(sql: &str, dialect: Dialect) -> Vec<Step> {
    let mut new_tables = Vec::new();
    let mut steps = Vec::new();
    for (statement, note) in statements(sql) {
        let words: Vec<String> = statement.split_whitespace().map(str::to_owned).collect();
        let upper: Vec<String> = words.iter().map(|word| word.to_ascii_uppercase()).collect();
        let upper: Vec<&str> = upper.iter().map(String::as_str).collect();
        let table = table(&upper, &words);
        let is_new = table
            .as_ref()
            .is_some_and(|table| new_tables.contains(table));
        let effect = match note {
            Some(note) => note,
            None if is_new => "a new table, which nobody else sees yet".to_owned(),
            None => effect(&upper, dialect).to_owned(),
        };
        let creates = matches!(upper[..], ["CREATE", "TABLE" | "UNLOGGED", ..]);
        if creates {
            new_tables.extend(table.clone());
        }
        let mut shown: String = words.join(" ");
        if shown.chars().count() > LONGEST {
            shown = shown.chars().take(LONGEST).collect::<String>() + "…";
        }
        steps.push(Step {
            statement: shown,
            table: table.filter(|_| !creates && !is_new),
            rows: None,
            effect,
        });
    }
    steps
}

/// Splits a file at its semicolons; comments are left out, but for that of the plan.
fn statements(sql: &str) -> Vec<(String, Option<String>)> {
    let (mut found, mut current, mut note) = (Vec::new(), String::new(), None);
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '-' if rest.starts_with("--") => {
                let line = rest.lines().next().unwrap_or_default();
                if let Some(said) = line.strip_prefix("-- plan: ") {
                    note = Some(said.trim().to_owned());
                }
                line.len()
            }
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |at| at + 2),
            '\'' | '"' => {
                let end = rest.get(1..).and_then(|inner| inner.find(c));
                let length = end.map_or(rest.len(), |at| at + 2);
                current.push_str(rest.get(..length).unwrap_or_default());
                length
            }
            '$' => {
                let length = dollar_quoted(rest).unwrap_or(1);
                current.push_str(rest.get(..length).unwrap_or_default());
                length
            }
            ';' => {
                let statement = std::mem::take(&mut current);
                if !statement.trim().is_empty() {
                    found.push((statement, note.take()));
                }
                1
            }
            c => {
                current.push(c);
                c.len_utf8()
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    if !current.trim().is_empty() {
        found.push((current, note));
    }
    found
}

/// The length of `$tag$ … $tag$` at the beginning.
fn dollar_quoted(text: &str) -> Option<usize> {
    let tag = text.get(1..)?.find('$')? + 2;
    let mark = text.get(..tag)?;
    let is_tag = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    if !mark.chars().all(is_tag) {
        return None;
    }
    let end = text.get(tag..)?.find(mark)?;
    Some(tag + end + tag)
}

/// The table that a statement is about.
fn table(upper: &[&str], words: &[String]) -> Option<String> {
    let at = match upper {
        ["CREATE", "UNIQUE", "INDEX", ..] | ["CREATE", "INDEX", ..] => {
            upper.iter().position(|word| *word == "ON")? + 1
        }
        ["CREATE" | "ALTER" | "DROP", "TABLE", ..]
        | ["DELETE", "FROM", ..]
        | ["INSERT", "INTO", ..] => 2,
        ["UPDATE", ..] => 1,
        _ => return None,
    };
    let skipped = ["IF", "NOT", "EXISTS", "ONLY"];
    let place = (at..words.len()).find(|place| !skipped.contains(&upper[*place]))?;
    let name = words[place].split(['(', ',']).next().unwrap_or_default();
    Some(name.trim_matches('"').to_owned()).filter(|name| !name.is_empty())
}

/// What a statement does to others, and how long.
fn effect(upper: &[&str], dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => on_postgres(upper),
        Dialect::Sqlite => on_sqlite(upper),
    }
}

/// Explicit Locking, and the page of each statement, in the documentation of Postgres 17.
fn on_postgres(upper: &[&str]) -> &'static str {
    let has = |word: &str| upper.contains(&word);
    match upper {
        ["CREATE", "TABLE", ..] if has("REFERENCES") => {
            "a new table; writes to the tables that it refers to wait for a moment (SHARE ROW EXCLUSIVE)"
        }
        ["CREATE", "TABLE", ..] => "a new table; nothing waits",
        ["CREATE", "INDEX" | "UNIQUE", ..] if has("CONCURRENTLY") => {
            "reads the whole table; reads and writes go on (SHARE UPDATE EXCLUSIVE)"
        }
        ["CREATE", "INDEX", ..] | ["CREATE", "UNIQUE", "INDEX", ..] => {
            "writes wait while the whole table is read, reads go on (SHARE)"
        }
        ["ALTER", "TABLE", ..] if has("VALIDATE") => {
            "reads the whole table; reads and writes go on (SHARE UPDATE EXCLUSIVE)"
        }
        ["ALTER", "TABLE", ..] if has("TYPE") => {
            "reads and writes wait while the whole table may be rewritten (ACCESS EXCLUSIVE)"
        }
        ["ALTER", "TABLE", ..] if has("ADD") && (has("PRIMARY") || has("UNIQUE")) => {
            "reads and writes wait while an index is built from the whole table (ACCESS EXCLUSIVE)"
        }
        ["ALTER", "TABLE", ..]
            if has("CONSTRAINT") && has("ADD") && !(has("NOT") && has("VALID")) =>
        {
            "reads and writes wait while the whole table is read (ACCESS EXCLUSIVE)"
        }
        ["ALTER", "TABLE", ..] if has("SET") && has("NOT") && has("NULL") => {
            "reads and writes wait while the whole table is read (ACCESS EXCLUSIVE)"
        }
        ["ALTER", "TABLE", ..] if has("ADD") && upper.iter().any(|word| is_volatile(word)) => {
            "reads and writes wait while the whole table is rewritten (ACCESS EXCLUSIVE)"
        }
        ["ALTER", "TABLE", ..] | ["DROP", "TABLE" | "INDEX", ..] => {
            "reads and writes wait for a moment, whatever the size (ACCESS EXCLUSIVE)"
        }
        ["UPDATE" | "DELETE", ..] if has("WHERE") => {
            "looks for rows in the whole table; writes to the rows found wait until the migration ends (ROW EXCLUSIVE)"
        }
        ["UPDATE" | "DELETE", ..] => {
            "changes every row; writes to all of them wait until the migration ends (ROW EXCLUSIVE)"
        }
        ["ALTER", "INDEX", ..] => "takes a moment; reads and writes go on (SHARE UPDATE EXCLUSIVE)",
        ["DO", ..] => "a program of its own: read the migration",
        ["INSERT", ..] => "adds rows; nothing waits (ROW EXCLUSIVE)",
        _ => "not known to the plan: read the migration",
    }
}

/// A default that each row needs a value of its own of.
fn is_volatile(word: &str) -> bool {
    [
        "RANDOM(",
        "GEN_RANDOM_UUID(",
        "CLOCK_TIMESTAMP(",
        "NEXTVAL(",
    ]
    .iter()
    .any(|function| word.contains(function))
        || matches!(word, "SERIAL" | "BIGSERIAL" | "IDENTITY" | "STORED")
}

/// Writes wait until the migration ends, whatever it does: SQLite has one writer.
fn on_sqlite(upper: &[&str]) -> &'static str {
    match upper {
        ["CREATE", "TABLE", ..] => "a new table; takes a moment",
        ["CREATE", "INDEX", ..] | ["CREATE", "UNIQUE", "INDEX", ..] => "reads the whole table",
        ["ALTER", "TABLE", ..] if upper.contains(&"DROP") => "rewrites the whole table",
        ["ALTER", "TABLE", ..] => "takes a moment, whatever the size",
        ["DROP", "TABLE" | "INDEX", ..] => "frees the pages of the whole table or index",
        ["UPDATE" | "DELETE", ..] if upper.contains(&"WHERE") => {
            "looks for rows in the whole table, and changes those found"
        }
        ["UPDATE" | "DELETE", ..] => "changes every row",
        ["INSERT", ..] => "adds rows",
        _ => "not known to the plan: read the migration",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effects(sql: &str) -> Vec<(Option<String>, String)> {
        let steps = read(sql, Dialect::Postgres).into_iter();
        steps.map(|step| (step.table, step.effect)).collect()
    }

    #[test]
    fn locks_are_read_off_statements() {
        for (sql, table, lock) in [
            ("CREATE INDEX x ON ledger (at);", "ledger", "(SHARE)"),
            (
                "CREATE UNIQUE INDEX CONCURRENTLY x ON ledger(at)",
                "ledger",
                "(SHARE UPDATE EXCLUSIVE)",
            ),
            (
                "ALTER TABLE ledger ADD COLUMN x BIGINT NOT NULL DEFAULT 0",
                "ledger",
                "for a moment, whatever the size (ACCESS EXCLUSIVE)",
            ),
            (
                "ALTER TABLE ledger ADD COLUMN x UUID DEFAULT gen_random_uuid()",
                "ledger",
                "is rewritten (ACCESS EXCLUSIVE)",
            ),
            (
                "ALTER TABLE ledger ADD CONSTRAINT c CHECK (x > 0) NOT VALID",
                "ledger",
                "for a moment, whatever the size (ACCESS EXCLUSIVE)",
            ),
            (
                "ALTER TABLE ledger ADD CONSTRAINT c CHECK (x > 0)",
                "ledger",
                "is read (ACCESS EXCLUSIVE)",
            ),
            (
                "ALTER TABLE ledger VALIDATE CONSTRAINT c",
                "ledger",
                "(SHARE UPDATE EXCLUSIVE)",
            ),
            ("UPDATE ledger SET x = 1", "ledger", "every row"),
            (
                "update ledger set x = 1 where x = ';'",
                "ledger",
                "looks for rows",
            ),
            (
                "DROP TABLE IF EXISTS ledger",
                "ledger",
                "(ACCESS EXCLUSIVE)",
            ),
        ] {
            let [(found, effect)] = effects(sql).try_into().unwrap();
            assert_eq!(found.as_deref(), Some(table), "{sql}");
            assert!(effect.contains(lock), "{sql}: {effect}");
        }
        assert!(effects("VACUUM")[0].1.starts_with("not known"));
    }

    #[test]
    fn comments_quotes_and_functions_do_not_end_a_statement() {
        let sql = "-- a; comment\nCREATE TABLE a (b TEXT); -- more\n\
            CREATE INDEX c ON a (b);\n-- plan: takes its time\nDO $x$ BEGIN; END $x$;\nINSERT INTO meta VALUES ('a;b')";
        let found = effects(sql);
        assert_eq!(found.len(), 4, "{found:?}");
        // It is new, so its index waits for nobody.
        assert_eq!(
            found[1],
            (None, "a new table, which nobody else sees yet".to_owned())
        );
        assert_eq!(found[2], (None, "takes its time".to_owned()));
        assert_eq!(found[3].0.as_deref(), Some("meta"));
    }

    #[test]
    fn every_statement_of_every_migration_is_known() {
        for (location, dialect) in [
            (Location::Sqlite("x".into()), Dialect::Sqlite),
            (
                Location::Postgres(super::super::Postgres {
                    url: String::new(),
                    migrate_url: None,
                    max_connections: 1,
                    statement_timeout: std::time::Duration::ZERO,
                    authorities: None,
                    pooler: super::super::Pooler::None,
                }),
                Dialect::Postgres,
            ),
        ] {
            for migration in migrations::all(&location).iter() {
                for step in read(migration.sql.as_str(), dialect) {
                    let name = migrations::shown(migration);
                    assert!(!step.effect.starts_with("not known"), "{name}: {step:?}");
                }
            }
        }
    }
}
