//! Tests the Dockerfile and the compose files without a container engine: the real program runs with the settings that they
//! give the container, on free ports and with a folder in place of the volume.

use std::path::{Path, PathBuf};
use std::process::Command;

use pinroute::secret::random;
use serde_json::Value;

use crate::on_postgres;
use crate::program::{Server, bare_program, run};
use crate::stage::{CLIENT, Stage, first_code};

on_postgres!(the_production_composition_starts_with_its_secrets);

/// What `.env` must say for production.
pub const SECRETS: [&str; 3] = [
    "PINROUTE_PUBLIC_URL",
    "PINROUTE_SECRET_KEY",
    "POSTGRES_PASSWORD",
];

pub type Variables = Vec<(String, String)>;

pub fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The lines of a service's key in a compose file, without indentation and comments. It reads only what these files
/// contain: block style, two spaces for each level.
pub fn entries(compose: &str, service: &str, key: &str) -> Vec<String> {
    let service = compose
        .lines()
        .skip_while(|line| *line != format!("  {service}:"));
    let within = service
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with("    "));
    let key = within
        .skip_while(|line| *line != format!("    {key}:"))
        .skip(1);
    let lines = key.take_while(|line| line.starts_with("      "));
    let lines = lines.map(|line| line.trim().trim_start_matches("- "));
    let lines = lines.filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.split(" #").next().unwrap().trim().to_owned())
        .collect()
}

