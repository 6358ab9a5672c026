//! Limits on numbers, addresses and projects: on one server and across replicas, with and without Redis.

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pinroute::abuse::limits::Draw;
use pinroute::clock::Clock;
use pinroute::shared_state::{Place, SharedState};
use pinroute::verification::policy::Quota;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::program::{Server, program};
use crate::stage::{AT_ONCE, Stage, TestApp};
use crate::{on_both_engines, on_postgres};

on_both_engines!(
    a_number_gets_five_sends_per_ten_minutes_and_ten_per_day,
    resends_count_against_the_number,
    an_address_gets_twenty_sends_per_hour,
    a_project_has_a_limit_of_creates_per_second,
    limits_can_be_turned_off,
    a_refused_start_uses_up_no_limit,
    limits_hold_without_redis_and_readyz_reports_its_absence,
    redis_that_refuses_writes_is_away_until_a_write_succeeds,
    the_log_says_once_why_redis_is_away_and_when_it_is_back,
    a_restart_forgets_neither_sends_nor_wrong_codes,
    an_emptied_redis_forgets_nothing,
    what_is_drawn_while_redis_is_away_counts_when_it_returns,
    a_site_of_ipv6_shares_a_limit,
);

on_postgres!(
    replicas_share_limits_through_redis,
    two_replicas_take_exactly_what_one_would,
);

async fn start(app: &TestApp, number: &str, payload: usize) -> crate::stage::Reply {
    app.start(json!({ "phone_number": number, "payload": payload.to_string() }))
        .await
}

async fn a_number_gets_five_sends_per_ten_minutes_and_ten_per_day(stage: Stage) {
    let app = stage.app().await;
    let number = stage.number();
    for payload in 0..5 {
        start(&app, &number, payload).await.expect(201);
        stage.advance(60);
    }
    let limited = start(&app, &number, 5).await;
    limited.problem(429, "rate_limited");
    assert_eq!(limited.header("retry-after"), Some("300"));
    assert!(
        !limited.text.contains(&number),
        "problems contain no phone number"
    );
    start(&app, &stage.number(), 0).await.expect(201);
    stage.advance(300);
    start(&app, &number, 6).await.expect(201);
    start(&app, &number, 7).await.problem(429, "rate_limited");
    stage.advance(3_600);
    for payload in 8..12 {
        start(&app, &number, payload).await.expect(201);
    }
    stage.advance(3_600);
    let limited = start(&app, &number, 12).await;
    limited.problem(429, "rate_limited");
    let wait: u64 = limited.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(
        wait,
        86_400 - 600 - 2 * 3_600,
        "until the first send leaves the window"
    );
    stage.advance(wait - 1);
    start(&app, &number, 13).await.problem(429, "rate_limited");
    stage.advance(1);
    start(&app, &number, 14).await.expect(201);
    assert_eq!(stage.telegram.sends().len(), 12);
}

