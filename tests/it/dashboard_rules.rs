//! Changes made in the dashboard agree with the API, including money; invalid input is reported at its field and
//! changes nothing.

use serde_json::{Value, json};

use crate::on_both_engines;
use crate::person::{PASSWORD, Page, Person, hidden, person};
use crate::stage::{Stage, word};
use crate::webhooks::{OPEN, receiver, types};

on_both_engines!(
    a_budget_can_be_set_and_removed_and_takes_effect,
    rates_and_exchange_rates_can_be_set,
    a_key_is_created_once_shown_once_and_can_be_revoked,
    a_webhook_can_be_created_tested_rotated_and_removed,
    an_integration_can_be_added_given_its_secret_and_removed,
    a_top_up_submitted_twice_is_booked_once,
    input_errors_are_shown_in_the_users_language,
    downloads_match_the_api_in_the_users_time_zone,
    a_statement_has_opening_and_closing_balances,
    any_past_month_can_be_queried_and_invalid_ones_are_rejected,
    today_is_compared_with_yesterday_until_the_same_hour,
);

const EMAIL: &str = "ann@example.com";

/// Asserts that the page shows these words.
fn assert_told(page: &Page, words: &str) {
    assert!(
        page.text.contains(words),
        "`{words}` is not in {}",
        page.text
    );
}

async fn a_budget_can_be_set_and_removed_and_takes_effect(stage: Stage) {
    let app = stage.app().await;
    app.started().await;
    let mut ann = person(&app, EMAIL, "finance").await;
    let path = "/dashboard/budgets";
    let fields = [
        ("project", "default"),
        ("period", "month"),
        ("limit", "2,5"),
        ("currency", "usd"),
        ("country", "uz"),
        ("alert_at", "50, 80"),
    ];
    let page = ann.post(path, path, &fields).await;
    assert_eq!(
        (page.status, page.to.as_str()),
        (303, "/dashboard/budgets?done=saved")
    );
    let reader = app.with_key(&stage.new_key(None, "finance").await);
    let budgets = reader.get("/v1/budgets").await.expect(200);
    let of = |period: &str| -> Vec<Value> {
        let items = budgets["items"].as_array().unwrap().iter();
        items
            .filter(|item| item["period"] == period)
            .cloned()
            .collect()
    };
    let [month] = of("month").try_into().unwrap();
    assert_eq!(
        month["limit"],
        json!({ "amount": "2.50", "currency": "USD" })
    );
    assert_eq!(
        (&month["country"], &month["alert_at"], &month["spent"]),
        (&json!("UZ"), &json!([0.5, 0.8]), &json!("0.01")),
        "earlier spending of the period counts"
    );
    assert_eq!(of("day").len(), 1, "the configured budget stays");
    assert_told(&ann.get(path).await, "2.50");

    for (field, value, words) in [
        ("limit", "0", "more than 0"),
        ("limit", "1.0000001", "six decimals"),
        ("limit", "", "This field is required"),
        ("currency", "EUR", "USD → EUR"),
        ("currency", "dollars", "currency code"),
        ("country", "Uzbekistan", "country code"),
        ("period", "year", "Choose from the list"),
        ("project", "nobody", "Choose from the list"),
        ("alert_at", "120", "Up to ten percentages"),
    ] {
        let mut wrong = fields;
        wrong.iter_mut().find(|(name, _)| *name == field).unwrap().1 = value;
        let page = ann.post(path, path, &wrong).await;
        assert_eq!(page.status, 422, "{field} {value}");
        assert_told(&page, words);
        assert_told(&page, "Correct the fields marked below");
    }
    assert_eq!(reader.get("/v1/budgets").await.expect(200), budgets);

    let gone = [
        ("project", "default"),
        ("period", "month"),
        ("currency", "USD"),
        ("country", "UZ"),
    ];
    let page = ann.post(path, "/dashboard/budgets/remove", &gone).await;
    assert_eq!(page.status, 303);
    let left = reader.get("/v1/budgets").await.expect(200);
    assert_eq!(left["items"].as_array().unwrap().len(), 1);
    assert_told(&ann.get(path).await, "Use the configuration again");
    let follow = [("project", "default")];
    ann.post(path, "/dashboard/budgets/follow", &follow).await;
    assert_told(&ann.get(path).await, "from the configuration");
}

