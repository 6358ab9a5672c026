//! A headless Chromium, driven through its `DevTools` protocol over a pair of pipes, without a port, driver or library.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// Generous, for busy machines.
const PATIENCE: Duration = Duration::from_secs(60);

/// Path of the browser. `None` skips the test.
pub fn find() -> Option<String> {
    let path = std::env::var("PINROUTE_TEST_BROWSER").unwrap_or_default();
    if path.is_empty() {
        println!(
            "skipped: PINROUTE_TEST_BROWSER is not set; ./scripts/test sets it if it finds Chromium"
        );
        return None;
    }
    Some(path)
}

#[derive(Default)]
struct Received {
    replies: HashMap<i64, oneshot::Sender<Value>>,
    /// Errors reported by the page or its console.
    faults: Vec<String>,
    /// Requested URLs.
    requests: Vec<String>,
}

/// A browser with one page. Dropping it stops the browser and deletes its profile.
pub struct Browser {
    child: Child,
    commands: Mutex<ChildStdin>,
    received: Arc<Mutex<Received>>,
    next: AtomicI64,
    session: String,
    profile: PathBuf,
}

impl Browser {
    pub async fn start(path: &str, profile: PathBuf) -> Self {
        // Chromium expects the protocol's pipes at descriptors 3 and 4; the shell duplicates stdin and stdout there.
        let mut child = Command::new("sh")
            .args([
                "-c",
                "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1",
                "sh",
                path,
            ])
            .args([
                "--remote-debugging-pipe",
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-dev-shm-usage",
                "--disable-extensions",
                "--hide-scrollbars",
                "--force-color-profile=srgb",
                "--lang=en-US",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the browser starts");
        let commands = Mutex::new(child.stdin.take().expect("stdio is piped"));
        let messages = BufReader::new(child.stdout.take().expect("stdio is piped"));
        let received = Arc::new(Mutex::new(Received::default()));
        let shared = Arc::clone(&received);
        std::thread::spawn(move || read_messages(messages, &shared));
        let mut browser = Self {
            child,
            commands,
            received,
            next: AtomicI64::new(1),
            session: String::new(),
            profile,
        };
        let target = browser
            .call("Target.createTarget", json!({ "url": "about:blank" }))
            .await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", attach).await;
        attached["sessionId"]
            .as_str()
            .expect("a session")
            .clone_into(&mut browser.session);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({})).await;
        }
        browser
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        let answer = self.try_call(method, params).await;
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The error is the browser's.
    async fn try_call(&self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (reply, replied) = oneshot::channel();
        self.received.lock().unwrap().replies.insert(id, reply);
        let mut command = json!({ "id": id, "method": method, "params": params });
        if !self.session.is_empty() {
            command["sessionId"] = json!(self.session);
        }
        let mut line = command.to_string().into_bytes();
        line.push(0);
        self.commands
            .lock()
            .unwrap()
            .write_all(&line)
            .expect("the browser runs");
        let answer = tokio::time::timeout(PATIENCE, replied)
            .await
            .expect("the browser answers in time")
            .expect("the browser runs");
        if answer["error"].is_null() {
            Ok(answer["result"].clone())
        } else {
            Err(answer["error"].clone())
        }
    }

    /// Sets the window size, and light or dark colours.
    pub async fn look(&self, width: u32, height: u32, scheme: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.call("Emulation.setDeviceMetricsOverride", size).await;
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call("Emulation.setEmulatedMedia", features).await;
    }

    pub async fn open(&self, url: &str) {
        self.call("Page.navigate", json!({ "url": url })).await;
        self.until(&format!(
            "location.href.startsWith({}) && document.readyState === 'complete'",
            json!(url)
        ))
        .await;
    }

    pub async fn reload(&self) {
        self.value("window.isOld = true").await;
        self.call("Page.reload", json!({})).await;
        self.until("!window.isOld && document.readyState === 'complete'")
            .await;
    }

    /// Evaluates an expression, awaiting promises.
    pub async fn value(&self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true });
        let answer = self.call("Runtime.evaluate", asked).await;
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {}",
            answer["exceptionDetails"]
        );
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub async fn until(&self, expression: &str) {
        // Polls with a timer in the page, so as not to spin. A page that is left meanwhile gives no answer: the next one will.
        let poll = format!(
            "Boolean({expression}) || new Promise((done) => setTimeout(() => done(false), 30))"
        );
        let poll = json!({ "expression": poll, "returnByValue": true, "awaitPromise": true });
        let wait = async {
            loop {
                let answer = self.try_call("Runtime.evaluate", poll.clone()).await;
                let answer = answer.unwrap_or_default();
                assert!(
                    answer["exceptionDetails"].is_null(),
                    "{expression}: {}",
                    answer["exceptionDetails"]
                );
                if answer["result"]["value"] == json!(true) {
                    return;
                }
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            let text = self.value("document.body.innerText").await;
            panic!(
                "`{expression}` did not become true; the page says: {text}\n{:?}",
                self.faults()
            );
        }
    }

    pub async fn click(&self, selector: &str) {
        let button = format!("document.querySelector({})", json!(selector));
        self.until(&format!("{button} && !{button}.disabled")).await;
        self.value(&format!("{button}.click()")).await;
    }

    /// Types into the focused element.
    pub async fn type_text(&self, text: &str) {
        self.call("Input.insertText", json!({ "text": text })).await;
    }

    pub async fn press(&self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "End" => (35, ""),
            "Home" => (36, ""),
            "ArrowUp" => (38, ""),
            "ArrowDown" => (40, ""),
            _ => panic!("unknown key {key}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event =
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Saves a screenshot in the folder `PINROUTE_SCREENSHOTS`, if set.
    pub async fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("PINROUTE_SCREENSHOTS") else {
            return;
        };
        // Wait for animations to finish.
        self.value("Promise.all(document.getAnimations().map((one) => one.finished))")
            .await;
        let taken = self
            .call("Page.captureScreenshot", json!({ "format": "png" }))
            .await;
        let bytes = STANDARD
            .decode(taken["data"].as_str().expect("a picture"))
            .unwrap();
        std::fs::write(PathBuf::from(folder).join(format!("{name}.png")), bytes).unwrap();
    }

    /// Prints the page to PDF and saves it with the screenshots.
    pub async fn paper(&self, name: &str) -> Vec<u8> {
        let printed = self.call("Page.printToPDF", json!({ "preferCSSPageSize": true }));
        let printed = printed.await;
        let bytes = STANDARD.decode(printed["data"].as_str().expect("a document"));
        let bytes = bytes.unwrap();
        if let Some(folder) = std::env::var_os("PINROUTE_SCREENSHOTS") {
            std::fs::write(PathBuf::from(folder).join(format!("{name}.pdf")), &bytes).unwrap();
        }
        bytes
    }

    pub fn faults(&self) -> Vec<String> {
        self.received.lock().unwrap().faults.clone()
    }

    /// Requests to URLs other than these.
    pub fn strayed(&self, allowed: &[&str]) -> Vec<String> {
        let received = self.received.lock().unwrap();
        let strayed = received.requests.iter().filter(|url| {
            !url.starts_with("data:")
                && !url.starts_with("about:")
                && !allowed.iter().any(|allowed| url.starts_with(allowed))
        });
        strayed.cloned().collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

fn read_messages(mut messages: BufReader<ChildStdout>, received: &Mutex<Received>) {
    let mut line = Vec::new();
    while matches!(messages.read_until(0, &mut line), Ok(read) if read > 0) {
        let message: Value =
            serde_json::from_slice(line.strip_suffix(&[0]).unwrap_or(&line)).unwrap_or_default();
        line.clear();
        let mut received = received.lock().unwrap();
        if let Some(reply) = message["id"]
            .as_i64()
            .and_then(|id| received.replies.remove(&id))
        {
            let _ = reply.send(message);
            continue;
        }
        let params = &message["params"];
        match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => {
                received.faults.push(params["exceptionDetails"].to_string());
            }
            Some("Runtime.consoleAPICalled") if params["type"] == "error" => {
                received.faults.push(params["args"].to_string());
            }
            // Error statuses of the API are expected and logged as `network`.
            Some("Log.entryAdded")
                if params["entry"]["level"] == "error"
                    && params["entry"]["source"] != "network" =>
            {
                received.faults.push(params["entry"].to_string());
            }
            Some("Network.requestWillBeSent") => {
                received.requests.push(
                    params["request"]["url"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned(),
                );
            }
            _ => {}
        }
    }
}
