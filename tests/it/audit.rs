//! The audit log: one entry for each change, in the same transaction, without secrets.

use pinroute::secret::random;
use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_engines;
use crate::person::{PASSWORD, Person, invited, person};
use crate::program::{run_json, run_refused};
use crate::stage::{Client, Reply, Stage, TestApp, assert_fields, word};
use crate::webhooks::{OPEN, receiver, register};

on_both_engines!(
    each_change_through_the_api_leaves_one_entry,
    money_and_prices_leave_entries_with_what_they_replace,
    users_and_their_sign_ins_leave_entries,
    the_command_line_leaves_entries_in_its_name,
    no_secret_and_no_number_is_in_the_log,
    what_the_log_cannot_tell_does_not_happen,
    a_project_sees_its_own_entries,
    entries_are_filtered_paged_and_exported,
    entries_go_when_their_retention_is_over,
);

const PATH: &str = "/v1/audit";

fn items(list: &Value) -> &[Value] {
    list["items"].as_array().expect("items")
}

/// The log, read as far as a test has come.
struct Log {
    client: Client,
    seen: Vec<Value>,
}

impl Log {
    /// With a key of the whole instance.
    async fn of(app: &TestApp) -> Self {
        let client = app.with_key(&app.stage.new_key(None, "admin").await);
        let seen = Vec::new();
        let mut log = Self { client, seen };
        log.news().await;
        log
    }

    /// The entries since the last time, oldest first.
    async fn news(&mut self) -> Vec<Value> {
        let list = self.client.get(&format!("{PATH}?limit=200")).await;
        let mut found = items(&list.expect(200)).to_vec();
        found.retain(|entry| !self.seen.contains(&entry["id"]));
        found.reverse();
        self.seen
            .extend(found.iter().map(|entry| entry["id"].clone()));
        found
    }

    /// The one entry since the last time.
    async fn one(&mut self, action: &str) -> Value {
        let found = self.news().await;
        let [entry] = &found[..] else {
            panic!("{action}: {found:#?}");
        };
        assert_eq!(entry["action"], action);
        let kind = action.split('.').next().unwrap();
        assert_eq!(entry["object"]["kind"], kind);
        entry.clone()
    }

