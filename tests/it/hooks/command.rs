//! `pinroute integrations …`.

use serde_json::json;

use super::Hook;
use crate::on_both_engines;
use crate::program::{lines, program, run, run_json, run_refused};
use crate::stage::{Stage, word};

on_both_engines!(
    integrations_are_managed_while_a_server_runs,
    a_secret_is_read_from_a_file_and_faults_are_named,
    a_project_has_fifty_integrations_at_most,
);

async fn integrations_are_managed_while_a_server_runs(stage: Stage) {
    let app = stage.app().await;
    #[rustfmt::skip]
    let made = run_json(&stage, &["integrations", "create", "--kind", "generic", "--preset", "keycloak", "--name", "Keycloak",
        "--field", "phone=/user/mobile", "--ttl", "5m", "--get", "--json"]).await;
    let hook = Hook::of(&app, made.clone());
    let id = word(&made["id"]);
    let call = json!({ "user": { "mobile": stage.number() }, "message": "Code 561166" });
    hook.settle(&hook.post(&call).await).await;
    let shown = run_json(&stage, &["integrations", "show", id, "--json"]).await;
    assert_eq!(
        (&shown["fields"], &shown["ttl"], &shown["methods"]),
        (
            &json!({ "phone": "/user/mobile" }),
            &json!(300),
            &json!(["POST", "GET"])
        )
    );
    assert!(shown.get("secret").is_none(), "{shown}");

    // A call is stored within a second, or when somebody looks through the server.
    assert_eq!(hook.outcomes().await, ["sent"]);
    let shown = run_json(&stage, &["integrations", "show", id, "--json"]).await;
    assert_eq!(shown["last_calls"][0]["outcome"], "sent");

    #[rustfmt::skip]
    let changed = run_json(&stage, &["integrations", "set", id, "--field", "phone=", "--sms-text", "template", "--get", "false", "--json"]).await;
    assert_eq!(
        (&changed["fields"], &changed["methods"]),
        (&json!({}), &json!(["POST"]))
    );
    let rotated = run_json(&stage, &["integrations", "rotate", id, "--json"]).await;
    assert_ne!(rotated["previous_secret_expires_at"], json!(null));
    let renewed = Hook::of(&app, rotated);
    let call = json!({ "receiver": stage.number(), "message": "Code 561166" });
    renewed.settle(&renewed.post(&call).await).await;
    let secret = stage.folder.join("secret");
    std::fs::write(&secret, &renewed.secret).unwrap();
    let secret = secret.to_str().unwrap();
    run_refused(
        &stage,
        &["integrations", "rotate", id, "--secret-file", secret],
    )
    .await;
    // Naming the current secret ends the other one.
    let changed = run_json(
        &stage,
        &["integrations", "set", id, "--secret-file", secret, "--json"],
    )
    .await;
    assert_eq!(changed["previous_secret_expires_at"], json!(null));
    let list = run_json(&stage, &["integrations", "list", "--json"]).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    run_json(&stage, &["integrations", "delete", id, "--json"]).await;
    hook.post(&call).await.problem(404, "not_found");
}

async fn a_project_has_fifty_integrations_at_most(stage: Stage) {
    let app = stage.app().await;
    let create = [
        "integrations",
        "create",
        "--kind",
        "generic",
        "--preset",
        "novu",
        "--json",
    ];
    assert_eq!(run_json(&stage, &create).await["name"], "Novu");
    for _ in 0..49 {
        Hook::new(&app, json!({ "kind": "generic" })).await;
    }
    let mut one_more = program(&stage);
    one_more.args(create);
    let output = run(one_more).await;
    let said = lines(&output.stderr).join("\n");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("50 integrations"), "{said}");
}

async fn a_secret_is_read_from_a_file_and_faults_are_named(stage: Stage) {
    let app = stage.app().await;
    let key = stage.folder.join("key");
    std::fs::write(&key, "s3cretSigningKey\n").unwrap();
    let file = key.to_str().unwrap();
    #[rustfmt::skip]
    let zitadel = run_json(&stage, &["integrations", "create", "--kind", "zitadel", "--secret-file", file, "--json"]).await;
    let zitadel = Hook::of(&app, zitadel);
    let call = json!({ "contextInfo": { "recipientPhoneNumber": stage.number() }, "args": { "code": "561166" } });
    zitadel
        .settle(&zitadel.zitadel("s3cretSigningKey", &call).await)
        .await;
    let id = word(&zitadel.made["id"]);
    for (arguments, code) in [
        (vec!["integrations", "create", "--kind", "okta"], 2),
        (
            vec![
                "integrations",
                "create",
                "--kind",
                "supabase",
                "--preset",
                "logto",
            ],
            2,
        ),
        (
            vec![
                "integrations",
                "create",
                "--kind",
                "supabase",
                "--secret-file",
                file,
            ],
            2,
        ),
        (
            vec![
                "integrations",
                "create",
                "--kind",
                "generic",
                "--project",
                "nobody",
            ],
            2,
        ),
        (vec!["integrations", "set", id, "--ttl", "1s"], 2),
        (vec!["integrations", "set", id, "--field", "colour=red"], 2),
        (vec!["integrations", "rotate", id], 2),
        (
            vec![
                "integrations",
                "delete",
                "00000000-0000-0000-0000-000000000000",
            ],
            1,
        ),
    ] {
        let mut command = program(&stage);
        command.args(&arguments);
        let output = run(command).await;
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}
