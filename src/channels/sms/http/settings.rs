//! `kind = "http"`: any provider that speaks HTTP, described by its request and the fields of its answers.

use super::placeholder::Placeholders;
use crate::reader::{Checked, Faults, Field, Reader, Secret, all, is_placeholder, optional, url};
use std::fmt;

/// A request that sends one message, and how its answer and its later report are read.
#[derive(Clone)]
pub struct Settings {
    pub method: Method,
    /// With placeholders; it may hold a token.
    pub url: String,
    pub headers: Vec<(String, Secret)>,
    pub body: Body,
    /// JSON pointer to the provider's message id in the answer.
    pub id_pointer: Option<String>,
    /// A 2xx is a success only if this matches.
    pub accept: Option<Match>,
    /// This means that the number cannot be reached.
    pub refuse: Option<Match>,
    pub report: Option<ReportMap>,
    /// It is given the text, and no code besides, so it can carry texts without one.
    pub sends_text_alone: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

/// What carries the message's fields, with placeholders in the values.
#[derive(Clone, PartialEq)]
pub enum Body {
    Json(serde_json::Value),
    Form(Vec<(String, String)>),
    Query(Vec<(String, String)>),
}

/// Holds when the value at `pointer`, as a text, is one of `values`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    pub pointer: String,
    pub values: Vec<String>,
}

/// How a delivery report is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportMap {
    pub id_pointer: Option<String>,
    pub status_pointer: String,
    pub delivered: Vec<String>,
    pub failed: Vec<String>,
}

/// Providers take their keys in paths and fields too, so only the shape is shown.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("HttpSms")
            .field("method", &self.method)
            .field("url", &url::origin_shown(&self.url))
            .field("headers", &headers)
            .field("body", &self.body)
            .field("id_pointer", &self.id_pointer)
            .field("accept", &self.accept)
            .field("refuse", &self.refuse)
            .field("report", &self.report)
            .field("sends_text_alone", &self.sends_text_alone)
            .finish()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json(_) => "Json(…)",
            Self::Form(_) => "Form(…)",
            Self::Query(_) => "Query(…)",
        })
    }
}

impl Settings {
    pub fn read(table: &mut Reader<'_>) -> Checked<Self> {
        let mut seen = Seen {
            placeholders: Placeholders::default(),
            report: table.report,
            sound: true,
        };
        let methods = [("POST", Method::Post), ("GET", Method::Get)];
        let method = optional(table.find("method"), |field| field.choice(&methods))
            .map(|method| method.unwrap_or(Method::Post));
        let url = address(table, &mut seen);
        let headers = optional(table.find("headers"), |field| {
            field.headers(|path, value| seen.text(path, value, true))
        });
        let body = body(table, &mut seen);
        let id_pointer = optional(table.find("id_pointer"), pointer);
        let accept = optional(table.find("accept"), matching);
        let refuse = optional(table.find("refuse"), matching);
        let report = optional(table.find("report"), report_map);

        if let (Ok(Method::Get), Ok(Body::Json(_) | Body::Form(_))) = (&method, &body) {
            table.fault(
                "method",
                "`GET` carries no body; use query = {…}, or method = \"POST\"",
            );
        }
        // Half of the error texts do not name the missing part.
        if seen.sound && url.is_ok() && headers.is_ok() && body.is_ok() {
            for missing in seen.placeholders.missing() {
                table.report.fault(table.own_path(), missing);
            }
            if matches!(report, Ok(Some(_))) && !seen.placeholders.uses("callback_url") {
                table.report.warn(
                    table.path("report"),
                    "reports never come, because {callback_url} is sent nowhere",
                );
            }
        }
        Ok(Self {
            method: method?,
            url: url?,
            headers: headers?.unwrap_or_default(),
            body: body?,
            id_pointer: id_pointer?,
            accept: accept?,
            refuse: refuse?,
            report: report?,
            sends_text_alone: seen.placeholders.uses("text") && !seen.placeholders.uses("code"),
        })
    }
}

/// Collects the placeholders of all texts of a provider.
struct Seen<'a> {
    placeholders: Placeholders,
    report: &'a Faults<'a>,
    /// Whether every placeholder is a known one.
    sound: bool,
}

