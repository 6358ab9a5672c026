//! Kills the server repeatedly while it works: nothing acknowledged is lost, nothing is sent twice, and the ledger
//! matches what was sent.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pinroute::money::Micros;
use pinroute::secret::random;
use serde_json::{Value, json};

use crate::program::{Server, program};
use crate::stage::{Client, Stage, word};
use crate::world::{Answer, error};
use crate::{on_both_engines, on_postgres};

on_both_engines!(kills_under_load_lose_nothing_send_nothing_twice_and_keep_the_books_correct,);
on_postgres!(
    a_fallback_whose_commit_was_not_answered_is_still_sent,
    a_start_whose_commit_was_not_answered_is_not_left_lying,
    a_site_is_not_kept_waiting_by_a_database_that_does_not_answer,
);

const ROUNDS: usize = 8;
const CLIENTS: usize = 12;

/// Acknowledged requests, which the server must not lose.
#[derive(Default)]
struct Answered {
    started: Vec<String>,
    approved: Vec<String>,
    canceled: Vec<String>,
    resent: Vec<String>,
}

async fn kills_under_load_lose_nothing_send_nothing_twice_and_keep_the_books_correct(stage: Stage) {
    let answered = Mutex::new(Answered::default());
    for _ in 0..ROUNDS {
        let server = Server::start(under_load(&stage)).await;
        let client = stage.client(&server.base);
        // Anywhere from before the first answer to some hundreds of answers.
        let moment = Duration::from_millis(40 + u64::from(u16::from_be_bytes(random())) % 400);
        let over = AtomicBool::new(false);
        let load =
            futures_util::future::join_all((0..CLIENTS).map(|_| ask_on(&client, &answered, &over)));
        let end = async {
            tokio::time::sleep(moment).await;
            server.kill().await;
            over.store(true, Ordering::SeqCst);
        };
        tokio::join!(load, end);
    }
    let server = Server::start(under_load(&stage)).await;
    let client = stage.client(&server.base);
    let all = tokio::time::timeout(Duration::from_secs(30), settled(&client))
        .await
        .expect("all work ends");
    let answered = answered.into_inner().unwrap();
    println!(
        "{} started, {} approved, {} kept",
        answered.started.len(),
        answered.approved.len(),
        all.len()
    );
    assert!(answered.started.len() > ROUNDS, "there was hardly any load");
    nothing_is_lost(&answered, &all);
    nothing_was_sent_twice(&stage, &all);
    the_books_agree(&client, &all).await;
    assert_eq!(server.terminate().await, Some(0));
}

fn under_load(stage: &Stage) -> std::process::Command {
    let mut command = program(stage);
    for limit in ["PER_NUMBER", "PER_IP", "CREATES", "WRONG_CODES_PER_NUMBER"] {
        command.env(format!("PINROUTE_DEFAULTS__LIMITS__{limit}"), "off");
    }
    command.env("PINROUTE_DEFAULTS__RESEND_AFTER", "0s");
    command
}

/// Sends a site's requests one after another until the server is gone, recording its answers.
async fn ask_on(client: &Client, answered: &Mutex<Answered>, over: &AtomicBool) {
    for turn in 0_usize.. {
        if over.load(Ordering::SeqCst) {
            return;
        }
        // Every third falls back to SMS; some get an unclear answer from a provider.
        match turn % 6 {
            1 | 4 => client
                .stage
                .telegram
                .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE")]),
            5 => client.stage.telegram.next_sends([Answer::Cut]),
            _ => {}
        }
        let code = format!("{:06}", u32::from_be_bytes(random()) % 1_000_000);
        let wait = if turn % 2 == 0 { 0 } else { 2 };
        let body = json!({ "phone_number": client.stage.number(), "code": code, "wait": wait });
        let Some(v) = client.try_post("/v1/verifications", &body, 201).await else {
            return;
        };
        let id = word(&v["id"]).to_owned();
        answered.lock().unwrap().started.push(id.clone());
        let path = format!("/v1/verifications/{id}");
        let (verb, body) = match turn % 4 {
            0 => ("check", json!({ "code": code })),
            1 => ("cancel", json!({})),
            2 => ("resend", json!({ "channel": "sms" })),
            _ => continue,
        };
        let Some(answer) = client.try_post(&format!("{path}/{verb}"), &body, 200).await else {
            return;
        };
        let mut answered = answered.lock().unwrap();
        match verb {
            "check" => {
                assert_eq!(answer["valid"], true);
                answered.approved.push(id);
            }
            "cancel" => answered.canceled.push(id),
            _ => answered.resent.push(id),
        }
    }
}

