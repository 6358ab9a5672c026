//! Tests of `[[sms.providers]]`.

use super::*;

/// A part of [`PROVIDER`], its replacement, how the fault begins, and a text it contains.
const PROVIDERS: &[(&str, &str, &str, &str)] = &[
    (
        "name = \"main\"",
        "name = \"Main\"",
        "sms.providers[0].name: `Main` is not a name",
        "a-z",
    ),
    (
        "name = \"main\"",
        "name = \"telegram\"",
        "sms.providers[0].name: `telegram`",
        "another",
    ),
    (
        "name = \"main\"\n",
        "",
        "sms.providers[0].name: is missing",
        "",
    ),
    (
        "kind = \"http\"",
        "kind = \"htp\"",
        "sms.providers[0].kind: `htp`",
        "did you mean `http`?",
    ),
    (
        "kind = \"http\"",
        "kind = \"pigeon\"",
        "sms.providers[0].kind: `pigeon`",
        "known: http",
    ),
    (
        "https://sms.example/send",
        "",
        "sms.providers[0].url: is missing",
        "",
    ),
    (
        "https://sms.example/send",
        "sms.example",
        "sms.providers[0].url: ",
        "https://",
    ),
    (
        "https://sms.example/send",
        "https://sms.example/{phone}",
        "sms.providers[0].url: `{phone}`",
        "{to}",
    ),
    (
        "json = ",
        "method = \"PUT\"\njson = ",
        "sms.providers[0].method: `PUT` is none of: POST, GET",
        "",
    ),
    (
        "json = ",
        "method = \"get\"\njson = ",
        "sms.providers[0].method: `GET` carries no body",
        "query",
    ),
    (
        "json = ",
        "form = { a = 1 }\njson = ",
        "sms.providers[0]: json and form are given",
        "keep one",
    ),
    (
        "json = { to = \"{to}\", text = \"{text}\" }",
        "",
        "sms.providers[0]: none of json, form and query",
        "",
    ),
    (
        "json = { to = \"{to}\", text = \"{text}\" }",
        "json = \"{to}{text}\"",
        "sms.providers[0].json: a text",
        "table",
    ),
    ("{to}", "998", "sms.providers[0]: {to} or {to_digits}", ""),
    ("{text}", "hello", "sms.providers[0]: {text} or {code}", ""),
    (
        "{text}",
        "{text} {name}",
        "sms.providers[0].json.text: `{name}` is not",
        "{attempt_id}",
    ),
    (
        "json = ",
        "headers = { \"a b\" = \"x\" }\njson = ",
        "sms.providers[0].headers.a b: ",
        "name",
    ),
    (
        "json = ",
        "headers = { A = \"x\", a = \"y\" }\njson = ",
        "sms.providers[0].headers.a: ",
        "twice",
    ),
    (
        "json = ",
        "headers = { A = \"x\\ny\" }\njson = ",
        "sms.providers[0].headers.A: ",
        "line break",
    ),
    (
        "json = ",
        "headers = { A = \"{x}\" }\njson = ",
        "sms.providers[0].headers.A: holds an unknown",
        "",
    ),
    (
        "json = ",
        "id_pointer = \"id\"\njson = ",
        "sms.providers[0].id_pointer: `id`",
        "/",
    ),
    (
        "json = ",
        "accept = { pointer = \"/s\" }\njson = ",
        "sms.providers[0].accept.values: is missing",
        "",
    ),
    (
        "json = ",
        "accept = { pointer = \"/s\", values = [] }\njson = ",
        "sms.providers[0].accept.values: is empty",
        "",
    ),
    (
        "json = ",
        "refuse = { pointer = \"s\", values = [1] }\njson = ",
        "sms.providers[0].refuse.pointer: `s`",
        "",
    ),
    (
        "json = ",
        "refuse = { pointer = \"/s\", value = [1], values = [2] }\njson = ",
        "sms.providers[0].refuse.value: unknown key",
        "refuse.values",
    ),
    (
        "{text}\"",
        "{text}\", dlr = \"{callback_url}\" }\nreport = { delivered = [\"ok\"]",
        "sms.providers[0].report.status_pointer: is missing",
        "",
    ),
    (
        "{text}\"",
        "{text}\", dlr = \"{callback_url}\" }\nreport = { status_pointer = \"/s\", delivered = []",
        "sms.providers[0].report.delivered: is empty",
        "",
    ),
    (
        "{text}\"",
        "{text}\", dlr = \"{callback_url}\" }\nreport = { status_pointer = \"/s\", delivered = [1], failed = [\"1\"]",
        "sms.providers[0].report.failed: `1`",
        "delivered",
    ),
    (
        "UZ",
        "XYZ",
        "sms.providers[0].prices.XYZ: `XYZ` is not",
        "rest of the world",
    ),
    (
        "\"0.05\"",
        "0.05",
        "sms.providers[0].prices.UZ: `0.05` does not fit",
        "quotes",
    ),
    (
        "\"0.05\"",
        "\"-0.05\"",
        "sms.providers[0].prices.UZ: `-0.05` is negative",
        "",
    ),
    (
        "\"0.05\"",
        "\"0.1234567\"",
        "sms.providers[0].prices.UZ: ",
        "six decimals",
    ),
    (
        "currency = \"USD\"",
        "currency = \"Dollar\"",
        "sms.providers[0].currency: `Dollar`",
        "ISO 4217",
    ),
    (
        "currency = \"USD\"",
        "",
        "sms.providers[0].currency: is missing",
        "USD",
    ),
    (
        "json = ",
        "timeout = \"6m\"\njson = ",
        "sms.providers[0].timeout: `6m`",
        "100ms to 5m",
    ),
    (
        "json = ",
        "ulr = \"x\"\njson = ",
        "sms.providers[0].ulr: unknown key",
        "did you mean `sms.providers[0].url`?",
    ),
];

