//! Signing in to the dashboard: links, passwords, sessions, forms, and protection against guessing.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::on_both_engines;
use crate::person::{PASSWORD, Person, hidden, invited, person};
use crate::program::{run_refused, run_well};
use crate::stage::{Stage, word};
use pinroute::gateway::Role;

on_both_engines!(
    a_link_sets_the_password_and_works_once,
    the_link_of_the_first_start_creates_the_first_owner,
    wrong_passwords_lock_out_and_reveal_nothing,
    a_session_ends_when_idle_signed_out_or_its_user_is_disabled,
    a_form_from_another_site_or_without_its_token_does_nothing,
    the_last_owner_cannot_be_removed,
    users_can_be_managed_on_the_command_line_while_the_server_runs,
    behind_proxies_each_client_is_counted_separately,
    a_browser_that_signed_in_before_has_a_door_through_its_accounts_lock,
    guessing_locks_out_the_guesser_but_not_the_owner,
    a_flood_of_sign_ins_is_rejected_and_locks_nobody_out,
    two_owners_demoting_each_other_leave_one_owner,
    a_sign_in_form_opened_before_another_sign_in_is_accepted,
    a_malformed_cookie_does_not_hide_the_others,
    a_user_can_change_the_password_and_end_other_sessions,
    re_enabling_a_user_revives_no_session_or_link,
    an_unknown_time_zone_is_rejected,
    assets_of_another_version_are_served_uncached,
);

async fn a_link_sets_the_password_and_works_once(stage: Stage) {
    let app = stage.app().await;
    let link = invited(&app, "ann@example.com", "owner").await;
    let mut ann = Person::new(&app);
    let short = ann.post(&link, &link, &[("password", "short")]).await;
    assert_eq!(short.status, 422);
    let page = ann.post(&link, &link, &[("password", PASSWORD)]).await;
    assert_eq!(page.to, "/dashboard");
    assert!(ann.get("/dashboard").await.text.contains("ann@example.com"));
    assert_eq!(Person::new(&app).get(&link).await.status, 410);
    let mut again = Person::new(&app);
    assert_eq!(
        again.sign_in("Ann@Example.com", PASSWORD).await.to,
        "/dashboard"
    );
    // A new link changes nothing until it is used; then the old password stops working.
    let users = app.gateway.admin().users();
    let id = users.list().await.unwrap()[0].id;
    let link = users.invite(id, &stage.act()).await.unwrap().link.path;
    Person::new(&app)
        .post(&link, &link, &[("password", "gravel lantern oboe sixty")])
        .await;
    assert_eq!(
        again.get("/dashboard/users").await.status,
        303,
        "sessions end when the password changes"
    );
    assert_eq!(again.sign_in("ann@example.com", PASSWORD).await.status, 422);
}

async fn the_link_of_the_first_start_creates_the_first_owner(stage: Stage) {
    let app = stage.app().await;
    let link = app
        .gateway
        .admin()
        .users()
        .setup_link(stage.clock.now())
        .await
        .unwrap()
        .unwrap()
        .path;
    let mut first = Person::new(&app);
    let page = first
        .post(&link, &link, &[("email", "nobody"), ("password", PASSWORD)])
        .await;
    assert_eq!(page.status, 422);
    let page = first
        .post(
            &link,
            &link,
            &[("email", "first@example.com"), ("password", PASSWORD)],
        )
        .await;
    assert_eq!(page.to, "/dashboard");
    assert_eq!(first.get("/dashboard/users").await.status, 200);
    assert!(
        app.gateway
            .admin()
            .users()
            .setup_link(stage.clock.now())
            .await
            .unwrap()
            .is_none()
    );
}

async fn wrong_passwords_lock_out_and_reveal_nothing(stage: Stage) {
    let app = stage.app().await;
    person(&app, "ann@example.com", "owner").await;
    let mut guest = Person::new(&app);
    let wrong = guest.sign_in("ann@example.com", "wrong").await;
    let nobody = guest.sign_in("nobody@example.com", "wrong").await;
    assert_eq!((wrong.status, nobody.status), (422, 422));
    assert!(
        wrong.text.contains("The address or the password is wrong.")
            && nobody
                .text
                .contains("The address or the password is wrong.")
    );
    for _ in 0..4 {
        guest.sign_in("ann@example.com", "wrong").await;
    }
    assert_eq!(guest.sign_in("ann@example.com", PASSWORD).await.status, 429);
    assert_eq!(
        guest.get("/dashboard").await.to,
        "/dashboard/sign-in?next=/dashboard"
    );
}