/// Waits until no send is queued or in progress, and returns all verifications.
async fn settled(client: &Client) -> HashMap<String, Value> {
    loop {
        let mut all = HashMap::new();
        let mut path = "/v1/verifications?limit=200".to_owned();
        loop {
            let page = client.get(&path).await.expect(200);
            for v in page["items"].as_array().unwrap() {
                all.insert(word(&v["id"]).to_owned(), v.clone());
            }
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("/v1/verifications?limit=200&cursor={cursor}"),
                None => break,
            }
        }
        let in_flight = all
            .values()
            .flat_map(attempts)
            .any(|a| matches!(word(&a["status"]), "queued" | "sending"));
        if !in_flight {
            return all;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn attempts(v: &Value) -> &Vec<Value> {
    v["attempts"].as_array().unwrap()
}

fn nothing_is_lost(answered: &Answered, all: &HashMap<String, Value>) {
    let status = |id: &String| {
        word(&all.get(id).unwrap_or_else(|| panic!("{id} is lost"))["status"]).to_owned()
    };
    for id in &answered.started {
        status(id);
    }
    for id in &answered.approved {
        assert_eq!(status(id), "approved");
    }
    for id in &answered.canceled {
        assert_eq!(status(id), "canceled");
    }
    for id in &answered.resent {
        status(id);
        assert_eq!(all[id]["sends_left"], 3, "{}", all[id]);
    }
}

fn nothing_was_sent_twice(stage: &Stage, all: &HashMap<String, Value>) {
    let known: HashSet<&str> = all
        .values()
        .flat_map(attempts)
        .map(|a| word(&a["id"]))
        .collect();
    let telegram = stage
        .telegram
        .sends()
        .into_iter()
        .map(|send| send["payload"].clone());
    let sms = stage
        .sms
        .sends()
        .into_iter()
        .map(|send| send["ref"].clone());
    let mut sent = HashSet::new();
    for id in telegram.chain(sms) {
        assert!(known.contains(word(&id)), "{id} was sent but is unknown");
        assert!(sent.insert(word(&id).to_owned()), "{id} was sent twice");
    }
    for attempt in all
        .values()
        .flat_map(attempts)
        .filter(|a| word(&a["status"]) == "sent")
    {
        assert!(
            sent.contains(word(&attempt["id"])),
            "{attempt} was not sent"
        );
    }
}

async fn the_books_agree(client: &Client, all: &HashMap<String, Value>) {
    let mut charged: BTreeMap<String, i64> = BTreeMap::new();
    for attempt in all
        .values()
        .flat_map(attempts)
        .filter(|a| a["cost"]["state"] == "charged")
    {
        let amount: Micros = word(&attempt["cost"]["amount"]).parse().unwrap();
        charged.insert(word(&attempt["id"]).to_owned(), amount.0);
    }
    let csv = client.get("/v1/ledger?format=csv").await.text;
    let mut booked: BTreeMap<String, i64> = BTreeMap::new();
    for line in csv.split_terminator("\r\n").skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let amount: Micros = fields[4].parse().unwrap();
        *booked.entry(fields[9].to_owned()).or_default() -= amount.0;
    }
    assert_eq!(booked, charged);
}

/// From now on a commit that writes a verification so takes longer than is waited for it.
async fn stall_after(stage: &Stage, verb: &str, when: &str) {
    let sql = format!(
        "CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_sleep(8); RETURN NULL; END $$; \
         CREATE CONSTRAINT TRIGGER stall AFTER {verb} ON verifications DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW {when} EXECUTE FUNCTION stall()"
    );
    stage.run_sql(&sql).await;
}

/// The database takes the change in which the fallback begins, but its answer never arrives: the fallback is still sent, once.
async fn a_fallback_whose_commit_was_not_answered_is_still_sent(stage: Stage) {
    // Longer than a commit is waited for; only for the change that stores the SMS as being sent.
    let begins = "WHEN (NEW.version = 2 AND OLD.version = 1 AND NEW.lease_until IS NOT NULL)";
    stall_after(&stage, "UPDATE", begins).await;
    let app = stage.app().await;
    stage
        .telegram
        .next_sends([error("PHONE_NUMBER_NOT_AVAILABLE")]);
    let begin = Instant::now();
    let v = app
        .start(json!({ "phone_number": stage.number(), "wait": 0 }))
        .await
        .expect(201);
    let v = app.settle(&v["id"]).await;
    assert!(begin.elapsed() > Duration::from_secs(6), "it has stalled");
    let sms = &v["attempts"][1];
    assert_eq!(
        (&sms["channel"], &sms["status"]),
        (&json!("sms"), &json!("sent")),
        "{v}"
    );
    assert_eq!(stage.sms.sends().len(), 1);
}

/// The database takes a start after its caller was told that it is unavailable: the send that was recorded counts as lost, and
/// the next step runs long before the first one's time is over.
async fn a_start_whose_commit_was_not_answered_is_not_left_lying(stage: Stage) {
    stall_after(&stage, "INSERT", "").await;
    let app = stage.app().await;
    let refused = app.start(json!({ "phone_number": stage.number() })).await;
    refused.problem(503, "service_unavailable");
    let id = loop {
        app.gateway.verify().work_on_due(9).await.unwrap();
        let list = app.get("/v1/verifications").await.expect(200);
        if !list["items"][0].is_null() {
            break list["items"][0]["id"].clone();
        }
        tokio::task::yield_now().await;
    };
    let v = app.settle(&id).await;
    let of = |attempt: usize| {
        (
            &v["attempts"][attempt]["channel"],
            &v["attempts"][attempt]["status"],
        )
    };
    assert_eq!(of(0), (&json!("telegram"), &json!("unknown")), "{v}");
    assert_eq!(of(1), (&json!("sms"), &json!("sent")), "{v}");
    assert_eq!(
        (stage.telegram.sends().len(), stage.sms.sends().len()),
        (0, 1)
    );
}

/// While a commit hangs, the callers that wait for it, and those queued behind it, get an answer within two seconds.
async fn a_site_is_not_kept_waiting_by_a_database_that_does_not_answer(stage: Stage) {
    let app = stage.app().await;
    let id = word(&app.started().await["id"]).to_owned();
    let check = format!("/v1/verifications/{id}/check");
    let cancel = format!("/v1/verifications/{id}/cancel");
    stall_after(&stage, "INSERT OR UPDATE", "").await;
    let new = json!({ "phone_number": stage.number() });
    let began = Instant::now();
    let first = app.post_once("/v1/verifications", "key", new.clone());
    let rest = async {
        tokio::task::yield_now().await;
        tokio::join!(
            app.start(new.clone()),
            app.post(&check, json!({ "code": "000000" })),
            app.post(&cancel, json!({})),
        )
    };
    let (first, (second, check, cancel)) = tokio::join!(first, rest);
    let waited = began.elapsed();
    for refused in [first, second, check, cancel] {
        refused.problem(503, "service_unavailable");
    }
    // Two seconds; and one for a slow machine.
    assert!(waited < Duration::from_secs(3), "{waited:?}");
    stage.run_sql("DROP TRIGGER stall ON verifications").await;
    let v = app
        .get(&format!("/v1/verifications/{id}"))
        .await
        .expect(200);
    println!("{v}");
}
