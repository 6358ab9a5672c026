//! The sandbox page in a real browser, as a newcomer uses it: from a phone number to a proof.
//!
//! `PINROUTE_SCREENSHOTS=docs/images ./scripts/test --test it sandbox_page` regenerates the README's pictures.

use pinroute::simulator::{Options, Simulator};
use serde_json::{Value, json};

use crate::browser::{self, Browser};
use crate::program::{Server, bare_program};

/// Runs a test with a new sandbox and a browser that shows its page.
fn walk(test: impl AsyncFnOnce(&Browser, &str)) {
    in_browser(async |path, folder| {
        let mut command = bare_program();
        command
            .current_dir(&folder)
            .env("PINROUTE_LISTEN", "127.0.0.1:0")
            .env("PINROUTE_SIMULATOR_LISTEN", "127.0.0.1:0");
        let (server, page) = Server::start_sandbox(command).await;
        let browser = Browser::start(&path, folder.join("profile")).await;
        visit(&browser, &page).await;
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
    });
}

async fn visit(browser: &Browser, page: &str) {
    browser.look(1440, 1000, "light").await;
    browser.open(&format!("{page}/")).await;
    browser
        .until("!document.documentElement.classList.contains('loading')")
        .await;
}

/// Runs a test with the browser's path and a folder of its own, if there is a browser.
fn in_browser(test: impl AsyncFnOnce(String, std::path::PathBuf)) {
    let Some(path) = browser::find() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let folder = tempfile_folder();
        test(path, folder.clone()).await;
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

/// The text of an element.
async fn text(browser: &Browser, selector: &str) -> String {
    let asked = format!("document.querySelector({}).textContent", json!(selector));
    browser.value(&asked).await.as_str().unwrap().to_owned()
}

async fn until_text(browser: &Browser, selector: &str, part: &str) {
    let text = format!("document.querySelector({})?.innerText", json!(selector));
    browser
        .until(&format!("{text}?.includes({})", json!(part)))
        .await;
}

/// Answers the next POST of the page with a problem, instead of the gateway.
async fn answer_next(browser: &Browser, status: u16, problem: &Value, retry_after: Option<u32>) {
    let headers = retry_after.map_or(json!({}), |wait| json!({ "Retry-After": wait.to_string() }));
    let answer = json!({ "status": status, "headers": headers });
    browser
        .value(&format!(
            "(() => {{ const real = window.fetch; window.fetch = (url, options) => {{
               if (options?.method !== 'POST') return real(url, options);
               window.fetch = real;
               return Promise.resolve(new Response({}, {answer})); }} }})()",
            json!(problem.to_string())
        ))
        .await;
}

/// Counts what moves by itself from now on.
async fn watch_for_jumps(browser: &Browser) {
    browser
        .value(
            "(window.jumps = [], new PerformanceObserver((list) => window.jumps.push(...list.getEntries()
               .filter((entry) => !entry.hadRecentInput).flatMap((entry) => entry.sources.map((source) => source.node?.id || source.node?.className || source.node?.nodeName))))
               .observe({ type: 'layout-shift' }), 0)",
        )
        .await;
}

/// An SMS that no verification has sent.
async fn sms(browser: &Browser, page: &str, number: &str, text: &str) {
    let url = format!("{page}/sms/send");
    let body = json!({ "to": number, "text": text }).to_string();
    let request = json!({ "method": "POST", "headers": { "content-type": "application/json" }, "body": body });
    browser
        .value(&format!(
            "fetch({}, {request}).then((answer) => answer.status)",
            json!(url)
        ))
        .await;
}

const STATUS: &str = "document.querySelector('#status').textContent";
const CODE: &str = "document.querySelector('#code')";