    async fn nothing(&mut self, why: &str) {
        assert_eq!(self.news().await, [] as [Value; 0], "{why}");
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Reply {
        let request = self.client.request(method, path).json(body);
        self.client.send(request).await
    }

    async fn delete(&self, path: &str) -> Reply {
        let request = self.client.request(Method::DELETE, path);
        self.client.send(request).await
    }
}

#[expect(clippy::too_many_lines, reason = "one step for each kind of change")]
async fn each_change_through_the_api_leaves_one_entry(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let mut log = Log::of(&app).await;
    let (post, patch) = (Method::POST, Method::PATCH);

    let body = json!({ "project": "default", "name": "shop", "scopes": ["verify"] });
    let key = log.send(post.clone(), "/v1/keys", &body).await.expect(201);
    let entry = log.one("key.created").await;
    assert_fields(
        &entry,
        &[
            "action",
            "actor",
            "after",
            "at",
            "before",
            "client_ip",
            "id",
            "object",
            "project",
        ],
    );
    assert_eq!(entry["actor"]["kind"], "key");
    let keys = stage.db.list_keys().await.unwrap();
    let own = pinroute::secret::fingerprint(log.client.key.as_bytes());
    let own = keys.iter().find(|key| key.hash == own).unwrap().id;
    assert_eq!(entry["actor"]["id"], json!(own));
    assert_eq!(entry["client_ip"], "127.0.0.1");
    let object = json!({ "kind": "key", "id": key["id"], "name": "shop" });
    assert_eq!(entry["object"], object);
    assert_eq!(entry["project"], "default");
    let told = json!({ "name": "shop", "scopes": ["verify"], "expires_at": null });
    assert_eq!((&entry["before"], &entry["after"]), (&Value::Null, &told));
    let path = format!("/v1/keys/{}", word(&key["id"]));
    log.delete(&path).await.expect(204);
    let entry = log.one("key.revoked").await;
    assert_eq!((&entry["before"], &entry["after"]), (&told, &Value::Null));
    log.delete(&path).await.expect(204);
    log.nothing("it was revoked before").await;

    let body = json!({ "name": "shop", "policy": { "ttl": "5m" } });
    log.send(post.clone(), "/v1/projects", &body)
        .await
        .expect(201);
    let entry = log.one("project.created").await;
    assert_eq!(entry["after"], json!({ "ttl": "5m" }));
    log.send(post.clone(), "/v1/projects", &body)
        .await
        .problem(400, "invalid_request");
    log.nothing("the name is taken").await;
    let shop = "/v1/projects/shop";
    let change = json!({ "policy": { "ttl": "7m", "brand": "Shop" } });
    log.send(patch.clone(), shop, &change).await.expect(200);
    let entry = log.one("project.changed").await;
    assert_eq!(entry["before"], json!({ "ttl": "5m" }));
    assert_eq!(entry["after"], change["policy"]);
    assert_eq!(entry["object"]["name"], "shop");
    log.send(patch.clone(), shop, &change).await.expect(200);
    log.nothing("nothing differs").await;
    let wrong = json!({ "policy": { "ttl": "7 parsecs" } });
    log.send(patch.clone(), shop, &wrong)
        .await
        .problem(400, "invalid_request");
    log.nothing("it was refused").await;

    let entry = json!({ "kind": "block", "match": "number", "value": "+998901234567" });
    let lists = "/v1/guard/lists";
    let first = log.send(post.clone(), lists, &entry).await.expect(201);
    let told = log.one("list_entry.added").await;
    assert_eq!(told["object"]["name"], "+998 90 ••• •• 67");
    assert_eq!(told["after"]["value"], "+998 90 ••• •• 67");
    assert_eq!(
        (&told["before"], &told["project"]),
        (&Value::Null, &Value::Null)
    );
    let entry =
        json!({ "kind": "block", "match": "number", "value": "+998901234567", "note": "again" });
    let second = log.send(post.clone(), lists, &entry).await.expect(201);
    let told = log.one("list_entry.added").await;
    let notes = (&told["before"]["note"], &told["after"]["note"]);
    assert_eq!(notes, (&json!(""), &json!("again")));
    let path = |entry: &Value| format!("{lists}/{}", word(&entry["id"]));
    log.delete(&path(&second)).await.expect(204);
    log.one("list_entry.removed").await;
    log.delete(&path(&first)).await.problem(404, "not_found");
    log.nothing("it was replaced").await;

    // Values that identify one person are masked; ranges and networks are not.
    for (kind, value, name) in [
        ("number", "+6834123", "+683 ••••"),
        ("ip", "203.0.113.7", "203.0.113.•"),
        ("ip", "2001:db8:1:2::7", "2001:db8:1:•"),
        ("ip", "203.0.113.0/24", "203.0.113.0/24"),
        ("prefix", "+49151123456", "+49151123456"),
    ] {
        let entry = json!({ "kind": "block", "match": kind, "value": value });
        log.send(post.clone(), lists, &entry).await.expect(201);
        let told = log.one("list_entry.added").await;
        assert_eq!(
            (&told["object"]["name"], &told["after"]["value"]),
            (&json!(name), &json!(name))
        );
    }
    let erased = json!({ "phone_number": "+6834123" });
    let erased = log.send(post.clone(), "/v1/subjects/erase", &erased).await;
    erased.expect(200);
    let told = log.one("subject.erased").await;
    assert_eq!(told["object"]["name"], "+683 ••••");

    let fake = receiver().await;
    let webhook = register(&log.client, &fake, &["*"]).await;
    let told = log.one("webhook.created").await;
    let url = format!("http://{}/hooks?***", fake.address);
    let after = json!({ "url": url, "events": ["*"], "description": "a test's" });
    assert_eq!(told["after"], after);
    let path = format!("/v1/webhooks/{}", word(&webhook["id"]));
    log.send(post.clone(), &format!("{path}/rotate"), &json!({}))
        .await
        .expect(200);
    let told = log.one("webhook.rotated").await;
    assert_eq!(
        (&told["before"], &told["after"]),
        (&Value::Null, &Value::Null)
    );
    log.delete(&path).await.expect(204);
    assert_eq!(log.one("webhook.deleted").await["before"], after);

    let body = json!({ "kind": "generic", "name": "Keycloak", "ttl": 300 });
    let made = log.send(post.clone(), "/v1/integrations", &body);
    let made = made.await.expect(201);
    let told = log.one("integration.created").await;
    assert_eq!(told["after"]["name"], "Keycloak");
    let path = format!("/v1/integrations/{}", word(&made["id"]));
    let renamed = json!({ "name": "Sign-in" });
    log.send(patch, &path, &renamed).await.expect(200);
    let told = log.one("integration.changed").await;
    assert_eq!(told["before"], json!({ "name": "Keycloak" }));
    assert_eq!(told["after"], renamed);
    log.send(post, &format!("{path}/rotate"), &json!({}))
        .await
        .expect(200);
    log.one("integration.rotated").await;
    log.delete(&path).await.expect(204);
    log.one("integration.deleted").await;
}

async fn money_and_prices_leave_entries_with_what_they_replace(stage: Stage) {
    let app = stage.app().await;
    let mut log = Log::of(&app).await;
    let put = Method::PUT;
    let budget = |amount: &str| json!({ "items": [{ "project": "default", "period": "day", "limit": { "amount": amount, "currency": "USD" } }] });
    log.send(put.clone(), "/v1/budgets", &budget("5"))
        .await
        .expect(200);
    let told = log.one("budgets.changed").await;
    assert_eq!(
        (&told["project"], &told["object"]["name"]),
        (&json!("default"), &json!("default"))
    );
    log.send(put.clone(), "/v1/budgets", &budget("8"))
        .await
        .expect(200);
    let told = log.one("budgets.changed").await;
    let limit = |side: &Value| side["budget"][0]["limit"]["amount"].clone();
    let limits = (limit(&told["before"]), limit(&told["after"]));
    assert_eq!(limits, (json!("5.00"), json!("8.00")));

    let rate = |amount: &str| {
        json!({ "items": [{ "from_date": "2026-01-01", "channel": "telegram", "provider": "telegram", "country": "UZ",
            "unit": "message", "amount": amount, "currency": "USD" }] })
    };
    log.send(put.clone(), "/v1/rates", &rate("0.01"))
        .await
        .expect(200);
    let told = log.one("rates.changed").await;
    assert_eq!(told["before"], Value::Null);
    assert_eq!(told["after"]["items"][0]["country"], "UZ");
    log.send(put.clone(), "/v1/rates", &rate("0.01"))
        .await
        .expect(200);
    log.nothing("the rate is the same").await;
    log.send(put.clone(), "/v1/rates", &rate("0.02"))
        .await
        .expect(200);
    let told = log.one("rates.changed").await;
    let amount = |side: &Value| side["items"][0]["amount"].clone();
    assert_ne!(amount(&told["before"]), amount(&told["after"]));

    for factor in ["1.1", "1.2"] {
        let body = json!({ "items": [{ "date": "2026-01-01", "from": "EUR", "to": "USD", "rate": factor }] });
        log.send(put.clone(), "/v1/exchange-rates", &body)
            .await
            .expect(200);
        let told = log.one("exchange_rates.changed").await;
        assert_eq!(told["after"], body);
        let was = &told["before"]["items"][0]["rate"];
        let expected = (factor == "1.2").then_some("1.1");
        assert_eq!(was, &json!(expected));
    }

    let top_up = json!({ "amount": "50", "currency": "USD", "note": "by +998 90 123-45-67" });
    let path = "/v1/balances/telegram/top-ups";
    for _ in 0..2 {
        let reply = log.client.post_once(path, "once", top_up.clone()).await;
        reply.expect(201);
    }
    let told = log.one("ledger_entry.booked").await;
    assert_eq!(told["after"]["kind"], "top_up");
    assert_eq!(told["after"]["note"], "by +998 90 ••• •• 67");
    let entry = word(&told["object"]["id"]).to_owned();
    let mut ann = person(&app, "ann@example.com", "finance").await;
    log.news().await;
    let reverse = format!("/dashboard/ledger/{entry}/reverse");
    let page = ann.get("/dashboard/ledger").await;
    let token = crate::person::hidden(&page, "form_token");
    let once = crate::person::hidden(&page, "form_once");
    for status in [303, 303] {
        let fields = [("form_token", token.as_str()), ("form_once", once.as_str())];
        assert_eq!(ann.send_form(&reverse, &fields).await.status, status);
    }
    let told = log.one("ledger_entry.reversed").await;
    assert_eq!(told["actor"]["name"], "ann@example.com");
    let amounts = (&told["before"]["amount"], &told["after"]["amount"]);
    assert_eq!(amounts, (&json!("50.00"), &json!("-50.00")));
}

async fn users_and_their_sign_ins_leave_entries(stage: Stage) {
    let proxies = ("TRUSTED_PROXIES", r#"["127.0.0.1/32"]"#);
    let app = stage.app_with(&[proxies]).await;
    let mut log = Log::of(&app).await;
    let mut ann = person(&app, "ann@example.com", "owner").await;
    let found = log.news().await;
    let actions: Vec<&str> = found.iter().map(|entry| word(&entry["action"])).collect();
    assert_eq!(actions, ["user.password_changed", "user.signed_in"]);
    assert_eq!(found[1]["after"], json!({ "with": "password_link" }));
    assert_eq!(found[1]["actor"]["id"], found[1]["object"]["id"]);

    ann.from = Some("203.0.113.7".to_owned());
    let page = "/dashboard/users";
    let fields = [("email", "bob@example.com"), ("role", "support")];
    ann.post(page, page, &fields).await;
    let told = log.one("user.created").await;
    let actor = json!({ "kind": "user", "id": found[1]["actor"]["id"], "name": "ann@example.com" });
    assert_eq!(told["actor"], actor);
    assert_eq!(told["client_ip"], "203.0.113.7");
    let after = json!({ "email": "bob@example.com", "role": "support" });
    assert_eq!(told["after"], after);
    let bob = format!("{page}/{}", word(&told["object"]["id"]));
    let role = format!("{bob}/role");
    ann.post(page, &role, &[("role", "finance")]).await;
    let told = log.one("user.role_changed").await;
    assert_eq!(told["before"], json!({ "role": "support" }));
    assert_eq!(told["after"], json!({ "role": "finance" }));
    ann.post(page, &role, &[("role", "finance")]).await;
    log.nothing("the role is the same").await;
    for (verb, action) in [
        ("invite", "user.invited"),
        ("disable", "user.disabled"),
        ("enable", "user.enabled"),
    ] {
        ann.post(page, &format!("{bob}/{verb}"), &[]).await;
        log.one(action).await;
    }
    ann.post(page, &format!("{bob}/enable"), &[]).await;
    log.nothing("the user was enabled before").await;

    let mut again = Person::new(&app);
    again.from = Some("198.51.100.4".to_owned());
    again.sign_in("ann@example.com", "not the password").await;
    again
        .sign_in("nobody@example.com", "not the password")
        .await;
    let tasks = app.gateway.tasks();
    tasks.close();
    tasks.wait().await;
    tasks.reopen();
    let told = log.one("user.sign_in_failed").await;
    assert_eq!(told["client_ip"], "198.51.100.4");
    assert_eq!(told["object"]["name"], "ann@example.com");
    again.sign_in("ann@example.com", PASSWORD).await;
    let told = log.one("user.signed_in").await;
    assert_eq!(told["after"], json!({ "with": "password" }));
    let account = "/dashboard/account";
    again
        .post(account, &format!("{account}/sessions"), &[])
        .await;
    log.one("user.sessions_ended").await;
    let fields = [
        ("password", PASSWORD),
        ("new", "battery staple correct horse"),
    ];
    let path = format!("{account}/password");
    assert_eq!(again.post(account, &path, &fields).await.status, 303);
    log.one("user.password_changed").await;
}

async fn the_command_line_leaves_entries_in_its_name(stage: Stage) {
    let app = stage.app().await;
    let mut log = Log::of(&app).await;
    let made = ["projects", "create", "shop", "--json"];
    run_json(&stage, &made).await;
    let told = log.one("project.created").await;
    assert_eq!(
        (
            &told["actor"]["kind"],
            &told["actor"]["id"],
            &told["client_ip"]
        ),
        (&json!("cli"), &Value::Null, &Value::Null)
    );
    assert_ne!(told["actor"]["name"], "");
    run_json(&stage, &["projects", "set", "shop", "ttl=5m", "--json"]).await;
    assert_eq!(
        log.one("project.changed").await["after"],
        json!({ "ttl": "5m" })
    );
    run_refused(&stage, &["projects", "set", "shop", "ttl=soon"]).await;
    log.nothing("it was refused").await;
    let create = [
        "keys",
        "create",
        "--project",
        "shop",
        "--scope",
        "verify",
        "--json",
    ];
    let key = run_json(&stage, &create).await;
    assert_eq!(log.one("key.created").await["project"], "shop");
    run_json(&stage, &["keys", "revoke", word(&key["id"]), "--json"]).await;
    log.one("key.revoked").await;
    let email = "bob@example.com";
    run_json(
        &stage,
        &["users", "create", email, "--role", "support", "--json"],
    )
    .await;
    log.one("user.created").await;
    for (verb, action) in [
        ("reset", "user.invited"),
        ("disable", "user.disabled"),
        ("enable", "user.enabled"),
    ] {
        run_json(&stage, &["users", verb, email, "--json"]).await;
        assert_eq!(log.one(action).await["object"]["name"], email);
    }
    let create = [
        "integrations",
        "create",
        "--project",
        "shop",
        "--kind",
        "generic",
        "--json",
    ];
    let made = run_json(&stage, &create).await;
    log.one("integration.created").await;
    let id = word(&made["id"]);
    run_json(
        &stage,
        &["integrations", "set", id, "--name", "Keycloak", "--json"],
    )
    .await;
    let told = log.one("integration.changed").await;
    assert_eq!(told["after"], json!({ "name": "Keycloak" }));
    run_json(&stage, &["integrations", "rotate", id, "--json"]).await;
    log.one("integration.rotated").await;
    run_json(&stage, &["integrations", "delete", id, "--json"]).await;
    log.one("integration.deleted").await;
}

async fn no_secret_and_no_number_is_in_the_log(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let log = Log::of(&app).await;
    let post = Method::POST;
    let mut secrets = vec![PASSWORD.to_owned(), log.client.key.clone()];
    let body = json!({ "project": "default", "scopes": ["verify"] });
    let made = log.send(post.clone(), "/v1/keys", &body).await.expect(201);
    secrets.push(word(&made["key"]).to_owned());
    let fake = receiver().await;
    let body =
        json!({ "url": format!("http://{}/hooks?token=s3cr3t", fake.address), "events": ["*"] });
    let made = log.send(post.clone(), "/v1/webhooks", &body);
    let made = made.await.expect(201);
    secrets.extend([word(&made["secret"]).to_owned(), "s3cr3t".to_owned()]);
    let path = format!("/v1/webhooks/{}/rotate", word(&made["id"]));
    let made = log.send(post.clone(), &path, &json!({})).await.expect(200);
    secrets.push(word(&made["secret"]).to_owned());
    let given = format!("given_{:032x}", u128::from_be_bytes(random()));
    let body = json!({ "kind": "generic", "name": "x", "secret": given });
    let made = log.send(post.clone(), "/v1/integrations", &body);
    let made = made.await.expect(201);
    let path = format!("/v1/integrations/{}", word(&made["id"]));
    let other = format!("other_{:032x}", u128::from_be_bytes(random()));
    let change = json!({ "secret": other });
    log.send(Method::PATCH, &path, &change).await.expect(200);
    secrets.extend([given, other]);
    let number = "+998901234567";
    let body = json!({ "kind": "block", "match": "number", "value": number, "note": format!("{number} was angry") });
    log.send(post, "/v1/guard/lists", &body).await.expect(201);
    secrets.extend([
        number.to_owned(),
        "901234567".to_owned(),
        "90 123".to_owned(),
    ]);
    let link = invited(&app, "bob@example.com", "support").await;
    let token = link.rsplit('/').next().unwrap();
    secrets.push(token.to_owned());
    let mut bob = Person::new(&app);
    bob.post(&link, &link, &[("password", PASSWORD)]).await;
    secrets.extend(bob.cookies.iter().map(|(_, value)| value.clone()));
    secrets.push("$argon2".to_owned());

    let list = log.client.get(&format!("{PATH}?limit=200")).await;
    let told = items(&list.expect(200)).len();
    assert!(told >= 8, "{told} entries");
    let csv = log.client.get("/v1/audit.csv").await;
    for text in [list.text, csv.text] {
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "`{secret}` is in {text}");
        }
    }
}

