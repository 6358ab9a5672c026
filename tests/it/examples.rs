//! The sites in `examples/`, as processes of their own: a visitor's walk through the real sandbox, and the visitor's
//! sentence for every answer in the table of `docs/site.md`.
//!
//! A new example is a line in [`SITES`] and a test. `./scripts/examples` runs all of them; otherwise those run whose
//! language and packages `./scripts/test` has found.

use std::collections::HashMap;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pinroute::secret::random;
use serde_json::{Value, json};

use crate::browser::{self, Browser};
use crate::program::{Server, bare_program, run};
use crate::stage::{CLIENT, word};
use crate::world::{Answer, Fake};

/// For a cold start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
const API_KEY: &str = "pin_sandbox_of_the_fake";

/// How an example is started in its folder.
struct Site {
    name: &'static str,
    /// A command that prepares it, and the one that serves it on `$PORT`.
    build: &'static str,
    serve: &'static str,
    needs: Needs,
}

enum Needs {
    /// Its packages, in `$PINROUTE_TEST_NODE/NAME/node_modules`.
    Node,
    /// `$PINROUTE_TEST_PYTHON` with its packages.
    Python,
    /// Only `./scripts/examples` asks for it.
    All,
}

#[rustfmt::skip]
const SITES: [Site; 6] = [
    Site { name: "express", build: "", serve: "exec node server.js", needs: Needs::Node },
    Site { name: "nextjs",  build: "node_modules/.bin/next build", serve: "exec node_modules/.bin/next start -H 127.0.0.1 -p $PORT", needs: Needs::Node },
    Site { name: "django",  build: "", serve: "exec python3 manage.py runserver --noreload 127.0.0.1:$PORT", needs: Needs::Python },
    Site { name: "fastapi", build: "", serve: "exec python3 -m uvicorn main:app --port $PORT", needs: Needs::Python },
    Site { name: "php",     build: "", serve: "exec php -S 127.0.0.1:$PORT index.php", needs: Needs::All },
    Site { name: "go",      build: "go build -o \"$SCRATCH/site\" .", serve: "exec \"$SCRATCH/site\"", needs: Needs::All },
];

macro_rules! walks {
    ($($name:ident),+) => {$(
        #[test]
        fn $name() {
            walk(stringify!($name));
        }
    )+};
}

walks!(express, nextjs, django, fastapi, php, go);

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Site {
    fn shell(folder: &Path, scratch: &Path, command: &str) -> Command {
        let mut shell = Command::new("bash");
        shell.args(["-c", command]).current_dir(folder);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PINROUTE_")) {
            shell.env_remove(name);
        }
        if let Some(python) = variable("PINROUTE_TEST_PYTHON") {
            let bin = Path::new(&python).parent().unwrap().display();
            let path = std::env::var("PATH").unwrap_or_default();
            shell.env("PATH", format!("{bin}:{path}"));
        }
        shell.env("SCRATCH", scratch).env("GOCACHE", scratch);
        shell.env("GOFLAGS", "-buildvcs=false");
        shell.env("NEXT_TELEMETRY_DISABLED", "1");
        shell.env("PYTHONDONTWRITEBYTECODE", "1");
        shell.env(
            "SESSION_SECRET",
            "a secret of the tests, 32 letters or more",
        );
        shell.env("SITE_DOMAIN", "127.0.0.1");
        shell.stdin(Stdio::null());
        shell
    }

    /// The folder to run it in; `None` skips it.
    fn find(&self) -> Option<PathBuf> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        let all = variable("PINROUTE_TEST_ALL_EXAMPLES").is_some();
        let node = variable("PINROUTE_TEST_NODE").map(PathBuf::from);
        let found = match self.needs {
            Needs::Node => node.filter(|node| node.join(self.name).is_dir()),
            Needs::Python => variable("PINROUTE_TEST_PYTHON").map(|_| source.clone()),
            Needs::All => all.then(|| source.clone()),
        };
        assert!(found.is_some() || !all, "{} is not installed", self.name);
        let Some(root) = found else {
            println!("skipped: {}; ./scripts/examples runs it", self.name);
            return None;
        };
        if root != source {
            // Node finds packages only beside the files that import them.
            for name in ["html", self.name] {
                copy(&source.join(name), &root.join(name));
            }
        }
        Some(root.join(self.name))
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().unwrap().is_dir() {
            true if entry.file_name() == "node_modules" || entry.file_name() == ".next" => {}
            true => copy(&from, &to),
            false => drop(std::fs::copy(from, to).unwrap()),
        }
    }
}