#[test]
fn a_newcomer_gets_from_a_number_to_a_proof() {
    walk(async |browser, _| {
        browser.picture("sandbox-start").await;
        send(browser, "+998901234567").await;
        // The phone appears at once, the message when it arrives.
        until_text(browser, "#phone-number", "+998901234567").await;
        browser
            .until("document.querySelector('.chat.telegram .ticks.read')")
            .await;
        until_text(browser, "#told", "to +998901234567 in Telegram").await;
        browser.click(".chat.telegram .copy").await;
        browser
            .until(&format!("/^[0-9]{{6}}$/.test({CODE}.value)"))
            .await;
        assert_eq!(
            browser.value("document.activeElement.id").await,
            json!("code")
        );
        // A wrong code first.
        let right = browser.value(&format!("{CODE}.value")).await;
        browser
            .value(&format!(
                "{CODE}.value = {CODE}.value === '000000' ? '000001' : '000000'"
            ))
            .await;
        browser.click("#check button").await;
        until_text(browser, "#code-fault", "4 attempts left").await;
        browser.value(&format!("{CODE}.value = {right}")).await;
        browser.click("#check button").await;
        browser.until(&format!("{STATUS} === 'approved'")).await;
        until_text(browser, "#told", "+998901234567 is confirmed").await;
        until_text(browser, "#proof-says", "Signature verified").await;
        until_text(browser, "#claims", "+998901234567").await;
        for said in [
            "Started",
            "Sent",
            "Charged 0.01 USD",
            "Delivered",
            "Read",
            "Wrong code",
            "Approved",
        ] {
            until_text(browser, "#timeline", said).await;
        }
        until_text(browser, "#total", "0.01 USD").await;
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
fn a_reload_keeps_the_verification_its_proof_and_the_chosen_phone() {
    walk(async |browser, page| {
        send(browser, "+998901234567").await;
        browser.click(".chat.telegram .copy").await;
        let code = browser.value(&format!("{CODE}.value")).await;
        sms(browser, page, "+15550001234", "An older code: 1234").await;
        browser
            .until("document.querySelectorAll('#strip .tab').length === 2")
            .await;
        browser.click("#phone-15550001234").await;
        until_text(browser, "#screen", "An older code").await;

        browser.reload().await;
        browser.until(&format!("{STATUS} === 'pending'")).await;
        until_text(browser, "#told", "+998901234567").await;
        until_text(browser, "#timeline", "Delivered").await;
        until_text(browser, "#phone-number", "+15550001234").await;
        until_text(browser, "#screen", "An older code").await;

        browser.value(&format!("{CODE}.value = {code}")).await;
        browser.click("#check button").await;
        until_text(browser, "#proof-says", "Signature verified").await;
        browser.reload().await;
        browser.until(&format!("{STATUS} === 'approved'")).await;
        until_text(browser, "#proof-says", "Signature verified").await;
        until_text(browser, "#claims", "+998901234567").await;

        // Starting again forgets it.
        browser.click("#again").await;
        browser.reload().await;
        browser
            .until("!document.querySelector('#start').hidden && document.querySelector('#server')")
            .await;
        assert_eq!(text(browser, "#status").await, "–");
    });
}

#[test]
fn messages_of_other_phones_are_counted_and_move_nothing() {
    walk(async |browser, page| {
        send(browser, "+998901234567").await;
        browser
            .until("document.querySelector('.chat.telegram .ticks.read')")
            .await;
        sms(browser, page, "+15550001234", "first 1111").await;
        browser
            .until("document.querySelectorAll('#strip .tab').length === 2")
            .await;
        watch_for_jumps(browser).await;
        sms(browser, page, "+998901234567", "here 2222").await;
        sms(browser, page, "+15550001234", "second 3333").await;
        until_text(browser, "#phone-15550001234 .count", "2").await;
        until_text(browser, "#phone-15550001234", "second 3333").await;
        until_text(browser, "#screen", "here 2222").await;
        until_text(
            browser,
            "#arrived",
            "SMS message for +15550001234: second 3333",
        )
        .await;
        assert_eq!(text(browser, "#phone-number").await, "+998901234567");
        // Both chats are on the one phone, and the new message is in view.
        let inside = "(() => { const bubble = document.querySelector('.chat.sms .bubble').getBoundingClientRect(), screen = document.querySelector('#screen').getBoundingClientRect(); return bubble.bottom <= screen.bottom && bubble.top >= screen.top; })()";
        browser.until(inside).await;
        assert_eq!(browser.value("window.jumps").await, json!([]));

        // The strip is a list of tabs: arrows move through it, and reading clears the count.
        browser
            .value("document.querySelector('#strip [aria-selected=true]').focus()")
            .await;
        browser.press("Home").await;
        until_text(browser, "#phone-number", "+15550001234").await;
        assert_eq!(
            browser.value("document.activeElement.id").await,
            json!("phone-15550001234")
        );
        browser
            .until("document.querySelector('#phone-15550001234 .count').hidden")
            .await;
        browser.press("ArrowDown").await;
        until_text(browser, "#phone-number", "+998901234567").await;
        let selected = "[...document.querySelectorAll('#strip [role=tab]')].map((one) => one.getAttribute('aria-selected') + one.tabIndex).join()";
        assert_eq!(browser.value(selected).await, json!("false-1,true0"));
    });
}

#[test]
fn a_number_without_telegram_gets_its_code_by_sms_and_the_timeline_shows_the_cost() {
    walk(async |browser, _| {
        browser.click("#numbers button[data-ending='0001']").await;
        browser
            .until("document.querySelector('.chat.sms .copy')")
            .await;
        // The visitor learns the channel, not whether the number has Telegram.
        until_text(browser, "#told", "by SMS").await;
        for said in [
            "Refused, free",
            "Moved to the next channel",
            "Charged 0.05 USD",
            "Delivered",
        ] {
            until_text(browser, "#timeline", said).await;
        }
        until_text(browser, "#total", "Telegram: free").await;
        browser.look(768, 1024, "light").await;
        browser.picture("sandbox-fallback-tablet").await;
        for language in ["en", "ru"] {
            browser.click(&format!("[data-language={language}]")).await;
            for (wide, tall) in [
                (360, 740),
                (390, 844),
                (768, 1024),
                (820, 1180),
                (1440, 900),
            ] {
                browser.look(wide, tall, "light").await;
                let wider = browser
                    .value(
                        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
                    )
                    .await;
                assert_eq!(wider, json!(0), "content overflows at {wide} pixels");
                let cut = browser
                    .value("[...document.querySelectorAll('pre')].filter((one) => one.scrollWidth > one.clientWidth).length")
                    .await;
                assert_eq!(cut, json!(0), "code is cut at {wide} pixels");
            }
        }
        browser.click("[data-language=en]").await;
        browser.look(360, 740, "dark").await;
        browser
            .value("document.querySelector('.phones').scrollIntoView()")
            .await;
        browser.picture("sandbox-fallback-phone").await;
    });
}

#[test]
fn on_a_small_screen_a_message_shows_itself_while_its_phone_is_out_of_sight() {
    walk(async |browser, _| {
        browser.look(390, 600, "light").await;
        browser.value("scrollTo(0, 0)").await;
        send(browser, "+998901234567").await;
        until_text(browser, "#toast", "Your code is").await;
        browser.click("#toast .main").await;
        browser
            .until(&format!("/^[0-9]{{6}}$/.test({CODE}.value)"))
            .await;
        browser
            .until("document.querySelector('#toast').hidden")
            .await;
    });
}

#[test]
fn markup_in_a_message_is_shown_as_text() {
    walk(async |browser, page| {
        let markup = "<img src=x onerror=alert(1)> 1234";
        sms(browser, page, "+15550001234", markup).await;
        browser
            .until(&format!(
                "document.querySelector('.bubble .text')?.textContent === {}",
                json!(markup)
            ))
            .await;
        assert!(text(browser, "#strip").await.contains(markup));
        assert_eq!(
            browser
                .value("document.querySelectorAll('.phones img').length")
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
        browser.type_text("+998901230008").await;
        browser.press("Enter").await;
        browser.until("document.activeElement.id === 'code'").await;
        let labels = "[...document.querySelectorAll('input, select, button')].filter((one) => !one.labels?.length && !one.textContent.trim() && !one.getAttribute('aria-label')).length";
        assert_eq!(
            browser.value(labels).await,
            json!(0),
            "every control needs a label"
        );
        let roles = "[...document.querySelectorAll('[tabindex=\"0\"]')].filter((one) => !one.getAttribute('aria-label') && !one.getAttribute('aria-labelledby') && one.getAttribute('role') !== 'tab').map((one) => one.id || one.className)";
        assert_eq!(
            browser.value(roles).await,
            json!([]),
            "every focusable part needs a name"
        );
    });
}

#[test]
fn a_wrong_number_gets_one_sentence_at_its_field_and_no_phone() {
    walk(async |browser, _| {
        send(browser, "12345").await;
        until_text(browser, "#number-fault", "This is not a phone number").await;
        until_text(browser, "#answer", "phone_number_invalid").await;
        let marks = "[document.querySelector('#number').getAttribute('aria-invalid'), document.activeElement.id, document.querySelectorAll('#strip .tab').length, document.querySelector('#verification').hidden]";
        assert_eq!(
            browser.value(marks).await,
            json!(["true", "number", 0, true])
        );
        assert!(
            !text(browser, "#number-fault")
                .await
                .contains("/phone_number")
        );
        assert_eq!(text(browser, "#phone-number").await, "Any number");
    });
}

#[test]
fn every_refusal_is_a_plain_sentence_and_the_raw_answer_stays_visible() {
    walk(async |browser, _| {
        for (status, code, wait, sentence) in [
            (
                422,
                "phone_number_invalid",
                None,
                "This is not a phone number",
            ),
            (
                422,
                "phone_number_unsupported",
                None,
                "Enter a mobile number",
            ),
            (
                403,
                "country_blocked",
                None,
                "We do not send codes to this country",
            ),
            (429, "rate_limited", Some(24), "Try again in 24 seconds"),
            (429, "rate_limited", Some(423), "Try again in 8 minutes"),
            (429, "rate_limited", None, "Try again later"),
            (
                402,
                "budget_exhausted",
                None,
                "We cannot send a code right now",
            ),
            (
                503,
                "service_unavailable",
                Some(5),
                "Try again in 5 seconds",
            ),
            (
                503,
                "service_unavailable",
                None,
                "The service is not responding",
            ),
            (
                401,
                "unauthorized",
                None,
                "Something went wrong on our side",
            ),
        ] {
            answer_next(
                browser,
                status,
                &json!({ "code": code, "detail": "of the API" }),
                wait,
            )
            .await;
            send(browser, "+998901234567").await;
            until_text(browser, "#number-fault", sentence).await;
            until_text(browser, "#answer", &format!("{code}: of the API")).await;
            assert!(!text(browser, "#number-fault").await.contains(code));
        }
        send(browser, "+998901234567").await;
        until_text(browser, "#told", "in Telegram").await;
        for (status, code, wait, sentence) in [
            (
                429,
                "resend_too_soon",
                Some(24),
                "You can ask for another one in 24 seconds",
            ),
            (429, "too_many_sends", None, "No more codes can be sent"),
            (422, "channel_unavailable", None, "Ask for it another way"),
            (429, "too_many_checks", None, "Too many wrong codes"),
        ] {
            answer_next(
                browser,
                status,
                &json!({ "code": code, "detail": "of the API" }),
                wait,
            )
            .await;
            browser.click("#check button").await;
            until_text(browser, "#code-fault", sentence).await;
            until_text(browser, "#answer", &format!("{code}: of the API")).await;
        }
        // The API's own answer to something that is not a code.
        browser.value(&format!("{CODE}.value = 'abc'")).await;
        browser.click("#check button").await;
        until_text(browser, "#code-fault", "Enter the digits from the message").await;
    });
}

#[test]
fn every_ending_is_told_in_words() {
    walk(async |browser, _| {
        send(browser, "+998901231234").await;
        until_text(browser, "#told", "in Telegram").await;
        browser.click("#cancel").await;
        until_text(browser, "#told", "No number was confirmed").await;
        browser.click("#again").await;

        send(browser, "+998901231235").await;
        until_text(browser, "#screen", "Your code is").await;
        // The message may come before the answer.
        until_text(browser, "#told", "in Telegram").await;
        for left in ["4 attempts", "3 attempts", "2 attempts", "1 attempt "] {
            browser
                .value(&format!("{CODE}.value = document.querySelector('.bubble strong').textContent === '000000' ? '000001' : '000000'"))
                .await;
            browser.click("#check button").await;
            until_text(browser, "#code-fault", left).await;
        }
        browser.click("#check button").await;
        until_text(browser, "#told", "Too many wrong codes").await;
        until_text(browser, "#told-title", "Code locked").await;
        browser.click("#again").await;

        // Both channels refuse this number. It is not over: a code or a resend still counts, until it expires.
        send(browser, "+998901230009").await;
        browser.until(&format!("{STATUS} === 'failed'")).await;
        until_text(browser, "#timeline", "no channel could deliver").await;
        until_text(browser, "#told", "ask for another code").await;
        let open =
            "[document.querySelector('#check').hidden, document.querySelector('#again').hidden]";
        assert_eq!(browser.value(open).await, json!([false, true]));
        browser
            .value("(() => { const later = Date.now() + 3600e3; Date.now = () => later; })()")
            .await;
        until_text(browser, "#told-title", "Code expired").await;
        assert_eq!(browser.value(open).await, json!([true, false]));
    });
}

#[test]
fn a_pause_of_telegram_is_shown_and_moves_nothing() {
    walk(async |browser, _| {
        let places = "['.try', '.phones', '.server', '.timeline', '.numbers'].map((one) => document.querySelector(one).offsetTop)";
        let before = browser.value(places).await;
        send(browser, "+998901230003").await;
        until_text(browser, "#pauses", "The gateway has paused Telegram until").await;
        assert_eq!(browser.value(places).await, before);
        browser.click("[data-language=ru]").await;
        until_text(browser, "#pauses", "Шлюз приостановил Telegram").await;
        until_text(browser, "#pauses", "Пауза закончилась").await;
        browser.click("#pauses button").await;
        browser
            .until("document.querySelector('#pauses').textContent === ''")
            .await;
    });
}

#[test]
fn the_page_speaks_the_chosen_language_and_remembers_it() {
    walk(async |browser, page| {
        assert_eq!(
            browser.value("document.documentElement.lang").await,
            json!("en")
        );
        send(browser, "+998901234567").await;
        browser
            .until("document.querySelector('.chat.telegram .ticks.read')")
            .await;
        browser.click("[data-language=ru]").await;
        until_text(
            browser,
            "#told",
            "Отправили код в Telegram на номер +998901234567",
        )
        .await;
        until_text(browser, "#timeline", "Списано 0,01 USD").await;
        until_text(browser, "#numbers", "Ответ HTTP 500, ничего не отправлено").await;
        browser.value(&format!("{CODE}.value = '1'")).await;
        browser.reload().await;
        until_text(browser, "#told", "Отправили код в Telegram").await;
        assert_eq!(
            browser.value("document.documentElement.lang").await,
            json!("ru")
        );
        assert_eq!(
            browser.value("document.title").await,
            json!("Песочница Pinroute")
        );

        // Nothing of the English texts is left, in text or in labels.
        let left = format!(
            "(async () => {{
               const [en, ru] = await Promise.all(['en', 'ru'].map((one) => fetch('{page}/texts/' + one + '.json').then((answer) => answer.json())));
               const english = new Set(Object.keys(en).filter((key) => en[key] !== ru[key]).map((key) => en[key]));
               const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
               while (walker.nextNode()) found.push(walker.currentNode.textContent.trim());
               for (const one of document.querySelectorAll('[aria-label], [title]')) found.push(one.getAttribute('aria-label'), one.title);
               return found.filter((text) => english.has(text));
             }})()"
        );
        assert_eq!(browser.value(&left).await, json!([]));
    });
}

#[test]
fn the_page_links_to_the_dashboard_and_the_documentation_of_its_gateway() {
    walk(async |browser, page| {
        let links = browser
            .value("['#dashboard', '#docs'].map((one) => document.querySelector(one).href)")
            .await;
        for (link, path) in [(&links[0], "/dashboard"), (&links[1], "/docs/")] {
            let link = link.as_str().unwrap();
            assert!(link.ends_with(path) && !link.starts_with(page), "{links}");
        }
    });
}

#[test]
fn a_simulator_without_a_gateway_shows_how_to_connect_one() {
    in_browser(async |path, folder| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let simulator = Simulator::start(listener, Options::default()).unwrap();
        let page = format!("http://{}", simulator.address());
        let browser = Browser::start(&path, folder.join("profile")).await;
        visit(&browser, &page).await;
        until_text(&browser, "#config", "base_url = \"http://127.0.0.1").await;
        sms(&browser, &page, "+15550001234", "Your code: 1234").await;
        until_text(&browser, "#screen", "Your code: 1234").await;
        let hidden = "['#site', '#timeline-card', '#calls-card', '#dashboard', '#server'].filter((one) => document.querySelector(one).offsetParent)";
        assert_eq!(browser.value(hidden).await, json!([]));
        browser.picture("sandbox-alone").await;
        assert_eq!(browser.faults(), Vec::<String>::new());
        drop(browser);
        simulator.stop().await;
    });
}