async fn rates_and_exchange_rates_can_be_set(stage: Stage) {
    let app = stage.app().await;
    let mut ann = person(&app, EMAIL, "finance").await;
    let path = "/dashboard/rates";
    let fields = [
        ("from_date", "2020-01-01"),
        ("provider", "main"),
        ("country", "UZ"),
        ("unit", "segment"),
        ("amount", "0.0437"),
    ];
    let page = ann.post(path, path, &fields).await;
    assert_eq!(
        (page.status, page.to.as_str()),
        (303, "/dashboard/rates?done=saved")
    );
    let reader = app.with_key(&stage.new_key(None, "finance").await);
    let rates = reader.get("/v1/rates").await.expect(200);
    assert_eq!(
        rates["items"],
        json!([{ "from_date": "2020-01-01", "channel": "sms", "provider": "main", "country": "UZ", "unit": "segment",
            "amount": "0.0437", "currency": "USD" }])
    );
    for (field, value, words) in [
        ("from_date", "1.1.2020", "not a date"),
        ("provider", "nobody", "Choose from the list"),
        ("country", "", "This field is required"),
        ("unit", "letter", "Choose from the list"),
        ("amount", "-1", "Must not be negative"),
    ] {
        let mut wrong = fields;
        wrong.iter_mut().find(|(name, _)| *name == field).unwrap().1 = value;
        let page = ann.post(path, path, &wrong).await;
        assert_eq!(page.status, 422, "{field} {value}");
        assert_told(&page, words);
    }
    assert_eq!(reader.get("/v1/rates").await.expect(200), rates);

    let path = "/dashboard/exchange-rates";
    let fields = [
        ("date", "2020-01-01"),
        ("from", "rub"),
        ("to", "USD"),
        ("rate", "0,0105"),
    ];
    let page = ann.post(path, path, &fields).await;
    assert_eq!(page.status, 303);
    let rates = reader.get("/v1/exchange-rates").await.expect(200);
    assert_eq!(
        rates["items"],
        json!([{ "date": "2020-01-01", "from": "RUB", "to": "USD", "rate": "0.0105" }])
    );
    for (field, value, words) in [
        ("date", "", "not a date"),
        ("from", "USD", "same currency"),
        ("to", "x", "currency code"),
        ("rate", "0", "more than 0"),
        ("rate", "1e3", "not a rate"),
    ] {
        let mut wrong = fields;
        wrong.iter_mut().find(|(name, _)| *name == field).unwrap().1 = value;
        let page = ann.post(path, path, &wrong).await;
        assert_eq!(page.status, 422, "{field} {value}");
        assert_told(&page, words);
    }
    assert_eq!(reader.get("/v1/exchange-rates").await.expect(200), rates);
}

/// The secret that a page shows for copying.
fn copied(page: &Page) -> String {
    let code = page.text.split("data-copied=").nth(1).expect("a secret");
    let code = code.split('>').nth(1).unwrap();
    code.split('<').next().unwrap().to_owned()
}

