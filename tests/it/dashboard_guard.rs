//! The guard on the dashboard: what people see of it, and what they decide there with one click.

use pinroute::verification::guard::Rule;
use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_engines;
use crate::person::{Page, Person, hidden, person};
use crate::projects::project;
use crate::stage::{SMS, Stage, TestApp, word};
use crate::webhooks::admin;

on_both_engines!(
    the_page_says_what_rules_would_have_done_in_money_and_in_people,
    what_was_stopped_is_counted_by_country_and_range,
    a_rule_is_enforced_and_put_back_with_one_click,
    a_block_is_ended_with_one_click,
    decisions_have_their_reasons_in_words_and_a_file,
    one_click_lets_a_range_or_a_number_through_or_blocks_it,
    entries_are_added_seen_and_removed,
    faults_of_an_entry_are_told_at_their_field,
    everybody_sees_the_guard_and_who_sets_rules_acts,
    a_verification_shows_its_verdict_to_admins_alone,
);

const ON: (&str, &str) = ("DEFAULTS__GUARD__MODE", "on");
const GUARD: &str = "/dashboard/guard";
const DECISIONS: &str = "/dashboard/guard/decisions";
const LISTS: &str = "/dashboard/guard/lists";

/// A prefix that is allowed in every project.
const ENTRY: [(&str, &str); 6] = [
    ("kind", "allow"),
    ("match", "prefix"),
    ("value", "+99890"),
    ("project", "*"),
    ("days", "90"),
    ("note", "our <testers>"),
];

/// A number of one range.
fn of_range(number: usize) -> String {
    format!("+99890777{number:04}")
}

async fn start(app: &TestApp, number: usize) -> crate::stage::Reply {
    app.start(json!({ "phone_number": of_range(number) })).await
}

/// Starts six verifications in one range, of which rules would have stopped the last three, and approves the last.
async fn in_shadow(app: &TestApp, stage: &Stage) -> Vec<Value> {
    let mut all = Vec::new();
    for number in 0..6 {
        all.push(start(app, number).await.expect(201));
    }
    let sends = stage.sms.sends();
    let text = word(&sends.last().unwrap()["text"]).to_owned();
    let mut digits = text.split(|c: char| !c.is_ascii_digit());
    let code = digits.find(|part| part.len() == 6).unwrap();
    app.check(&all[5]["id"], code).await.expect(200);
    app.gateway.verify().store_decisions(false).await.unwrap();
    all
}

fn assert_told(page: &Page, words: &str) {
    assert!(
        page.text.contains(words),
        "`{words}` is not in {}",
        page.text
    );
}

