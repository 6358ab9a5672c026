//! The topology of `compose.replicas.yaml` as processes: two replicas on one Postgres and Redis, behind a real Caddy or nginx that is
//! configured by its file in `deploy/`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::containers::{SECRETS, container, entries, environment, file, health, set};
use crate::limits::free_port;
use crate::on_postgres;
use crate::program::Server;
use crate::stage::{CLIENT, Client, Stage, word};

on_postgres!(two_replicas_behind_caddy, two_replicas_behind_nginx);

/// A proxy as a process, killed when dropped.
struct Proxy {
    base: String,
    child: Child,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // nginx ends its workers on this signal; SIGKILL would leave them.
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.child.wait();
    }
}

impl Proxy {
    /// Starts `program` and waits until a replica answers through it.
    async fn start(mut program: Command, port: u16) -> Self {
        let quiet = program.stdin(Stdio::null()).stdout(Stdio::null());
        let child = quiet.stderr(Stdio::null()).spawn().unwrap();
        let base = format!("http://127.0.0.1:{port}");
        let proxy = Self { base, child };
        let ready = format!("{}/readyz", proxy.base);
        let answers = async {
            while !CLIENT
                .get(&ready)
                .send()
                .await
                .is_ok_and(|answer| answer.status() == 200)
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), answers)
            .await
            .expect("the proxy answers in time");
        proxy
    }
}

/// The program named by a variable that `scripts/test` sets; `None` skips the test.
fn installed(variable: &str) -> Option<String> {
    let path = std::env::var(variable).unwrap_or_default();
    if path.is_empty() {
        println!("skipped: {variable} is not set (./scripts/test tries to)");
        return None;
    }
    Some(path)
}

async fn two_replicas_behind_caddy(stage: Stage) {
    let Some(caddy) = installed("PINROUTE_TEST_CADDY") else {
        return;
    };
    let replicas = replicas(&stage).await;
    let port = free_port();
    let sample = stage.folder.join("Caddyfile");
    let text = format!("{{\n\tadmin off\n}}\n{}", file("deploy/caddy/Caddyfile"));
    std::fs::write(&sample, text).unwrap();
    let mut program = Command::new(caddy);
    program
        .args(["run", "--adapter", "caddyfile", "--config"])
        .arg(sample)
        .env("XDG_DATA_HOME", &stage.folder)
        .env("XDG_CONFIG_HOME", &stage.folder)
        .env("PINROUTE_SITE", format!("http://127.0.0.1:{port}"))
        .env(
            "PINROUTE_UPSTREAMS",
            replicas.each_ref().map(address).join(" "),
        );
    let proxy = Proxy::start(program, port).await;
    walk(&stage, &proxy, replicas).await;
}

async fn two_replicas_behind_nginx(stage: Stage) {
    let Some(nginx) = installed("PINROUTE_TEST_NGINX") else {
        return;
    };
    let replicas = replicas(&stage).await;
    let port = free_port();
    let folder = stage.folder.display();
    let [one, other] = replicas.each_ref().map(address);
    // The upstream, the server that redirects to https, and the other one, here without TLS.
    let sample = file("deploy/nginx/pinroute.conf");
    let parts: Vec<&str> = sample.split("\nserver {\n").collect();
    let [upstream, _, server] = parts[..] else {
        panic!("{} servers", parts.len() - 1);
    };
    let upstream = upstream
        .replace("# server 10.0.0.12:8080", &format!("server {other}"))
        .replace("server 127.0.0.1:8080", &format!("server {one}"));
    let server: String = server
        .lines()
        .filter(|line| !line.contains("ssl_") && !line.contains("listen [::]"))
        .map(|line| line.replace("443 ssl http2", &format!("127.0.0.1:{port}")) + "\n")
        .collect();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {folder}/{what};\n"))
        .concat();
    let text = format!(
        "user root;\ndaemon off;\npid {folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{upstream}\nserver {{\n{server}}}\n"
    );
    let configuration = stage.folder.join("nginx.conf");
    std::fs::write(&configuration, text).unwrap();
    let mut program = Command::new(nginx);
    program
        .arg("-p")
        .arg(&stage.folder)
        .arg("-c")
        .arg(configuration);
    let proxy = Proxy::start(program, port).await;
    walk(&stage, &proxy, replicas).await;
}

fn address(replica: &Server) -> String {
    let (_, port) = replica.base.rsplit_once(':').unwrap();
    format!("127.0.0.1:{port}")
}