impl Seen<'_> {
    fn text(&mut self, path: &str, text: &str, secret: bool) {
        if is_placeholder(text) {
            self.report
                .fault(path, "holds a placeholder; put the real value there");
            self.sound = false;
        }
        if let Err(problem) = self.placeholders.note(text, secret) {
            self.report.fault(path, problem);
            self.sound = false;
        }
    }
}

/// It may hold a token, so it can come from a file, and no fault shows more of it than its host.
fn address(table: &mut Reader<'_>, seen: &mut Seen<'_>) -> Checked<String> {
    let Some(secret) = table.secret("url")? else {
        return Err(table.fault(
            "url",
            "is missing; write where messages are sent, such as https://sms.example/send",
        ));
    };
    let text = secret.expose();
    if let Err(problem) = url::check_http(text) {
        return Err(table.fault("url", format!("`{}` {problem}", url::origin_shown(text))));
    }
    seen.text(&table.path("url"), text, false);
    url::warn_of_example(table.report, &table.path("url"), text);
    Ok(text.to_owned())
}

fn body(table: &mut Reader<'_>, seen: &mut Seen<'_>) -> Checked<Body> {
    let (json, form, query) = (table.find("json"), table.find("form"), table.find("query"));
    let given = [("json", &json), ("form", &form), ("query", &query)];
    let given: Vec<&str> = given
        .iter()
        .filter(|(_, field)| field.is_some())
        .map(|(name, _)| *name)
        .collect();
    match (json, form, query) {
        (Some(json), None, None) => json
            .json(&mut |path, text, secret| seen.text(path, text, secret))
            .map(Body::Json),
        (None, Some(form), None) => pairs(form, seen).map(Body::Form),
        (None, None, Some(query)) => pairs(query, seen).map(Body::Query),
        _ => {
            let problem = if given.is_empty() {
                "none of json, form and query is given; write the fields of the message in one of them".to_owned()
            } else {
                format!("{} are given; keep one", given.join(" and "))
            };
            Err(table.report.fault(table.own_path(), problem))
        }
    }
}

fn pairs(field: Field<'_>, seen: &mut Seen<'_>) -> Checked<Vec<(String, String)>> {
    all(field.entries()?.into_iter().map(|(name, field)| {
        let path = field.path.clone();
        if field.is_table() {
            let secret = field.secret()?;
            seen.text(&path, secret.expose(), true);
            return Ok((name, secret.expose().to_owned()));
        }
        let value = field.scalar()?;
        seen.text(&path, &value, false);
        Ok((name, value))
    }))
}

fn pointer(field: Field<'_>) -> Checked<String> {
    field.parsed(|text| {
        if text.starts_with('/') {
            return Ok(text.to_owned());
        }
        Err(format!(
            "`{text}` is not a JSON pointer; it begins with /, such as /message_id"
        ))
    })
}

fn matching(field: Field<'_>) -> Checked<Match> {
    let mut table = field.table()?;
    let pointer = table.get("pointer").and_then(pointer);
    let values = table.get("values").and_then(values);
    if values.as_ref().is_ok_and(Vec::is_empty) {
        table.fault(
            "values",
            "is empty, so it would never match; write at least one value",
        );
    }
    table.finish();
    Ok(Match {
        pointer: pointer?,
        values: values?,
    })
}

fn report_map(field: Field<'_>) -> Checked<ReportMap> {
    let mut table = field.table()?;
    let id_pointer = optional(table.find("id_pointer"), pointer);
    let status_pointer = table.get("status_pointer").and_then(pointer);
    let delivered = table.get("delivered").and_then(values);
    let failed = optional(table.find("failed"), values).map(Option::unwrap_or_default);
    if let (Ok(delivered), Ok(failed)) = (&delivered, &failed) {
        if delivered.is_empty() {
            table.fault(
                "delivered",
                "is empty, so nothing would ever count as delivered",
            );
        }
        for word in delivered.iter().filter(|word| failed.contains(word)) {
            table.fault(
                "failed",
                format!("`{word}` is in `delivered` too; keep one"),
            );
        }
    }
    table.finish();
    Ok(ReportMap {
        id_pointer: id_pointer?,
        status_pointer: status_pointer?,
        delivered: delivered?,
        failed: failed?,
    })
}

fn values(field: Field<'_>) -> Checked<Vec<String>> {
    all(field.items()?.into_iter().map(Field::scalar))
}
