//! What is known of visitors' addresses: autonomous systems, and addresses that the lists allow.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::mmdb::mmdb;
use super::rules::{ON, decisions, of_range};
use super::{add, blocked, items};
use crate::on_both_engines;
use crate::program::bare_program;
use crate::stage::{AT_ONCE, Reply, SMS, Stage, TestApp, UNLIMITED, word};
use crate::webhooks::admin;

on_both_engines!(
    an_autonomous_system_is_counted_shown_and_listed,
    a_file_that_breaks_or_goes_leaves_what_was_read_before,
    an_allowed_address_is_let_through_by_fallbacks_and_resends_too,
    check_config_and_doctor_say_what_is_wrong_with_a_file,
);

const ONLY_ASN: (&str, &str) = (
    "DEFAULTS__GUARD__RULES",
    r#"{"unverified_asn":{"mode":"on","floor_hour":2,"floor_day":2}}"#,
);

fn file(stage: &Stage) -> PathBuf {
    stage.folder.join("networks.mmdb")
}

async fn start_from(app: &TestApp, place: usize, ip: &str) -> Reply {
    // Of ranges and countries of their own.
    let number = format!("+99890{:03}1234", 100 + place);
    app.start(json!({ "phone_number": number, "client": { "ip": ip } }))
        .await
}

async fn an_autonomous_system_is_counted_shown_and_listed(stage: Stage) {
    let path = file(&stage);
    std::fs::write(
        &path,
        mmdb(&[
            ("203.0.113.0", 24, 64_496, "NL"),
            ("198.51.100.0", 24, 64_497, "UZ"),
        ]),
    )
    .unwrap();
    let path = path.to_str().unwrap();
    let app = stage
        .app_with(&[SMS, ONLY_ASN, ("GUARD__IP_DATABASE", path)])
        .await;
    app.gateway.refresh_ip_database().await;
    let admin = admin(&app).await;
    for place in 0..2 {
        start_from(&app, place, &format!("203.0.113.{place}"))
            .await
            .expect(201);
    }
    blocked(&start_from(&app, 2, "203.0.113.200").await);
    start_from(&app, 3, "198.51.100.1").await.expect(201);
    start_from(&app, 4, "192.0.2.1").await.expect(201);
    let cells = admin
        .get("/v1/guard/cells?rule=unverified_asn")
        .await
        .expect(200);
    let shown: Vec<_> = items(&cells)
        .iter()
        .map(|it| (word(&it["cell"]), it["unverified_24h"].as_u64()))
        .collect();
    assert_eq!(shown, [("asn:64496", Some(2)), ("asn:64497", Some(1))]);
    let kept = decisions(&app, &admin, "rule=unverified_asn&outcome=deny").await;
    assert_eq!(kept.len(), 1);
    // The lists know it too, in both forms.
    add(
        &admin,
        json!({ "kind": "block", "match": "asn", "value": "64497" }),
    )
    .await;
    blocked(&start_from(&app, 5, "198.51.100.2").await);
    let soon = app.gateway.now() + chrono::TimeDelta::days(9);
    let body = json!({ "kind": "allow", "match": "asn", "value": "AS64496", "note": "our own network", "expires_at": soon });
    assert_eq!(add(&admin, body).await["value"], "AS64496");
    start_from(&app, 6, "203.0.113.201").await.expect(201);
    for wrong in ["AS", "AS0", "x", "4294967296"] {
        let body = json!({ "kind": "block", "match": "asn", "value": wrong });
        let reply = admin.post("/v1/guard/lists", body).await;
        reply.problem(400, "invalid_request");
        assert_eq!(reply.pointers(), ["/value"]);
    }
    // What is kept about a number says so.
    let found = admin
        .post(
            "/v1/subjects/find",
            json!({ "phone_number": "+998901001234" }),
        )
        .await
        .expect(200);
    let client = &found["verifications"][0]["client"];
    assert_eq!(
        (&client["asn"], &client["country"]),
        (&json!(64_496), &json!("NL")),
        "{found}"
    );
}

