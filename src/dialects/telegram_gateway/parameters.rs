//! The parameters of a call, from the query, a form, JSON or several parts, as public clients send them: `null` and an empty text are
//! absent, numbers may be texts, and what is not known is ignored.

use actix_web::http::header;
use actix_web::{HttpRequest, web};
use serde_json::Value;

use super::fault::{Fault, Word};
use crate::json;
use crate::web::parts;

/// In the order in which they were given; `None` is a list, an object or bytes, which no parameter is.
#[derive(Debug, Default)]
pub struct Parameters(Pairs);

impl Parameters {
    pub async fn read(request: &HttpRequest, body: &[u8]) -> Result<Self, Fault> {
        let mut all = pairs(request.query_string())?;
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        all.extend(if body.is_empty() {
            Vec::new()
        } else if let Some(parts) = parts::read(request, body).await {
            parts.map_err(|_| Word::RequestInvalid)?
        } else if kind.contains("json") || body.trim_ascii_start().starts_with(b"{") {
            fields(body)?
        } else {
            let text = std::str::from_utf8(body).map_err(|_| Word::RequestInvalid)?;
            pairs(text)?
        });
        all.retain(|(_, value)| value.as_deref() != Some(""));
        Ok(Self(all))
    }

    /// A parameter, or `fault` if it is given several times with different values.
    pub fn take(&self, name: &str, fault: Word) -> Result<Option<String>, Fault> {
        let mut given = self.0.iter().filter(|(known, _)| known == name);
        let Some((_, first)) = given.next() else {
            return Ok(None);
        };
        if first.is_none() || given.any(|(_, value)| value != first) {
            return Err(fault.into());
        }
        Ok(first.clone())
    }

    /// A whole number; anything else is `fault`.
    pub fn whole<T: std::str::FromStr>(&self, name: &str, fault: Word) -> Result<Option<T>, Fault> {
        let Some(text) = self.take(name, fault)? else {
            return Ok(None);
        };
        let number = text.trim().parse().map_err(|_| fault)?;
        Ok(Some(number))
    }
}

type Pairs = Vec<(String, Option<String>)>;

fn pairs(text: &str) -> Result<Pairs, Fault> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(text);
    let pairs = pairs.map_err(|_| Word::RequestInvalid)?.into_inner();
    Ok(pairs
        .into_iter()
        .map(|(name, value)| (name, Some(value)))
        .collect())
}

fn fields(body: &[u8]) -> Result<Pairs, Fault> {
    let fields = match json::strict(body) {
        Ok(Value::Object(fields)) => fields,
        // As PHP writes an empty object.
        Ok(Value::Array(items)) if items.is_empty() => return Ok(Vec::new()),
        _ => return Err(Word::RequestInvalid.into()),
    };
    let text = |(name, value)| match value {
        Value::String(text) => Some((name, Some(text))),
        Value::Null => None,
        Value::Array(_) | Value::Object(_) => Some((name, None)),
        other => Some((name, Some(other.to_string()))),
    };
    Ok(fields.into_iter().filter_map(text).collect())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    async fn read(kind: &str, query: &str, body: &str) -> Result<Parameters, Fault> {
        let request = TestRequest::post()
            .uri(&format!("/?{query}"))
            .insert_header((header::CONTENT_TYPE, kind))
            .to_http_request();
        Parameters::read(&request, body.as_bytes()).await
    }

    #[tokio::test]
    async fn every_way_to_give_parameters_means_the_same() {
        const PARTS: &str = "--b\r\nContent-Disposition: form-data; name=\"ttl\"\r\n\r\n60\r\n\
            --b\r\nContent-Disposition: form-data; name=\"code\"\r\n\r\n\r\n--b--\r\n";
        for (kind, query, body) in [
            ("", "ttl=60&code=", ""),
            ("application/x-www-form-urlencoded", "", "ttl=60&code="),
            (
                "application/json; charset=utf-8",
                "",
                r#"{"ttl":60,"code":null}"#,
            ),
            ("application/json", "code", r#"{"ttl":"60","code":""}"#),
            ("", "", r#" {"ttl":60}"#),
            ("multipart/form-data; boundary=b", "", PARTS),
            ("application/json", "ttl=60", r#"{"ttl":60}"#),
        ] {
            let parameters = read(kind, query, body).await.unwrap();
            let ttl = parameters.whole("ttl", Word::TtlInvalid);
            assert_eq!(ttl, Ok(Some(60)), "{kind} {query} {body}");
            assert_eq!(parameters.take("code", Word::CodeInvalid), Ok(None));
        }
    }

    #[tokio::test]
    async fn contradictions_and_junk_are_refused() {
        let twice = read("", "ttl=60&ttl=61", "").await.unwrap();
        let ttl = twice.whole::<u32>("ttl", Word::TtlInvalid);
        assert_eq!(ttl, Err(Word::TtlInvalid.into()));
        for (kind, body) in [
            ("application/json", "{"),
            ("application/json", "[1]"),
            ("multipart/form-data; boundary=b", "--b\r\nno end"),
        ] {
            let fault = read(kind, "", body).await.unwrap_err();
            assert_eq!(fault, Word::RequestInvalid.into(), "{body}");
        }
    }
}
