//! An event as a sink gets it: `CloudEvents` 1.0 in its JSON format, with the extension attributes `sequence` and `project`.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// What an event is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The message's, the same in each try.
    pub id: Uuid,
    /// Where it comes from: the server's public URL.
    pub source: &'a str,
    pub kind: &'a str,
    pub at: DateTime<Utc>,
    pub verification: Option<Uuid>,
    /// Counts the events of the verification.
    pub sequence: Option<u32>,
    /// The project's name.
    pub project: Option<&'a str>,
}

/// In the order in which the specification lists them.
#[derive(Serialize)]
struct CloudEvent<'a> {
    id: Uuid,
    source: &'a str,
    specversion: &'static str,
    #[serde(rename = "type")]
    kind: &'a str,
    datacontenttype: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Uuid>,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<&'a str>,
    data: &'a Value,
}

/// The event on one line.
#[must_use]
pub fn cloud_event(about: &About<'_>, data: &Value) -> String {
    let event = CloudEvent {
        id: about.id,
        source: about.source,
        specversion: "1.0",
        kind: about.kind,
        datacontenttype: "application/json",
        subject: about.verification,
        time: about.at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        // The extension wants a text that sorts as its number does.
        sequence: about.sequence.map(|sequence| format!("{sequence:010}")),
        project: about.project,
        data,
    };
    serde_json::to_string(&event).expect("it consists of strings, ids and JSON")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_known_is_left_out() {
        let about = About {
            id: Uuid::nil(),
            source: "https://verify.example",
            kind: "verification.sent",
            at: DateTime::from_timestamp_millis(1_789_894_598_123).unwrap(),
            verification: Some(Uuid::max()),
            sequence: Some(2),
            project: Some("shop"),
        };
        let data = json!({ "text": "two\nlines" });
        assert_eq!(
            cloud_event(&about, &data),
            r#"{"id":"00000000-0000-0000-0000-000000000000","source":"https://verify.example","specversion":"1.0","type":"verification.sent","datacontenttype":"application/json","subject":"ffffffff-ffff-ffff-ffff-ffffffffffff","time":"2026-09-20T08:56:38.123Z","sequence":"0000000002","project":"shop","data":{"text":"two\nlines"}}"#
        );
        let bare = About {
            verification: None,
            sequence: None,
            project: None,
            ..about
        };
        let written: Value = serde_json::from_str(&cloud_event(&bare, &data)).unwrap();
        for name in ["subject", "sequence", "project"] {
            assert!(written.get(name).is_none(), "{name}");
        }
    }
}
