//! Tests of when the sandbox starts.

use super::*;

#[test]
fn the_sandbox_starts_by_itself_only_where_nobody_else_comes_by() {
    let telegram = "telegram.token = \"t\"\n";
    let postgres = format!("database_url = \"postgres://db/d\"\nsecret_key = \"{KEY}\"\n");
    // The configuration, and whether it selects the sandbox, or the keys of its faults.
    let cases: [(String, Result<bool, Vec<&str>>); 16] = [
        (String::new(), Ok(true)),
        ("listen = \"[::1]:0\"".to_owned(), Ok(true)),
        ("listen = \"[::ffff:127.0.0.1]:80\"".to_owned(), Ok(true)),
        (telegram.to_owned(), Ok(false)),
        (PROVIDER.to_owned(), Ok(false)),
        (format!("sandbox = false\n{telegram}"), Ok(false)),
        ("sandbox = true".to_owned(), Ok(true)),
        (
            format!(
                "sandbox = true\nlisten = \"0.0.0.0:80\"\npublic_url = \"https://x\"\n{postgres}"
            ),
            Ok(true),
        ),
        (format!("sandbox = true\n{telegram}"), Err(vec!["sandbox"])),
        (format!("sandbox = true\n{PROVIDER}"), Err(vec!["sandbox"])),
        ("sandbox = false".to_owned(), Err(vec!["sandbox"])),
        (
            "listen = \"0.0.0.0:80\"".to_owned(),
            Err(vec!["telegram.token", "listen"]),
        ),
        (
            "simulator_listen = \"0.0.0.0:81\"".to_owned(),
            Err(vec!["telegram.token", "simulator_listen"]),
        ),
        (
            "public_url = \"HTTPS://x\"".to_owned(),
            Err(vec!["telegram.token", "public_url"]),
        ),
        (postgres, Err(vec!["telegram.token", "database_url"])),
        (
            "simulator_listen = \"127.0.0.1:8080\"".to_owned(),
            Err(vec!["simulator_listen"]),
        ),
    ];
    for (file, expected) in cases {
        let proxies = "trusted_proxies = [\"10.0.0.0/8\"]\n";
        let decided = settings(&format!("{proxies}{file}")).sandbox_mode();
        let decided = decided.as_ref().map(|mode| *mode).map_err(|faults| {
            faults
                .iter()
                .map(|fault| fault.key.as_str())
                .collect::<Vec<_>>()
        });
        assert_eq!(decided, expected, "{file}");
    }
}

#[test]
fn callbacks_of_the_simulator_are_hosts_or_origins() {
    let file = "simulator_callbacks = [\"https://hooks.example\", \"http://runner:9000/\", \"wide.example\"]";
    assert_eq!(
        settings(file).simulator_callbacks,
        [
            "https://hooks.example",
            "http://runner:9000",
            "wide.example"
        ]
    );
    for wrong in [
        "https://hooks.example/path",
        "https://user:secret@hooks.example",
        "ftp://hooks.example",
        "hooks.example/path",
        "https://",
        "*",
    ] {
        let found = faults(&format!("simulator_callbacks = [\"{wrong}\"]"));
        assert_eq!(found.len(), 1, "{wrong}: {found:?}");
        assert!(found[0].contains("simulator_callbacks[0]"), "{found:?}");
        assert!(!found[0].contains("secret"), "{found:?}");
    }
}
