//! The dashboard: what each role sees, over HTTP, and every page in a real browser on generated history.
//!
//! `PINROUTE_SCREENSHOTS=FOLDER ./scripts/test --test it dashboard` saves screenshots of every
//! page. The documentation uses some of them.

use serde_json::json;

use crate::browser::{self, Browser};
use crate::on_both_engines;
use crate::person::{Person, person};
use crate::program::{Server, bare_program};
use crate::stage::{Stage, word};

on_both_engines!(
    a_statement_is_headed_by_the_companys_name,
    each_role_sees_its_pages_and_finance_sees_masked_numbers,
    a_top_up_is_booked_in_the_users_name,
    a_booking_is_taken_back_by_an_opposite_entry_once,
    a_difference_is_explained_with_what_to_do,
    the_ledger_shows_the_sums_of_what_is_filtered,
    browsers_are_kept_on_https,
    figures_are_written_as_in_the_readers_language,
);

async fn each_role_sees_its_pages_and_finance_sees_masked_numbers(stage: Stage) {
    let app = stage.app().await;
    let v = app.started().await;
    let number = word(&v["phone_number"]);
    let shown = format!("{} {} {}", &number[..4], &number[4..6], &number[6..9]);
    let one = format!("/dashboard/verifications/{}", word(&v["id"]));
    let all = [
        "/dashboard",
        "/dashboard/verifications",
        one.as_str(),
        "/dashboard/conversion",
        "/dashboard/costs",
        "/dashboard/statement",
        "/dashboard/balances",
        "/dashboard/ledger",
        "/dashboard/users",
        "/dashboard/audit",
    ];
    for (role, seen) in [
        ("owner", [true; 10]),
        (
            "finance",
            [true, true, true, true, true, true, true, true, false, false],
        ),
        (
            "support",
            [
                false, true, true, false, false, false, false, false, false, false,
            ],
        ),
    ] {
        let mut person = person(&app, &format!("{role}@example.com"), role).await;
        for (path, seen) in all.iter().zip(seen) {
            let page = person.get(path).await;
            let expected = match (seen, *path) {
                (true, _) => 200,
                (false, "/dashboard") => 303,
                (false, _) => 403,
            };
            assert_eq!(page.status, expected, "{role} {path}");
            assert!(
                role != "finance" || !page.text.contains(number) && !page.text.contains(&shown),
                "{path} shows finance a number"
            );
        }
        let list = person.get("/dashboard/verifications").await.text;
        assert_eq!(list.contains("•••"), role == "finance", "{role}");
        let found = person
            .get(&format!(
                "/dashboard/verifications?search={}",
                number.replace('+', "%2B")
            ))
            .await;
        assert_eq!(found.text.contains(&one), role != "finance", "{role}");
    }
    assert_eq!(
        Person::new(&app).get("/dashboard/nothing").await.status,
        303
    );
}

async fn a_top_up_is_booked_in_the_users_name(stage: Stage) {
    let app = stage.app().await;
    let mut ann = person(&app, "ann@example.com", "finance").await;
    let path = "/dashboard/balances";
    for (fields, says) in [
        (
            [
                ("account", "telegram USD"),
                ("kind", "top_up"),
                ("amount", "-5"),
                ("note", ""),
            ],
            "more than 0",
        ),
        (
            [
                ("account", "telegram USD"),
                ("kind", "top_up"),
                ("amount", "1.0000001"),
                ("note", ""),
            ],
            "decimals",
        ),
        (
            [
                ("account", "telegram USD"),
                ("kind", "adjustment"),
                ("amount", "-5"),
                ("note", ""),
            ],
            "reason",
        ),
        (
            [
                ("account", "telegram EUR"),
                ("kind", "top_up"),
                ("amount", "5"),
                ("note", ""),
            ],
            "USD",
        ),
    ] {
        let page = ann.post(path, path, &fields).await;
        assert_eq!(page.status, 422);
        assert!(page.text.contains(says), "{says}");
    }
    let fields = [
        ("account", "telegram USD"),
        ("kind", "top_up"),
        ("amount", "50"),
        ("note", "invoice <17>"),
    ];
    let page = ann.post(path, path, &fields).await;
    assert_eq!(page.status, 303);
    let page = ann.get(&page.to).await;
    for words in [
        "Booked: top-up $50.00, telegram",
        "invoice &lt;17&gt;",
        "The ledger balance is now $50.00",
    ] {
        assert!(page.text.contains(words), "{words}");
    }
    let ledger = ann.get("/dashboard/ledger").await.text;
    assert!(
        ledger.contains("ann@example.com") && ledger.contains("invoice &lt;17&gt;"),
        "the author is shown and the note escaped"
    );
    let csv = ann
        .send(app.open_request(reqwest::Method::GET, "/dashboard/ledger.csv"))
        .await;
    assert!(
        csv.text.contains(",top_up,manual,50.00,USD,telegram,"),
        "{}",
        csv.text
    );
}