/// An entry belongs to the transaction of its change, so without it there is no change.
async fn what_the_log_cannot_tell_does_not_happen(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let log = Log::of(&app).await;
    let body = json!({ "project": "default", "name": "kept", "scopes": ["verify"] });
    let kept = log.send(Method::POST, "/v1/keys", &body).await.expect(201);
    stage.run_sql("ALTER TABLE audit RENAME TO hidden").await;
    let fake = receiver().await;
    let webhook = json!({ "url": format!("http://{}/", fake.address), "events": ["*"] });
    let entry = json!({ "kind": "block", "match": "country", "value": "KP" });
    let top_up = json!({ "amount": "50", "currency": "USD" });
    let rates =
        json!({ "items": [{ "date": "2026-01-01", "from": "EUR", "to": "USD", "rate": "1.1" }] });
    let budgets = json!({ "items": [{ "project": "default", "period": "day", "limit": { "amount": "5", "currency": "USD" } }] });
    let key = format!("/v1/keys/{}", word(&kept["id"]));
    for (method, path, body) in [
        (Method::POST, "/v1/keys", &body),
        (Method::DELETE, &key, &json!({})),
        (Method::POST, "/v1/projects", &json!({ "name": "shop" })),
        (
            Method::PATCH,
            "/v1/projects/default",
            &json!({ "policy": { "ttl": "5m" } }),
        ),
        (Method::POST, "/v1/webhooks", &webhook),
        (
            Method::POST,
            "/v1/integrations",
            &json!({ "kind": "generic", "name": "x" }),
        ),
        (Method::POST, "/v1/guard/lists", &entry),
        (Method::POST, "/v1/balances/telegram/top-ups", &top_up),
        (Method::PUT, "/v1/exchange-rates", &rates),
        (Method::PUT, "/v1/budgets", &budgets),
    ] {
        let reply = log.send(method.clone(), path, body).await;
        assert!(reply.status >= 500, "{method} {path}: {}", reply.text);
    }
    stage.run_sql("ALTER TABLE hidden RENAME TO audit").await;
    let keys = stage.db.list_keys().await.unwrap();
    let named = keys
        .iter()
        .filter(|key| key.name.as_deref() == Some("kept"));
    let states: Vec<bool> = named.map(|key| key.revoked_at.is_none()).collect();
    assert_eq!(states, [true], "no second one, and the first is valid");
    let projects = stage.db.list_projects().await.unwrap();
    let rules: Vec<(&str, &str)> = projects
        .iter()
        .map(|project| (project.name.as_str(), project.overrides.as_str()))
        .collect();
    assert_eq!(rules, [("default", "{}")]);
    assert!(stage.db.list_webhooks().await.unwrap().is_empty());
    assert!(stage.db.list_integrations().await.unwrap().is_empty());
    assert!(stage.db.list_guard_entries().await.unwrap().is_empty());
    assert!(stage.db.list_exchange_rates().await.unwrap().is_empty());
    let ledger = log.client.get("/v1/ledger").await.expect(200);
    assert_eq!(items(&ledger), [] as [Value; 0]);
}

