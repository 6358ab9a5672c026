//! Reports, exports, the command line, the dashboard and the ledger agree on generated history to the micro-unit, in
//! two time zones.

use std::collections::BTreeMap;
use std::io::Cursor;

use calamine::{Data, Reader, Xlsx, open_workbook_from_rs};
use chrono::{DateTime, NaiveDate, Utc};
use pinroute::gateway::{Access, LedgerQuery};
use pinroute::ledger::entry::Kind;
use serde_json::Value;

use crate::on_both_engines;
use crate::person::person;
use crate::program::run_well;
use crate::stage::{Stage, word};

on_both_engines!(
    figures_match_a_manual_sum_over_the_ledger_in_two_time_zones,
    seeding_is_refused_when_a_real_provider_is_configured,
);

/// Parses a decimal into micro-units.
fn micros(text: &str) -> i64 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    sign * format!("{whole}{fraction:0<6}").parse::<i64>().unwrap()
}

/// Charged and refunded per day, in micro-units, without days that have neither.
type Days = BTreeMap<NaiveDate, [i64; 2]>;

fn days(rows: impl Iterator<Item = (NaiveDate, [i64; 2])>) -> Days {
    rows.filter(|(_, sums)| *sums != [0, 0]).collect()
}

async fn figures_match_a_manual_sum_over_the_ledger_in_two_time_zones(stage: Stage) {
    // The command uses real time; the program uses the stage's clock.
    let sandbox = stage.sandbox_toml();
    let seed = ["seed", "--verifications", "600", "--chance", "7"];
    run_well_with(&stage, &sandbox, &seed).await;
    let app = stage.app().await;
    let all = app.with_key(&stage.new_key(None, "finance").await);
    let mut ann = person(&app, "ann@example.com", "finance").await;
    let ledger = all.get("/v1/ledger?format=csv").await.text;
    let seen: Vec<_> = ledger.lines().skip(1).map(entry).collect();
    assert!(seen.len() > 600, "{}", seen.len());
    let spent = seen.iter().filter(|(_, kind, ..)| kind != "top_up");
    let (first, last) = spent.fold(
        (DateTime::<Utc>::MAX_UTC, DateTime::<Utc>::MIN_UTC),
        |all, one| (all.0.min(one.0), all.1.max(one.0)),
    );
    assert!((last - first).num_days() > 80, "a quarter of history");
    let near = |at: DateTime<Utc>, days| (at + chrono::TimeDelta::days(days)).date_naive();
    let (from, to) = (near(first, -1).to_string(), near(last, 1).to_string());
    for zone in ["UTC", "Asia/Kathmandu"] {
        let tz: chrono_tz::Tz = zone.parse().unwrap();
        let mut by_hand = Days::new();
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
        let by_hand = days(by_hand.into_iter());
        let query = format!("from={from}&to={to}&tz={zone}&group_by=day");
        let path = format!("/v1/reports/costs?{query}");
        let report = all.get(&path).await.expect(200);
        assert_eq!(of_json(&report), by_hand, "the report in {zone}");
        assert_eq!(report["total"]["verifications"], 600);
        let csv = all.get(&format!("{path}&format=csv")).await.text;
        assert_eq!(of_csv(&csv), by_hand, "its CSV in {zone}");
        let sheet = all.request(reqwest::Method::GET, &format!("{path}&format=xlsx"));
        let sheet = sheet
            .header("Accept-Language", "en")
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        assert_eq!(of_sheet(&sheet), by_hand, "its spreadsheet in {zone}");

        let words = |format| {
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
            ];
            [&words[..], &["--format", format]].concat()
        };
        let same: Value = serde_json::from_str(&run_well(&stage, &words("json")).await).unwrap();
        assert_eq!(same, report, "the command in {zone}");
        assert_eq!(
            run_well(&stage, &words("csv")).await,
            csv,
            "its CSV in {zone}"
        );

        let shown = format!("shown=1&from={from}&to={to}&tz={zone}&group=day");
        let page = ann.get(&format!("/dashboard/costs?{shown}")).await;
        assert_eq!(of_page(&page.text), by_hand, "the dashboard in {zone}");
        let file = app.open_request(
            reqwest::Method::GET,
            &format!("/dashboard/costs.csv?{shown}"),
        );
        assert_eq!(ann.send(file).await.text, csv, "its CSV in {zone}");
    }
    its_entries_sum_to_what_each_verification_costs(&stage, &all).await;
    sums_of_the_ledger_match_its_entries(&app, &seen).await;
    // The simulator starts with what the ledger says.
    let balances = all.get("/v1/balances").await.expect(200);
    assert_eq!(balances["items"][0]["computed"], "100.00");
}