async fn a_booking_is_taken_back_by_an_opposite_entry_once(stage: Stage) {
    let app = stage.app().await;
    let mut ann = person(&app, "ann@example.com", "finance").await;
    let path = "/dashboard/balances";
    let fields = [
        ("account", "telegram USD"),
        ("kind", "top_up"),
        ("amount", "50.5"),
        ("note", "invoice 17"),
    ];
    let booked = ann.post(path, path, &fields).await.to;
    let id = booked.split_once("booked=").unwrap().1.to_owned();
    let reverse = format!("/dashboard/ledger/{id}/reverse");
    let page = ann.get(&booked).await;
    assert!(page.text.contains(&format!("action=\"{reverse}\"")));
    let taken = ann.post(&booked, &reverse, &[("form_once", "a")]).await;
    assert_eq!(taken.status, 303, "{}", taken.text);
    let page = ann.get(&taken.to).await;
    for words in [
        "adjustment \u{2212}$50.50, telegram",
        "Reverses invoice 17",
        "The ledger balance is now $0.00",
    ] {
        assert!(page.text.contains(words), "{words}");
    }
    // Sent again, from another tab, and in a year.
    assert_eq!(
        ann.post(&booked, &reverse, &[("form_once", "a")]).await.to,
        taken.to
    );
    let again = ann.post(&booked, &reverse, &[("form_once", "b")]).await;
    assert_eq!(again.status, 409);
    let page = ann.get(&booked).await;
    assert!(page.text.contains("Reversed") && !page.text.contains(&reverse));
    // A provider's charge is not taken back by hand.
    app.started().await;
    let reader = app.with_key(&stage.new_key(None, "finance").await);
    let ledger = reader.get("/v1/ledger?kind=charge").await.expect(200);
    let charge = word(&ledger["items"][0]["id"]);
    let path = format!("/dashboard/ledger/{charge}/reverse");
    let page = ann.post(&booked, &path, &[]).await;
    assert_eq!(page.status, 404);
    let balances = reader.get("/v1/balances").await.expect(200);
    assert_eq!(balances["items"][0]["computed"], "-0.01");
}

async fn a_difference_is_explained_with_what_to_do(stage: Stage) {
    let app = stage.app().await;
    let mut ann = person(&app, "ann@example.com", "finance").await;
    let path = "/dashboard/balances";
    let book = async |ann: &mut Person<'_>, kind: &str, amount: &str| {
        let fields = [
            ("account", "telegram USD"),
            ("kind", kind),
            ("amount", amount),
            ("note", "a test's"),
        ];
        assert_eq!(ann.post(path, path, &fields).await.status, 303);
    };
    let mut answer = json!({ "ok": true, "result": { "request_id": "77", "phone_number": "1", "request_cost": 0.01, "delivery_status": { "status": "sent", "updated_at": 1 } } });
    answer["result"]["remaining_balance"] = json!(49.5);
    stage
        .telegram
        .next_sends([crate::world::Answer::Json(200, answer)]);
    app.started().await;
    app.gateway.finance().watch_balances().await.unwrap();
    let page = ann.get(path).await.text;
    assert!(page.contains("Nothing is booked for this account"));
    let prefilled = "account=telegram%20USD&amp;kind=top_up&amp;amount=49.51#book";
    assert!(page.contains(prefilled), "{page}");
    let form = format!("{path}?account=telegram%20USD&kind=top_up&amount=49.51");
    let form = ann.get(&form).await;
    assert!(form.text.contains("name=\"amount\" value=\"49.51\""));
    stage.advance(5);
    book(&mut ann, "top_up", "49.51").await;
    assert!(ann.get(path).await.text.contains("agree."));
    stage.advance(5);
    book(&mut ann, "top_up", "20").await;
    book(&mut ann, "adjustment", "-49.51").await;
    let page = ann.get(path).await.text;
    assert!(page.contains("The provider has more"), "{page}");
    book(&mut ann, "adjustment", "49.51").await;
    let page = ann.get(path).await.text;
    assert!(page.contains("The provider has less"), "{page}");
}

