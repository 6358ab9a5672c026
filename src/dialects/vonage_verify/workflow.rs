//! The workflow of a request: the route of its verification, in stages.

use serde_json::Value;

use super::fields::{Fields, string};
use crate::message::text;
use crate::verification::policy::SmsMeans;
use crate::verification::route::{Channel, Step};

/// Vonage's own limit is not published.
const MOST_STEPS: usize = 10;

/// A step of a workflow, as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub channel: Channel,
    /// As it was written.
    pub to: String,
    pub app_hash: Option<String>,
}

/// What a step has besides these is not Pinroute's: a sender is the operator's to choose.
pub fn read(fields: &mut Fields) -> Vec<Asked> {
    let steps = fields.each("workflow", MOST_STEPS, |step| {
        let channel = step.require("channel", channel);
        let to = step.require("to", |value| string(value).map(str::to_owned));
        let app_hash = step.take("app_hash", app_hash);
        Some(Asked {
            channel: channel?,
            to: to?,
            app_hash,
        })
    });
    let first = steps.first().map(|step| digits(&step.to));
    let differs = |step: &Asked| first.is_some_and(|first| digits(&step.to) != first);
    if steps.iter().any(differs) {
        fields.fault("workflow", "the steps must have the same `to`");
    }
    steps
}

/// A number without its plus sign, as Vonage writes it.
pub fn digits(to: &str) -> &str {
    let to = to.trim();
    to.strip_prefix('+').unwrap_or(to)
}

fn channel(value: &Value) -> Result<Channel, String> {
    let known = string(value)?.parse();
    known.map_err(|_: String| format!("is not a channel here; there are {}", Channel::list()))
}

fn app_hash(value: &Value) -> Result<String, String> {
    let text = string(value)?;
    if text::is_app_hash(text) {
        Ok(text.to_owned())
    } else {
        Err("must be 11 characters of base64".to_owned())
    }
}

/// The steps of each stage. A step for SMS follows the project's route, except for the channels that the workflow places itself, and once:
/// a later one is SMS alone. `Err`: the place of a step that the project's route does not have.
pub fn stages(asked: &[Asked], route: &[Step], sms: SmsMeans) -> Result<Vec<Vec<Step>>, usize> {
    let mut follows = sms == SmsMeans::Route;
    let is_placed = |channel| asked.iter().any(|step| step.channel == channel);
    let mut stages = Vec::new();
    for (place, step) in asked.iter().enumerate() {
        let is_route = step.channel == Channel::Sms && std::mem::take(&mut follows);
        let own = route
            .iter()
            .filter(|own| own.channel == step.channel || (is_route && !is_placed(own.channel)));
        let most = if is_route { usize::MAX } else { 1 };
        let stage: Vec<Step> = own.take(most).cloned().collect();
        if stage.is_empty() {
            return Err(place);
        }
        stages.push(stage);
    }
    Ok(stages)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn asked(channels: &[Channel]) -> Vec<Asked> {
        let step = |channel: &Channel| Asked {
            channel: *channel,
            to: "998901234567".to_owned(),
            app_hash: None,
        };
        channels.iter().map(step).collect()
    }

    /// The channels of each stage, in letters.
    fn letters(
        route: &[Channel],
        sms: SmsMeans,
        workflow: &[Channel],
    ) -> Result<Vec<String>, usize> {
        let step = |channel: &Channel| Step {
            channel: *channel,
            wait: Duration::from_secs(30),
            approve_within: None,
        };
        let route: Vec<Step> = route.iter().map(step).collect();
        let letter = |step: &Step| {
            if step.channel == Channel::Sms {
                's'
            } else {
                't'
            }
        };
        let stages = stages(&asked(workflow), &route, sms)?;
        Ok(stages
            .iter()
            .map(|stage| stage.iter().map(letter).collect())
            .collect())
    }

    #[test]
    fn a_step_for_sms_follows_the_route_once_and_leaves_out_what_the_workflow_places() {
        use Channel::{Sms, Telegram};
        use SmsMeans::{Literal, Route};
        let usual = [Telegram, Sms];
        for (route, sms, workflow, expected) in [
            (&usual[..], Route, &[Sms][..], Ok(vec!["ts"])),
            (&usual, Route, &[Sms, Sms], Ok(vec!["ts", "s"])),
            (&usual, Route, &[Telegram, Sms], Ok(vec!["t", "s"])),
            (&usual, Route, &[Sms, Telegram], Ok(vec!["s", "t"])),
            (&usual, Literal, &[Sms], Ok(vec!["s"])),
            (&[Telegram], Route, &[Sms], Ok(vec!["t"])),
            (&[Telegram], Route, &[Telegram, Sms], Err(1)),
            (&[Telegram], Literal, &[Sms], Err(0)),
            (&[Sms], Route, &[Telegram], Err(0)),
            (&[Telegram, Sms, Telegram], Route, &[Sms], Ok(vec!["tst"])),
            (
                &[Telegram, Sms, Telegram],
                Route,
                &[Telegram],
                Ok(vec!["t"]),
            ),
        ] {
            let expected = expected.map(|it| it.into_iter().map(str::to_owned).collect());
            assert_eq!(
                letters(route, sms, workflow),
                expected,
                "{route:?} {workflow:?}"
            );
        }
    }
}