/// A running site, killed when dropped.
struct Running {
    base: String,
    child: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    async fn start(mut command: Command) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        command.env("PORT", port.to_string());
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = child.stderr.take().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&said);
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = errors.read(&mut piece) {
                let text = String::from_utf8_lossy(&piece[..length]).into_owned();
                kept.lock().unwrap().push_str(&text);
            }
        });
        let mut site = Self {
            base: format!("http://127.0.0.1:{port}"),
            child,
        };
        let listens = async {
            while tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                .await
                .is_err()
            {
                let exited = site.child.try_wait().unwrap();
                assert!(exited.is_none(), "{exited:?}: {}", said.lock().unwrap());
                tokio::task::yield_now().await;
            }
        };
        let listens = tokio::time::timeout(PATIENCE, listens).await;
        listens.unwrap_or_else(|_| panic!("it does not listen: {}", said.lock().unwrap()));
        site
    }
}

/// A visitor's browser, reduced to cookies.
struct Visitor<'a> {
    site: &'a Running,
    cookies: HashMap<String, String>,
}

impl<'a> Visitor<'a> {
    /// Opens the page, and returns its text too.
    async fn new(site: &'a Running) -> (Self, String) {
        let mut visitor = Self {
            site,
            cookies: HashMap::new(),
        };
        let page = visitor.send(CLIENT.get(format!("{}/", site.base))).await;
        (visitor, page)
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> String {
        let cookies = self.cookies.iter();
        let cookies: Vec<_> = cookies
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = request.header("Cookie", cookies.join("; "));
        if let Some(token) = self.cookies.get("csrftoken") {
            request = request.header("X-CSRFToken", token);
        }
        let answer = request
            .header("User-Agent", "a browser")
            .send()
            .await
            .unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            let hidden = cookie.to_lowercase().contains("httponly");
            assert!(hidden || name == "csrftoken", "{cookie}");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, 200, "{text}");
        text
    }

    /// What the page gets.
    async fn post(&mut self, path: &str, fields: Value) -> Reply {
        let url = format!("{}/{path}", self.site.base);
        let text = self.send(CLIENT.post(url).json(&fields)).await;
        let reply: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
        assert_eq!(
            reply.as_object().unwrap().len(),
            3,
            "no more than this: {text}"
        );
        Reply {
            step: reply["step"].as_str().map(str::to_owned),
            message: word(&reply["message"]).to_owned(),
            resend_in: reply["resend_in"].as_u64(),
        }
    }

    async fn start(&mut self, number: &str) -> Reply {
        self.post("verification", json!({ "phone_number": number }))
            .await
    }

    async fn resend(&mut self) -> Reply {
        self.post("verification/resend", json!({})).await
    }

    async fn check(&mut self, code: &str) -> Reply {
        self.post("verification/check", json!({ "code": code }))
            .await
    }
}

#[derive(Debug)]
struct Reply {
    step: Option<String>,
    message: String,
    resend_in: Option<u64>,
}

impl Reply {
    #[track_caller]
    fn is(&self, step: Option<&str>, sentence: &str) {
        assert_eq!(
            (self.step.as_deref(), self.message.as_str()),
            (step, sentence)
        );
    }
}

/// The table of `docs/site.md`.
struct Row {
    status: u16,
    answer: String,
    sentence: String,
    /// The form that follows, if another one does.
    step: Option<&'static str>,
}

fn table() -> Vec<Row> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/site.md"));
    let text = text.unwrap();
    let (_, table) = text
        .split_once("tests/it/examples.rs reads this table")
        .unwrap();
    let mut rows = Vec::new();
    for line in table
        .lines()
        .skip(3)
        .take_while(|line| line.starts_with('|'))
    {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [status, answer, english, russian, then] = cells.as_slice() else {
            panic!("{line}");
        };
        for placeholder in ["{wait}", "{checks_left}"] {
            assert_eq!(
                english.contains(placeholder),
                russian.contains(placeholder),
                "{line}"
            );
        }
        let step = match then.split([',', ';']).next().unwrap() {
            "number" => Some("number"),
            "code form" => Some("code"),
            "go on" => Some("done"),
            _ => None,
        };
        for (status, answer) in status.split(", ").zip(answer.split(", ")) {
            rows.push(Row {
                status: status.parse().unwrap_or_default(),
                answer: answer.trim_matches('`').to_owned(),
                sentence: (*english).to_owned(),
                step,
            });
        }
    }
    rows
}

