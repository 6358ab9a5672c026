//! `pinroute health`: whether a server is ready, for health checks of containers.

use std::path::Path;
use std::time::Duration;

use super::{Failure, runtime, say, settings};
use crate::app::on_this_machine;
use crate::channels::transport;
use crate::reader::url;

/// How long the answer may take: less than the time that a container engine gives its check.
const PATIENCE: Duration = Duration::from_secs(2);
/// Of an answer that is shown.
const MOST_SHOWN: usize = 200;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Address of the server, such as `http://127.0.0.1:8080`; by default the configured `listen`.
    #[arg(value_parser = base)]
    url: Option<String>,
}

fn base(text: &str) -> Result<String, String> {
    url::base(text)
}

pub fn run(file: Option<&Path>, arguments: &Arguments) -> Result<(), Failure> {
    let base = match &arguments.url {
        Some(base) => base.clone(),
        None => here(file)?,
    };
    let status = runtime()?.block_on(ask(&base)).map_err(Failure::Failed)?;
    say(&status);
    Ok(())
}

/// Where the configured server listens. Its warnings are left out: a health check runs every few seconds.
fn here(file: Option<&Path>) -> Result<String, Failure> {
    let (settings, _) = settings::read(file)?;
    if settings.listen.port() == 0 {
        let fault = "listen: port 0 is picked when the server starts; run `pinroute health http://127.0.0.1:PORT`";
        return Err(Failure::Wrong(vec![fault.to_owned()]));
    }
    Ok(format!("http://{}", on_this_machine(settings.listen)))
}

/// The `status` of a server that is ready, or why it is not.
async fn ask(base: &str) -> Result<String, String> {
    let url = match base.strip_suffix("/readyz") {
        Some(_) => base.to_owned(),
        None => format!("{base}/readyz"),
    };
    let client = transport::client(|builder| builder.timeout(PATIENCE).no_proxy())
        .map_err(|error| error.to_string())?;
    let answer = client.get(&url).send().await.map_err(|error| {
        let why = match error.is_timeout() {
            true => format!("no answer within {} s", PATIENCE.as_secs()),
            false => transport::told(&error),
        };
        format!("{url}: {why}")
    })?;
    let status = answer.status().as_u16();
    let body = answer.bytes().await.unwrap_or_default();
    let told: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
    let word = |key: &str| told.as_ref()?.get(key)?.as_str().map(short);
    if status == 200 {
        return Ok(word("status").unwrap_or_else(|| "ok".to_owned()));
    }
    Err(match word("detail").or_else(|| word("title")) {
        Some(why) => format!("{url} answered {status}: {why}"),
        None => format!("{url} answered {status}"),
    })
}

/// For one line.
fn short(text: &str) -> String {
    let shown = text.chars().take(MOST_SHOWN);
    shown
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
