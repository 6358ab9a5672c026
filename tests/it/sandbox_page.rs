//! The sandbox page in a real browser, as a newcomer uses it: from a phone number to a proof.
//!
//! `PINROUTE_SCREENSHOTS=docs/images ./scripts/test --test it sandbox_page` regenerates the README's pictures.

use serde_json::json;

use crate::browser::{self, Browser};
use crate::program::{Server, bare_program};

/// Runs a test with a new sandbox and a browser that shows its page.
fn walk(test: impl AsyncFnOnce(&Browser, &str)) {
    let Some(path) = browser::find() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let folder = tempfile_folder();
        let mut command = bare_program();
        command
            .current_dir(&folder)
            .env("PINROUTE_LISTEN", "127.0.0.1:0")
            .env("PINROUTE_SIMULATOR_LISTEN", "127.0.0.1:0");
        let (server, page) = Server::start_sandbox(command).await;
        let browser = Browser::start(&path, folder.join("profile")).await;
        browser.look(1440, 1000, "light").await;
        browser.open(&format!("{page}/")).await;
        browser
            .until("document.querySelector('#numbers button')")
            .await;
        test(&browser, &page).await;
        assert_eq!(browser.faults(), Vec::<String>::new());
        assert_eq!(
            browser.strayed(&[&page]),
            Vec::<String>::new(),
            "the page must request nothing from other hosts"
        );
        drop(browser);
        assert_eq!(server.terminate().await, Some(0));
        std::fs::remove_dir_all(folder).unwrap();
    });
    runtime.shutdown_background();
}

fn tempfile_folder() -> std::path::PathBuf {
    let name = format!(
        "pinroute-page-{:016x}",
        u64::from_be_bytes(pinroute::secret::random())
    );
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir(&folder).unwrap();
    folder
}

async fn send(browser: &Browser, number: &str) {
    browser
        .value(&format!(
            "document.querySelector('#number').value = {}",
            json!(number)
        ))
        .await;
    browser.click("#start button").await;
}

const TIMELINE: &str = "document.querySelector('#timeline').innerText";
const STATUS: &str = "document.querySelector('#status').textContent";

#[test]
fn a_newcomer_gets_from_a_number_to_a_proof() {
    walk(async |browser, _| {
        browser.picture("sandbox-start").await;
        send(browser, "+998901234567").await;
        // The phone appears at once, the message when it arrives.
        browser
            .until("document.querySelector('.phone h3')?.textContent === '+998901234567'")
            .await;
        browser
            .until("document.querySelector('.chat.telegram .ticks.read')")
            .await;
        browser.click(".chat.telegram .copy").await;
        browser
            .until("/^[0-9]{6}$/.test(document.querySelector('#code').value)")
            .await;
        assert_eq!(
            browser.value("document.activeElement.id").await,
            json!("code")
        );
        // A wrong code first.
        let right = browser.value("document.querySelector('#code').value").await;
        browser.value("document.querySelector('#code').value = document.querySelector('#code').value === '000000' ? '000001' : '000000'").await;
        browser.click("#check button").await;
        browser
            .until("document.querySelector('#fault').innerText.includes('4 checks left')")
            .await;
        browser
            .value(&format!("document.querySelector('#code').value = {right}"))
            .await;
        browser.click("#check button").await;
        browser.until(&format!("{STATUS} === 'approved'")).await;
        browser
            .until(
                "document.querySelector('#proof-says').textContent.includes('Signature verified')",
            )
            .await;
        let claims = browser
            .value("document.querySelector('#claims').innerText")
            .await;
        assert!(
            claims.as_str().unwrap().contains("+998901234567"),
            "{claims}"
        );
        for text in [
            "Started",
            "Sent",
            "Charged 0.01 USD",
            "Delivered",
            "Read",
            "Wrong code",
            "Approved",
        ] {
            browser
                .until(&format!("{TIMELINE}.includes({})", json!(text)))
                .await;
        }
        browser
            .until("document.querySelector('#total').innerText.includes('0.01 USD')")
            .await;
        // Every call is listed, newest first: the key set is the newest, the start the oldest.
        let calls = browser
            .value("[...document.querySelectorAll('#calls .path')].map((one) => one.textContent)")
            .await;
        assert_eq!(calls.as_array().unwrap().len(), 4, "{calls}");
        assert_eq!(calls[3], "/v1/verifications");
        browser.click("#show-key").await;
        let line = browser
            .value("document.querySelectorAll('#calls pre code')[6].textContent")
            .await;
        let line = line.as_str().unwrap().to_owned();
        let shell = std::process::Command::new("sh")
            .args(["-c", &line])
            .output()
            .unwrap();
        let answer = String::from_utf8(shell.stdout).unwrap();
        assert!(
            answer.contains("\"status\":\"pending\""),
            "{line}\n{answer}"
        );
        browser.click("#show-key").await;
        browser.value("scrollTo(0, 0)").await;
        browser.picture("sandbox-approved").await;
        browser.look(1440, 1000, "dark").await;
        browser
            .until("document.documentElement.dataset.theme === 'dark'")
            .await;
        browser.picture("sandbox-approved-dark").await;
    });
}

