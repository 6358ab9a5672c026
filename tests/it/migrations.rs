//! `pinroute migrate --plan`: what it says, and that it changes nothing.

use crate::on_both_engines;
use crate::program::run_well;
use crate::stage::{Engine, Stage};

on_both_engines!(a_plan_names_statements_locks_and_rows_and_changes_nothing);

async fn a_plan_names_statements_locks_and_rows_and_changes_nothing(stage: Stage) {
    let none = run_well(&stage, &["migrate", "--plan"]).await;
    assert_eq!(none, "No migrations are pending.\n");
    let app = stage.app().await;
    for _ in 0..3 {
        let v = app.started().await;
        app.settle(&v["id"]).await;
    }
    stage.stop(app).await;
    // As if the newest ones had never run. Their tables and columns are there, so that nothing else notices.
    stage
        .run_sql("DELETE FROM _sqlx_migrations WHERE version >= 14")
        .await;
    if stage.engine == Engine::Postgres {
        stage.run_sql("ANALYZE verifications").await;
    }
    let before = run_well(&stage, &["migrate", "--plan"]).await;
    let again = run_well(&stage, &["migrate", "--plan"]).await;
    assert_eq!(before, again, "it changes nothing");
    let names: Vec<&str> = before
        .lines()
        .filter(|line| line.starts_with("00"))
        .collect();
    let oldest = ["0014 kept reuse", "0015 integrations", "0016 unchecked"];
    assert_eq!(names[..3], oldest, "{names:?}");
    let index = "  CREATE INDEX verifications_kept_reuse ON verifications (reuse_key) WHERE status IN ('failed', 'locked')";
    let mut lines = before.lines().skip_while(|line| *line != index).skip(1);
    let effect = lines.next().unwrap().trim();
    let expected = match stage.engine {
        Engine::Sqlite => "verifications, 3 rows: reads the whole table",
        Engine::Postgres => {
            "verifications, 3 rows: writes wait while the whole table is read, reads go on (SHARE)"
        }
    };
    assert_eq!(effect, expected);
    assert!(!before.contains("not known"), "{before}");
    assert!(
        before.contains("ALTER TABLE rollups ADD COLUMN"),
        "{before}"
    );
}
