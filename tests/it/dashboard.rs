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
    each_role_sees_its_pages_and_finance_sees_masked_numbers,
    a_top_up_is_booked_in_the_users_name,
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
    ];
    for (role, seen) in [
        ("owner", [true; 9]),
        (
            "finance",
            [true, true, true, true, true, true, true, true, false],
        ),
        (
            "support",
            [false, true, true, false, false, false, false, false, false],
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
    assert_eq!(
        (page.status, page.to.as_str()),
        (303, "/dashboard/balances?done=booked")
    );
    let page = ann.get(path).await;
    assert!(page.text.contains("50.00"));
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

/// Each page, with a condition that holds when it has loaded.
const PAGES: [(&str, &str, &str); 14] = [
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
        "verifications",
        "/dashboard/verifications",
        "document.querySelectorAll('tbody tr').length === 50",
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
    let figures = "[...document.querySelectorAll('tbody tr')].map((row) => Number(row.lastElementChild.textContent))";
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

async fn walk(browser: &Browser, base: &str) {
    for (width, height, scheme) in [
        (1440, 1000, "light"),
        (820, 1100, "dark"),
        (360, 740, "light"),
    ] {
        browser.look(width, height, scheme).await;
        for (name, path, ready) in PAGES {
            browser.open(&format!("{base}{path}")).await;
            browser.until(ready).await;
            let wide =
                "document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(
                browser.value(wide).await,
                json!(0),
                "{name} does not fit into {width} px"
            );
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
