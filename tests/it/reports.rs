//! Reports on costs and conversion, by any grouping, time zone and currency, always up to date.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use chrono::{DateTime, Timelike, Utc};
use serde_json::{Value, json};

use crate::hooks::Hook;
use crate::on_both_engines;
use crate::stage::{Client, Stage, TestApp, word};
use crate::world::{Answer, error};

on_both_engines!(
    costs_can_be_grouped_freely_and_rows_sum_to_the_total,
    a_fallback_moves_the_verification_to_the_row_of_its_last_attempt,
    refunds_count_on_their_own_day_and_expected_ones_separately,
    days_follow_the_time_zone,
    figures_stay_the_same_when_tallies_are_summed_or_rebuilt,
    other_currencies_convert_at_the_days_rate_and_missing_rates_are_reported,
    exchange_rates_are_saved_all_or_none,
    the_conversion_report_has_a_funnel_and_times,
    what_a_host_checks_is_counted_apart_until_it_says_something,
    csv_and_spreadsheet_contain_the_same_figures,
    a_spreadsheet_stands_on_its_own_in_the_readers_language,
    a_spreadsheets_totals_are_formulas_only_where_they_are_sums,
    a_key_sees_only_its_own_projects_figures,
    invalid_report_queries_name_the_parameter_and_the_fix,
    the_command_line_prints_the_same_figures,
);

const COSTS: &str = "/v1/reports/costs";

/// A verification by Telegram, approved after four seconds.
async fn approved(app: &TestApp) -> Value {
    let v = app.started().await;
    app.stage.advance(1);
    let report = app.stage.telegram.status("delivered");
    app.telegram_reports(&report).await.expect(200);
    app.stage.advance(3);
    let code = app.telegram_code();
    app.check(&v["id"], &code).await.expect(200);
    v
}

/// A verification that Telegram refuses and SMS delivers.
async fn by_sms(app: &TestApp) -> Value {
    app.stage
        .telegram
        .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE")]);
    let v = app.started().await;
    app.settle(&v["id"]).await
}

async fn costs(app: &TestApp, query: &str) -> Value {
    app.get(&format!("{COSTS}?{}&{query}", span(app.stage.clock.now())))
        .await
        .expect(200)
}

/// The 30 days around the stage's date.
fn span(now: DateTime<Utc>) -> String {
    let (from, to) = (
        now - chrono::TimeDelta::days(15),
        now + chrono::TimeDelta::days(15),
    );
    format!("from={}&to={}", from.date_naive(), to.date_naive())
}

fn figures(row: &Value, names: &[&str]) -> Vec<String> {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), ToOwned::to_owned)
    };
    names.iter().map(|name| text(&row[name])).collect()
}

async fn costs_can_be_grouped_freely_and_rows_sum_to_the_total(stage: Stage) {
    let app = stage.app().await;
    approved(&app).await;
    approved(&app).await;
    by_sms(&app).await;
    let report = costs(&app, "group_by=channel").await;
    assert_eq!(report["currency"], "USD");
    let rows = report["rows"].as_array().unwrap();
    let names = [
        "channel",
        "verifications",
        "attempts",
        "delivered",
        "approved",
        "charged",
        "net",
        "sms_equivalent",
    ];
    let actual: Vec<_> = rows.iter().map(|row| figures(row, &names)).collect();
    assert_eq!(
        actual[0],
        ["sms", "1", "1", "0", "0", "0.05", "0.05", "0.05"]
    );
    assert_eq!(
        actual[1],
        ["telegram", "2", "3", "2", "2", "0.02", "0.02", "0.10"]
    );
    assert_eq!(
        figures(&report["total"], &names[1..]),
        ["3", "4", "2", "2", "0.07", "0.07", "0.15"]
    );
    let all = "group_by=month,week,day,hour,project,channel,provider,country";
    let now = stage.clock.now();
    let day = now.date_naive();
    let report = app
        .get(&format!("{COSTS}?from={day}&to={day}&{all}"))
        .await
        .expect(200);
    let row = &report["rows"][0];
    let hour = now.with_minute(0).unwrap().with_second(0).unwrap();
    assert_eq!(
        figures(
            row,
            &[
                "day", "hour", "month", "project", "channel", "provider", "country"
            ]
        ),
        [
            day.to_string(),
            hour.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            day.format("%Y-%m").to_string(),
            "default".to_owned(),
            "sms".to_owned(),
            "main".to_owned(),
            "UZ".to_owned()
        ]
    );
    // Without groups there is one row, even without data.
    let nothing = app
        .get(&format!("{COSTS}?from=2001-01-01&to=2001-01-31"))
        .await
        .expect(200);
    assert_eq!(nothing["rows"].as_array().unwrap().len(), 1);
    assert_eq!(
        figures(&nothing["rows"][0], &["verifications", "net"]),
        ["0", "0.00"]
    );
}