async fn the_ledger_shows_the_sums_of_what_is_filtered(stage: Stage) {
    let app = stage.app().await;
    let mut ann = person(&app, "ann@example.com", "finance").await;
    let admin = app.with_key(&stage.new_key(None, "admin").await);
    let usd = json!({ "amount": "10", "currency": "USD", "note": "a test's" });
    for path in ["telegram/top-ups", "main/adjustments"] {
        let path = format!("/v1/balances/{path}");
        admin.post(&path, usd.clone()).await.expect(201);
    }
    for _ in 0..3 {
        app.started().await;
    }
    let day = stage.clock.now().date_naive();
    for (query, change) in [
        (String::new(), "$19.97"),
        ("kind=charge".to_owned(), "\u{2212}$0.03"),
        ("kind=top_up".to_owned(), "$10.00"),
        ("kind=adjustment&provider=main".to_owned(), "$10.00"),
        ("provider=telegram".to_owned(), "$9.97"),
        ("project=default".to_owned(), "\u{2212}$0.03"),
        (format!("from={day}&to={day}"), "$19.97"),
    ] {
        for summed in [false, true] {
            let page = ann.get(&format!("/dashboard/ledger?{query}")).await.text;
            let sums = page.split("class=\"facts sums\"").nth(1).unwrap();
            let first = sums.split("</dd>").next().unwrap();
            let shown = format!(">{change}</span>");
            assert!(first.contains(&shown), "{query}, summed: {summed}: {first}");
            while app.gateway.finance().sum_tallies().await.unwrap() {}
        }
    }
}

async fn browsers_are_kept_on_https(stage: Stage) {
    let header = "strict-transport-security";
    let app = stage.app().await;
    let mut ann = person(&app, "ann@example.com", "finance").await;
    for path in [
        "/dashboard",
        "/dashboard/keys",
        "/dashboard/nothing",
        "/dashboard/assets/x",
    ] {
        let page = ann.get(path).await;
        let said = page
            .headers
            .get(header)
            .map(|value| value.to_str().unwrap());
        assert_eq!(said, Some("max-age=31536000"), "{path}");
    }
    assert!(app.get("/livez").await.header(header).is_none());
    stage.stop(app).await;
    let app = stage
        .app_with(&[("public_url", "http://127.0.0.1:8080")])
        .await;
    let reply = app.send(app.open_request(reqwest::Method::GET, "/dashboard/sign-in"));
    assert!(reply.await.header(header).is_none());
}

async fn figures_are_written_as_in_the_readers_language(stage: Stage) {
    let app = stage.app().await;
    app.started().await;
    let mut ann = person(&app, "ann@example.com", "finance").await;
    let costs = "/dashboard/costs?shown=1&group=day&group=country";
    let day = stage.clock.now().date_naive();
    let english = ann.get(costs).await.text;
    assert!(english.contains(&day.format("%b %-d, %Y").to_string()));
    assert!(english.contains("Uzbekistan") && english.contains("$0.01"));
    ann.post(
        "/dashboard",
        "/dashboard/preferences",
        &[("language", "ru")],
    )
    .await;
    let russian = ann.get(costs).await.text;
    for words in [
        "\u{a0}г.",
        "Узбекистан",
        "0,01\u{a0}$",
        "Итого",
        "Чистые расходы",
    ] {
        assert!(russian.contains(words), "{words}");
    }
    assert!(russian.contains(&format!("data-value=\"{day}\"")));
    // Pages for people have no dates for programs.
    for path in [
        "/dashboard",
        "/dashboard/ledger",
        "/dashboard/statement",
        "/dashboard/verifications",
    ] {
        let page = ann.get(path).await.text;
        let mut shown = String::new();
        let mut is_tag = false;
        for c in page.chars() {
            match c {
                '<' => is_tag = true,
                '>' => is_tag = false,
                _ if !is_tag => shown.push(c),
                _ => {}
            }
        }
        assert!(!shown.contains(&day.to_string()), "{path}: {shown}");
    }
}