async fn resends_count_against_the_number(stage: Stage) {
    let app = stage
        .app_with(&[
            ("DEFAULTS__LIMITS__PER_NUMBER", r#"["3/1h"]"#),
            ("DEFAULTS__TTL", "2h"),
        ])
        .await;
    let v = app.started().await;
    for _ in 0..2 {
        stage.advance(30);
        app.resend(&v["id"], json!({ "channel": "sms" }))
            .await
            .expect(200);
        app.settle(&v["id"]).await;
    }
    stage.advance(30);
    let limited = app.resend(&v["id"], json!({ "channel": "sms" })).await;
    limited.problem(429, "rate_limited");
    assert_eq!(limited.header("retry-after"), Some("3510"));
    assert_eq!(app.find(&v["id"]).await["sends_left"], 2);
}

async fn an_address_gets_twenty_sends_per_hour(stage: Stage) {
    let app = stage.app().await;
    let from = |ip: &str| json!({ "phone_number": stage.number(), "client": { "ip": ip } });
    for _ in 0..20 {
        app.start(from("203.0.113.7")).await.expect(201);
    }
    let limited = app.start(from("::ffff:203.0.113.7")).await;
    limited.problem(429, "rate_limited");
    assert_eq!(limited.header("retry-after"), Some("3600"));
    app.start(from("203.0.113.8")).await.expect(201);
    app.started().await;
    stage.advance(3_600);
    app.start(from("203.0.113.7")).await.expect(201);
}

async fn a_project_has_a_limit_of_creates_per_second(stage: Stage) {
    let app = stage
        .app_with(&[("DEFAULTS__LIMITS__CREATES", r#"["3/1s"]"#)])
        .await;
    for _ in 0..3 {
        app.started().await;
    }
    let limited = app.start(json!({ "phone_number": stage.number() })).await;
    limited.problem(429, "rate_limited");
    assert_eq!(limited.header("retry-after"), Some("1"));
    let other = app.with_key(&stage.new_key(Some("shop"), "verify").await);
    other.started().await;
    stage.advance(1);
    app.started().await;
}

async fn limits_can_be_turned_off(stage: Stage) {
    let off = ["PER_NUMBER", "PER_IP", "CREATES", "WRONG_CODES_PER_NUMBER"]
        .map(|name| format!("DEFAULTS__LIMITS__{name}"));
    let changes: Vec<(&str, &str)> = off.iter().map(|name| (name.as_str(), "off")).collect();
    let app = stage.app_with(&changes).await;
    let number = stage.number();
    for payload in 0..30 {
        let body = json!({ "phone_number": number, "payload": payload.to_string(), "client": { "ip": "203.0.113.7" } });
        let v = app.start(body).await.expect(201);
        app.check(&v["id"], &app.wrong_code()).await.expect(200);
    }
}

async fn a_refused_start_uses_up_no_limit(stage: Stage) {
    let limits = [
        ("DEFAULTS__LIMITS__PER_NUMBER", r#"["2/1h"]"#),
        ("DEFAULTS__LIMITS__PER_IP", r#"["2/1h"]"#),
    ];
    let app = stage.app_with(&limits).await;
    let number = stage.number();
    let from = |number: &str, payload: &str, ip: &str| {
        app.start(json!({ "phone_number": number, "payload": payload, "client": { "ip": ip } }))
    };
    from(&number, "a", "203.0.113.1").await.expect(201);
    // Reused starts, and starts refused by the other limit, do not count.
    for _ in 0..3 {
        from(&number, "a", "203.0.113.1").await.expect(200);
    }
    from(&stage.number(), "a", "203.0.113.2").await.expect(201);
    from(&stage.number(), "a", "203.0.113.2").await.expect(201);
    for _ in 0..3 {
        from(&number, "b", "203.0.113.2")
            .await
            .problem(429, "rate_limited");
    }
    from(&number, "b", "203.0.113.1").await.expect(201);
    from(&number, "c", "203.0.113.3")
        .await
        .problem(429, "rate_limited");
}

async fn replicas_share_limits_through_redis(stage: Stage) {
    let (a, b) = (stage.app().await, stage.app().await);
    let number = stage.number();
    for payload in 0..5 {
        start(if payload % 2 == 0 { &a } else { &b }, &number, payload)
            .await
            .expect(201);
    }
    start(&a, &number, 5).await.problem(429, "rate_limited");
    start(&b, &number, 5).await.problem(429, "rate_limited");

    // Also in parallel.
    let number = stage.number();
    let starts =
        (0..20).map(|payload| start(if payload % 2 == 0 { &a } else { &b }, &number, payload));
    let replies = futures_util::future::join_all(starts).await;
    let started = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(started, 5);

    // Wrong codes are shared as well.
    let v = b.started().await;
    let wrong = b.wrong_code();
    let checks = (0..20).map(|n| {
        if n % 2 == 0 {
            a.check(&v["id"], &wrong)
        } else {
            b.check(&v["id"], &wrong)
        }
    });
    let replies = futures_util::future::join_all(checks).await;
    let evaluated = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(evaluated, 5);

    // So are pauses: the other replica sees them at its next refresh.
    stage
        .telegram
        .next_sends([crate::world::error("BALANCE_NOT_ENOUGH")]);
    a.started().await;
    b.gateway.refresh().await;
    let v = b.started().await;
    assert_eq!(v["attempts"][0]["reason"], "paused");
    stage.advance(10);
    b.gateway.refresh().await;
    let v = b.started().await;
    assert_eq!(v["attempts"][0]["status"], "sent");
}

/// Whatever two replicas draw at once, and give back, and however time passes: they take what one list of times would admit.
/// One counter is small, one large, and one is recorded.
async fn two_replicas_take_exactly_what_one_would(stage: Stage) {
    const RATES: [&[&str]; 3] = [
        &["3/10s", "7/1m"],
        &["70/10s", "200/1m"],
        &["2/5s", "90/30s"],
    ];
    let clock = Clock::manual(stage.clock.now());
    let place = Place::read(&stage.redis_url, None).expect("a valid URL");
    let replica = || SharedState::new(Some(place.clone()), "exact", &clock);
    let replicas = [replica(), replica()];
    let mut runner = TestRunner::deterministic();
    let steps = (0..3_usize, 1..90_usize, 0..4_usize, 0..8_000_u64);
    let run = proptest::collection::vec(steps, 30);
    for round in 0..12 {
        let mut admitted: [Vec<Duration>; 3] = Default::default();
        let mut now = Duration::ZERO;
        for (counter, times, given_back, later) in run.new_tree(&mut runner).unwrap().current() {
            clock.advance(Duration::from_millis(later));
            now += Duration::from_millis(later);
            let rates: Vec<Quota> = RATES[counter].iter().map(|r| r.parse().unwrap()).collect();
            let draw = || Draw {
                key: format!("{round}:{counter}").into_bytes(),
                rates: rates.clone(),
                what: "too many",
                limit: None,
                is_recorded: counter == 2,
            };
            let nothing = async |_| Ok::<_, Infallible>(Vec::new());
            let takes = (0..times).map(|n| {
                let limits = &replicas[n % 2].limits;
                limits.take_recalling(vec![draw()], false, nothing)
            });
            let takes = futures_util::future::join_all(takes).await;
            let taken: Vec<_> = takes.into_iter().filter_map(|t| t.unwrap().ok()).collect();
            let known = &mut admitted[counter];
            let has_room = |known: &[Duration]| {
                rates.iter().all(|rate| {
                    let counts = |at: &&Duration| now < **at + rate.window;
                    known.iter().filter(counts).count() < rate.count as usize
                })
            };
            let mut expected = 0;
            while expected < times && has_room(known) {
                known.push(now);
                expected += 1;
            }
            assert_eq!(
                taken.len(),
                expected,
                "{counter} in round {round} at {now:?}"
            );
            for (n, taken) in taken.into_iter().take(given_back).enumerate() {
                replicas[n % 2].limits.give_back(taken).await;
                known.pop();
            }
            for replica in &replicas {
                let look = replica
                    .limits
                    .take_recalling(vec![draw()], true, nothing)
                    .await;
                assert_eq!(look.unwrap().is_ok(), has_room(known));
            }
        }
    }
}

/// A private Redis server, which the test can stop.
pub struct Redis {
    pub port: u16,
    server: Child,
}

impl Redis {
    /// `None` if Redis is not installed.
    pub async fn start(port: u16) -> Option<Self> {
        let port = if port == 0 { free_port() } else { port };
        let mut command = Command::new("redis-server");
        command.args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]);
        let server = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let redis = Self { port, server };
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            tokio::task::yield_now().await;
        }
        Some(redis)
    }

    /// Sends one command, and returns its answer's first line.
    pub fn command(&self, line: &str) -> String {
        let mut connection = std::net::TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        connection
            .write_all(format!("{line}\r\n").as_bytes())
            .unwrap();
        let mut answer = String::new();
        BufReader::new(connection).read_line(&mut answer).unwrap();
        answer
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

async fn limits_hold_without_redis_and_readyz_reports_its_absence(stage: Stage) {
    let Some(redis) = Redis::start(0).await else {
        println!("skipped: no redis-server");
        return;
    };
    let port = redis.port;
    let url = format!("redis://127.0.0.1:{port}");
    let app = stage.app_with(&[("REDIS_URL", &url)]).await;
    let ready = async || -> (Value, Value) {
        let body = app.get("/readyz").await.expect(200);
        (body["status"].clone(), body["redis"].clone())
    };
    assert_eq!(ready().await, (json!("ok"), json!("ok")));
    let number = stage.number();
    start(&app, &number, 0).await.expect(201);

    drop(redis);
    assert_eq!(
        ready().await,
        (json!("degraded"), json!("away")),
        "the server stays ready"
    );
    for payload in 1..5 {
        start(&app, &number, payload).await.expect(201);
    }
    start(&app, &number, 5).await.problem(429, "rate_limited");
    let v = app.started().await;
    assert_eq!(
        app.check(&v["id"], &app.telegram_code()).await.expect(200)["valid"],
        true
    );
    app.settle(&v["id"]).await;
    let metrics = app.get("/metrics").await.text;
    assert!(
        metrics.contains("pinroute_redis_failures_total"),
        "{metrics}"
    );

    let _redis = Redis::start(port).await.expect("Redis started before");
    // The program waits a second of real time before it tries again.
    let back = async {
        while ready().await != (json!("ok"), json!("ok")) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), back)
        .await
        .expect("Redis is used again");
    let number = stage.number();
    for payload in 0..5 {
        start(&app, &number, payload).await.expect(201);
    }
    start(&app, &number, 5).await.problem(429, "rate_limited");
}

const THREE_WRONG: (&str, &str) = ("DEFAULTS__LIMITS__WRONG_CODES_PER_NUMBER", r#"["3/1d"]"#);

/// Five sends and three wrong codes of one number: as many as it gets.
async fn use_up(app: &TestApp, number: &str) -> Value {
    let mut last = Value::Null;
    for payload in 0..5 {
        last = start(app, number, payload).await.expect(201);
    }
    for _ in 0..3 {
        app.check(&last["id"], &app.wrong_code()).await.expect(200);
    }
    last
}

async fn assert_used_up(app: &TestApp, number: &str, v: &Value) {
    start(app, number, 9).await.problem(429, "rate_limited");
    let last = app.resend(&v["id"], json!({ "channel": "sms" })).await;
    last.problem(429, "rate_limited");
    app.check(&v["id"], &app.wrong_code())
        .await
        .problem(429, "rate_limited");
    start(app, &app.stage.number(), 0).await.expect(201);
}

async fn a_restart_forgets_neither_sends_nor_wrong_codes(stage: Stage) {
    let changes = [("REDIS_URL", ""), THREE_WRONG, AT_ONCE];
    let app = stage.app_with(&changes).await;
    let number = stage.number();
    let v = use_up(&app, &number).await;
    stage.stop(app).await;
    let app = stage.app_with(&changes).await;
    assert_used_up(&app, &number, &v).await;
    stage.advance(60);
    assert_used_up(&app, &number, &v).await;
    stage.stop(app).await;
    // The window ends when it would have ended.
    let app = stage.app_with(&changes).await;
    let limited = start(&app, &number, 10).await;
    limited.problem(429, "rate_limited");
    assert_eq!(limited.header("retry-after"), Some("540"));
    stage.advance(540);
    start(&app, &number, 10).await.expect(201);
}

async fn an_emptied_redis_forgets_nothing(stage: Stage) {
    let Some(redis) = Redis::start(0).await else {
        println!("skipped: no redis-server");
        return;
    };
    let url = format!("redis://127.0.0.1:{}", redis.port);
    let changes = [("REDIS_URL", url.as_str()), THREE_WRONG, AT_ONCE];
    let app = stage.app_with(&changes).await;
    let number = stage.number();
    let v = use_up(&app, &number).await;
    assert_eq!(redis.command("FLUSHALL").trim(), "+OK");
    assert_used_up(&app, &number, &v).await;
    assert_eq!(redis.command("FLUSHALL").trim(), "+OK");
    assert_used_up(&app, &number, &v).await;
}

async fn what_is_drawn_while_redis_is_away_counts_when_it_returns(stage: Stage) {
    let Some(redis) = Redis::start(0).await else {
        println!("skipped: no redis-server");
        return;
    };
    let port = redis.port;
    let url = format!("redis://127.0.0.1:{port}");
    let app = stage.app_with(&[("REDIS_URL", url.as_str())]).await;
    let number = stage.number();
    for payload in 0..3 {
        start(&app, &number, payload).await.expect(201);
    }
    drop(redis);
    start(&app, &number, 3).await.expect(201);
    start(&app, &number, 4).await.expect(201);
    start(&app, &number, 5).await.problem(429, "rate_limited");
    let _redis = Redis::start(port).await.expect("Redis started before");
    let back = async {
        while app.get("/readyz").await.body["redis"] != "ok" {
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, back)
        .await
        .expect("Redis is used again");
    start(&app, &number, 6).await.problem(429, "rate_limited");
    start(&app, &stage.number(), 0).await.expect(201);
}

async fn a_site_of_ipv6_shares_a_limit(stage: Stage) {
    let app = stage
        .app_with(&[("DEFAULTS__LIMITS__PER_IP", r#"["2/1h"]"#)])
        .await;
    let from = |net: u32| {
        let ip = format!("2001:db8:1:{net:x}::7");
        app.start(json!({ "phone_number": stage.number(), "client": { "ip": ip } }))
    };
    for net in 0..4 {
        from(net).await.expect(201);
        from(net).await.expect(201);
        from(net).await.problem(429, "rate_limited");
    }
    from(9).await.problem(429, "rate_limited");
    let elsewhere = json!({ "phone_number": stage.number(), "client": { "ip": "2001:db8:2::7" } });
    app.start(elsewhere).await.expect(201);
}

/// After a fail-over, the address may lead to a replica, which answers reads.
async fn redis_that_refuses_writes_is_away_until_a_write_succeeds(stage: Stage) {
    let Some(redis) = Redis::start(0).await else {
        println!("skipped: no redis-server");
        return;
    };
    let url = format!("redis://127.0.0.1:{}", redis.port);
    let app = stage.app_with(&[("REDIS_URL", &url)]).await;
    let ready = async || app.get("/readyz").await.expect(200)["redis"].clone();
    let until = async |wanted: &str| {
        let reached = async {
            while ready().await != wanted {
                tokio::task::yield_now().await;
            }
        };
        // The program waits a second of real time before it tries again.
        tokio::time::timeout(Duration::from_secs(30), reached)
            .await
            .expect(wanted);
    };
    assert_eq!(ready().await, "ok");
    for (refuse, mend) in [
        (
            vec![format!("REPLICAOF 127.0.0.1 {}", free_port())],
            "REPLICAOF NO ONE",
        ),
        (
            vec![
                "CONFIG SET maxmemory-policy noeviction".to_owned(),
                "CONFIG SET maxmemory 1".to_owned(),
            ],
            "CONFIG SET maxmemory 0",
        ),
    ] {
        for command in &refuse {
            assert_eq!(redis.command(command).trim(), "+OK", "{command}");
        }
        let number = stage.number();
        for payload in 0..5 {
            assert_eq!(ready().await, "away", "it answers reads, but no write");
            start(&app, &number, payload).await.expect(201);
        }
        start(&app, &number, 5).await.problem(429, "rate_limited");
        app.gateway.refresh().await;
        let metrics = app.get("/metrics").await.text;
        assert!(metrics.contains("pinroute_redis_failures_total"));
        assert_eq!(redis.command(mend).trim(), "+OK");
        until("ok").await;
    }
}

async fn the_log_says_once_why_redis_is_away_and_when_it_is_back(stage: Stage) {
    let port = free_port();
    let mut command = program(&stage);
    command.env(
        "PINROUTE_REDIS_URL",
        format!("redis://:secret@127.0.0.1:{port}"),
    );
    let server = Server::start(command).await;
    let client = stage.client(&server.base);
    let until = async |wanted: &str| {
        let logged = async {
            while !server.log().iter().any(|line| line.contains(wanted)) {
                client.get("/readyz").await.expect(200);
            }
        };
        tokio::time::timeout(Duration::from_secs(30), logged)
            .await
            .unwrap_or_else(|_| panic!("no `{wanted}`: {:?}", server.log()));
    };
    until("Redis is away").await;
    let Some(redis) = Redis::start(port).await else {
        println!("skipped: no redis-server");
        return;
    };
    assert_eq!(redis.command("CONFIG SET requirepass secret").trim(), "+OK");
    until("Redis is back").await;
    drop(redis);
    for _ in 0..20 {
        client
            .start(json!({ "phone_number": stage.number() }))
            .await
            .expect(201);
    }
    let log = server.log();
    let away: Vec<&String> = log
        .iter()
        .filter(|line| line.contains("Redis is away"))
        .collect();
    assert_eq!(away.len(), 2, "one line for each absence: {log:?}");
    assert!(away[0].contains("efused"), "the reason: {away:?}");
    assert!(!log.concat().contains("secret"), "{log:?}");
    server.kill().await;
}