fn sentence(answer: &str) -> String {
    let rows = table();
    let row = rows.into_iter().find(|row| row.answer == answer);
    row.unwrap_or_else(|| panic!("no row {answer}")).sentence
}

fn walk(name: &str) {
    let site = SITES.iter().find(|site| site.name == name).unwrap();
    let Some(folder) = site.find() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let scratch = format!("pinroute-{name}-{:016x}", u64::from_be_bytes(random()));
    let scratch = std::env::temp_dir().join(scratch);
    std::fs::create_dir(&scratch).unwrap();
    runtime.block_on(async {
        if !site.build.is_empty() {
            let built = run(Site::shell(&folder, &scratch, site.build)).await;
            let said = String::from_utf8_lossy(&built.stderr).into_owned();
            assert!(built.status.success(), "{said}");
        }
        let serve = || Site::shell(&folder, &scratch, site.serve);
        in_the_sandbox(name, serve(), &scratch).await;
        every_answer_has_its_sentence(serve()).await;
    });
    runtime.shutdown_background();
    // Go's build cache is read-only in parts.
    let _ = std::fs::remove_dir_all(scratch);
}

async fn in_the_sandbox(name: &str, mut serve: Command, scratch: &Path) {
    let mut sandbox = bare_program();
    sandbox
        .current_dir(scratch)
        .env("PINROUTE_LISTEN", "127.0.0.1:0")
        .env("PINROUTE_SIMULATOR_LISTEN", "127.0.0.1:0");
    let heads = ["API", "Phones", "API key"];
    let (server, [api, phones, key]) = Server::start_and_read(sandbox, heads).await;
    let mut list = bare_program();
    list.args(["projects", "list", "--json"])
        .current_dir(scratch);
    let list = run(list).await;
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    serve
        .env("PINROUTE_URL", &api)
        .env("PINROUTE_API_KEY", &key)
        .env("PINROUTE_PROJECT_ID", word(&list["items"][0]["id"]));
    let site = Running::start(serve).await;
    let number = "+998 90 123-45-67";

    let (mut ann, page) = Visitor::new(&site).await;
    assert!(
        page.contains("phone_number") && !page.contains(&key),
        "{page}"
    );
    ann.start("12")
        .await
        .is(None, &sentence("phone_number_invalid"));
    ann.start("+888 123 4567")
        .await
        .is(None, &sentence("phone_number_unsupported"));
    ann.check("123456")
        .await
        .is(Some("number"), &sentence("verification_not_found"));
    let started = ann.start(number).await;
    started.is(Some("code"), &sentence("channel: telegram"));
    assert!(matches!(started.resend_in, Some(1..=30)), "{started:?}");
    ann.start(number)
        .await
        .is(Some("code"), &sentence("reused: true"));
    let again = ann.resend().await;
    let wait = again.resend_in.expect("seconds to wait");
    let early = sentence("resend_too_soon").replace("{wait}", &format!("{wait} s"));
    again.is(None, &early);
    let code = codes(&phones, 1).await.remove(0);

    // Another visitor with the same number has a code of their own, and reaches nobody else's verification.
    let (mut bob, _) = Visitor::new(&site).await;
    bob.check(&code)
        .await
        .is(Some("number"), &sentence("verification_not_found"));
    bob.start(number)
        .await
        .is(Some("code"), &sentence("channel: telegram"));
    let other = codes(&phones, 2).await.remove(0);
    let wrong = sentence("valid: false").replace("{checks_left}", "4");
    if other != code {
        bob.check(&code).await.is(None, &wrong);
        ann.check(&other).await.is(None, &wrong);
    }
    ann.check("letters")
        .await
        .is(None, &sentence("invalid_request"));
    ann.check(&code)
        .await
        .is(Some("done"), &sentence("valid: true"));
    ann.check(&code)
        .await
        .is(Some("number"), &sentence("verification_not_pending"));

    if let Some(path) = browser::find() {
        in_a_browser(name, &site, &phones, &path, scratch).await;
    }
    drop(site);
    assert_eq!(server.terminate().await, Some(0));
}

/// The codes on the phone, newest first, once there are this many.
async fn codes(phones: &str, count: usize) -> Vec<String> {
    codes_of(phones, "+998901234567", count).await
}