#[test]
fn every_page_works_in_a_browser_in_three_sizes_light_and_dark() {
    let Some(path) = browser::find() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let name = format!(
            "pinroute-dash-{:016x}",
            u64::from_be_bytes(pinroute::secret::random())
        );
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        let command = || {
            let mut command = bare_program();
            command
                .current_dir(&folder)
                .env("PINROUTE_LISTEN", "127.0.0.1:0")
                .env("PINROUTE_SIMULATOR_LISTEN", "127.0.0.1:0");
            command
        };
        let mut seed = command();
        seed.args(["seed", "--verifications", "1500", "--chance", "11"]);
        let seeded = tokio::task::spawn_blocking(move || seed.output().unwrap())
            .await
            .unwrap();
        assert!(
            seeded.status.success(),
            "{}",
            String::from_utf8_lossy(&seeded.stderr)
        );
        let (server, link) = Server::start_dashboard(command()).await;
        let key = async |scope| {
            let mut keys = command();
            keys.args(["keys", "create", "--project", "default", "--scope", scope]);
            let made = tokio::task::spawn_blocking(move || keys.output().unwrap()).await;
            let text = String::from_utf8(made.unwrap().stdout).unwrap();
            text.lines().next().unwrap().to_owned()
        };
        pump(&server.base, &key("verify").await, &key("admin").await).await;
        let browser = Browser::start(&path, folder.join("profile")).await;
        browser.look(1440, 1000, "light").await;
        browser.open(&link).await;
        browser
            .until("document.querySelector('form.stack button')")
            .await;
        browser.click("form.stack button").await;
        browser.until("document.querySelector('.cards .big')").await;
        walk(&browser, &server.base).await;
        assert_eq!(browser.faults(), Vec::<String>::new());
        assert_eq!(
            browser.strayed(&[&server.base]),
            Vec::<String>::new(),
            "pages must request nothing from other hosts"
        );
        drop(browser);
        assert_eq!(server.terminate().await, Some(0));
        std::fs::remove_dir_all(folder).unwrap();
    });
    runtime.shutdown_background();
}

