//! `pinroute sinks`, and what `check-config` says of sinks.

use serde_json::{Value, json};

use super::{file, in_file};
use crate::on_both_engines;
use crate::program::{Server, lines, program, run};
use crate::stage::{Stage, word};

on_both_engines!(
    the_command_shows_what_waits_and_redelivers_it,
    check_config_reports_each_fault_of_a_sink,
);

fn with(stage: &Stage, arguments: &[&str], sinks: &Value) -> std::process::Command {
    let mut command = program(stage);
    command.env("PINROUTE_EVENTS__SINKS", sinks.to_string());
    command.env("PINROUTE_EVENTS__OUTBOX_MAX_AGE", "1m");
    command.args(arguments);
    command
}

async fn the_command_shows_what_waits_and_redelivers_it(stage: Stage) {
    let folder = stage.folder.join("later");
    let path = folder.join("events.jsonl");
    let sinks = json!([
        file("file", &path),
        { "name": "stream", "kind": "redis_stream", "url": "redis://:word@127.0.0.1:1", "stream": "s",
          "events": ["budget.reached"], "numbers": "full" },
    ]);
    let said = async |arguments: &[&str]| {
        let output = run(with(&stage, arguments, &sinks)).await;
        assert_eq!(output.status.code(), Some(0), "{:?}", lines(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let json_of = async |arguments: &[&str]| -> Value {
        serde_json::from_str(&said(arguments).await).unwrap()
    };
    let server = Server::start(with(&stage, &[], &sinks)).await;
    let v = stage.client(&server.base).started().await;
    let listed = json_of(&["sinks", "list", "--json"]).await;
    let [first, second] = listed["items"].as_array().unwrap().as_slice() else {
        panic!("{listed}");
    };
    assert_eq!(
        (
            &first["name"],
            &first["kind"],
            &first["numbers"],
            &first["events"]
        ),
        (
            &json!("file"),
            &json!("file"),
            &json!("masked"),
            &json!(["*"])
        )
    );
    assert_eq!((&first["pending"], &first["dead"]), (&json!(2), &json!(0)));
    assert_eq!(
        (&second["to"], &second["pending"], &second["oldest_seconds"]),
        (
            &json!("redis://:***@127.0.0.1:1 s"),
            &json!(0),
            &Value::Null
        )
    );
    let text = said(&["sinks", "list"]).await;
    assert!(text.contains("2 pending, the oldest due for"), "{text}");
    // As if a minute had passed. A try that is under way writes that there will be another.
    let dead = loop {
        stage
            .run_sql("UPDATE webhook_deliveries SET state = 'dead', due_at = NULL")
            .await;
        let dead = json_of(&["sinks", "messages", "file", "--state", "dead", "--json"]).await;
        if dead["items"].as_array().unwrap().len() == 2 {
            break dead["items"].clone();
        }
    };
    assert_eq!(dead[1]["verification_id"], v["id"]);
    let newest = word(&dead[0]["id"]);
    let text = said(&["sinks", "messages", "file"]).await;
    assert!(
        text.lines().count() == 2 && text.contains("verification.sent"),
        "{text}"
    );
    std::fs::create_dir(&folder).unwrap();
    let one = json_of(&["sinks", "redeliver", "file", newest, "--json"]).await;
    assert_eq!(one, json!({ "sink": "file", "redelivered": 1 }));
    let text = said(&["sinks", "redeliver", "file"]).await;
    assert_eq!(text, "Sink file: 1 sent again.\n");
    let come = async {
        while in_file(&path).len() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let come = tokio::time::timeout(std::time::Duration::from_secs(30), come).await;
    come.expect("a running server sends what is redelivered");
    assert_eq!(server.terminate().await, Some(0));
    what_is_not_there_is_refused(&stage, &sinks).await;
}

async fn what_is_not_there_is_refused(stage: &Stage, sinks: &Value) {
    let refused = async |arguments: &[&str], sinks: &Value, code: i32| {
        let output = run(with(stage, arguments, sinks)).await;
        assert_eq!(output.status.code(), Some(code));
        lines(&output.stderr).join("\n")
    };
    let strange = refused(&["sinks", "redeliver", "fiel"], sinks, 2).await;
    assert!(
        strange.contains("no sink `fiel` is configured"),
        "{strange}"
    );
    let id = "01a2039f-70e3-7000-aa61-cebc2ca89bb7";
    let strange = refused(&["sinks", "redeliver", "file", id], sinks, 1).await;
    assert!(strange.contains(id), "{strange}");
    // What was sent to a sink can be seen when it is no longer configured, and goes nowhere.
    let none = json!([]);
    let output = run(with(stage, &["sinks", "list"], &none)).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with("file") && text.contains("no longer configured"),
        "{text}"
    );
    let strange = refused(&["sinks", "redeliver", "file"], &none, 2).await;
    assert!(
        strange.contains("no sink `file` is configured"),
        "{strange}"
    );
}

async fn check_config_reports_each_fault_of_a_sink(stage: Stage) {
    let check = async |sinks: Value| {
        let mut command = program(&stage);
        command.arg("check-config");
        command.env("PINROUTE_EVENTS__SINKS", sinks.to_string());
        let output = run(command).await;
        (output.status.code(), lines(&output.stderr))
    };
    let there = stage.folder.join("events.jsonl");
    let sound = json!([
        { "name": "a", "kind": "file", "path": there, "rotate_mib": 1, "rotate_daily": true, "keep": 3 },
        { "name": "b", "kind": "redis_stream", "url": "redis://127.0.0.1:6379/3", "stream": "s", "max_len": 5, "numbers": "full",
          "events": ["verification.approved"] },
    ]);
    let (code, said) = check(sound).await;
    assert_eq!(code, Some(0), "{said:?}");
    assert!(!there.exists(), "nothing is written");
    let faulty = json!([
        { "name": "Loud", "kind": "kafka" },
        { "name": "a", "kind": "redis_stream" },
        { "name": "a", "kind": "redis_stream", "url": "http://:hidden@x", "stream": "", "max_len": 0 },
        { "name": "c", "kind": "file", "numbers": "maskd", "events": ["verification.aproved"] },
        { "name": "d", "kind": "file", "path": "x/", "url": "redis://x" },
    ]);
    let (code, said) = check(faulty).await;
    assert_eq!(code, Some(2));
    let said = said.join("\n");
    for wanted in [
        "events.sinks[0].name: `Loud` is not a name",
        "events.sinks[0].kind: `kafka` is not a kind of sink; known: redis_stream, file",
        "events.sinks[1].url: is missing",
        "events.sinks[1].stream: is missing",
        "events.sinks[2].name: `a` is the name of an earlier sink",
        "events.sinks[2].url: must be redis://HOST:PORT",
        "events.sinks[2].stream: must be a key",
        "events.sinks[2].max_len: `0` is out of range",
        "events.sinks[3].numbers: `maskd` is none of: masked, full",
        "events.sinks[3].events[0]: `verification.aproved` is not a type of event",
        "did you mean `verification.approved`?",
        "events.sinks[3].path: is missing",
        "events.sinks[4].path: `x/` names no file",
        "events.sinks[4].url: unknown key",
    ] {
        assert!(said.contains(wanted), "no `{wanted}` in\n{said}");
    }
    assert!(!said.contains("hidden"), "{said}");
    std::fs::write(stage.folder.join("plain"), "").unwrap();
    let unwritable = json!([
        file("none", &stage.folder.join("none/events.jsonl")),
        file("plain", &stage.folder.join("plain/events.jsonl")),
        file("folder", &stage.folder),
        file("closed", std::path::Path::new("/proc/events.jsonl")),
    ]);
    let (code, said) = check(unwritable).await;
    let said = said.join("\n");
    assert_eq!(code, Some(2));
    for wanted in [
        "events.sinks[0].path: the folder `",
        "none` does not exist; create it",
        "events.sinks[1].path: `",
        "plain` is not a folder",
        "events.sinks[2].path: `",
        "is a folder; name a file",
        "events.sinks[3].path: the folder `/proc` is not writable",
    ] {
        assert!(said.contains(wanted), "no `{wanted}` in\n{said}");
    }
}