/// The sums that the ledger page shows, filtered in several ways.
async fn sums_of_the_ledger_match_its_entries(
    app: &crate::stage::TestApp,
    seen: &[(DateTime<Utc>, String, String, i64)],
) {
    let access = Access::of_program();
    let noon = seen[seen.len() / 2].0.date_naive();
    let noon = noon.and_hms_opt(12, 0, 0).unwrap().and_utc();
    for (kind, from, before) in [
        (None, None, None),
        (Some(Kind::Charge), None, Some(noon)),
        (Some(Kind::Refund), Some(noon), None),
        (Some(Kind::TopUp), None, None),
        (None, Some(noon), Some(noon + chrono::TimeDelta::days(3))),
    ] {
        let fits = |at: DateTime<Utc>| {
            from.is_none_or(|from| at >= from) && before.is_none_or(|before| at < before)
        };
        let entries = seen.iter().filter(|(at, of, basis, _)| {
            kind.is_none_or(|kind: Kind| kind.as_str() == of) && fits(*at) && basis != "documented"
        });
        let by_hand: i64 = entries.map(|(.., amount)| amount).sum();
        let query = LedgerQuery {
            kind,
            from,
            before,
            ..LedgerQuery::default()
        };
        let sums = app.gateway.finance().sum_ledger(&access, &query).await;
        let [sum] = sums.unwrap()[..] else {
            panic!("one currency")
        };
        assert_eq!(sum.grown().0, by_hand, "{kind:?} {from:?} {before:?}");
    }
}

/// Time, kind, basis and amount of a ledger entry.
fn entry(line: &str) -> (DateTime<Utc>, String, String, i64) {
    let fields: Vec<&str> = line.split(',').collect();
    let at = fields[1].parse().unwrap();
    (
        at,
        fields[2].to_owned(),
        fields[3].to_owned(),
        micros(fields[4]),
    )
}

fn of_json(report: &Value) -> Days {
    days(report["rows"].as_array().unwrap().iter().map(|row| {
        let sums = ["charged", "refunded"].map(|field| micros(word(&row[field])));
        (word(&row["day"]).parse().unwrap(), sums)
    }))
}

fn of_csv(text: &str) -> Days {
    let mut lines = text.split_terminator("\r\n");
    let heads: Vec<&str> = lines.next().unwrap().split(',').collect();
    let place = |name| heads.iter().position(|head| *head == name).unwrap();
    let (charged, refunded) = (place("charged"), place("refunded"));
    days(lines.filter(|line| !line.starts_with("total")).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        let sums = [micros(cells[charged]), micros(cells[refunded])];
        (cells[0].parse().unwrap(), sums)
    }))
}

/// Reads the spreadsheet: dates and numbers are typed, the total is last.
fn of_sheet(bytes: &[u8]) -> Days {
    let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(bytes)).unwrap();
    let sheet = book.worksheet_range("Costs").unwrap();
    let rows: Vec<&[Data]> = sheet.rows().collect();
    let place = |name: &str| rows[0].iter().position(|cell| *cell == name).unwrap();
    let number = |cell: &Data| match cell {
        Data::Float(number) => micros(&format!("{number:.6}")),
        other => panic!("{other:?} is not a number"),
    };
    let day = |cell: &Data| match cell {
        Data::DateTime(day) => {
            let since = NaiveDate::from_ymd_opt(1899, 12, 30).unwrap();
            since + chrono::Days::new(day.as_f64().to_string().parse().unwrap())
        }
        other => panic!("{other:?} is not a day"),
    };
    let (charged, refunded) = (place("Charged"), place("Refunded"));
    let (total, body) = rows[1..].split_last().unwrap();
    assert_eq!(total[0], "Total");
    let sum: i64 = body.iter().map(|row| number(&row[charged])).sum();
    assert_eq!(sum, number(&total[charged]));
    days(body.iter().map(|row| {
        (
            day(&row[0]),
            [number(&row[charged]), number(&row[refunded])],
        )
    }))
}

/// Reads the table of the dashboard page.
fn of_page(text: &str) -> Days {
    let cells = |row: &str| -> Vec<String> {
        let values = row.split("data-value=\"").skip(1);
        values
            .map(|cell| cell.split('"').next().unwrap().to_owned())
            .collect()
    };
    let body = text
        .split("<tbody>")
        .nth(1)
        .unwrap()
        .split("</tbody>")
        .next()
        .unwrap();
    days(body.split("<tr>").skip(1).map(|row| {
        let cells = cells(row);
        (
            cells[0].parse().unwrap(),
            [micros(&cells[5]), micros(&cells[6])],
        )
    }))
}

async fn its_entries_sum_to_what_each_verification_costs(
    stage: &Stage,
    all: &crate::stage::Client,
) {
    let page = all.get("/v1/verifications?limit=200").await;
    assert_eq!(
        page.status, 403,
        "the finance scope does not cover verifications"
    );
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

pub async fn run_well_with(stage: &Stage, toml: &str, words: &[&str]) {
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

async fn seeding_is_refused_when_a_real_provider_is_configured(stage: Stage) {
    let mut command = crate::program::program(&stage);
    command.args(["seed", "--verifications", "1"]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let output = String::from_utf8(output.stderr).unwrap();
    assert!(output.contains("a provider is configured"), "{output}");
}