/// Has codes sent that nobody enters, first in shadow, then held back, so that the guard has something to show; and adds to its lists.
async fn pump(base: &str, key: &str, admin: &str) {
    #[expect(clippy::disallowed_methods, reason = "it speaks to ourselves alone")]
    let client = reqwest::Client::builder();
    let client = client.no_proxy().build().unwrap();
    let send = async |request: reqwest::RequestBuilder, key: &str| {
        let answer = request.bearer_auth(key).send().await.unwrap();
        let status = answer.status().as_u16();
        let body: serde_json::Value = answer.json().await.unwrap();
        (status, body)
    };
    let switch = async |mode: &str| {
        let policy = json!({ "policy": { "guard": { "mode": mode } } });
        let change = client.patch(format!("{base}/v1/projects/default"));
        assert_eq!(send(change.json(&policy), admin).await.0, 200);
    };
    switch("shadow").await;
    for number in 0..16 {
        if number == 10 {
            switch("on").await;
        }
        let number = format!("+99890777{:04}", 1_000 + number);
        let body = json!({ "phone_number": number, "channels": ["sms"] });
        let start = client.post(format!("{base}/v1/verifications")).json(&body);
        let (status, body) = send(start, key).await;
        let is_denied = number.as_str() >= "+998907771010";
        let expected = if is_denied { 403 } else { 201 };
        assert_eq!(status, expected, "{number}: {body}");
    }
    for entry in [
        json!({ "kind": "block", "match": "prefix", "value": "+99890123", "note": "pumped on 21 November" }),
        json!({ "kind": "allow", "match": "number", "value": "+4915112345678" }),
    ] {
        let add = client.post(format!("{base}/v1/guard/lists")).json(&entry);
        assert_eq!(send(add, admin).await.0, 201);
    }
    // They are stored within a second.
    let stored = async {
        loop {
            let list = client.get(format!("{base}/v1/guard/decisions"));
            let (_, page) = send(list, admin).await;
            if page["items"].as_array().unwrap().len() >= 9 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let patience = std::time::Duration::from_secs(30);
    tokio::time::timeout(patience, stored)
        .await
        .expect("decisions are stored in time");
}

/// Each page, with a condition that holds when it has loaded.
const PAGES: [(&str, &str, &str); 19] = [
    (
        "overview",
        "/dashboard",
        "document.querySelectorAll('.chart canvas').length === 4",
    ),
    (
        "costs",
        "/dashboard/costs",
        "document.querySelector('.chart canvas') && document.querySelector('tfoot')",
    ),
    (
        "conversion",
        "/dashboard/conversion",
        "document.querySelector('.funnel') && document.querySelector('tfoot')",
    ),
    (
        "statement",
        "/dashboard/statement",
        "document.querySelectorAll('tfoot').length === 4",
    ),
    (
        "balances",
        "/dashboard/balances",
        "document.querySelector('form.filters')",
    ),
    (
        "budgets",
        "/dashboard/budgets",
        "document.querySelectorAll('meter').length >= 3",
    ),
    (
        "rates",
        "/dashboard/rates",
        "document.querySelectorAll('tbody tr').length >= 5",
    ),
    (
        "exchange-rates",
        "/dashboard/exchange-rates",
        "document.querySelector('form.filters')",
    ),
    (
        "keys",
        "/dashboard/keys",
        "document.querySelector('tbody tr')",
    ),
    (
        "webhooks",
        "/dashboard/webhooks",
        "document.querySelector('form.filters')",
    ),
    (
        "integrations",
        "/dashboard/integrations",
        "document.querySelector('form.filters')",
    ),
    (
        "verifications",
        "/dashboard/verifications",
        "document.querySelectorAll('tbody tr').length === 50",
    ),
    (
        "guard",
        "/dashboard/guard",
        "document.querySelectorAll('.chart canvas').length === 5",
    ),
    (
        "decisions",
        "/dashboard/guard/decisions",
        "document.querySelectorAll('tbody tr').length >= 9",
    ),
    (
        "lists",
        "/dashboard/guard/lists",
        "document.querySelectorAll('tbody tr').length === 2",
    ),
    (
        "ledger",
        "/dashboard/ledger",
        "document.querySelectorAll('tbody tr').length === 50",
    ),
    (
        "users",
        "/dashboard/users",
        "document.querySelector('tbody tr')",
    ),
    (
        "audit",
        "/dashboard/audit",
        "document.querySelector('tbody tr')",
    ),
    (
        "settings",
        "/dashboard/account",
        "document.querySelector('form.filters')",
    ),
];

/// Duplicate ids, references to missing ids, and table buttons that a screen reader cannot tell apart.
const ASTRAY: &str = "(() => { \
    const twice = (all) => all.filter((one, place) => all.indexOf(one) !== place); \
    const ids = [...document.querySelectorAll('[id]')].map((one) => one.id); \
    const meant = ['aria-describedby', 'aria-labelledby'].flatMap((name) => [...document.querySelectorAll(`[${name}]`)] \
        .flatMap((one) => one.getAttribute(name).split(' '))); \
    const buttons = [...document.querySelectorAll('td .inline button, td summary.button')].map((one) => one.textContent); \
    return [...twice(ids), ...meant.filter((id) => !ids.includes(id)), ...twice(buttons)]; })()";

/// An error is shown at its field, which gets the focus; the other input is kept.
async fn faults_appear_next_to_their_field(browser: &Browser, base: &str) {
    browser.open(&format!("{base}/dashboard/webhooks")).await;
    browser.until("document.querySelector('[name=url]')").await;
    let filled = "document.querySelector('[name=url]').value = 'http://127.0.0.1/hooks'; \
        document.querySelector('[name=description]').value = 'the shop'; \
        document.querySelector('[name=event]').checked = true";
    browser.value(filled).await;
    browser
        .click("form[action='/dashboard/webhooks'] button")
        .await;
    browser.until("document.querySelector('.wrong')").await;
    let found = "[document.activeElement.name, document.querySelector('[name=description]').value, \
        document.querySelector('[name=event]').checked, document.querySelector('.wrong').textContent.includes('private')]";
    assert_eq!(
        browser.value(found).await,
        json!(["url", "the shop", true, true])
    );
    browser.picture("dashboard-wrong-1440").await;
}

/// Clicking a column header sorts the table; a statement prints without the page around it.
async fn sorted_and_printed(browser: &Browser, base: &str) {
    browser.look(1440, 1000, "light").await;
    browser
        .open(&format!("{base}/dashboard/costs?shown=1&group=country"))
        .await;
    browser
        .until("document.querySelector('thead .order')")
        .await;
    let figures = "[...document.querySelectorAll('tbody tr')].map((row) => Number(row.lastElementChild.dataset.value))";
    let read = async || -> Vec<f64> {
        let found = browser.value(figures).await;
        serde_json::from_value(found).unwrap()
    };
    let mut wanted = read().await;
    assert!(wanted.len() > 5);
    browser.click("thead th:last-child .order").await;
    wanted.sort_by(|a, b| b.total_cmp(a));
    assert_eq!(read().await, wanted);
    browser.click("thead th:last-child .order").await;
    wanted.reverse();
    assert_eq!(read().await, wanted);
    let sort = browser
        .value("document.querySelector('thead th:last-child').ariaSort")
        .await;
    assert_eq!(sort, json!("ascending"));

    browser.open(&format!("{base}/dashboard/statement")).await;
    browser
        .until("document.querySelector('[data-print]')")
        .await;
    let paper = browser.paper("dashboard-statement").await;
    assert!(paper.starts_with(b"%PDF") && paper.len() > 10_000);
}

/// A page is not wider than the window, and, but on a tablet, none of its tables is cut off.
async fn fits(browser: &Browser, name: &str, width: u32) {
    let wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(
        browser.value(wide).await,
        json!(0),
        "{name} does not fit into {width} px"
    );
    let cut = "[...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > one.clientWidth).length";
    assert!(
        width == 820 || browser.value(cut).await == json!(0),
        "{name} has a table that is cut off at {width} px"
    );
}

async fn walk(browser: &Browser, base: &str) {
    for (width, height, scheme) in [
        (1440, 1000, "light"),
        (820, 1100, "dark"),
        (390, 844, "light"),
    ] {
        browser.look(width, height, scheme).await;
        for (name, path, ready) in PAGES {
            browser.open(&format!("{base}{path}")).await;
            browser.until(ready).await;
            fits(browser, name, width).await;
            let unnamed = "[...document.querySelectorAll('input:not([type=hidden]), select, button')].filter((one) => !(one.labels && one.labels.length) && !one.textContent.trim() && !one.getAttribute('aria-label')).length";
            assert_eq!(
                browser.value(unnamed).await,
                json!(0),
                "{name} has a field without a name"
            );
            assert_eq!(
                browser.value(ASTRAY).await,
                json!([]),
                "{name}: duplicate ids, references to missing ids, or buttons with the same name"
            );
            browser.picture(&format!("dashboard-{name}-{width}")).await;
        }
    }
    sorted_and_printed(browser, base).await;
    faults_appear_next_to_their_field(browser, base).await;
    // A verification's page, then the dashboard in Russian.
    browser.look(1440, 1000, "dark").await;
    browser
        .open(&format!("{base}/dashboard/verifications"))
        .await;
    browser.until("document.querySelector('tbody a')").await;
    browser.click("tbody a").await;
    browser
        .until("document.querySelector('.timeline li')")
        .await;
    browser.picture("dashboard-verification-1440").await;
    browser.click(".account summary").await;
    browser.click(".account button[value=ru]").await;
    browser
        .until("document.documentElement?.lang === 'ru' && document.querySelector('.timeline li')")
        .await;
    browser.open(&format!("{base}/dashboard")).await;
    browser
        .until("document.querySelectorAll('.chart canvas').length === 4")
        .await;
    browser.picture("dashboard-overview-ru-1440").await;
    for (width, height) in [(1440, 1000), (820, 1100), (390, 844)] {
        browser.look(width, height, "light").await;
        for (name, path, ready) in PAGES {
            if !path.starts_with("/dashboard/guard") {
                continue;
            }
            browser.open(&format!("{base}{path}")).await;
            browser.until(ready).await;
            fits(browser, name, width).await;
            browser
                .picture(&format!("dashboard-{name}-ru-{width}"))
                .await;
        }
    }
    // Sign out, then try a wrong password.
    browser.look(820, 900, "light").await;
    browser.click(".account summary").await;
    browser
        .click("form[action='/dashboard/sign-out'] button")
        .await;
    browser
        .until("document.querySelector('[name=password]')")
        .await;
    browser.picture("dashboard-sign-in-ru-820").await;
    let filled = "document.querySelector('[name=email]').value = 'ann@example.com'; \
        document.querySelector('[name=password]').value = 'wrong'";
    browser.value(filled).await;
    browser
        .click("form[action='/dashboard/sign-in'] button")
        .await;
    browser
        .until("document.querySelector('[role=alert]')")
        .await;
    let found = "[document.activeElement.name, document.activeElement.value, document.querySelectorAll('[aria-invalid]').length]";
    assert_eq!(
        browser.value(found).await,
        json!(["email", "ann@example.com", 2])
    );
    browser.picture("dashboard-sign-in-wrong-ru-820").await;
}

async fn a_statement_is_headed_by_the_companys_name(stage: Stage) {
    let app = stage.app_with(&[("OPERATOR_NAME", "Shop & Sons")]).await;
    let mut ann = person(&app, "ann@example.com", "finance").await;
    let page = ann.get("/dashboard/statement").await;
    assert!(page.text.contains("Shop &amp; Sons"), "{}", page.text);
}