async fn a_key_is_created_once_shown_once_and_can_be_revoked(stage: Stage) {
    let app = stage.app().await;
    let mut olga = person(&app, "olga@example.com", "owner").await;
    let path = "/dashboard/keys";
    let form = olga.get(path).await;
    let (token, once) = (hidden(&form, "form_token"), hidden(&form, "form_once"));
    let fields = [
        ("form_token", token.as_str()),
        ("form_once", once.as_str()),
        ("project", "default"),
        ("scope", "verify"),
        ("scope", "finance"),
        ("days", "30"),
        ("name", "Till <7>"),
    ];
    let before = app.gateway.directory().keys();
    let page = olga.send_form(path, &fields).await;
    assert_eq!(page.status, 200);
    let key = copied(&page);
    app.with_key(&key).get("/v1/ledger").await.expect(200);
    // What clients of other services are configured with.
    for line in [
        "base_url = https://verify.example/telegram-gateway",
        "base_url = https://verify.example/twilio",
        "service_sid = VA",
        &format!("api_key_secret = {key}"),
    ] {
        assert!(page.text.contains(line), "{line}");
    }
    // Reloading the result submits the form again.
    let again = olga.send_form(path, &fields).await;
    assert_eq!(copied(&again), key);
    let mut made = app.gateway.directory().keys();
    made.retain(|key| before.iter().all(|known| known.id != key.id));
    assert_eq!(made.len(), 1);
    assert_eq!(made[0].name.as_deref(), Some("Till <7>"));
    let list = olga.get(path).await.text;
    assert!(!list.contains(&key), "shown once");
    assert!(list.contains("<b>Till &lt;7&gt;</b>"), "{list}");
    // The same form with other values is refused instead of creating another key.
    let mut other = fields;
    other[5].1 = "31";
    assert_eq!(olga.send_form(path, &other).await.status, 409);

    let long = &"a".repeat(101);
    for (fields, words) in [
        (vec![("project", "default")], "at least one"),
        (
            vec![("project", "default"), ("scope", "verify"), ("days", "0")],
            "whole number of days",
        ),
        (
            vec![("project", "nobody"), ("scope", "verify")],
            "Choose from the list",
        ),
        (
            vec![("project", "default"), ("scope", "verify"), ("name", long)],
            "At most 100 characters.",
        ),
    ] {
        let page = olga.post(path, path, &fields).await;
        assert_eq!(page.status, 422);
        assert_told(&page, words);
    }

    let revoke = format!("/dashboard/keys/{}/revoke", made[0].id);
    assert_eq!(olga.post(path, &revoke, &[]).await.status, 303);
    app.with_key(&key)
        .get("/v1/ledger")
        .await
        .problem(401, "unauthorized");
    let missing = "/dashboard/keys/01a20297-4dc0-7000-9f41-2b7c5e8a1d04/revoke";
    assert_eq!(olga.post(path, missing, &[]).await.status, 404);
}

async fn a_webhook_can_be_created_tested_rotated_and_removed(stage: Stage) {
    let app = stage.app_with(&[OPEN]).await;
    let mut olga = person(&app, "olga@example.com", "owner").await;
    let fake = receiver().await;
    let url = format!("http://{}/hooks", fake.address);
    let path = "/dashboard/webhooks";
    let fields = [
        ("project", "default"),
        ("url", url.as_str()),
        ("description", "the <shop>"),
        ("event", "budget.reached"),
        ("event", "verification.approved"),
    ];
    let page = olga.post(path, path, &fields).await;
    let secret = copied(&page);
    assert!(secret.starts_with("whsec_"));
    assert_told(&page, "the &lt;shop&gt;");
    let made = app.gateway.directory().webhooks()[0].clone();
    assert_eq!(made.events, "verification.approved,budget.reached");

    let one = format!("{path}/{}", made.id);
    let page = olga.post(&one, &format!("{one}/test"), &[]).await;
    assert_eq!(page.to, format!("{one}?done=tested"));
    assert_eq!(types(&fake), ["webhook.test"]);
    let page = olga.get(&one).await;
    assert_told(&page, "Delivered");
    let redeliver = page.text.split("/deliveries/").nth(1).unwrap();
    let redeliver = format!("{one}/deliveries/{}", redeliver.split('"').next().unwrap());
    olga.post(&one, &redeliver, &[]).await;
    assert_eq!(types(&fake), ["webhook.test", "webhook.test"]);
    fake.stop();
    let page = olga.post(&one, &redeliver, &[]).await;
    assert_eq!(page.to, format!("{one}?done=redeliver-failed"));

    let form = olga.get(&one).await;
    let (token, once) = (hidden(&form, "form_token"), hidden(&form, "form_once"));
    let rotate = [("form_token", token.as_str()), ("form_once", once.as_str())];
    let path_of_rotate = format!("{one}/rotate");
    let first = copied(&olga.send_form(&path_of_rotate, &rotate).await);
    let second = copied(&olga.send_form(&path_of_rotate, &rotate).await);
    assert_ne!(first, secret);
    assert_eq!(first, second, "a form submitted twice rotates once");

    for (field, value, words) in [
        ("url", "", "This field is required"),
        ("url", "ftp://shop.example", "use https or http"),
        ("url", "nonsense", "not an address"),
        ("project", "nobody", "Choose from the list"),
        ("event", "everything.else", "at least one"),
    ] {
        let mut wrong = fields;
        for (name, held) in &mut wrong {
            if *name == field {
                *held = value;
            }
        }
        let page = olga.post(path, path, &wrong).await;
        assert_eq!(page.status, 422, "{field} {value}");
        assert_told(&page, words);
    }
    assert_eq!(app.gateway.directory().webhooks().len(), 1);
    let page = olga.post(&one, &format!("{one}/delete"), &[]).await;
    assert_eq!(page.to, "/dashboard/webhooks?done=removed");
    assert_eq!(olga.get(&one).await.status, 404);
}

