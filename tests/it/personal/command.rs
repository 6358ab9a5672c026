//! `pinroute retention`.

use serde_json::{Value, json};

use crate::on_both_engines;
use crate::program::{lines, program, run};
use crate::seed::run_well_with;
use crate::stage::{Stage, TestApp, word};

on_both_engines!(the_command_counts_what_would_go_and_erases_it);

async fn retention(stage: &Stage, arguments: &[&str]) -> String {
    let mut command = program(stage);
    command
        .env("PINROUTE_RETENTION__NUMBERS", "40d")
        .env("PINROUTE_RETENTION__CLIENT", "20d")
        .args(["retention", "run"])
        .args(arguments);
    let output = run(command).await;
    assert_eq!(output.status.code(), Some(0), "{:?}", lines(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// How many verifications have a number, and how many have none.
async fn numbers(app: &TestApp) -> (u64, u64) {
    let key = app.stage.new_key(None, "verify").await;
    let (all, mut next, mut counts) = (app.with_key(&key), String::new(), (0, 0));
    loop {
        let path = format!("/v1/verifications?limit=100{next}");
        let page = all.get(&path).await.expect(200);
        for v in page["items"].as_array().unwrap() {
            match v["phone_number"] {
                Value::Null => counts.1 += 1,
                _ => counts.0 += 1,
            }
        }
        if page["next_cursor"].is_null() {
            return counts;
        }
        next = format!("&cursor={}", word(&page["next_cursor"]));
    }
}

async fn the_command_counts_what_would_go_and_erases_it(stage: Stage) {
    // It uses real time, as the history does.
    let seed = ["seed", "--verifications", "300", "--chance", "7"];
    run_well_with(&stage, &stage.sandbox_toml(), &seed).await;
    let app = stage.app().await;
    let before = numbers(&app).await;
    assert_eq!(before.1, 0);
    let counted: Value =
        serde_json::from_str(&retention(&stage, &["--dry-run", "--json"]).await).unwrap();
    assert_eq!(counted["dry_run"], true);
    let of = |counted: &Value, age: &str| {
        let items = counted["items"].as_array().unwrap();
        let found = items.iter().find(|item| item["age"] == age).unwrap();
        assert_eq!(found["project"], Value::Null);
        found["count"].as_u64().unwrap()
    };
    let due = of(&counted, "numbers");
    assert!(due > 50 && due < before.0, "{counted}");
    assert_eq!(numbers(&app).await, before, "it only counts");
    let done: Value = serde_json::from_str(&retention(&stage, &["--json"]).await).unwrap();
    assert_eq!(done["dry_run"], false);
    assert_eq!(done["items"], counted["items"]);
    assert_eq!(numbers(&app).await, (before.0 - due, due));
    let again = retention(&stage, &["--dry-run"]).await;
    assert!(
        again.starts_with("numbers              would be erased of 0 verifications\n"),
        "{again}"
    );
    let rows = json!(again.lines().count());
    assert_eq!(rows, 6, "{again}");
}