async fn a_fallback_moves_the_verification_to_the_row_of_its_last_attempt(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    let before = costs(&app, "group_by=channel").await;
    assert_eq!(
        figures(&before["rows"][0], &["channel", "verifications"]),
        ["telegram", "1"]
    );
    app.later(&v["id"], 16).await;
    let after = costs(&app, "group_by=channel").await;
    let actual: Vec<_> = after["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            figures(
                row,
                &[
                    "channel",
                    "verifications",
                    "attempts",
                    "charged",
                    "sms_equivalent",
                ],
            )
        })
        .collect();
    assert_eq!(actual[0], ["sms", "1", "1", "0.05", "0.05"]);
    assert_eq!(actual[1], ["telegram", "0", "1", "0.01", "0.00"]);
}

async fn refunds_count_on_their_own_day_and_expected_ones_separately(stage: Stage) {
    let app = stage.app().await;
    app.started().await;
    let day = stage.clock.now().date_naive();
    stage.advance(86_400);
    let mut report = stage.telegram.status("expired");
    report["is_refunded"] = json!(true);
    app.telegram_reports(&report).await.expect(200);
    let actual = costs(&app, "group_by=day,channel").await;
    let rows = actual["rows"].as_array().unwrap();
    let of = |date: chrono::NaiveDate, channel: &str| {
        let found = rows
            .iter()
            .find(|row| row["day"] == date.to_string() && row["channel"] == channel);
        figures(found.unwrap(), &["charged", "refunded", "net"])
    };
    assert_eq!(of(day, "telegram"), ["0.01", "0.00", "0.01"]);
    assert_eq!(
        of(day.succ_opt().unwrap(), "telegram"),
        ["0.00", "0.01", "-0.01"]
    );
    assert_eq!(figures(&actual["total"], &["refunded_expected"]), ["0.00"]);
}