async fn an_integration_can_be_added_given_its_secret_and_removed(stage: Stage) {
    let app = stage.app().await;
    let mut olga = person(&app, "olga@example.com", "owner").await;
    let path = "/dashboard/integrations";
    let fields = [
        ("host", "keycloak"),
        ("project", "default"),
        ("name", ""),
        ("country", "uz"),
        ("secret", ""),
    ];
    let page = olga.post(path, path, &fields).await;
    let secret = copied(&page);
    assert!(secret.starts_with("hook_"));
    for told in ["Keycloak", "apiurl: https://verify.example/hooks/generic/"] {
        assert_told(&page, told);
    }
    let made = app.gateway.directory().integrations()[0].clone();
    let one = format!("{path}/{}", made.id);
    let page = olga.get(&one).await;
    assert!(!page.text.contains(&secret), "shown once");
    let hook = format!("/hooks/generic/{}", made.id);
    let body = json!({ "receiver": "90 123 45 67", "message": "Code 561166" });
    let called = app.with_key(&secret).post(&hook, body).await.expect(200);
    app.settle(&called["id"]).await;
    app.with_key("pin_x").post(&hook, json!({})).await;
    let page = olga.get(&one).await;
    for told in ["Sent", "authentication_failed", word(&called["id"])] {
        assert_told(&page, told);
    }
    let renewed = copied(&olga.post(&one, &format!("{one}/rotate"), &[]).await);
    assert_ne!(renewed, secret);

    // Where the program makes the secret, it is typed in later.
    let zitadel = [("host", "zitadel"), ("project", "default")];
    let page = olga.post(path, path, &zitadel).await;
    assert_told(&page, "Waits for the secret");
    let all = app.gateway.directory().integrations();
    let made = all.iter().find(|it| it.secret.is_none()).unwrap();
    let two = format!("{path}/{}", made.id);
    let keep = format!("{two}/secret");
    let page = olga.post(&two, &keep, &[("secret", "short")]).await;
    assert_eq!(page.status, 422);
    assert_told(&page, "too short");
    let page = olga
        .post(&two, &keep, &[("secret", "s3cretSigningKey")])
        .await;
    assert_told(&page, "Ready");
    assert_eq!(
        olga.post(&two, &format!("{two}/rotate"), &[]).await.status,
        404
    );

    for (field, value, words) in [
        ("host", "okta", "Choose from the list"),
        ("project", "nobody", "Choose from the list"),
        ("country", "Wonderland", "not a country"),
        ("secret", "short", "cannot be the program"),
    ] {
        let mut wrong = fields;
        for (name, held) in &mut wrong {
            if *name == field {
                *held = value;
            }
        }
        let page = olga.post(path, path, &wrong).await;
        assert_eq!(page.status, 422, "{field} {value}");
        assert_told(&page, words);
    }
    let page = olga.post(&one, &format!("{one}/delete"), &[]).await;
    assert_eq!(page.to, "/dashboard/integrations?done=removed");
    assert_eq!(olga.get(&one).await.status, 404);
}

async fn a_top_up_submitted_twice_is_booked_once(stage: Stage) {
    let app = stage.app().await;
    let mut ann = person(&app, EMAIL, "finance").await;
    let path = "/dashboard/balances";
    let form = ann.get(path).await;
    let (token, once) = (hidden(&form, "form_token"), hidden(&form, "form_once"));
    let fields = [
        ("form_token", token.as_str()),
        ("form_once", once.as_str()),
        ("account", "telegram USD"),
        ("kind", "top_up"),
        ("amount", "50"),
        ("note", "invoice 17"),
    ];
    let mut booked = std::collections::BTreeSet::new();
    for _ in 0..2 {
        let page = ann.send_form(path, &fields).await;
        assert!(page.to.starts_with("/dashboard/balances?booked="));
        booked.insert(page.to);
    }
    assert_eq!(booked.len(), 1, "both answers show the one entry");
    let reader = app.with_key(&stage.new_key(None, "finance").await);
    let balances = reader.get("/v1/balances").await.expect(200);
    assert_eq!(balances["items"][0]["computed"], "50.00");
}

