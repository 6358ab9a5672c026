//! Made-up history is real to every reader of it: reports, exports, the command line and the ledger agree to the micro-unit, in
//! two time zones.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;

use crate::on_both_engines;
use crate::program::run_well;
use crate::stage::{Stage, word};

on_both_engines!(
    figures_agree_with_a_sum_by_hand_over_the_ledger_in_two_zones,
    no_history_is_made_up_among_real_money,
);

/// Micro-units of a decimal.
fn micros(text: &str) -> i64 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    sign * format!("{whole}{fraction:0<6}").parse::<i64>().unwrap()
}

async fn figures_agree_with_a_sum_by_hand_over_the_ledger_in_two_zones(stage: Stage) {
    // The command tells the real time; the program beside it is on the stage's.
    let sandbox = stage.sandbox_toml();
    run_well_with(
        &stage,
        &sandbox,
        &[
            "seed",
            "--verifications",
            "400",
            "--days",
            "3",
            "--chance",
            "7",
        ],
    )
    .await;
    let app = stage.app().await;
    let all = app.with_key(&stage.new_key(None, "finance").await);
    let mut seen = Vec::new();
    let csv = all.get("/v1/ledger?format=csv").await.text;
    for line in csv.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let at: DateTime<Utc> = fields[1].parse().unwrap();
        seen.push((
            at,
            fields[2].to_owned(),
            fields[3].to_owned(),
            micros(fields[4]),
        ));
    }
    assert!(seen.len() > 400, "{}", seen.len());
    let first = seen.iter().map(|(at, ..)| *at).min().unwrap() - chrono::TimeDelta::days(1);
    let last = seen.iter().map(|(at, ..)| *at).max().unwrap() + chrono::TimeDelta::days(1);
    let (from, to) = (
        first.date_naive().to_string(),
        last.date_naive().to_string(),
    );
    for zone in ["UTC", "Asia/Kathmandu"] {
        let tz: chrono_tz::Tz = zone.parse().unwrap();
        let mut by_hand: BTreeMap<NaiveDate, [i64; 2]> = BTreeMap::new();
        for (at, kind, basis, amount) in &seen {
            let day = by_hand
                .entry(at.with_timezone(&tz).date_naive())
                .or_default();
            match (kind.as_str(), basis.as_str()) {
                ("charge", _) => day[0] -= amount,
                ("refund", basis) if basis != "documented" => day[1] += amount,
                _ => {}
            }
        }
        by_hand.retain(|_, sums| *sums != [0, 0]);
        let query = format!("from={from}&to={to}&group_by=day&tz={zone}");
        let report = all
            .get(&format!("/v1/reports/costs?{query}"))
            .await
            .expect(200);
        let told: BTreeMap<NaiveDate, [i64; 2]> = report["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                let day = word(&row["day"]).parse().unwrap();
                (
                    day,
                    ["charged", "refunded"].map(|field| micros(word(&row[field]))),
                )
            })
            .filter(|(_, sums)| *sums != [0, 0])
            .collect();
        assert_eq!(told, by_hand, "{zone}");
        let words = [
            "report",
            "costs",
            "--from",
            &from,
            "--to",
            &to,
            "--group-by",
            "day",
            "--tz",
            zone,
            "--format",
            "json",
        ];
        let same: Value = serde_json::from_str(&run_well(&stage, &words).await).unwrap();
        assert_eq!(same, report, "{zone}");
        assert_eq!(report["total"]["verifications"], 400);
    }
    its_entries_sum_to_what_each_verification_costs(&stage, &all).await;
}

async fn its_entries_sum_to_what_each_verification_costs(
    stage: &Stage,
    all: &crate::stage::Client,
) {
    let page = all.get("/v1/verifications?limit=200").await;
    assert_eq!(page.status, 403, "finance reads reports, not verifications");
    let reader = all.with_key(&stage.new_key(None, "verify,finance").await);
    let page = reader.get("/v1/verifications?limit=50").await.expect(200);
    for v in page["items"].as_array().unwrap() {
        let costs = v["costs"].as_array().unwrap();
        let costs: i64 = costs
            .iter()
            .map(|money| micros(word(&money["amount"])))
            .sum();
        let entries = reader.ledger(&v["id"]).await;
        let counted = entries.iter().filter(|(_, basis, _)| basis != "documented");
        assert_eq!(
            -counted.map(|(.., amount)| micros(amount)).sum::<i64>(),
            costs,
            "{v}"
        );
    }
}

async fn run_well_with(stage: &Stage, toml: &str, words: &[&str]) {
    let file = stage.folder.join("sandbox.toml");
    std::fs::write(&file, toml).unwrap();
    let mut command = crate::program::bare_program();
    command.arg("--config").arg(file).args(words);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

async fn no_history_is_made_up_among_real_money(stage: Stage) {
    let mut command = crate::program::program(&stage);
    command.args(["seed", "--verifications", "1"]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("a provider is configured"), "{told}");
}