async fn a_project_sees_its_own_entries(stage: Stage) {
    let app = stage.app().await;
    let mut log = Log::of(&app).await;
    stage.project("shop").await;
    for project in ["default", "shop", "*"] {
        let body = json!({ "project": project, "name": project, "scopes": ["verify"] });
        log.send(Method::POST, "/v1/keys", &body).await.expect(201);
    }
    assert_eq!(log.news().await.len(), 3);
    let names = |list: &Value| -> Vec<String> {
        let all = items(list).iter();
        all.map(|entry| word(&entry["object"]["name"]).to_owned())
            .collect()
    };
    let shop = app.with_key(&stage.new_key(Some("shop"), "admin").await);
    let own = shop.get(PATH).await.expect(200);
    assert_eq!(names(&own), ["shop"]);
    let csv = shop.get("/v1/audit.csv").await;
    assert_eq!(csv.text.lines().count(), 2, "{}", csv.text);
    shop.get("/v1/audit?project=default")
        .await
        .problem(403, "forbidden");
    let one = log.client.get("/v1/audit?project=default").await;
    assert_eq!(names(&one.expect(200)), ["default"]);
    for scopes in ["verify", "finance"] {
        let other = app.with_key(&stage.new_key(None, scopes).await);
        other.get(PATH).await.problem(403, "forbidden");
        other.get("/v1/audit.csv").await.problem(403, "forbidden");
    }
}