async fn input_errors_are_shown_in_the_users_language(stage: Stage) {
    let app = stage.app().await;
    let mut ann = person(&app, EMAIL, "finance").await;
    for (path, words) in [
        (
            "/dashboard/costs?from=2026-11-10&to=2026-11-01",
            "last day is before the first",
        ),
        (
            "/dashboard/costs?from=1999-01-01&to=2026-11-01",
            "days are too many",
        ),
        ("/dashboard/costs?from=yesterday", "not a date"),
        ("/dashboard/costs?tz=Mars/Phobos", "IANA time zone"),
        ("/dashboard/costs?currency=EURO", "currency code"),
        ("/dashboard/costs?group=planet", "Cannot group by"),
        ("/dashboard/conversion?project=nobody", "is not a project"),
        ("/dashboard/ledger?kind=gift", "Choose from the list"),
        (
            "/dashboard/ledger?from=2026-11-10&to=2026-11-01",
            "last day is before the first",
        ),
        (
            "/dashboard/verifications?status=gone",
            "Choose from the list",
        ),
        ("/dashboard/verifications?to=soon", "not a date"),
        ("/dashboard/statement?month=soon", "not a month"),
    ] {
        let page = ann.get(path).await;
        assert_eq!(page.status, 422, "{path}");
        assert_told(&page, words);
    }
    // An invalid download leads to the page that shows the error.
    let page = ann.get("/dashboard/costs.csv?from=yesterday").await;
    assert_eq!(page.to, "/dashboard/costs?from=yesterday");
    let page = ann.get("/dashboard/ledger.csv?kind=gift").await;
    assert_eq!(page.to, "/dashboard/ledger?kind=gift");

    let path = "/dashboard/preferences";
    ann.post("/dashboard", path, &[("language", "ru")]).await;
    let page = ann
        .get("/dashboard/costs?from=2026-11-10&to=2026-11-01")
        .await;
    assert_told(&page, "поменяйте их местами");
    // A missing exchange rate is named with its dates, in that language too.
    app.started().await;
    let page = ann.get("/dashboard/costs?currency=EUR").await;
    assert_told(&page, "Не хватает курса: USD в EUR на ");
}

async fn downloads_match_the_api_in_the_users_time_zone(stage: Stage) {
    let app = stage.app().await;
    for _ in 0..3 {
        app.started().await;
    }
    let mut ann = person(&app, EMAIL, "finance").await;
    ann.post(
        "/dashboard",
        "/dashboard/preferences",
        &[("tz", "Asia/Kathmandu")],
    )
    .await;
    let now = stage.clock.now().with_timezone(&chrono_tz::Asia::Kathmandu);
    assert_told(
        &ann.get("/dashboard/verifications").await,
        &now.format("%H:%M:%S").to_string(),
    );
    let reader = app.with_key(&stage.new_key(None, "finance").await);
    for report in ["costs", "conversion"] {
        for format in ["csv", "xlsx"] {
            let query = "tz=Asia/Kathmandu&group_by=day,channel";
            let from_api = reader
                .get(&format!("/v1/reports/{report}?{query}&format={format}"))
                .await;
            let path = format!("/dashboard/{report}.{format}?shown=1&group=day&group=channel");
            let request = app.open_request(reqwest::Method::GET, &path);
            let file = ann.send(request).await;
            assert_eq!(file.status, 200);
            if format == "csv" {
                assert_eq!(file.text, from_api.text, "{report}");
                assert!(file.text.contains("telegram"), "{}", file.text);
            } else {
                assert!(file.text.starts_with("PK"), "a spreadsheet");
            }
        }
    }
    let from_api = reader.get("/v1/ledger?format=csv").await.text;
    let request = app.open_request(reqwest::Method::GET, "/dashboard/ledger.csv");
    assert_eq!(ann.send(request).await.text, from_api);
}