/// The texts of the cells of the first row that has this.
fn cells(page: &Page, mark: &str) -> Vec<String> {
    let rows = page.text.split("<tr").skip(1);
    let mut rows = rows.filter(|row| row.contains(mark));
    let row = rows
        .next()
        .unwrap_or_else(|| panic!("{mark}: {}", page.text));
    let row = row.split("</tr>").next().unwrap();
    let cells = row.split("<t").skip(1);
    let cells = cells.filter(|cell| cell.starts_with("d ") || cell.starts_with("h "));
    cells
        .map(|cell| {
            let mut shown = String::new();
            let mut is_tag = true;
            for c in cell.chars() {
                match c {
                    '<' => is_tag = true,
                    '>' => {
                        is_tag = false;
                        shown.push(' ');
                    }
                    _ if !is_tag => shown.push(c),
                    _ => {}
                }
            }
            shown.split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect()
}

/// The link to the decisions of a rule, in its row.
fn of_rule(rule: &str) -> String {
    format!("rule={rule}\"")
}

async fn speak_russian(person: &mut Person<'_>) {
    let fields = [("language", "ru")];
    person.post(GUARD, "/dashboard/preferences", &fields).await;
}

async fn the_page_says_what_rules_would_have_done_in_money_and_in_people(stage: Stage) {
    let app = stage
        .app_with(&[SMS, ("DEFAULTS__LIMITS__CREATES", "off")])
        .await;
    let all = in_shadow(&app, &stage).await;
    let mut ann = person(&app, "ann@example.com", "finance").await;
    let reader = app.with_key(&stage.new_key(None, "finance").await);
    let mut spent = 0.0;
    for v in &all[3..] {
        let path = format!("/v1/ledger?verification_id={}", word(&v["id"]));
        let entries = reader.get(&path).await.expect(200);
        let entries = entries["items"].as_array().unwrap().iter();
        spent -= entries
            .map(|one| word(&one["amount"]).parse::<f64>().unwrap())
            .sum::<f64>();
    }
    assert!(spent > 0.0);
    let page = ann.get(GUARD).await;
    let row = cells(&page, &of_rule("unverified_prefix"));
    assert_eq!(
        row[..7],
        [
            "Unverified by range",
            "Shadow",
            "—",
            "3 challenged",
            "1 / 3",
            &format!("${spent:.2}"),
            &format!("${:.2}", spent * 2.0 / 3.0),
        ],
    );
    assert_eq!(cells(&page, &of_rule("velocity"))[3], "—");
    // Each rule says what it is about, also in Russian.
    speak_russian(&mut ann).await;
    let page = ann.get(GUARD).await;
    let row = cells(&page, &of_rule("unverified_prefix"));
    assert_eq!(
        row[..5],
        [
            "Неподтверждённые по диапазону",
            "В тени",
            "—",
            "ограничено: 3",
            "1 / 3"
        ]
    );
    // Another project, and other days, have nothing.
    project(&app, "shop", json!({})).await;
    for query in ["?project=shop", "?from=2020-01-01&to=2020-01-02"] {
        let page = ann.get(&format!("{GUARD}{query}")).await;
        assert_eq!(cells(&page, &of_rule("unverified_prefix"))[3], "—");
    }
    for (query, words) in [
        ("?from=soon", "не дата"),
        ("?project=nobody", "nobody"),
        ("?currency=EURO", "EURO"),
        ("?tz=Mars", "Mars"),
    ] {
        let page = ann.get(&format!("{GUARD}{query}")).await;
        assert_eq!(page.status, 422, "{query}");
        assert_told(&page, words);
    }
    // Without an exchange rate everything but money is there.
    let page = ann.get(&format!("{GUARD}?currency=EUR")).await;
    assert_told(&page, "USD в EUR");
    assert_eq!(cells(&page, &of_rule("unverified_prefix"))[4], "1 / 3");
    // Of so many in one minute, the money and the people of some are not known, and it says so.
    assert!(!page.text.contains("только посчитаны"));
    for number in 10..115 {
        start(&app, number).await.expect(201);
    }
    app.gateway.verify().store_decisions(true).await.unwrap();
    assert_told(&ann.get(GUARD).await, ": 7 из них только посчитаны");
}

async fn what_was_stopped_is_counted_by_country_and_range(stage: Stage) {
    let app = stage.app_with(&[SMS, ON]).await;
    for number in 0..9 {
        start(&app, number).await;
    }
    app.gateway.verify().store_decisions(false).await.unwrap();
    let mut ann = person(&app, "ann@example.com", "finance").await;
    // By day, and by the hour where it is one day.
    let day = stage.clock.now().date_naive();
    for query in [String::new(), format!("?from={day}&to={day}")] {
        let page = ann.get(&format!("{GUARD}{query}")).await;
        let row = cells(&page, "country=UZ\"");
        assert_eq!(row[..4], ["Uzbekistan", "3", "3", "0 0%"], "{query}");
        assert_eq!(row[5..], ["0", "6", "0"], "{query}");
        let row = cells(&page, "Uzbekistan</p>");
        assert_eq!(
            row[..5],
            ["+99890777 Uzbekistan", "0", "6", "0", "—"],
            "{query}: {row:?}"
        );
        assert_eq!(row[7], "3 / 0");
        let row = cells(&page, &of_rule("unverified_prefix"));
        assert_eq!(row[1..4], ["On", "6 denied", "—"]);
        assert!(page.text.matches("data-chart=").count() >= 5);
    }
}

async fn a_rule_is_enforced_and_put_back_with_one_click(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    project(&app, "shop", json!({})).await;
    let mut ann = person(&app, "ann@example.com", "finance").await;
    let mode = async |project: &str, rule: &str| {
        let directory = app.gateway.directory();
        let id = directory.find_project(project).unwrap();
        let rule = Rule::parse(rule).unwrap();
        directory.policy(id).guard.mode(rule).as_str()
    };
    let switch = |mode: &str| format!("{GUARD}/rules/unverified_prefix/{mode}");
    let (enforce, shadow) = (switch("on"), switch("shadow"));
    assert_told(&ann.get(GUARD).await, "in every project");
    let one = [("project", "shop"), ("shown", "1"), ("from", "2020-01-01")];
    let page = ann.post(GUARD, &enforce, &one).await;
    let to = format!("{GUARD}?shown=1&from=2020-01-01&project=shop&done=on");
    assert_eq!((page.status, page.to), (303, to));
    assert_eq!(mode("shop", "unverified_prefix").await, "on");
    assert_eq!(mode("shop", "unverified_country").await, "shadow");
    assert_eq!(mode("default", "unverified_prefix").await, "shadow");
    let page = ann.get(GUARD).await;
    let row = cells(&page, &of_rule("unverified_prefix"));
    assert_eq!(row[1], "On: 1 of 2 Shadow: 1 of 2");
    // In every project, and from then on it holds.
    ann.post(GUARD, &enforce, &[]).await;
    assert_eq!(mode("default", "unverified_prefix").await, "on");
    for number in 0..3 {
        start(&app, number).await.expect(201);
    }
    start(&app, 3).await.problem(403, "request_blocked");
    let page = ann.post(GUARD, &shadow, &[]).await;
    assert_told(&ann.get(&page.to).await, "The rule is in shadow again");
    for project in ["shop", "default"] {
        assert_eq!(mode(project, "unverified_prefix").await, "shadow");
    }
    start(&app, 4).await.expect(201);
    // Nothing else is switched.
    for (path, fields) in [
        (switch("off"), vec![]),
        (switch("%00"), vec![]),
        (format!("{GUARD}/rules/luck/on"), vec![]),
        (enforce.clone(), vec![("project", "nobody")]),
    ] {
        let page = ann.post(GUARD, &path, &fields).await;
        assert_eq!(page.status, 404, "{path}");
    }
    assert_eq!(mode("default", "unverified_prefix").await, "shadow");
}

async fn a_block_is_ended_with_one_click(stage: Stage) {
    let app = stage.app_with(&[SMS, ON]).await;
    for number in 0..8 {
        start(&app, number).await;
    }
    app.gateway.verify().store_decisions(false).await.unwrap();
    let mut ann = person(&app, "ann@example.com", "finance").await;
    let page = ann.get(GUARD).await;
    let row = cells(&page, "/dashboard/guard/blocks/");
    assert_eq!(row[..3], ["+99890777", "default", "1 of 3: 15 minutes"]);
    let path = page.text.split("/dashboard/guard/blocks/").nth(1).unwrap();
    let path = format!("{GUARD}/blocks/{}", path.split('"').next().unwrap());
    let page = ann.post(GUARD, &path, &[("project", "default")]).await;
    let to = format!("{GUARD}?project=default&done=unblocked");
    assert_eq!((page.status, &page.to), (303, &to));
    assert_told(&ann.get(&to).await, "The block is over");
    assert_told(&ann.get(GUARD).await, "No range is blocked.");
    for path in [path, format!("{GUARD}/blocks/x/end")] {
        let page = ann.post(GUARD, &path, &[]).await;
        assert_eq!(page.to, format!("{GUARD}?done=over"));
    }
}

async fn decisions_have_their_reasons_in_words_and_a_file(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let all = in_shadow(&app, &stage).await;
    let mut ann = person(&app, "ann@example.com", "finance").await;
    let page = ann.get(DECISIONS).await;
    for words in [
        "4 unverified sends to +99890777 in 1 h; the limit is 3",
        "4 unverified sends to Uzbekistan in 1 h; the limit is 3",
        "(Shadow: would challenge)",
        &format!("href=\"/dashboard/verifications/{}\"", word(&all[3]["id"])),
    ] {
        assert_told(&page, words);
    }
    let rows = |page: &Page| page.text.matches("<td class=\"words\"").count();
    assert_eq!(rows(&page), 3);
    let day = stage.clock.now().date_naive();
    for (query, count) in [
        ("outcome=allow&rule=unverified_prefix&country=uz", 3),
        ("prefix=99890777&project=default", 3),
        ("outcome=deny", 0),
        ("rule=velocity", 0),
        ("country=KZ", 0),
        ("prefix=%2B99891", 0),
        (&format!("from={day}&to={day}"), 3),
        ("to=2020-01-01", 0),
    ] {
        let page = ann.get(&format!("{DECISIONS}?{query}")).await;
        assert_eq!((page.status, rows(&page)), (200, count), "{query}");
    }
    for (query, words) in [
        ("outcome=perhaps", "Choose from the list"),
        ("rule=luck", "Choose from the list"),
        ("country=Wonderland", "is not a country"),
        ("prefix=x", "is not a plus sign"),
        ("project=nobody", "is not a project"),
        ("from=soon", "not a date"),
        ("to=%00", "not a date"),
    ] {
        let page = ann.get(&format!("{DECISIONS}?{query}")).await;
        assert_eq!(page.status, 422, "{query}");
        assert_told(&page, words);
        let file = ann.get(&format!("{DECISIONS}.csv?{query}")).await;
        assert!(file.to.starts_with(DECISIONS), "{query}: {}", file.to);
    }
    // The file is that of the API.
    let admin = admin(&app).await;
    let query = "rule=unverified_prefix&country=UZ";
    let request = app.open_request(Method::GET, &format!("{DECISIONS}.csv?{query}"));
    let file = ann.send(request).await;
    let from_api = admin.get(&format!("/v1/guard/decisions.csv?{query}")).await;
    assert_eq!((file.status, &file.text), (200, &from_api.text));
    let again = format!("/v1/guard/decisions?format=csv&{query}");
    assert_eq!(admin.get(&again).await.text, file.text);
    let lines: Vec<&str> = file.text.split_terminator("\r\n").collect();
    assert_eq!(
        lines[0],
        "id,at,project,verification_id,on,outcome,country,prefix,owner,count,rules"
    );
    assert_eq!(lines.len(), 4);
    let first = format!(
        ",default,{},create,allow,UZ,\"'+99890777\",false,1,",
        word(&all[3]["id"])
    );
    assert!(lines[3].contains(&first), "{}", lines[3]);
    assert!(
        lines[3].contains("unverified_prefix shadow 4>3 1h challenge"),
        "{}",
        lines[3]
    );
    for wrong in ["format=xml", "outcome=no"] {
        let path = format!("/v1/guard/decisions?{wrong}");
        admin.get(&path).await.problem(400, "invalid_request");
    }
    app.get("/v1/guard/decisions.csv")
        .await
        .problem(403, "forbidden");

    speak_russian(&mut ann).await;
    let page = ann.get(DECISIONS).await;
    for words in [
        "4 неподтверждённые отправки на +99890777 за 1 ч; предел — 3",
        "6 неподтверждённых отправок в страну Узбекистан за 1 ч; предел — 3",
        "(В тени: ограничило бы)",
    ] {
        assert_told(&page, words);
    }
}

async fn one_click_lets_a_range_or_a_number_through_or_blocks_it(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let all = in_shadow(&app, &stage).await;
    crate::inputs::change_policy(&app, json!({ "guard": { "mode": "on" } })).await;
    start(&app, 6).await.problem(403, "request_blocked");
    let mut ann = person(&app, "ann@example.com", "finance").await;
    let page = ann.get(DECISIONS).await;
    let note = hidden(&page, "note");
    assert!(
        note.contains("ann@example.com") && note.contains("unverified_prefix"),
        "{note}"
    );
    assert_eq!(hidden(&page, "days"), "30");
    let click = |kind: &'static str, what: &'static str, value: &'static str, id: String| {
        vec![
            ("project", "default".to_owned()),
            ("kind", kind.to_owned()),
            ("match", what.to_owned()),
            ("value", value.to_owned()),
            ("verification", id),
            ("days", "30".to_owned()),
            ("note", note.clone()),
        ]
    };
    let mut send = async |fields: Vec<(&'static str, String)>| {
        let fields: Vec<_> = fields.iter().map(|(name, it)| (*name, &**it)).collect();
        ann.post(DECISIONS, LISTS, &fields).await
    };
    let page = send(click("allow", "prefix", "+99890777", String::new())).await;
    assert_eq!(page.to, format!("{LISTS}?done=added"));
    start(&app, 7).await.expect(201);
    stage.advance(1);
    // A number is taken from its verification, so that who clicks need not see it.
    let id = word(&all[3]["id"]).to_owned();
    send(click("block", "number", "", id)).await;
    start(&app, 3).await.problem(403, "request_blocked");
    let gone = "01a20297-4dc0-7000-9f41-2b7c5e8a1d04".to_owned();
    let page = send(click("block", "number", "", gone)).await;
    assert_eq!(page.status, 422);
    assert_told(&page, "The verification is gone");
    let admin = admin(&app).await;
    let entries = admin.get("/v1/guard/lists").await.expect(200);
    let entries = entries["items"].as_array().unwrap();
    assert_eq!(
        (&entries[0]["value"], &entries[1]["value"], entries.len()),
        (&json!(of_range(3)), &json!("+99890777"), 2)
    );
    assert_eq!(entries[1]["note"], json!(note));
    assert!(entries.iter().all(|entry| entry["expires_at"].is_string()));
    let page = ann.get(LISTS).await;
    assert!(!page.text.contains(&of_range(3)) && page.text.contains("•••"));
    // Of a verification that is shown, the same buttons.
    let page = ann
        .get(&format!("/dashboard/verifications/{}", word(&all[4]["id"])))
        .await;
    assert_told(&page, "Allow number");
    assert_told(
        &page,
        "5 unverified sends to +99890777 in 1 h; the limit is 3",
    );
}

async fn entries_are_added_seen_and_removed(stage: Stage) {
    let app = stage.app().await;
    let mut olga = person(&app, "olga@example.com", "owner").await;
    assert_told(&olga.get(LISTS).await, "No entries");
    let page = olga.post(LISTS, LISTS, &ENTRY).await;
    assert_eq!((page.status, page.to), (303, format!("{LISTS}?done=added")));
    let page = olga.get(LISTS).await;
    let row = cells(&page, "+99890<");
    assert_eq!(
        row[..4],
        [
            "+99890 a prefix",
            "Allow",
            "All projects",
            "our &lt;testers&gt;"
        ]
    );
    // What the API knows, with what it leaves out.
    let block = [
        ("kind", "block"),
        ("match", "country"),
        ("value", "kp"),
        ("project", "default"),
        ("days", ""),
        ("note", "a\u{0}b"),
    ];
    stage.advance(1);
    assert_eq!(olga.post(LISTS, LISTS, &block).await.status, 303);
    let client = app.with_key(&stage.new_key(None, "admin").await);
    let all = client.get("/v1/guard/lists").await.expect(200);
    let all = all["items"].as_array().unwrap().clone();
    assert_eq!(
        (
            &all[0]["value"],
            &all[0]["note"],
            &all[0]["expires_at"],
            all.len()
        ),
        (&json!("KP"), &json!("ab"), &Value::Null, 2)
    );
    for (query, has_kp, has_prefix) in [
        ("list=block", true, false),
        ("list=allow&project=default", false, true),
        ("project=default", true, true),
    ] {
        let page = olga.get(&format!("{LISTS}?{query}")).await;
        let has = |text: &str| page.text.contains(text);
        assert_eq!(
            (has("North Korea"), has(">+99890<")),
            (has_kp, has_prefix),
            "{query}"
        );
    }
    for query in ["list=maybe", "project=nobody"] {
        let page = olga.get(&format!("{LISTS}?{query}")).await;
        assert_eq!(page.status, 422, "{query}");
    }
    speak_russian(&mut olga).await;
    assert_told(&olga.get(LISTS).await, "Добавить запись");
    let remove = format!("{LISTS}/{}/remove", word(&all[0]["id"]));
    let page = olga.post(LISTS, &remove, &[]).await;
    assert_eq!(page.to, format!("{LISTS}?done=removed"));
    for path in [remove, format!("{LISTS}/x/remove")] {
        assert_eq!(olga.post(LISTS, &path, &[]).await.status, 404);
    }
}

async fn faults_of_an_entry_are_told_at_their_field(stage: Stage) {
    let app = stage.app().await;
    let mut olga = person(&app, "olga@example.com", "owner").await;
    let long = "a".repeat(201);
    for (changes, words) in [
        (vec![("kind", "deny")], "Choose from the list"),
        (vec![("match", "operator")], "Choose from the list"),
        (vec![("project", "nobody")], "Choose from the list"),
        (vec![("value", "")], "This field is required"),
        (vec![("value", "99890")], "is not a plus sign"),
        (vec![("value", "%00\u{0}")], "is not a plus sign"),
        (
            vec![("match", "number"), ("value", "12")],
            "is not a phone number",
        ),
        (
            vec![("match", "country"), ("value", "UK")],
            "is not a country",
        ),
        (
            vec![("match", "ip"), ("value", "203.0.113.0/0")],
            "is not an address",
        ),
        (vec![("days", "")], "From 1 to 90 days"),
        (vec![("days", "91")], "From 1 to 90 days"),
        (vec![("days", "soon")], "From 1 to 90 days"),
        (
            vec![("kind", "block"), ("days", "0")],
            "whole number of days",
        ),
        (vec![("note", "")], "Say why"),
        (vec![("note", &long)], "At most 200 characters"),
    ] {
        let mut wrong = ENTRY;
        for (name, value) in &changes {
            wrong.iter_mut().find(|(known, _)| known == name).unwrap().1 = value;
        }
        let page = olga.post(LISTS, LISTS, &wrong).await;
        assert_eq!(page.status, 422, "{changes:?}");
        assert_told(&page, words);
        assert_told(&page, "Correct the fields marked below");
    }
    assert_told(&olga.get(LISTS).await, "No entries");
}

async fn everybody_sees_the_guard_and_who_sets_rules_acts(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let all = in_shadow(&app, &stage).await;
    let one = format!("/dashboard/verifications/{}", word(&all[3]["id"]));
    let admin = admin(&app).await;
    let entry = json!({ "kind": "block", "match": "country", "value": "KP" });
    let entry = admin.post("/v1/guard/lists", entry).await.expect(201);
    let acts = [
        format!("{GUARD}/rules/velocity/on"),
        format!("{GUARD}/blocks/x/end"),
        LISTS.to_owned(),
        format!("{LISTS}/{}/remove", word(&entry["id"])),
    ];
    let pages = [GUARD, DECISIONS, LISTS, one.as_str()];
    for (role, may) in [("owner", true), ("finance", true), ("support", false)] {
        let mut who = person(&app, &format!("{role}@example.com"), role).await;
        for path in pages {
            let page = who.get(path).await;
            assert_eq!(page.status, 200, "{role} {path}");
            let forms = page.text.matches("action=\"/dashboard/guard/").count();
            let filters = page.text.matches("method=\"get\"").count();
            assert_eq!(forms > filters, may, "{role} {path}: {forms} {filters}");
            let has_money = page.text.contains("Of that, never approved");
            assert!(!has_money || role != "support", "{role} {path}");
        }
        for path in acts.iter().take(if may { 0 } else { 4 }) {
            let page = who.post("/dashboard/account", path, &[]).await;
            assert_eq!(page.status, 403, "{role} {path}");
        }
    }
    // Not without the form's token, nor signed out.
    let mut ann = person(&app, "ann@example.com", "finance").await;
    let mut nobody = Person::new(&app);
    for path in &acts {
        let forged = [("form_token", "x"), ("kind", "block")];
        assert_eq!(ann.send_form(path, &forged).await.status, 403, "{path}");
        assert_eq!(nobody.send_form(path, &forged).await.status, 303, "{path}");
    }
    for path in pages {
        assert_eq!(nobody.get(path).await.status, 303, "{path}");
    }
    let left = admin.get("/v1/guard/lists").await.expect(200);
    assert_eq!(left["items"], json!([entry]));
    // Whatever is asked for is answered.
    for query in [
        "cursor=x&prefix=%00&country=%ff&rule=,,",
        "from=0000-00-00&to=99999-01-01&group=,,,&group=planet",
        "from=1970-01-01&to=1970-01-01&cursor=01a20297-4dc0-7000-9f41-2b7c5e8a1d04",
        "from=2016-12-01&to=2026-11-30&done=%00",
        "list=%F0%9F%92%B8&project=%00",
    ] {
        for path in [GUARD, DECISIONS, LISTS] {
            let request = app.open_request(Method::GET, &format!("{path}?{query}"));
            let status = ann.send(request).await.status;
            assert!(status < 500, "{path} {query}: {status}");
        }
    }
}

async fn a_verification_shows_its_verdict_to_admins_alone(stage: Stage) {
    let app = stage.app_with(&[SMS]).await;
    let all = in_shadow(&app, &stage).await;
    let admin = admin(&app).await;
    let path = |at: usize| format!("/v1/verifications/{}", word(&all[at]["id"]));
    let v = admin.get(&path(3)).await.expect(200);
    let fired = v["guard"]["rules"].as_array().unwrap();
    let mut fired = fired.iter();
    let fired = fired.find(|one| one["rule"] == "unverified_prefix");
    let fired = fired.unwrap();
    assert_eq!(
        (&fired["mode"], &fired["value"], &fired["threshold"]),
        (&json!("shadow"), &json!(4), &json!(3))
    );
    assert_eq!(v["guard"]["outcome"], "allow");
    assert!(v["guard"]["at"].is_string());
    assert_eq!(v["guard"].as_object().unwrap().len(), 3);
    // Nothing was remarkable about the first.
    let v = admin.get(&path(0)).await.expect(200);
    assert_eq!(v.get("guard"), Some(&Value::Null));
    let v = app.get(&path(3)).await.expect(200);
    assert_eq!(v.get("guard"), None);
    let list = admin.get("/v1/verifications").await.expect(200);
    assert_eq!(list["items"][0].get("guard"), None);
    // People read it in words.
    let mut sam = person(&app, "sam@example.com", "support").await;
    let shown = |at: usize| format!("/dashboard/verifications/{}", word(&all[at]["id"]));
    let words = "4 unverified sends to +99890777 in 1 h; the limit is 3";
    assert_told(&sam.get(&shown(3)).await, words);
    assert!(!sam.get(&shown(0)).await.text.contains("unverified send"));
}