async fn entries_are_filtered_paged_and_exported(stage: Stage) {
    let app = stage.app().await;
    let log = Log::of(&app).await;
    let mut ids = Vec::new();
    for place in 0..5 {
        let name = format!("key {place}");
        let body = json!({ "project": "default", "name": name, "scopes": ["verify"] });
        let made = log.send(Method::POST, "/v1/keys", &body).await;
        ids.insert(0, made.expect(201)["id"].clone());
        stage.advance(u64::from(place % 2 == 0));
    }
    let objects = |list: &Value| -> Vec<Value> {
        let all = items(list).iter();
        all.map(|entry| entry["object"]["id"].clone()).collect()
    };
    let (mut paged, mut path) = (Vec::new(), format!("{PATH}?limit=2"));
    loop {
        let page = log.client.get(&path).await.expect(200);
        paged.extend(objects(&page));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{PATH}?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(paged, ids, "newest first, also those of one moment");

    let body = json!({ "name": "shop" });
    let shop = log.send(Method::POST, "/v1/projects", &body).await;
    let shop = shop.expect(201)["id"].clone();
    let start = stage.clock.now();
    stage.advance(60);
    let mut ann = person(&app, "ann@example.com", "owner").await;
    let own = word(&items(&log.client.get(PATH).await.expect(200))[0]["actor"]["id"]).to_owned();
    let later = start + chrono::TimeDelta::seconds(30);
    let later = later.format("%Y-%m-%dT%H:%M:%SZ");
    for (query, count) in [
        ("action=key.created".to_owned(), 5),
        ("object=key".to_owned(), 5),
        (format!("object={}", word(&ids[0])), 1),
        ("object=key%204".to_owned(), 1),
        (format!("object={}", word(&shop).to_uppercase()), 1),
        ("actor=key".to_owned(), 6),
        ("actor=user".to_owned(), 2),
        ("actor=cli".to_owned(), 0),
        ("actor=ann@example.com".to_owned(), 2),
        (format!("actor={own}"), 2),
        (format!("to={later}"), 6),
        (format!("from={later}"), 2),
        ("project=shop".to_owned(), 1),
        ("project=shop&action=key.created".to_owned(), 0),
    ] {
        let list = log.client.get(&format!("{PATH}?{query}")).await.expect(200);
        assert_eq!(items(&list).len(), count, "{query}");
        let csv = log.client.get(&format!("/v1/audit.csv?{query}")).await;
        let header = csv.header("content-type");
        assert_eq!(header, Some("text/csv; charset=utf-8"));
        assert_eq!(csv.text.lines().count(), count + 1, "{query}");
    }
    for wrong in ["action=key.eaten", "actor=", "cursor=x", "from=soon"] {
        log.client
            .get(&format!("{PATH}?{wrong}"))
            .await
            .problem(400, "invalid_request");
    }
    let page = ann.get("/dashboard/audit?action=key.created").await;
    assert_eq!(page.text.matches("<code>key.created</code>").count(), 5);
    let page = ann.get("/dashboard/audit?object=shop").await.text;
    assert!(page.contains("Project created"), "{page}");
    let file = app.open_request(Method::GET, "/dashboard/audit.csv?actor=key");
    let file = ann.send(file).await;
    assert_eq!(file.text.lines().count(), 7, "{}", file.text);
    let wrong = ann.get("/dashboard/audit?action=eaten").await;
    assert_eq!(wrong.status, 422);
}

async fn entries_go_when_their_retention_is_over(stage: Stage) {
    let app = stage.app_with(&[("RETENTION__AUDIT", "10d")]).await;
    let mut log = Log::of(&app).await;
    let body = json!({ "project": "default", "scopes": ["verify"] });
    log.send(Method::POST, "/v1/keys", &body).await.expect(201);
    stage.advance(9 * 86_400);
    app.gateway.sweep().await.unwrap();
    log.one("key.created").await;
    log.send(Method::POST, "/v1/keys", &body).await.expect(201);
    stage.advance(2 * 86_400);
    app.gateway.sweep().await.unwrap();
    let list = log.client.get(PATH).await.expect(200);
    assert_eq!(items(&list).len(), 1, "{list}");
}