async fn a_statement_has_opening_and_closing_balances(stage: Stage) {
    let app = stage.app().await;
    let admin = app.with_key(&stage.new_key(None, "admin").await);
    let usd = |amount: &str| json!({ "amount": amount, "currency": "USD", "note": "a test's" });
    let top_ups = "/v1/balances/telegram/top-ups";
    admin.post(top_ups, usd("10")).await.expect(201);
    app.started().await;
    let first = stage.clock.now().format("%Y-%m").to_string();
    stage.advance(32 * 86_400);
    let second = stage.clock.now().format("%Y-%m").to_string();
    let mut ann = person(&app, EMAIL, "finance").await;
    admin.post(top_ups, usd("5")).await.expect(201);
    app.started().await;
    for summed in [false, true] {
        for (month, figures) in [
            (
                &first,
                ["$0.00", "$10.00", "\u{2212}$0.01", "$0.00", "$9.99"],
            ),
            (
                &second,
                ["$9.99", "$5.00", "\u{2212}$0.01", "$0.00", "$14.98"],
            ),
        ] {
            let page = ann
                .get(&format!("/dashboard/statement?month={month}"))
                .await;
            assert_eq!(
                account(&page, "telegram"),
                figures,
                "{month}, summed: {summed}"
            );
            assert_told(&page, "a test's");
        }
        while app.gateway.finance().sum_tallies().await.unwrap() {}
    }
}

/// The figures in a provider's row of a page's first table.
fn account(page: &Page, provider: &str) -> Vec<String> {
    let row = page
        .text
        .split(&format!("<th scope=\"row\">{provider}"))
        .nth(1);
    let row = row.unwrap().split("</tr>").next().unwrap();
    row.split("<span class=\"money\" title=\"")
        .skip(1)
        .map(|cell| {
            let text = cell.split('>').nth(1).unwrap();
            text.split('<').next().unwrap().to_owned()
        })
        .collect()
}

async fn any_past_month_can_be_queried_and_invalid_ones_are_rejected(stage: Stage) {
    let app = stage.app().await;
    let mut ann = person(&app, EMAIL, "finance").await;
    for path in [
        "/dashboard/statement?month=1970-01",
        "/dashboard/statement?month=8999-12",
        "/dashboard/statement?month=-1-01",
        "/dashboard/statement?month=%00",
        "/dashboard?days=365000",
        "/dashboard?days=-1",
        "/dashboard/costs?from=0000-00-00&to=99999-01-01&tz=%ff&group=,,,&group=day&group=day&currency=%F0%9F%92%B8",
        "/dashboard/ledger?cursor=99999999999999999999.x&provider=%00",
        "/dashboard/integrations",
        "/dashboard/webhooks",
        "/dashboard/keys/x/revoke",
    ] {
        let request = app.open_request(reqwest::Method::GET, path);
        let page = ann.send(request).await;
        assert!(page.status < 500, "{path}: {}", page.status);
    }
    assert_eq!(
        Person::new(&app).get("/dashboard/statement").await.status,
        303
    );
}

async fn today_is_compared_with_yesterday_until_the_same_hour(stage: Stage) {
    let app = stage.app().await;
    // Noon.
    let into = u64::try_from(stage.clock.now().timestamp().rem_euclid(86_400)).unwrap();
    stage.advance(86_400 + 43_200 - into);
    app.started().await;
    stage.advance(86_400 - 3 * 3_600);
    let mut ann = person(&app, EMAIL, "finance").await;
    app.started().await;
    assert_eq!(verifications(&ann.get("/dashboard").await), ["1", "0", "0"]);
    stage.advance(3 * 3_600);
    assert_eq!(verifications(&ann.get("/dashboard").await), ["1", "1", "0"]);
    stage.advance(6 * 86_400);
    ann.sign_in(EMAIL, PASSWORD).await;
    assert_eq!(verifications(&ann.get("/dashboard").await), ["0", "0", "1"]);
}

/// Verifications of today, yesterday and a week ago, from the second headline card.
fn verifications(page: &Page) -> Vec<String> {
    let card = page.text.split("<li class=\"card\">").nth(2).unwrap();
    let inside = |text: &str| text.split('<').next().unwrap().to_owned();
    let big = card.split("<p class=\"big\">").nth(1).unwrap();
    let others = card.split("<dd>").skip(1).take(2);
    std::iter::once(inside(big))
        .chain(others.map(inside))
        .collect()
}
