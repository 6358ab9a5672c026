//! Hosts send a request again when they are not sure: one message comes of it, or later the same code once more.

use serde_json::json;

use super::{Hook, sent, supabase_body};
use crate::stage::Stage;
use crate::world::Answer;
use crate::{on_both_engines, on_postgres};

on_both_engines!(
    the_same_request_is_one_within_a_moment_and_a_resend_later,
    a_host_is_answered_while_the_provider_hangs,
    an_expired_code_that_comes_again_is_a_new_verification,
);
on_postgres!(requests_to_two_replicas_at_once_are_one);

async fn the_same_request_is_one_within_a_moment_and_a_resend_later(stage: Stage) {
    let app = stage.app().await;
    let supabase = Hook::new(&app, json!({ "kind": "supabase" })).await;
    let number = stage.number();
    let body = supabase_body(&number, "561166", "7f5b1c2e");
    let twins = futures_util::future::join_all((0..6).map(|_| supabase.supabase(&body))).await;
    let first = twins[0].expect(200);
    for twin in &twins {
        assert_eq!(twin.expect(200), first);
    }
    app.settle(&first["id"]).await;
    assert_eq!(sent(&stage), 1);
    stage.advance(29);
    assert_eq!(supabase.supabase(&body).await.expect(200), first);
    assert_eq!(sent(&stage), 1);
    // By the next step of the route; then by the last one again, as often as `max_sends` lets it.
    for n in 2..=5 {
        stage.advance(31);
        assert_eq!(supabase.supabase(&body).await.expect(200), first);
        app.settle(&first["id"]).await;
        assert_eq!(sent(&stage), n);
    }
    assert_eq!(stage.telegram.sends().len(), 1);
    stage.advance(31);
    let capped = supabase.supabase(&body).await;
    assert_eq!(capped.body["error"]["http_code"], 429, "{}", capped.text);
    assert_eq!(sent(&stage), 5);
    let outcomes = supabase.outcomes().await;
    assert_eq!(outcomes[..2], ["rate_limited", "sent_again"]);

    // Another code is another verification, and so is another host's request with the same code.
    let other = supabase_body(&stage.number(), "561166", "7f5b1c2e");
    let other = supabase.supabase(&other).await;
    supabase.settle(&other).await;
    let generic = Hook::new(&app, json!({ "kind": "generic" })).await;
    let number = stage.number();
    for (code, count) in [("111111", 7), ("222222", 8), ("111111", 8)] {
        let body = json!({ "phone": number, "code": code });
        generic.settle(&generic.post(&body).await).await;
        assert_eq!(sent(&stage), count, "{code}");
    }
    let with_id = |id: &str| json!({ "phone": number, "code": "333333", "id": id });
    for (id, count) in [("a", 9), ("b", 10), ("a", 10)] {
        generic.settle(&generic.post(&with_id(id)).await).await;
        assert_eq!(sent(&stage), count, "{id}");
    }
}

async fn a_host_is_answered_while_the_provider_hangs(stage: Stage) {
    let app = stage.app().await;
    let hook = Hook::new(&app, json!({ "kind": "generic" })).await;
    stage.telegram.next_sends([Answer::Hang]);
    let reply = hook
        .post(&json!({ "phone": stage.number(), "code": "561166" }))
        .await;
    let v = app.find(&reply.expect(200)["id"]).await;
    assert_eq!(v["attempts"][0]["status"], "sending");
    // The provider's own time limit ends the send.
    app.settle(&v["id"]).await;
}

async fn an_expired_code_that_comes_again_is_a_new_verification(stage: Stage) {
    let app = stage.app().await;
    let hook = Hook::new(&app, json!({ "kind": "generic", "ttl": 60 })).await;
    let body = json!({ "phone": stage.number(), "code": "561166" });
    let first = hook.post(&body).await;
    hook.settle(&first).await;
    let v = app.later(&first.body["id"], 61).await;
    assert_eq!(v["status"], "expired");
    let second = hook.post(&body).await;
    hook.settle(&second).await;
    assert_ne!(first.body["id"], second.body["id"]);
}

async fn requests_to_two_replicas_at_once_are_one(stage: Stage) {
    let (one, other) = (stage.app().await, stage.app().await);
    let here = Hook::new(&one, json!({ "kind": "supabase" })).await;
    let there = Hook::of(&other, here.made.clone());
    let body = supabase_body(&stage.number(), "561166", "u");
    let calls = (0..8).map(|n| {
        let hook = if n % 2 == 0 { &here } else { &there };
        hook.supabase(&body)
    });
    let replies = futures_util::future::join_all(calls).await;
    let first = replies[0].expect(200);
    for reply in &replies {
        assert_eq!(reply.expect(200), first);
    }
    one.settle(&first["id"]).await;
    assert_eq!(sent(&stage), 1);
}