#[test]
fn a_number_without_telegram_gets_its_code_by_sms_and_the_timeline_shows_the_cost() {
    walk(async |browser, _| {
        let button = "#numbers button[aria-label='Try a number ending in 0001']";
        browser.click(button).await;
        browser
            .until("document.querySelector('.chat.sms .copy')")
            .await;
        for text in [
            "Refused, free",
            "Moved to the next channel",
            "Charged 0.05 USD",
            "Delivered",
        ] {
            browser
                .until(&format!("{TIMELINE}.includes({})", json!(text)))
                .await;
        }
        browser.until("document.querySelector('#total').innerText.includes('Telegram 0.01 USD free') || document.querySelector('#total').innerText.includes('Telegram 0.00 USD free')").await;
        browser.look(768, 1024, "light").await;
        browser.picture("sandbox-fallback-tablet").await;
        browser.look(360, 740, "light").await;
        for (wide, tall) in [(360, 740), (768, 1024), (1440, 900)] {
            browser.look(wide, tall, "light").await;
            let wider = browser
                .value(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
                )
                .await;
            assert_eq!(wider, json!(0), "content overflows at {wide} pixels");
        }
        browser.look(360, 740, "dark").await;
        browser
            .value("document.querySelector('.phones').scrollIntoView()")
            .await;
        browser.picture("sandbox-fallback-phone").await;
    });
}

#[test]
fn markup_in_a_message_is_shown_as_text() {
    walk(async |browser, page| {
        let url = format!(
            "{page}/sms/send?to=%2B15550001234&text=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E%201234"
        );
        browser
            .value(&format!(
                "fetch({}).then((answer) => answer.status)",
                json!(url)
            ))
            .await;
        browser.until("document.querySelector('.bubble .text')?.textContent === '<img src=x onerror=alert(1)> 1234'").await;
        assert_eq!(
            browser
                .value("document.querySelectorAll('.bubble img').length")
                .await,
            json!(0)
        );
    });
}

#[test]
fn the_page_can_be_used_with_the_keyboard_alone() {
    walk(async |browser, _| {
        browser.press("Tab").await;
        assert_eq!(
            browser.value("document.activeElement.className").await,
            json!("skip")
        );
        browser.press("Enter").await;
        browser.until("document.activeElement.id === 'number' || document.activeElement === document.body").await;
        for _ in 0..6 {
            if browser.value("document.activeElement.id").await == json!("number") {
                break;
            }
            browser.press("Tab").await;
        }
        assert_eq!(
            browser.value("document.activeElement.id").await,
            json!("number")
        );
        browser.value("document.activeElement.select()").await;
        browser.type_text("+998901230009").await;
        browser.press("Enter").await;
        // Both channels refuse this number.
        browser.until(&format!("{STATUS} === 'failed'")).await;
        browser
            .until(&format!("{TIMELINE}.includes('no channel could deliver')"))
            .await;
        let labels = "[...document.querySelectorAll('input, select, button')].filter((one) => !one.labels?.length && !one.textContent.trim() && !one.getAttribute('aria-label')).length";
        assert_eq!(
            browser.value(labels).await,
            json!(0),
            "every control needs a label"
        );
    });
}

#[test]
fn api_errors_are_shown_with_their_code_and_detail() {
    walk(async |browser, _| {
        send(browser, "12").await;
        browser
            .until("document.querySelector('#fault').innerText.startsWith('phone_number_invalid')")
            .await;
        assert_eq!(
            browser
                .value("document.querySelector('#verification').hidden")
                .await,
            json!(true)
        );
    });
}