async fn a_file_that_breaks_or_goes_leaves_what_was_read_before(stage: Stage) {
    let path = file(&stage);
    let good = mmdb(&[("203.0.113.0", 24, 64_496, "NL")]);
    let app = stage
        .app_with(&[SMS, ("GUARD__IP_DATABASE", path.to_str().unwrap())])
        .await;
    let admin = admin(&app).await;
    let refresh = async |bytes: Option<&[u8]>| {
        match bytes {
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        app.gateway.refresh_ip_database().await;
    };
    app.gateway.refresh_ip_database().await;
    // From nothing it begins to be known, when the file comes.
    add(
        &admin,
        json!({ "kind": "block", "match": "asn", "value": "AS64496" }),
    )
    .await;
    start_from(&app, 0, "203.0.113.1").await.expect(201);
    refresh(Some(&good)).await;
    blocked(&start_from(&app, 1, "203.0.113.1").await);
    for broken in [
        &good[..good.len() - 40],
        &good[40..],
        b"",
        b"<html>404</html>",
    ] {
        refresh(Some(broken)).await;
        blocked(&start_from(&app, 2, "203.0.113.1").await);
    }
    refresh(None).await;
    blocked(&start_from(&app, 3, "203.0.113.1").await);
    refresh(Some(&mmdb(&[("203.0.113.0", 24, 64_499, "NL")]))).await;
    start_from(&app, 4, "203.0.113.1").await.expect(201);
}

async fn an_allowed_address_is_let_through_by_fallbacks_and_resends_too(stage: Stage) {
    let app = stage.app_with(&[ON, UNLIMITED, AT_ONCE]).await;
    let admin = admin(&app).await;
    for number in 0..4 {
        app.start(json!({ "phone_number": of_range(number), "channels": ["sms"] }))
            .await;
    }
    let sent = stage.sms.sends().len();
    let soon = app.gateway.now() + chrono::TimeDelta::days(9);
    let body = json!({ "kind": "allow", "match": "ip", "value": "203.0.113.0/24", "note": "the office", "expires_at": soon });
    add(&admin, body).await;
    let from =
        |ip: &str, number| json!({ "phone_number": of_range(number), "client": { "ip": ip } });
    let ours = app.start(from("203.0.113.7", 10)).await.expect(201);
    let others = app.start(from("203.0.114.7", 11)).await.expect(201);
    stage.advance(16);
    let reason = |v: &Value| v["attempts"][1]["reason"].clone();
    let (ours, others) = (
        app.settle(&ours["id"]).await,
        app.settle(&others["id"]).await,
    );
    assert_eq!(
        (reason(&ours), reason(&others)),
        (Value::Null, json!("guard"))
    );
    assert_eq!(stage.sms.sends().len(), sent + 1);
    app.resend(&ours["id"], json!({ "channel": "sms" }))
        .await
        .expect(200);
    assert_eq!(
        app.settle(&ours["id"]).await["attempts"][2]["reason"],
        Value::Null
    );
}

async fn check_config_and_doctor_say_what_is_wrong_with_a_file(stage: Stage) {
    let path = file(&stage);
    let run = |command: &str| {
        let output = bare_program()
            .arg(command)
            .env(
                "PINROUTE_DATABASE_URL",
                format!("sqlite://{}", stage.folder.join("own.db").display()),
            )
            .env("PINROUTE_GUARD__IP_DATABASE", &path)
            .current_dir(&stage.folder)
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let (code, said) = run("check-config");
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("guard.ip_database: ") && said.contains("networks.mmdb cannot be read: "),
        "{said}"
    );
    std::fs::write(&path, b"nothing").unwrap();
    let (_, said) = run("check-config");
    assert!(
        said.contains("is not a whole MMDB file, download it again"),
        "{said}"
    );
    let (_, said) = run("doctor");
    assert!(said.contains("fault    ip_database: "), "{said}");
    std::fs::write(&path, mmdb(&[("203.0.113.0", 24, 64_496, "NL")])).unwrap();
    let (code, said) = run("check-config");
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("Without guard.ip_database"), "{said}");
    let (_, said) = run("doctor");
    assert!(
        said.contains("networks.mmdb is Test-ASN-Country and "),
        "{said}"
    );
}
