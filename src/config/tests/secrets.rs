//! Tests of secrets: read from files, and quoted nowhere.

use super::*;

#[test]
fn secrets_can_be_read_from_files() {
    let token = |file: &str, env: &[(&str, &str)]| {
        telegram(&with_env(file, env)).map(|(_, telegram)| telegram.token.expose().to_owned())
    };
    let from_file = Some("tok-from-file".to_owned());
    assert_eq!(
        token("telegram.token_file = \"/run/token\"", &[]),
        from_file
    );
    assert_eq!(
        token("telegram.token = { file = \"/run/token\" }", &[]),
        from_file
    );
    assert_eq!(
        token("", &[("PINROUTE_TELEGRAM__TOKEN_FILE", "/run/token")]),
        from_file
    );
    // A variable of either form wins over the file's key.
    assert_eq!(
        token(
            "telegram.token = \"x\"",
            &[("PINROUTE_TELEGRAM__TOKEN_FILE", "/run/token")]
        ),
        from_file
    );
    assert_eq!(
        token(
            "telegram.token_file = \"/run/token\"",
            &[("PINROUTE_TELEGRAM__TOKEN", "x")]
        ),
        Some("x".to_owned())
    );
    assert_eq!(
        token(
            "telegram.token_file = \"/run/token\"",
            &[("PINROUTE_TELEGRAM__TOKEN", "")]
        ),
        None
    );

    let settings = with_env(
        &provider(
            "json = { to = \"{to}\", text = \"{text}\" }",
            "headers = { Authorization = { file = \"/run/header\" } }\n\
             form = { to = \"{to}\", text = \"{text}\", key = { file = \"/run/token\" } }",
        ),
        &[
            ("PINROUTE_SECRET_KEY_FILE", "/run/key"),
            ("PINROUTE_PREVIOUS_SECRET_KEYS", r#"[{"file":"/run/key"}]"#),
            ("PINROUTE_PREVIOUS_SECRET_KEYS__1__FILE", "/run/key"),
        ],
    );
    assert_eq!(settings.secret_key.as_ref().unwrap().0[31], 31);
    assert_eq!(settings.previous_secret_keys.len(), 2);
    assert_eq!(http(&settings).headers[0].1.expose(), "Bearer from-file");
    let Body::Form(form) = &http(&settings).body else {
        panic!("not a form")
    };
    assert!(form.contains(&("key".to_owned(), "tok-from-file".to_owned())));

    let nested = provider(
        "{text}\" }",
        "{text}\", auth = { key = { file = \"/run/token\" } } }",
    );
    let Body::Json(json) = http(&super::settings(&nested)).body.clone() else {
        panic!("not JSON")
    };
    assert_eq!(json["auth"]["key"], "tok-from-file");
}

#[test]
fn secret_files_that_cannot_be_used_are_faults() {
    one_fault(
        "telegram.token_file = \"/none\"",
        &[],
        "telegram.token_file: cannot read the file `/none`",
        &["not found"],
    );
    one_fault(
        "telegram.token_file = \"/run/empty\"",
        &[],
        "telegram.token_file: the file `/run/empty` is empty",
        &[],
    );
    one_fault(
        "telegram.token_file = 7",
        &[],
        "telegram.token_file: `7` does not fit",
        &["path"],
    );
    let both = "telegram.token = \"x\"\ntelegram.token_file = \"/run/token\"";
    one_fault(
        both,
        &[],
        "telegram.token: `token` and `token_file` are both given",
        &["keep one"],
    );
    let both = [
        ("PINROUTE_SECRET_KEY", KEY),
        ("PINROUTE_SECRET_KEY_FILE", "/run/key"),
    ];
    one_fault(
        "",
        &both,
        "secret_key: `secret_key` and `secret_key_file` are both given",
        &[],
    );
    one_fault(
        "previous_secret_keys = [{ file = \"/none\" }]",
        &[],
        "previous_secret_keys[0].file: cannot read",
        &["/none"],
    );
    one_fault(
        "previous_secret_keys = [{ path = \"x\", file = \"/run/key\" }]",
        &[],
        "previous_secret_keys[0].path: unknown key",
        &[],
    );
    // An unreadable key is not a missing one.
    one_fault(
        "database_url = \"postgres://h/d\"\nsecret_key_file = \"/none\"",
        &[],
        "secret_key_file: cannot read",
        &[],
    );
}

#[test]
fn no_secret_is_in_any_fault_warning_or_debug_output() {
    let sound = r#"
        database_url = "postgres://user:hunter2@db/pinroute?password=hunter2"
        redis_url = "redis://:hunter2@redis"
        secret_key = "aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnQ="
        previous_secret_keys = ["aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnQ="]
        [telegram]
        token = "hunter2"
        previous_token = "hunter2"
        [[sms.providers]]
        name = "a"
        kind = "http"
        url = "https://u:hunter2@sms.example/hunter2?key=hunter2"
        headers = { Authorization = "Bearer hunter2" }
        form = { to = "{to}", text = "{text}", password = "hunter2" }
        prices = {}
    "#;
    let loaded = load_both(sound, &[]).unwrap();
    let shown = format!(
        "{loaded:?} {loaded:#?} {}",
        loaded.settings.redis_url.as_ref().unwrap()
    );
    assert!(
        !shown.contains("hunter2") && !shown.contains("104, 117"),
        "{shown}"
    );
    assert!(
        shown.contains("postgres://user:***@db/pinroute?…"),
        "{shown}"
    );
    assert_eq!(unmeant(&loaded).len(), 1);

    let broken = [
        "secret_key = \"hunter2\"",
        "secret_key = \"aHVudGVyMg==\"",
        "previous_secret_keys = [\"hunter2\"]",
        "previous_secret_keys = \"hunter2\"",
        "previous_secret_keys = [[\"hunter2\"]]",
        "redis_url = \"hunter2\"",
        "redis_url = \"http://:hunter2@x\"",
        "database_url = \"hunter2\"",
        "database_url = \"mysql://u:hunter2@x\"",
        "database_url = \"postgres://u:hunter2@x@db/d\"",
        "database_url = \"postgres://u:x/hunter2@db/d\"",
        "database_url = \"postgres://u:x?hunter2@db/d\"",
        "public_url = \"https://u:hunter2@x\"",
        "public_url = \"https://hunter2@x\"",
        "public_url = \"https://x?hunter2\"",
        "telegram = \"hunter2\"",
        "telegram.token = \"hunter2 \"",
        "telegram.token = [\"hunter2\"]",
        "telegram.hunter = \"hunter2\"",
        "telegram.token = \"hunter2\"\ntelegram.token_file = \"/run/token\"",
        "sms.providers = \"hunter2\"",
        "sms.providers = [\"hunter2\"]",
        "sms.providers = [{ name = \"a\", kind = \"http\", url = \"ftp://u:hunter2@x\" }]",
        "sms.providers = [{ name = \"a\", kind = \"http\", url = \"https://u:a/hunter2@x:y\" }]",
        "sms.providers = [{ name = \"a\", kind = \"http\", url = \"https://u:hunter2@x:y/hunter2\" }]",
        "sms.providers = [{ name = \"a\", kind = \"http\", headers = \"hunter2\" }]",
        "sms.providers = [{ name = \"a\", kind = \"http\", headers = { A = \"{hunter2}\" } }]",
        "sms.providers = [{ name = \"a\", kind = \"http\", headers = { A = \"hunter2\\n\" } }]",
        "sms.providers = [{ name = \"a\", kind = \"http\", json = \"hunter2\" }]",
        "sms.providers = [{ name = \"a\", kind = \"http\", form = { A = [\"hunter2\"] } }]",
    ];
    for file in broken {
        let faults = load_both(file, &[]).map(|_| ()).expect_err(file);
        assert!(
            !format!("{faults:?}").contains("hunter2"),
            "{file}: {faults:?}"
        );
    }
    for name in [
        "PINROUTE_TELEGRAM",
        "PINROUTE_PREVIOUS_SECRET_KEYS",
        "PINROUTE_SMS__PROVIDERS",
        "PINROUTE_SECRET_KEY",
    ] {
        let faults = load_both("", &[(name, "[hunter2")])
            .map(|_| ())
            .expect_err(name);
        assert!(!format!("{faults:?}").contains("hunter2"), "{faults:?}");
    }
    let unknown = load_both("", &[("PINROUTE_TOKEN", "hunter2")]).unwrap();
    assert!(!unknown.warnings[0].contains("hunter2"));
}

#[test]
fn keys_are_read_in_both_alphabets() {
    let bytes = [0xfb_u8; 32];
    for text in [
        "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=",
        "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s",
        "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s=",
        "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s",
    ] {
        let settings = settings(&format!("secret_key = \"{text}\""));
        assert_eq!(settings.secret_key.unwrap().0, bytes, "{text}");
    }
}