async fn a_session_ends_when_idle_signed_out_or_its_user_is_disabled(stage: Stage) {
    let app = stage.app().await;
    let mut ann = person(&app, "ann@example.com", "owner").await;
    stage.advance(11 * 3_600);
    assert_eq!(ann.get("/dashboard").await.status, 200);
    stage.advance(12 * 3_600);
    assert_eq!(ann.get("/dashboard").await.status, 303, "idle for too long");
    ann.sign_in("ann@example.com", PASSWORD).await;
    let before = ann.cookies.clone();
    let out = ann.post("/dashboard", "/dashboard/sign-out", &[]).await;
    assert_eq!(out.to, "/dashboard/sign-in");
    ann.cookies = before;
    assert_eq!(
        ann.get("/dashboard").await.status,
        303,
        "the old cookie no longer works"
    );
    ann.sign_in("ann@example.com", PASSWORD).await;
    run_well(&stage, &["users", "disable", "ann@example.com"]).await;
    assert_eq!(ann.get("/dashboard").await.status, 303);
    assert_eq!(ann.sign_in("ann@example.com", PASSWORD).await.status, 422);
}

async fn a_form_from_another_site_or_without_its_token_does_nothing(stage: Stage) {
    let app = stage.app().await;
    let mut ann = person(&app, "ann@example.com", "owner").await;
    let fields = [
        ("account", "telegram USD"),
        ("kind", "top_up"),
        ("amount", "5"),
    ];
    let post = || app.open_request(reqwest::Method::POST, "/dashboard/balances");
    assert_eq!(ann.send(post().form(&fields)).await.status, 403);
    let page = ann.get("/dashboard/balances").await.text;
    let token = page
        .split("name=\"form_token\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let mut with_token = fields.to_vec();
    with_token.push(("form_token", token));
    let foreign = post()
        .header("Sec-Fetch-Site", "cross-site")
        .form(&with_token);
    assert_eq!(ann.send(foreign).await.status, 403);
    let foreign = post()
        .header("Origin", "https://evil.example")
        .form(&with_token);
    assert_eq!(ann.send(foreign).await.status, 403);
    let all = app.with_key(&stage.new_key(None, "finance").await);
    assert_eq!(all.get("/v1/ledger").await.expect(200)["items"], json!([]));
    let headers = app
        .send(app.open_request(reqwest::Method::GET, "/dashboard/sign-in"))
        .await;
    let policy = headers.header("content-security-policy").unwrap();
    assert!(
        policy.contains("default-src 'none'")
            && policy.contains("frame-ancestors 'none'")
            && !policy.contains("unsafe"),
        "{policy}"
    );
}

async fn the_last_owner_cannot_be_removed(stage: Stage) {
    let app = stage.app().await;
    let mut ann = person(&app, "ann@example.com", "owner").await;
    let users = run_well(&stage, &["users", "list", "--json"]).await;
    let users: Value = serde_json::from_str(&users).unwrap();
    let id = word(&users["items"][0]["id"]).to_owned();
    let refused = ann
        .post(
            "/dashboard/users",
            &format!("/dashboard/users/{id}/disable"),
            &[],
        )
        .await;
    assert_eq!(refused.status, 422);
    let refused = ann
        .post(
            "/dashboard/users",
            &format!("/dashboard/users/{id}/role"),
            &[("role", "support")],
        )
        .await;
    assert_eq!(refused.status, 422);
    let made = ann
        .post(
            "/dashboard/users",
            "/dashboard/users",
            &[("email", "bob@example.com"), ("role", "owner")],
        )
        .await;
    assert!(
        made.text
            .contains("https://verify.example/dashboard/password/"),
        "{}",
        made.status
    );
}

async fn users_can_be_managed_on_the_command_line_while_the_server_runs(stage: Stage) {
    let app = stage.app().await;
    let output = run_well(
        &stage,
        &[
            "users",
            "create",
            "Ann@Example.com",
            "--role",
            "finance",
            "--json",
        ],
    )
    .await;
    let output: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(
        (&output["email"], &output["role"]),
        (&json!("ann@example.com"), &json!("finance"))
    );
    assert!(
        word(&output["link"]).starts_with("https://verify.example/dashboard/password/"),
        "{output}"
    );
    run_well(&stage, &["users", "disable", "ann@example.com"]).await;
    let users = app.gateway.admin().users().list().await.unwrap();
    assert!(users[0].disabled_at.is_some());
    let refused = run_refused(&stage, &["users", "reset", "ann@example.com"]).await;
    assert!(refused.contains("users enable"), "{refused}");
    run_well(&stage, &["users", "enable", "ann@example.com"]).await;
    run_well(&stage, &["users", "reset", "ann@example.com"]).await;
}

async fn behind_proxies_each_client_is_counted_separately(stage: Stage) {
    let app = stage.app().await;
    person(&app, "ann@example.com", "owner").await;
    let mut guesser = Person::new(&app);
    guesser.from = Some("198.51.100.7, 203.0.113.7".to_owned());
    for number in 0..20 {
        let page = guesser
            .sign_in(&format!("nobody-{number}@example.com"), "wrong")
            .await;
        assert_eq!(page.status, 422);
    }
    let page = guesser.sign_in("ann@example.com", PASSWORD).await;
    assert_eq!(page.status, 429);
    assert_eq!(page.headers["retry-after"], "900");
    assert!(page.text.contains("Try again in 15 min."), "{}", page.text);
    // Entries before the address seen by the proxy are made up by the client.
    guesser.from = Some("192.0.2.1, 203.0.113.7".to_owned());
    let page = guesser.sign_in("ann@example.com", PASSWORD).await;
    assert_eq!(page.status, 429);
    let mut ann = Person::new(&app);
    ann.from = Some("203.0.113.8".to_owned());
    let page = ann.sign_in("ann@example.com", PASSWORD).await;
    assert_eq!(page.status, 303);
}

async fn a_browser_that_signed_in_before_has_a_door_through_its_accounts_lock(stage: Stage) {
    let app = stage.app().await;
    person(&app, "ann@example.com", "owner").await;
    person(&app, "bob@example.com", "finance").await;
    let mut known = Person::new(&app);
    assert_eq!(known.sign_in("ann@example.com", PASSWORD).await.status, 303);
    let mut guesser = Person::new(&app);
    for network in 0..60 {
        guesser.from = Some(format!("203.0.{network}.7"));
        guesser.sign_in("ann@example.com", "wrong").await;
        guesser.sign_in("bob@example.com", "wrong").await;
    }
    let mut fresh = Person::new(&app);
    let page = fresh.sign_in("ann@example.com", PASSWORD).await;
    assert_eq!(page.status, 429, "the account is locked");
    known.cookies.retain(|(name, _)| name.ends_with("-known"));
    let mark = known.cookies.clone();
    assert_eq!(mark.len(), 1);
    assert_eq!(known.sign_in("ann@example.com", PASSWORD).await.status, 303);
    // The mark is for one account, cannot be made up, and has five tries of its own.
    for value in [
        mark[0].1.clone(),
        format!("x{}", &mark[0].1[1..]),
        "x".repeat(38),
    ] {
        let mut other = Person::new(&app);
        other.cookies = vec![(mark[0].0.clone(), value)];
        assert_eq!(other.sign_in("bob@example.com", PASSWORD).await.status, 429);
    }
    let mut thief = Person::new(&app);
    thief.cookies.clone_from(&mark);
    for _ in 0..5 {
        assert_eq!(thief.sign_in("ann@example.com", "wrong").await.status, 422);
    }
    assert_eq!(thief.sign_in("ann@example.com", PASSWORD).await.status, 429);
    stage.advance(900);
    assert_eq!(thief.sign_in("ann@example.com", PASSWORD).await.status, 303);
}

async fn guessing_locks_out_the_guesser_but_not_the_owner(stage: Stage) {
    let app = stage.app().await;
    person(&app, "ann@example.com", "owner").await;
    let mut guesser = Person::new(&app);
    guesser.from = Some("2001:db8:1:1::1".to_owned());
    for _ in 0..5 {
        assert_eq!(
            guesser.sign_in("ann@example.com", "wrong").await.status,
            422
        );
    }
    guesser.from = Some("2001:db8:1:1:ffff::2".to_owned());
    assert_eq!(
        guesser.sign_in("ann@example.com", PASSWORD).await.status,
        429,
        "the whole network counts as one client"
    );
    let mut ann = Person::new(&app);
    ann.from = Some("2001:db8:1:2::1".to_owned());
    assert_eq!(ann.sign_in("ann@example.com", PASSWORD).await.status, 303);
    // Guesses at one account from many networks are limited to fifty.
    let mut limited = 0;
    for network in 0..50 {
        guesser.from = Some(format!("2001:db8:{:x}::1", 2 + network));
        limited += usize::from(guesser.sign_in("ann@example.com", "wrong").await.status == 429);
    }
    assert_eq!(limited, 5);
}

async fn a_flood_of_sign_ins_is_rejected_and_locks_nobody_out(stage: Stage) {
    const PAGE: &str = "/dashboard/sign-in";
    let app = stage.app().await;
    person(&app, "ann@example.com", "owner").await;
    let mut guest = Person::new(&app);
    let token = hidden(&guest.get(PAGE).await, "form_token");
    let cookie = format!("{}={}", guest.cookies[0].0, guest.cookies[0].1);
    let guess = |number: u32| {
        let email = format!("nobody-{number}@example.com");
        let fields = [
            ("form_token", token.as_str()),
            ("email", &email),
            ("password", "wrong"),
        ];
        let request = app.open_request(reqwest::Method::POST, PAGE);
        let request = request.header("Cookie", &cookie).form(&fields);
        app.send(request.header("X-Forwarded-For", format!("2001:db8:{number:x}::1")))
    };
    let sign_in = async || {
        let mut ann = Person::new(&app);
        ann.sign_in("ann@example.com", PASSWORD).await.status
    };
    let tries = async {
        let mut tries = Vec::new();
        for _ in 0..8 {
            tries.push(sign_in().await);
        }
        tries
    };
    let (guesses, tries) = tokio::join!(join_all((1..=80).map(guess)), tries);
    let turned_away: Vec<_> = guesses.iter().filter(|reply| reply.status == 503).collect();
    assert!(!turned_away.is_empty() && turned_away.len() < guesses.len());
    for reply in turned_away {
        assert_eq!(reply.header("retry-after"), Some("3"));
        assert!(reply.text.contains("Too many people are signing in."));
    }
    assert!(
        tries.iter().all(|status| [303, 503].contains(status)),
        "{tries:?}"
    );
    assert_eq!(sign_in().await, 303);
}

async fn two_owners_demoting_each_other_leave_one_owner(stage: Stage) {
    let app = stage.app().await;
    let users = app.gateway.admin().users();
    let act = stage.act();
    for round in 0..8 {
        let (one, other) = (
            format!("a{round}@example.com"),
            format!("b{round}@example.com"),
        );
        person(&app, &one, "owner").await;
        person(&app, &other, "owner").await;
        let one = users.find_by_email(&one).await.unwrap().id;
        let other = users.find_by_email(&other).await.unwrap().id;
        // Demote all others.
        for user in users.list().await.unwrap() {
            if user.id != one && user.id != other {
                users.set_role(user.id, Role::Support, &act).await.unwrap();
            }
        }
        // An owner without a password does not count.
        invited(&app, &format!("c{round}@example.com"), "owner").await;
        let done = join_all([one, other].map(|id| users.set_role(id, Role::Finance, &act))).await;
        assert_eq!(
            done.iter().filter(|done| done.is_ok()).count(),
            1,
            "{done:?}"
        );
        let done = join_all([one, other].map(|id| users.disable(id, true, &act))).await;
        assert_eq!(
            done.iter().filter(|done| done.is_ok()).count(),
            1,
            "{done:?}"
        );
        users.disable(one, false, &act).await.unwrap();
        users.disable(other, false, &act).await.unwrap();
    }
}

async fn a_sign_in_form_opened_before_another_sign_in_is_accepted(stage: Stage) {
    let app = stage.app().await;
    let mut ann = person(&app, "ann@example.com", "owner").await;
    ann.post("/dashboard", "/dashboard/sign-out", &[]).await;
    let opened = ann.get("/dashboard/sign-in?next=/dashboard/ledger").await;
    let token = hidden(&opened, "form_token");
    ann.sign_in("ann@example.com", PASSWORD).await;
    let again = ann.get("/dashboard/sign-in?next=/dashboard/ledger").await;
    assert_eq!(
        (again.status, again.to.as_str()),
        (303, "/dashboard/ledger")
    );
    let fields = [
        ("form_token", token.as_str()),
        ("next", "/dashboard/ledger"),
        ("email", "ann@example.com"),
        ("password", PASSWORD),
    ];
    let page = ann.send_form("/dashboard/sign-in", &fields).await;
    assert_eq!((page.status, page.to.as_str()), (303, "/dashboard/ledger"));
    // Actions of a signed-in user need the session's own token.
    let booked = ann
        .send_form("/dashboard/account/sessions", &[("form_token", &token)])
        .await;
    assert_eq!(booked.status, 403);
}

async fn a_malformed_cookie_does_not_hide_the_others(stage: Stage) {
    let app = stage.app().await;
    let ann = person(&app, "ann@example.com", "owner").await;
    let ours: Vec<String> = ann
        .cookies
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut line = b"theirs=\xff\xfe; ".to_vec();
    line.extend_from_slice(ours.join("; ").as_bytes());
    let request = app.open_request(reqwest::Method::GET, "/dashboard");
    let cookie = reqwest::header::HeaderValue::from_bytes(&line).unwrap();
    assert_eq!(app.send(request.header("Cookie", cookie)).await.status, 200);
}

async fn a_user_can_change_the_password_and_end_other_sessions(stage: Stage) {
    const PAGE: &str = "/dashboard/account";
    const NEW: &str = "gravel lantern oboe sixty";
    let app = stage.app().await;
    let mut ann = person(&app, "ann@example.com", "support").await;
    let mut elsewhere = Person::new(&app);
    elsewhere.sign_in("ann@example.com", PASSWORD).await;
    let to = format!("{PAGE}/password");
    for (password, new, words) in [
        ("wrong", NEW, "This is not your password."),
        (PASSWORD, "short", "12 to 256 characters"),
        (PASSWORD, "ann@example.com1", "easy to guess"),
    ] {
        let page = ann
            .post(PAGE, &to, &[("password", password), ("new", new)])
            .await;
        assert_eq!(page.status, 422, "{words}");
        assert!(page.text.contains(words), "{words}: {}", page.text);
        assert!(!page.text.contains(new), "passwords are not echoed");
    }
    let page = ann
        .post(PAGE, &to, &[("password", PASSWORD), ("new", NEW)])
        .await;
    assert_eq!(page.to, format!("{PAGE}?done=password"));
    assert_eq!(ann.get(PAGE).await.status, 200);
    assert_eq!(elsewhere.get(PAGE).await.status, 303);
    assert_eq!(
        elsewhere.sign_in("ann@example.com", PASSWORD).await.status,
        422
    );
    assert_eq!(elsewhere.sign_in("ann@example.com", NEW).await.status, 303);
    let page = ann.post(PAGE, &format!("{PAGE}/sessions"), &[]).await;
    assert_eq!(page.to, format!("{PAGE}?done=sessions"));
    assert_eq!(ann.get(PAGE).await.status, 200);
    assert_eq!(elsewhere.get(PAGE).await.status, 303);
}

async fn re_enabling_a_user_revives_no_session_or_link(stage: Stage) {
    let app = stage.app().await;
    person(&app, "ann@example.com", "owner").await;
    let mut bob = person(&app, "bob@example.com", "support").await;
    let users = app.gateway.admin().users();
    let id = users.find_by_email("bob@example.com").await.unwrap().id;
    let act = stage.act();
    users.set_role(id, Role::Support, &act).await.unwrap();
    assert_eq!(
        bob.get("/dashboard/account").await.status,
        200,
        "nothing changed"
    );
    let link = users.invite(id, &act).await.unwrap().link.path;
    users.disable(id, true, &act).await.unwrap();
    users.enable(id, &act).await.unwrap();
    assert_eq!(bob.get("/dashboard/account").await.status, 303);
    assert_eq!(Person::new(&app).get(&link).await.status, 410);
    // A password change voids an open link.
    let link = users.invite(id, &act).await.unwrap().link.path;
    bob.sign_in("bob@example.com", PASSWORD).await;
    let fields = [("password", PASSWORD), ("new", "gravel lantern oboe sixty")];
    bob.post("/dashboard/account", "/dashboard/account/password", &fields)
        .await;
    assert_eq!(Person::new(&app).get(&link).await.status, 410);
}

async fn an_unknown_time_zone_is_rejected(stage: Stage) {
    let app = stage.app().await;
    let mut ann = person(&app, "ann@example.com", "owner").await;
    let page = ann
        .post(
            "/dashboard",
            "/dashboard/preferences",
            &[("tz", "Mars/Phobos")],
        )
        .await;
    assert_eq!(page.status, 422);
    assert!(
        page.text.contains("Mars/Phobos") && page.text.contains("aria-describedby=\"tz-wrong\""),
        "{}",
        page.text
    );
}

async fn assets_of_another_version_are_served_uncached(stage: Stage) {
    let app = stage.app().await;
    let asset = |name: &str| {
        let path = format!("/dashboard/assets/{name}");
        app.send(app.open_request(reqwest::Method::GET, &path))
    };
    let old = asset("0000000000000000-dashboard.css").await;
    assert_eq!(old.status, 200);
    assert_eq!(old.header("cache-control"), Some("no-store"));
    assert_eq!(asset("0000000000000000-none.css").await.status, 404);
    assert_eq!(asset("none").await.status, 404);
}