#[test]
fn each_fault_of_a_provider_is_named() {
    for (replace, by, start, part) in PROVIDERS {
        one_fault(&provider(replace, by), &[], start, &[part]);
    }
    let twice = format!("{PROVIDER}{PROVIDER}");
    one_fault(
        &twice,
        &[],
        "sms.providers[1].name: `main` is the name of an earlier",
        &[],
    );
}

#[test]
fn providers_keep_their_order_and_prices_fall_back_to_the_rest() {
    let second = provider("main", "second").replace(", \"*\" = \"0.08\"", "");
    let settings = settings(&format!("{PROVIDER}{second}"));
    let names: Vec<&str> = sms(&settings)
        .iter()
        .map(|p| p.account.name.as_str())
        .collect();
    assert_eq!(names, ["main", "second"]);
    let price = |index: usize, code| {
        sms(&settings)[index]
            .account
            .prices
            .per_segment(country(code))
    };
    assert_eq!(price(0, "UZ"), Some(Micros(50_000)));
    assert_eq!(price(0, "DE"), Some(Micros(80_000)));
    assert_eq!(price(1, "DE"), None);
}

#[test]
fn an_account_of_twilio_is_read_and_each_of_its_faults_named() {
    let text = |keys: &str| {
        format!(
            "[[sms.providers]]\nname = \"us\"\nkind = \"twilio\"\nprices = {{ \"*\" = \"0.05\" }}\ncurrency = \"USD\"\n{keys}"
        )
    };
    let load = |keys: &str| load(Some(("file", &text(keys))), [], &|_| unreachable!());
    let sid = format!("AC{}", "0a".repeat(16));
    let good = load(&format!(
        "account_sid = \"{sid}\"\nauth_token = \"very-secret\"\nfrom = \"+15550001111\""
    ));
    let settings = good.unwrap().settings;
    let twilio: &twilio::Settings = sms(&settings)[0].settings().unwrap();
    assert_eq!(twilio.base_url, "https://api.twilio.com");
    assert_eq!(
        twilio.sender,
        twilio::Sender::From("+15550001111".to_owned())
    );
    assert!(!format!("{settings:?}").contains("very-secret"));
    for (keys, said) in [
        ("", "account_sid: is missing"),
        (
            "account_sid = \"AC1\"\nauth_token = \"very-secret\"\nfrom = \"Shop\"",
            "`AC1` is not a SID",
        ),
        (
            "from = \"Shop\"\nmessaging_service_sid = \"MG1\"",
            "`MG1` is not a SID",
        ),
        ("from = \"a name that is too long\"", "is not a sender"),
        ("base_url = \"ftp://x\"", "base_url"),
        ("url = \"https://x\"", "url: unknown key"),
    ] {
        let faults = load(keys).unwrap_err();
        let text: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(
            text.iter().any(|fault| fault.contains(said)),
            "{said} in {text:?}"
        );
        assert!(!text.join("\n").contains("very-secret"));
    }
}