/// The environment of the container: the image's, then the service's, with `${NAME:?…}` taken from `given`. A missing
/// name is the error with which compose refuses.
pub fn environment(
    compose: Option<&str>,
    given: &[(&'static str, String)],
) -> Result<Variables, &'static str> {
    let image = file("Dockerfile");
    let image = image.lines().filter_map(|line| line.strip_prefix("ENV "));
    let mut variables: Variables = image
        .map(|line| line.split_once('=').expect("ENV NAME=VALUE"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for entry in compose.map_or_else(Vec::new, |text| entries(text, "pinroute", "environment")) {
        let (name, value) = entry.split_once(": ").expect("NAME: VALUE");
        let mut value = value.trim_matches(['"', '\'']).to_owned();
        while let Some(start) = value.find("${") {
            let length = value[start..].find('}').unwrap() + 1;
            let (asked, _) = value[start + 2..start + length].split_once(":?").unwrap();
            let asked = SECRETS.into_iter().find(|name| *name == asked).unwrap();
            let found = given.iter().find(|(name, _)| *name == asked).ok_or(asked)?;
            value.replace_range(start..start + length, &found.1);
        }
        set(&mut variables, name, &value);
    }
    Ok(variables)
}

/// The container as a process: any free port on all interfaces, as in the container, and `folder` as its volume.
pub fn container(variables: &Variables, folder: &Path) -> Command {
    let mut command = bare_program();
    command.current_dir(folder);
    for (name, value) in variables {
        let value = match name.as_str() {
            "PINROUTE_LISTEN" | "PINROUTE_METRICS_LISTEN" | "PINROUTE_SIMULATOR_LISTEN" => {
                assert!(value.starts_with("0.0.0.0:"), "{name}: {value}");
                "0.0.0.0:0"
            }
            _ => value,
        };
        command.env(name, value);
    }
    command
}

pub fn set(variables: &mut Variables, name: &str, value: &str) {
    variables.retain(|(other, _)| other != name);
    variables.push((name.to_owned(), value.to_owned()));
}

fn new_folder() -> PathBuf {
    let name = format!("pinroute-container-{:016x}", u64::from_be_bytes(random()));
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir(&folder).unwrap();
    folder
}

/// The exit code of the image's HEALTHCHECK, in the container whose server is at `base`.
pub async fn health(base: &str) -> Option<i32> {
    let image = file("Dockerfile");
    let check = image.lines().find(|line| line.starts_with("HEALTHCHECK "));
    let (_, command) = check.unwrap().split_once(" CMD ").unwrap();
    let words: Vec<String> = serde_json::from_str(command).unwrap();
    assert_eq!(words[0], "pinroute");
    let (_, port) = base.rsplit_once(':').unwrap();
    let mut command = bare_program();
    command.args(&words[1..]);
    command.env("PINROUTE_LISTEN", format!("0.0.0.0:{port}"));
    run(command).await.status.code()
}

pub async fn json(url: &str) -> Value {
    let answer = CLIENT.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{url}");
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

#[test]
fn ports_are_published_on_loopback_only() {
    for (name, ports) in [("compose.yaml", 2), ("compose.production.yaml", 1)] {
        let compose = file(name);
        let published = entries(&compose, "pinroute", "ports");
        assert_eq!(published.len(), ports, "{name}: {published:?}");
        for port in published {
            let (outside, inside) = port.rsplit_once(':').unwrap();
            assert_eq!(outside, format!("127.0.0.1:{inside}"), "{name}");
        }
        for other in ["postgres", "redis"] {
            assert!(entries(&compose, other, "ports").is_empty(), "{name}");
        }
    }
}

/// One without the other cannot be read.
#[test]
fn the_volume_holds_the_database_and_its_key() {
    let image = file("Dockerfile");
    let line = |head: &str| image.lines().rev().find_map(|line| line.strip_prefix(head));
    let folder = line("WORKDIR ").unwrap();
    assert_eq!(line("VOLUME "), Some(folder));
    let mounts = entries(&file("compose.yaml"), "pinroute", "volumes");
    assert_eq!(mounts, [format!("pinroute:{folder}")]);
    let variables = environment(Some(&file("compose.yaml")), &[]).unwrap();
    let database = (
        "PINROUTE_DATABASE_URL".to_owned(),
        "sqlite://pinroute.db".to_owned(),
    );
    assert!(variables.contains(&database), "{variables:?}");
}

#[tokio::test]
async fn the_composition_is_a_sandbox_without_settings_and_keeps_its_data() {
    let compose = file("compose.yaml");
    assert!(!compose.contains("${") && !compose.contains("env_file"));
    let variables = environment(Some(&compose), &[]).unwrap();
    let folder = new_folder();
    let start = || {
        let heads = ["API", "Phones", "Dashboard", "API key"];
        Server::start_and_read(container(&variables, &folder), heads)
    };
    let (server, [api, phones, dashboard, key]) = start().await;
    for url in [&api, &phones, &dashboard] {
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    }
    assert!(dashboard.starts_with(&format!("{api}/dashboard/link/")));
    assert_eq!(json(&format!("{api}/readyz")).await["sandbox"], true);
    // By both names that a person types for the published port.
    for page in [&phones, &phones.replace("127.0.0.1", "localhost")] {
        assert_eq!(
            CLIENT.get(page).send().await.unwrap().status(),
            200,
            "{page}"
        );
    }
    assert_eq!(health(&api).await, Some(0));
    let checked = first_code(&api, &phones, &key).await;
    assert_eq!(checked["valid"], true);
    for kept in ["pinroute.db", "pinroute.db.key"] {
        assert!(folder.join(kept).exists(), "{kept}");
    }
    assert_eq!(server.terminate().await, Some(0));
    assert_ne!(health(&api).await, Some(0));

    let (server, [api, _, _, same]) = start().await;
    assert_eq!(same, key, "the printed key stays valid");
    let list = CLIENT.get(format!("{api}/v1/verifications"));
    let list = list.bearer_auth(&key).send().await.unwrap();
    let list: Value = serde_json::from_str(&list.text().await.unwrap()).unwrap();
    assert_eq!(list["items"][0]["id"], checked["id"]);
    assert_eq!(server.terminate().await, Some(0));
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn the_bare_image_asks_for_a_provider_or_the_sandbox() {
    let folder = new_folder();
    let mut variables = environment(None, &[]).unwrap();
    let output = run(container(&variables, &folder)).await;
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("`sandbox = true`"), "{said}");

    set(&mut variables, "PINROUTE_SANDBOX", "true");
    let (server, phones) = Server::start_sandbox(container(&variables, &folder)).await;
    assert!(phones.starts_with("http://127.0.0.1:"), "{phones}");
    assert_eq!(server.terminate().await, Some(0));
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn the_production_composition_refuses_to_start_without_secrets_or_provider() {
    let compose = file("compose.production.yaml");
    let given = SECRETS.map(|name| (name, "a".to_owned()));
    for missing in SECRETS {
        let others: Vec<_> = given
            .iter()
            .filter(|(name, _)| *name != missing)
            .cloned()
            .collect();
        assert_eq!(environment(Some(&compose), &others), Err(missing));
    }
    let folder = new_folder();
    let mut variables = environment(Some(&compose), &given).unwrap();
    set(
        &mut variables,
        "PINROUTE_PUBLIC_URL",
        "https://verify.example.com",
    );
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (key, provider, expected) in [("", "a-token", "secret_key:"), (key, "", "telegram.token")] {
        set(&mut variables, "PINROUTE_SECRET_KEY", key);
        set(&mut variables, "PINROUTE_TELEGRAM__TOKEN", provider);
        let output = run(container(&variables, &folder)).await;
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(expected), "{expected} in {said}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

async fn the_production_composition_starts_with_its_secrets(stage: Stage) {
    let given = [
        (
            "PINROUTE_PUBLIC_URL",
            "https://verify.example.com".to_owned(),
        ),
        ("PINROUTE_SECRET_KEY", stage.secret_key.clone()),
        ("POSTGRES_PASSWORD", "a".to_owned()),
    ];
    let mut variables = environment(Some(&file("compose.production.yaml")), &given).unwrap();
    // The servers of the composition are the stage's.
    for (name, expected, ours) in [
        (
            "PINROUTE_DATABASE_URL",
            "postgres://pinroute:a@postgres/pinroute",
            &stage.database_url,
        ),
        ("PINROUTE_REDIS_URL", "redis://redis:6379", &stage.redis_url),
    ] {
        assert!(variables.contains(&(name.to_owned(), expected.to_owned())));
        set(&mut variables, name, ours);
    }
    set(&mut variables, "PINROUTE_TELEGRAM__TOKEN", "a-token");
    let server = Server::start(container(&variables, &stage.folder)).await;
    let base = server.base.replace("0.0.0.0", "127.0.0.1");
    let ready = json(&format!("{base}/readyz")).await;
    assert_eq!(
        (&ready["sandbox"], &ready["redis"]),
        (&Value::Bool(false), &Value::from("ok"))
    );
    assert_eq!(health(&base).await, Some(0));
    assert_eq!(server.terminate().await, Some(0));
}