/// The two replicas of the composition. Its servers are the stage's, and the proxy is on this machine.
async fn replicas(stage: &Stage) -> [Server; 2] {
    let compose = file("compose.replicas.yaml");
    assert_eq!(
        entries(&compose, "pinroute-2", "extends"),
        ["service: pinroute"]
    );
    let upstreams = entries(&compose, "caddy", "environment");
    assert!(
        upstreams.contains(&"PINROUTE_UPSTREAMS: pinroute:8080 pinroute-2:8080".to_owned()),
        "{upstreams:?}"
    );
    let given = SECRETS.map(|name| (name, "a".to_owned()));
    let mut variables = environment(Some(&compose), &given).unwrap();
    let telegram = format!("http://{}", stage.telegram.fake.address);
    for (name, ours) in [
        ("PINROUTE_PUBLIC_URL", "https://verify.example.com"),
        ("PINROUTE_SECRET_KEY", &stage.secret_key),
        ("PINROUTE_DATABASE_URL", &stage.database_url),
        ("PINROUTE_REDIS_URL", &stage.redis_url),
        ("PINROUTE_TRUSTED_PROXIES", r#"["127.0.0.1/32"]"#),
    ] {
        assert!(variables.iter().any(|(known, _)| known == name), "{name}");
        set(&mut variables, name, ours);
    }
    set(
        &mut variables,
        "PINROUTE_TELEGRAM__TOKEN",
        crate::world::TOKEN,
    );
    set(&mut variables, "PINROUTE_TELEGRAM__BASE_URL", &telegram);
    let start = || Server::start(container(&variables, &stage.folder));
    let (one, other) = tokio::join!(start(), start());
    [one, other]
}

async fn walk(stage: &Stage, proxy: &Proxy, replicas: [Server; 2]) {
    for replica in &replicas {
        assert_eq!(health(&replica.base).await, Some(0));
    }
    let site = stage.client(&proxy.base);
    assert_eq!(verified(&site).await["status"], "approved");
    the_visitors_address_is_seen(&proxy.base).await;
    // One replica stops while requests go on; the other does the work alone.
    let [one, other] = replicas;
    let stopped = AtomicBool::new(false);
    let stop = async {
        let code = one.terminate().await;
        stopped.store(true, Ordering::SeqCst);
        code
    };
    let visits = async {
        let mut answered = 0;
        while !stopped.load(Ordering::SeqCst) {
            verified(&site).await;
            answered += 1;
        }
        answered
    };
    let (code, answered) = tokio::join!(stop, visits);
    assert_eq!(code, Some(0));
    assert!(answered > 1, "there was hardly any load");
    assert_eq!(verified(&site).await["status"], "approved");
    assert_eq!(other.terminate().await, Some(0));
}

/// A verification from its start to the right code, whichever replicas the requests reach.
async fn verified(site: &Client) -> Value {
    let number = site.stage.number();
    let body = json!({ "phone_number": number, "code": "424242" });
    let v = site.start(body).await.expect(201);
    let path = format!("/v1/verifications/{}", word(&v["id"]));
    let code = json!({ "code": "424242" });
    let checked = site.post(&format!("{path}/check"), code).await.expect(200);
    assert_eq!(checked["valid"], true);
    site.get(&path).await.expect(200)
}

/// Five wrong passwords lock one address out, whatever `X-Forwarded-For` it sends, and no other address.
async fn the_visitors_address_is_seen(base: &str) {
    let guess = async |from: [u8; 4], claimed: Option<u8>| {
        #[expect(clippy::disallowed_methods, reason = "it speaks to ourselves alone")]
        let visitor = reqwest::Client::builder();
        let visitor = visitor
            .no_proxy()
            .local_address(IpAddr::from(Ipv4Addr::from(from)))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let page = format!("{base}/dashboard/sign-in");
        let form = visitor.get(&page).send().await.unwrap();
        let cookie = form.headers()["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let form = form.text().await.unwrap();
        let token = form.split("name=\"form_token\" value=\"").nth(1).unwrap();
        let fields = [
            ("form_token", token.split('"').next().unwrap()),
            ("email", "ann@example.com"),
            ("password", "wrong"),
        ];
        let mut request = visitor.post(&page).header("Cookie", cookie).form(&fields);
        if let Some(last) = claimed {
            request = request.header("X-Forwarded-For", format!("203.0.113.{last}"));
        }
        request.send().await.unwrap().status().as_u16()
    };
    // Only Linux has all of 127.0.0.0/8.
    if !Path::new("/proc/self").exists() {
        return;
    }
    for time in 0..5 {
        assert_eq!(guess([127, 0, 0, 2], Some(time)).await, 422);
    }
    assert_eq!(guess([127, 0, 0, 2], Some(9)).await, 429);
    assert_eq!(guess([127, 0, 0, 2], None).await, 429);
    assert_eq!(guess([127, 0, 0, 3], None).await, 422);
}
