//! `check-config`: what it finds, and how it says it.

use crate::program::{bare_program, lines};

#[test]
fn check_config_reports_each_error_on_its_own_line() {
    let folder = std::env::temp_dir().join(format!("pinroute-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let check = |text: &str| {
        let file = folder.join("pinroute.toml");
        std::fs::write(&file, text).unwrap();
        let output = bare_program()
            .arg("check-config")
            .arg("--config")
            .arg(&file)
            .output()
            .unwrap();
        (
            output.status.code(),
            lines(&output.stdout),
            lines(&output.stderr),
        )
    };
    let (code, output, complaints) = check("listen = \"127.0.0.1:0\"\n");
    assert_eq!(
        (code, output.len(), complaints.len()),
        (Some(0), 1, 0),
        "{output:?} {complaints:?}"
    );
    let faulty = r#"
listen = "nowhere"
secret_key = "c2hvcnQ="
lissten = "127.0.0.1:1"
[telegram]
token = "very-secret"
timeout = "5"
[defaults]
code_length = 9
"#;
    let (code, output, complaints) = check(faulty);
    assert_eq!((code, output.len()), (Some(2), 0));
    for key in [
        "listen:",
        "secret_key:",
        "lissten:",
        "telegram.timeout:",
        "defaults.code_length:",
    ] {
        assert_eq!(
            complaints
                .iter()
                .filter(|line| line.starts_with(&format!("pinroute: {key}")))
                .count(),
            1,
            "{key} {complaints:?}"
        );
    }
    assert_eq!(complaints.len(), 5, "{complaints:?}");
    let all = complaints.join("\n");
    assert!(
        !all.contains("very-secret") && !all.contains("c2hvcnQ="),
        "{all}"
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

/// What `check-config` says of a file: exit code and lines of standard error, each without `pinroute: `.
fn checked(name: &str, text: &str) -> (Option<i32>, Vec<String>) {
    let folder = std::env::temp_dir().join(format!("pinroute-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("pinroute.toml");
    std::fs::write(&file, text).unwrap();
    let mut command = bare_program();
    command.arg("check-config").arg("--config").arg(&file);
    let output = command.current_dir(&folder).output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let said = lines(&output.stderr).into_iter();
    let said = said.map(|line| line.trim_start_matches("pinroute: ").to_owned());
    (output.status.code(), said.collect())
}

#[test]
fn check_config_knows_placeholders_and_example_hosts_and_names_their_lines() {
    let (code, said) = checked(
        "placeholders",
        r#"public_url = "https://verify.example.com"
[telegram]
token = "PUT-THE-TOKEN-HERE"

[[sms.providers]]
name = "main"
kind = "http"
url = "https://sms.example/send"
headers = { Authorization = "Bearer CHANGE-ME" }
json = { to = "{to}", text = "{text}" }
prices = { "*" = "0.05" }
currency = "USD"

[[sms.providers]]
name = "second"
kind = "twilio"
account_sid = "AC0123456789abcdef0123456789abcdef"
auth_token = "<token>"
from = "Shop"
currency = "USD"
"#,
    );
    assert_eq!(code, Some(2), "{said:#?}");
    let begin = |key: &str| said.iter().filter(|line| line.starts_with(key)).count();
    for (key, line) in [
        ("telegram.token: ", 3),
        ("sms.providers[0].headers.Authorization: ", 9),
        ("sms.providers[1].auth_token: ", 18),
        ("sms.providers[1].prices: is missing", 14),
    ] {
        assert_eq!(begin(key), 1, "{key} {said:#?}");
        let found = said.iter().find(|line| line.starts_with(key)).unwrap();
        assert!(found.ends_with(&format!(" (line {line})")), "{found}");
    }
    assert_eq!(said.len(), 4, "{said:#?}");

    let (code, said) = checked(
        "hosts",
        "public_url = \"https://verify.example.com\"\n[telegram]\ntoken = \"5aNJn2Cq0wV7\"\nbase_url = \"http://gateway.test\"\n",
    );
    assert_eq!(code, Some(0), "{said:#?}");
    let ends = "is an example, which nothing reaches; write the real host";
    assert_eq!(
        said,
        [
            format!("warning: public_url: `verify.example.com` {ends} (line 1)"),
            format!("warning: telegram.base_url: `gateway.test` {ends} (line 4)"),
        ]
    );
}

#[test]
fn check_config_says_where_quotes_are_missing() {
    for (text, key) in [
        ("listen = 127.0.0.1:80", "listen"),
        ("[defaults]\nttl = 10m", "ttl"),
        ("public_url = https://verify.shop.uz", "public_url"),
        ("[telegram]\ntoken = AAE-very_secret", "token"),
        ("[telegram]\nprice = { amount = 0.01 USD }", "amount"),
        (
            "[defaults]\nroute = [{ channel = \"sms\", wait = 60s }]",
            "wait",
        ),
        (
            "[defaults]\ncountries = { allow = [UZ], deny = [] }",
            "allow",
        ),
    ] {
        let (code, said) = checked("quotes", text);
        assert_eq!((code, said.len()), (Some(2), 1), "{text} {said:?}");
        let wanted = format!("put quotes around the value: {key} = \"…\"");
        assert!(said[0].ends_with(&wanted), "{text}: {said:?}");
        assert!(!said[0].contains("very_secret"), "{said:?}");
    }
    let (_, said) = checked("place", "\nlisten = 127.0.0.1:80");
    assert!(said[0].contains("line 2, column 1"), "{said:?}");
    for text in ["sandbox = yes", "sandbox = True", "sandbox = on"] {
        let (code, said) = checked("words", text);
        assert_eq!((code, said.len()), (Some(2), 1), "{text} {said:?}");
        let wanted = "write sandbox = true or sandbox = false";
        assert!(said[0].contains(wanted), "{text}: {said:?}");
    }
    for (text, wanted) in [
        (
            "[telegram]\nprice = { amount = 0.01, currency = \"USD\" }",
            "telegram.price.amount: `0.01` does not fit; write a decimal in quotes",
        ),
        (
            "[defaults]\nttl = 600",
            "defaults.ttl: `600` does not fit; write a length of time",
        ),
        ("[defaults]\nttl = 2026-11-01", "defaults.ttl: "),
    ] {
        let (code, said) = checked("types", text);
        assert_eq!((code, said.len()), (Some(2), 1), "{text} {said:?}");
        assert!(said[0].starts_with(wanted), "{text}: {said:?}");
        assert!(said[0].ends_with(" (line 2)"), "{text}: {said:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_secret_file_that_others_may_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = std::env::temp_dir().join(format!("pinroute-modes-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let set = |path: &std::path::Path, mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path, mode).unwrap();
    };
    let (token, key) = (folder.join("token"), folder.join("p.db.key"));
    std::fs::write(&token, "5aNJn2Cq0wV7\n").unwrap();
    std::fs::write(&key, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").unwrap();
    let check = || {
        let mut command = bare_program();
        command
            .arg("check-config")
            .current_dir(&folder)
            .env("PINROUTE_DATABASE_URL", "sqlite://p.db")
            .env("PINROUTE_TELEGRAM__TOKEN_FILE", &token);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        lines(&output.stderr)
    };
    set(&folder, 0o755);
    set(&token, 0o644);
    set(&key, 0o640);
    let token_warning = format!(
        "pinroute: warning: {0}: everyone on this machine may read this secret; chmod 600 {0}",
        token.display()
    );
    let key_warning =
        "pinroute: warning: p.db.key: its group may read this secret; chmod 600 p.db.key";
    assert_eq!(check(), [token_warning.as_str(), key_warning]);
    set(&token, 0o600);
    assert_eq!(check(), [key_warning]);
    set(&folder, 0o700);
    assert_eq!(check(), [""; 0], "nobody else may enter the folder");
    std::fs::remove_dir_all(&folder).unwrap();
}