async fn days_follow_the_time_zone(stage: Stage) {
    let app = stage.app().await;
    // 10:00 UTC, then 19:30 UTC, which is 00:30 in Tashkent and 01:15 in Kathmandu.
    app.started().await;
    let day = stage.clock.now().date_naive();
    stage.advance(9 * 3_600 + 1_800);
    app.started().await;
    for (zone, days) in [
        ("UTC", vec![day]),
        ("Asia/Tashkent", vec![day, day.succ_opt().unwrap()]),
        ("Asia/Kathmandu", vec![day, day.succ_opt().unwrap()]),
        ("America/New_York", vec![day]),
    ] {
        let report = costs(&app, &format!("group_by=day&tz={zone}")).await;
        assert_eq!(report["tz"], zone);
        let actual: Vec<_> = report["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["day"].clone())
            .collect();
        let days: Vec<_> = days.iter().map(|day| json!(day.to_string())).collect();
        assert_eq!(actual, days, "{zone}");
        assert_eq!(
            figures(&report["total"], &["verifications", "charged"]),
            ["2", "0.02"]
        );
    }
}

async fn figures_stay_the_same_when_tallies_are_summed_or_rebuilt(stage: Stage) {
    let app = stage.app().await;
    approved(&app).await;
    by_sms(&app).await;
    for query in [
        "group_by=hour,country&tz=Asia/Kathmandu",
        "group_by=day,channel",
        "",
    ] {
        let waiting = costs(&app, query).await;
        while app.gateway.finance().sum_tallies().await.unwrap() {}
        assert_eq!(costs(&app, query).await, waiting, "{query}");
        stage.db.rebuild(&stage.clock, |_| {}).await.unwrap();
        assert_eq!(costs(&app, query).await, waiting, "{query}");
        app.started().await;
    }
}

async fn other_currencies_convert_at_the_days_rate_and_missing_rates_are_reported(stage: Stage) {
    let app = stage.app().await;
    app.started().await;
    let today = stage.clock.now().date_naive();
    let asked = format!("{COSTS}?{}&currency=RUB", span(stage.clock.now()));
    let problem = app.get(&asked).await.expect(422);
    assert_eq!(problem["code"], "exchange_rate_missing");
    assert_eq!(problem["errors"][0]["pointer"], "/currency");
    let detail = word(&problem["detail"]);
    assert!(
        detail.contains("USD to RUB") && detail.contains(&today.to_string()),
        "{detail}"
    );
    let admin = app.with_key(&stage.new_key(None, "admin").await);
    let put = |items: Value| {
        let request = admin.request(reqwest::Method::PUT, "/v1/exchange-rates");
        admin.send(request.json(&json!({ "items": items })))
    };
    let yesterday = today.pred_opt().unwrap();
    put(json!([{ "date": yesterday, "from": "RUB", "to": "USD", "rate": "0.0125" }]))
        .await
        .expect(200);
    let report = app.get(&asked).await.expect(200);
    assert_eq!(
        figures(&report["total"], &["charged", "sms_equivalent"]),
        ["0.80", "4.00"]
    );
    // A direct rate takes precedence over an inverse one, and a newer rate over an older.
    let rates = put(json!([
        { "date": yesterday, "from": "USD", "to": "RUB", "rate": "90" },
        { "date": today, "from": "USD", "to": "RUB", "rate": "95.5" },
    ]));
    assert_eq!(
        rates.await.expect(200)["items"].as_array().unwrap().len(),
        3
    );
    let report = app.get(&asked).await.expect(200);
    assert_eq!(figures(&report["total"], &["charged"]), ["0.955"]);
    let listed = app.get("/v1/exchange-rates").await.expect(200);
    assert_eq!(
        listed["items"][0],
        json!({ "date": today, "from": "USD", "to": "RUB", "rate": "95.5" })
    );
}

async fn exchange_rates_are_saved_all_or_none(stage: Stage) {
    let app = stage.app().await;
    let admin = app.with_key(&stage.new_key(None, "admin").await);
    let good = json!({ "date": "2026-11-01", "from": "RUB", "to": "USD", "rate": "0.0105" });
    for (item, pointer) in [
        (
            json!({ "date": "2026-11-31", "from": "RUB", "to": "USD", "rate": "1" }),
            "/items/1/date",
        ),
        (
            json!({ "date": "2026-11-01", "from": "rub", "to": "USD", "rate": "1" }),
            "/items/1/from",
        ),
        (
            json!({ "date": "2026-11-01", "from": "RUB", "to": "USD", "rate": "0" }),
            "/items/1/rate",
        ),
        (
            json!({ "date": "2026-11-01", "from": "RUB", "to": "USD", "rate": "0.0000000000001" }),
            "/items/1/rate",
        ),
        (
            json!({ "date": "2026-11-01", "from": "RUB", "to": "USD", "rate": 0.5 }),
            "/items/1/rate",
        ),
        (
            json!({ "date": "2026-11-01", "from": "USD", "to": "USD", "rate": "1" }),
            "/items/1/to",
        ),
        (
            json!({ "date": "2026-11-02", "from": "RUB", "to": "USD", "rate": "1", "x": 1 }),
            "/items/1/x",
        ),
        (good.clone(), "/items/1/date"),
        (json!(7), "/items/1"),
    ] {
        let body = json!({ "items": [good, item] });
        let request = admin.request(reqwest::Method::PUT, "/v1/exchange-rates");
        let problem = admin.send(request.json(&body)).await.expect(400);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    assert_eq!(
        admin.get("/v1/exchange-rates").await.expect(200)["items"],
        json!([])
    );
    let own = app.with_key(&stage.new_key(Some("default"), "admin").await);
    let request = own.request(reqwest::Method::PUT, "/v1/exchange-rates");
    own.send(request.json(&json!({ "items": [good] })))
        .await
        .expect(403);
}

async fn what_a_host_checks_is_counted_apart_until_it_says_something(stage: Stage) {
    let app = stage.app().await;
    let hook = Hook::new(&app, json!({ "kind": "generic" })).await;
    let asked = |query: &str| format!("/v1/reports/conversion?{}&{query}", span(stage.clock.now()));
    let funnel = ["requested", "approved", "checked_by_host"];
    let counted = async || {
        let report = app.get(&asked("")).await.expect(200);
        let by_channel = app.get(&asked("group_by=channel")).await.expect(200);
        assert_eq!(
            figures(&by_channel["rows"][0], &funnel),
            figures(&report["total"], &funnel)
        );
        figures(&report["total"], &funnel)
    };
    app.started().await;
    let own = json!({ "phone_number": stage.number(), "code": "135791" });
    let own = app.start(own).await.expect(201);
    let number = stage.number();
    let hosts = hook
        .post(&json!({ "phone": number, "code": "246802" }))
        .await;
    hook.settle(&hosts).await;
    assert_eq!(counted().await, ["3", "0", "2"]);
    // A wrong code says as much as a right one.
    app.check(&own["id"], "999999").await.expect(200);
    assert_eq!(counted().await, ["3", "0", "1"]);
    hook.verified(json!({ "phone_number": number }))
        .await
        .expect(200);
    app.settle(&hosts.body["id"]).await;
    assert_eq!(counted().await, ["3", "1", "0"]);
    // Of what was never sent, it is known that nobody entered it.
    stage.sms.next_sends([Answer::Json(400, json!({}))]);
    let unsent = json!({ "phone": stage.number(), "code": "Letter9" });
    hook.settle(&hook.post(&unsent).await).await;
    let report = app.get(&asked("")).await.expect(200);
    assert_eq!(figures(&report["total"], &funnel), ["4", "1", "0"]);
    for id in [&own["id"], &hosts.body["id"]] {
        app.settle(id).await;
    }
}

async fn the_conversion_report_has_a_funnel_and_times(stage: Stage) {
    let app = stage.app().await;
    approved(&app).await;
    by_sms(&app).await;
    let asked = |query: &str| format!("/v1/reports/conversion?{}&{query}", span(stage.clock.now()));
    let report = app.get(&asked("")).await.expect(200);
    let funnel = ["requested", "sent", "delivered", "read", "approved"];
    assert_eq!(
        figures(&report["total"], &funnel),
        ["2", "2", "1", "0", "1"]
    );
    let near = |value: &Value, seconds: f64| {
        let actual = value.as_f64().unwrap();
        assert!(
            (actual / seconds - 1.0).abs() < 0.2,
            "{actual} for {seconds}"
        );
    };
    near(&report["total"]["delivered_p50"], 1.0);
    near(&report["total"]["approved_p95"], 4.0);
    assert_eq!(report["total"]["read_p50"], Value::Null);
    let report = app.get(&asked("group_by=channel")).await.expect(200);
    let actual: Vec<_> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| figures(row, &funnel))
        .collect();
    assert_eq!(
        actual,
        [["1", "1", "0", "0", "0"], ["2", "1", "1", "0", "1"]],
        "each attempt is in its own row"
    );
    assert_eq!(
        figures(&report["total"], &funnel),
        ["2", "2", "1", "0", "1"]
    );
}

async fn csv_and_spreadsheet_contain_the_same_figures(stage: Stage) {
    let app = stage.app().await;
    approved(&app).await;
    let day = stage.clock.now().date_naive();
    let asked = format!("{COSTS}?from={day}&to={day}&group_by=day,project");
    let csv = app.get(&format!("{asked}&format=csv")).await;
    assert_eq!(csv.status, 200);
    assert!(csv.header("content-type").unwrap().starts_with("text/csv"));
    let figures = "1,1,1,1,0.01,0.00,0.00,0.01,0.05,USD";
    assert_eq!(
        csv.text,
        format!(
            "day,project,verifications,attempts,delivered,approved,charged,refunded,refunded_expected,net,sms_equivalent,currency\r\n\
             {day},default,{figures}\r\ntotal,,{figures}\r\n"
        )
    );
    let bare = app.get(&format!("{asked}&format=csv&totals=0")).await.text;
    assert_eq!(
        Some(bare.as_str()),
        csv.text.strip_suffix(&format!("total,,{figures}\r\n"))
    );
    let wrong = app.get(&format!("{asked}&totals=no")).await;
    assert_eq!(wrong.status, 400);
    let by_accept = app
        .request(reqwest::Method::GET, &asked)
        .header("Accept", "text/csv");
    assert_eq!(app.send(by_accept).await.text, csv.text);
    let with_ending = |ending: &str| asked.replacen(COSTS, &format!("{COSTS}{ending}"), 1);
    assert_eq!(app.get(&with_ending(".csv")).await.text, csv.text);
    let conversion = app.get("/v1/reports/conversion.csv").await;
    assert!(conversion.text.starts_with("requested,sent,"));
    for path in [format!("{asked}&format=xlsx"), with_ending(".xlsx")] {
        let sheet = app.request(reqwest::Method::GET, &path);
        let sheet = sheet.send().await.unwrap();
        assert_eq!(
            sheet.headers()["content-disposition"],
            format!("attachment; filename=\"costs-{day}-{day}.xlsx\"")
        );
        assert!(sheet.bytes().await.unwrap().starts_with(b"PK\x03\x04"));
    }
}

/// A spreadsheet over HTTP, asked for in a language.
async fn sheet(client: &Client, path: &str, language: &str) -> Xlsx<Cursor<Vec<u8>>> {
    let request = client
        .request(reqwest::Method::GET, path)
        .header("Accept-Language", language);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let bytes = answer.bytes().await.unwrap();
    Xlsx::new(Cursor::new(bytes.to_vec())).unwrap()
}

fn texts(row: &[Data]) -> Vec<String> {
    row.iter().map(ToString::to_string).collect()
}

async fn a_spreadsheet_stands_on_its_own_in_the_readers_language(stage: Stage) {
    let app = stage.app().await;
    approved(&app).await;
    app.started().await;
    let day = stage.clock.now().date_naive();
    let asked = format!(
        "{COSTS}?from={day}&to={day}&tz=Asia/Tashkent&group_by=country,channel&format=xlsx"
    );
    for (language, sheets, titles, total) in [
        (
            "ru-RU,ru;q=0.9",
            ["Расходы", "О выгрузке"],
            ["Страна", "Название страны", "Канал", "Проверки"],
            "Итого",
        ),
        (
            "fr, en;q=0.5",
            ["Costs", "About"],
            ["Country", "Country name", "Channel", "Verifications"],
            "Total",
        ),
    ] {
        let mut book = sheet(&app, &asked, language).await;
        assert_eq!(book.sheet_names(), sheets);
        let range = book.worksheet_range(sheets[0]).unwrap();
        let rows: Vec<&[Data]> = range.rows().collect();
        assert_eq!(texts(rows[0])[..4], titles);
        let (first, last) = (texts(rows[1]), texts(rows[rows.len() - 1]));
        assert_eq!(first[0].len(), 2, "{first:?}");
        assert!(first[1].chars().count() > 2, "{first:?}");
        assert_eq!((last[0].as_str(), rows.len()), (total, 3));
        let formulas = book.worksheet_formula(sheets[0]).unwrap();
        let formula = formulas.get_value((2, 7)).unwrap();
        assert_eq!(formula, "SUBTOTAL(109,H2:H2)");
        let filters = book.defined_names();
        assert!(
            filters
                .iter()
                .any(|(name, _)| name.contains("FilterDatabase"))
        );
        let about = book.worksheet_range(sheets[1]).unwrap();
        let about: Vec<String> = about.rows().flat_map(texts).collect();
        for fact in [
            "Asia/Tashkent",
            "USD",
            "sms_equivalent",
            "refunded_expected",
            titles[0],
        ] {
            assert!(about.iter().any(|text| text == fact), "{fact}: {about:?}");
        }
    }
    let bare = format!("{asked}&totals=0");
    let range = sheet(&app, &bare, "")
        .await
        .worksheet_range("Costs")
        .unwrap();
    assert_eq!(range.rows().count(), 2);
}

async fn a_spreadsheets_totals_are_formulas_only_where_they_are_sums(stage: Stage) {
    let app = stage.app().await;
    stage
        .telegram
        .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE")]);
    let v = app.started().await;
    app.settle(&v["id"]).await;
    let day = stage.clock.now().date_naive();
    // Two attempts, in a row each, of one verification.
    let asked = format!("/v1/reports/conversion?from={day}&to={day}&group_by=channel&format=xlsx");
    let mut book = sheet(&app, &asked, "en").await;
    let range = book.worksheet_range("Conversion").unwrap();
    let requested: Vec<String> = range.rows().map(|row| row[1].to_string()).collect();
    assert_eq!(requested, ["Requested", "1", "1", "1"]);
    let formulas = book.worksheet_formula("Conversion").unwrap();
    assert!(formulas.get_value((3, 1)).is_none_or(String::is_empty));
}

async fn a_key_sees_only_its_own_projects_figures(stage: Stage) {
    let app = stage.app().await;
    app.started().await;
    let other = app.with_key(&stage.new_key(Some("other"), "verify,finance").await);
    other.started().await;
    other.started().await;
    let of = async |client: &Client, query: &str| {
        let report = client
            .get(&format!("{COSTS}?{}&{query}", span(stage.clock.now())))
            .await;
        figures(&report.expect(200)["total"], &["verifications"])[0].clone()
    };
    assert_eq!(of(&app, "").await, "1");
    assert_eq!(of(&other, "").await, "2");
    other
        .get(&format!("{COSTS}?project=default"))
        .await
        .expect(403);
    let all = app.with_key(&stage.new_key(None, "finance").await);
    assert_eq!(of(&all, "").await, "3");
    assert_eq!(of(&all, "project=other").await, "2");
    let nobody = app.with_key(&stage.new_key(Some("default"), "verify").await);
    nobody.get(COSTS).await.expect(403);
}

async fn invalid_report_queries_name_the_parameter_and_the_fix(stage: Stage) {
    let app = stage.app().await;
    for (query, pointer, says) in [
        ("from=2026-11-30&to=2026-11-01", "/to", "swap"),
        ("from=1990-01-01&to=2026-11-01", "/from", "3660"),
        (
            "from=2026-01-01&to=2026-11-01&group_by=hour",
            "/from",
            "100",
        ),
        ("from=2026-11-31", "/from", "date"),
        ("from=yesterday", "/from", "date"),
        ("group_by=day,planet", "/group_by", "planet"),
        ("tz=Mars/Olympus", "/tz", "IANA"),
        ("currency=dollar", "/currency", "ISO 4217"),
        ("format=pdf", "/format", "csv"),
        ("limit=3", "/limit", "parameter"),
    ] {
        let problem = app.get(&format!("{COSTS}?{query}")).await.expect(400);
        assert_eq!(
            problem["errors"][0]["pointer"], pointer,
            "{query}: {problem}"
        );
        assert!(
            word(&problem["errors"][0]["detail"]).contains(says),
            "{query}: {problem}"
        );
    }
}

async fn the_command_line_prints_the_same_figures(stage: Stage) {
    let app = stage.app().await;
    approved(&app).await;
    by_sms(&app).await;
    let day = stage.clock.now().date_naive();
    let day = day.to_string();
    let report = async |form: &str| {
        let words = [
            "report",
            "costs",
            "--from",
            &day,
            "--to",
            &day,
            "--group-by",
            "day,channel",
            "--tz",
            "Asia/Tashkent",
            "--format",
            form,
        ];
        crate::program::run_well(&stage, &words).await
    };
    let query = format!("from={day}&to={day}&group_by=day,channel&tz=Asia/Tashkent");
    let actual: Value = serde_json::from_str(&report("json").await).unwrap();
    assert_eq!(
        actual,
        app.get(&format!("{COSTS}?{query}")).await.expect(200)
    );
    let csv = app.get(&format!("{COSTS}?{query}&format=csv")).await;
    assert_eq!(report("csv").await, csv.text);
    let table = report("table").await;
    assert!(
        table.contains("telegram") && table.contains("Money in USD."),
        "{table}"
    );
    crate::program::run_well(&stage, &["report", "rebuild"]).await;
    assert_eq!(report("csv").await, csv.text);
}