async fn codes_of(phones: &str, number: &str, count: usize) -> Vec<String> {
    let arrived = async {
        loop {
            let url = format!("{phones}/phones/{number}/messages");
            let text = CLIENT.get(url).send().await.unwrap().text().await.unwrap();
            let page: Value = serde_json::from_str(&text).unwrap();
            let items = page["items"].as_array().unwrap();
            if items.len() >= count {
                return items
                    .iter()
                    .map(|item| word(&item["code"]).to_owned())
                    .collect();
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, arrived)
        .await
        .expect("the messages arrive")
}

/// The page itself, from the number to the last sentence.
async fn in_a_browser(name: &str, site: &Running, phones: &str, path: &str, scratch: &Path) {
    let browser = Browser::start(path, scratch.join("profile")).await;
    browser.look(420, 700, "light").await;
    browser.open(&format!("{}/", site.base)).await;
    browser
        .until("document.querySelector('[name=phone_number]')")
        .await;
    // Next.js attaches its handlers a little after the page is shown.
    if name == "nextjs" {
        let attached = "Object.keys(document.querySelector('form')).some((key) => key.startsWith('__reactProps'))";
        browser.until(attached).await;
    }
    // Chrome on Android has this, and asks the visitor first.
    let web_otp = "window.OTPCredential = class {}; \
        navigator.credentials.get = ({ otp }) => new Promise((give) => { window.give = (code) => give({ code, otp }) }), true";
    if name != "django" {
        browser.value(web_otp).await;
    }
    let focus = |name: &str| format!("document.querySelector('[name={name}]').focus(), true");
    browser.value(&focus("phone_number")).await;
    browser.type_text("+998901234568").await;
    browser.press("Enter").await;
    browser
        .until("document.querySelector('[name=code]')?.checkVisibility()")
        .await;
    let form = "(() => { const { autocomplete, inputMode } = document.querySelector('[name=code]'); return [autocomplete, inputMode] })()";
    assert_eq!(
        browser.value(form).await,
        json!(["one-time-code", "numeric"])
    );
    let timer = "[...document.querySelectorAll('button')].some((it) => it.disabled && /in \\d+ s/.test(it.textContent))";
    browser.until(timer).await;
    let code = codes_of(phones, "+998901234568", 1).await.remove(0);
    browser.picture(&format!("example-{name}")).await;
    if name == "django" {
        browser.value(&focus("code")).await;
        browser.type_text(&code).await;
        browser.press("Enter").await;
    } else {
        let arrives = format!("window.give({}), true", json!(code));
        browser.value(&arrives).await;
    }
    let verified = json!(sentence("valid: true"));
    browser
        .until(&format!(
            "document.querySelector('[role=status]').textContent === {verified}"
        ))
        .await;
    assert_eq!(browser.faults(), Vec::<String>::new());
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Start,
    Resend,
    Check,
}

/// What the visitor does, what Pinroute answers, and what the visitor gets.
struct Case {
    act: Act,
    answers: Vec<Answer>,
    step: Option<&'static str>,
    sentence: String,
    resend_in: Option<u64>,
}

/// A start's answer, long past its `resend_at`.
fn started(channel: &Value, status: &str, reused: bool) -> Answer {
    let at = channel.as_str().map(|_| "2026-01-01T00:00:00.123456Z");
    let v = json!({
        "id": "an-id", "status": status, "phone_number": "+998901234567", "channel": channel, "resend_at": at,
        "reused": reused,
    });
    Answer::Json(201, v)
}

/// The cases of a row; none of the sandbox's, which gives proofs.
fn cases(row: &Row) -> Vec<Case> {
    let problem = json!({ "status": row.status, "code": row.answer });
    let act = match row.answer.as_str() {
        answer if answer.starts_with("channel: ") => Act::Start,
        "status: failed" | "reused: true" | "phone_number_invalid" | "phone_number_unsupported" => {
            Act::Start
        }
        "country_blocked" | "budget_exhausted" | "service_unavailable" => Act::Start,
        "resend_too_soon" | "too_many_sends" | "channel_unavailable" => Act::Resend,
        _ => Act::Check,
    };
    let case = |answers: Vec<Answer>| Case {
        act,
        answers,
        step: row.step,
        sentence: row.sentence.clone(),
        resend_in: (row.step == Some("code")).then_some(0),
    };
    let wait = |seconds: u64, text: &str| Case {
        sentence: row.sentence.replace("{wait}", text),
        ..case(vec![Answer::Later(row.status, problem.clone(), seconds)])
    };
    let checked = |status: &str, left: u8| {
        let body = json!({ "id": "an-id", "status": status, "valid": false, "checks_left": left });
        vec![Answer::Json(200, body)]
    };
    match row.answer.as_str() {
        "valid: true" => Vec::new(),
        "channel: telegram" => vec![case(vec![started(&json!("telegram"), "pending", false)])],
        "channel: sms" => vec![case(vec![started(&json!("sms"), "pending", false)])],
        "channel: null" => vec![Case {
            resend_in: None,
            ..case(vec![started(&Value::Null, "pending", false)])
        }],
        "status: failed" => vec![case(vec![started(&json!("sms"), "failed", false)])],
        "reused: true" => vec![case(vec![started(&json!("sms"), "pending", true)])],
        "valid: false" => vec![Case {
            sentence: row.sentence.replace("{checks_left}", "3"),
            ..case(checked("pending", 3))
        }],
        "status: locked" => vec![case(checked("locked", 0))],
        "rate_limited" => vec![wait(7, "7 s"), wait(119, "119 s"), wait(121, "3 min")],
        "resend_too_soon" => vec![Case {
            resend_in: Some(7),
            ..wait(7, "7 s")
        }],
        "service_unavailable" => {
            let busy = Answer::Later(503, problem, 0);
            let repeated = Case {
                step: Some("code"),
                sentence: sentence("channel: sms"),
                resend_in: Some(0),
                ..case(vec![busy.clone(), started(&json!("sms"), "pending", false)])
            };
            vec![repeated, case(vec![busy.clone(), busy])]
        }
        "any other" => vec![case(vec![Answer::Json(418, json!({ "code": "new" }))])],
        _ => vec![case(vec![Answer::Json(row.status, problem)])],
    }
}

/// A Pinroute that gives scripted answers.
async fn every_answer_has_its_sentence(mut serve: Command) {
    let next: Arc<Mutex<Vec<Answer>>> = Arc::default();
    let script = Arc::clone(&next);
    let fake = Fake::start(move |_| {
        let mut script = script.lock().unwrap();
        assert!(!script.is_empty(), "more requests than answers");
        script.remove(0)
    })
    .await;
    serve
        .env("PINROUTE_URL", format!("http://{}", fake.address))
        .env("PINROUTE_API_KEY", API_KEY)
        .env("PINROUTE_PROJECT_ID", "a-project");
    let site = Running::start(serve).await;
    let (mut ann, _) = Visitor::new(&site).await;
    let rows = table();
    assert!(rows.len() >= 20, "only {} rows", rows.len());
    for case in rows.iter().flat_map(cases) {
        {
            let mut left = next.lock().unwrap();
            assert!(left.is_empty(), "fewer requests than answers: {left:?}");
            left.extend(case.answers);
        }
        let reply = match case.act {
            Act::Start => ann.start("+998901234567").await,
            Act::Resend => ann.resend().await,
            Act::Check => ann.check("123456").await,
        };
        reply.is(case.step, &case.sentence);
        assert_eq!(reply.resend_in, case.resend_in, "{}", case.sentence);
    }
    what_it_asks(&fake);
}

/// The requests of [`every_answer_has_its_sentence`].
fn what_it_asks(fake: &Fake) {
    let seen = fake.seen();
    let mut keys: HashMap<&str, Vec<&str>> = HashMap::new();
    for request in &seen {
        assert_eq!(request.method, "POST");
        let key = format!("Bearer {API_KEY}");
        assert_eq!(request.header("Authorization"), Some(key.as_str()));
        let repeat = request
            .header("Idempotency-Key")
            .expect("an Idempotency-Key");
        keys.entry(repeat).or_default().push(&request.text);
        let asked = request.json();
        match request.target.as_str() {
            "/v1/verifications" => {
                assert_eq!(
                    asked["client"],
                    json!({ "ip": "127.0.0.1", "user_agent": "a browser" })
                );
                assert_eq!(asked["web_domain"], "127.0.0.1");
                assert_eq!(asked["payload"], seen[0].json()["payload"], "one visitor");
                assert!(word(&asked["payload"]).len() >= 16);
            }
            "/v1/verifications/an-id/check" => assert_eq!(asked, json!({ "code": "123456" })),
            "/v1/verifications/an-id/resend" => assert_eq!(asked, json!({ "channel": "sms" })),
            other => panic!("{other}"),
        }
    }
    let repeated: Vec<_> = keys.values().filter(|texts| texts.len() > 1).collect();
    assert_eq!(repeated.len(), 2, "the two that met 503");
    for texts in repeated {
        assert_eq!(texts.len(), 2, "once");
        assert_eq!(texts[0], texts[1]);
    }
}
