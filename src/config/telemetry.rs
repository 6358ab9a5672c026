//! Reads `[telemetry]`.

use super::settings::Telemetry;
use crate::reader::{Checked, Field, Reader, optional, url};

pub(super) fn read(mut table: Reader<'_>) -> Checked<Telemetry> {
    let otlp_endpoint = optional(table.find("otlp_endpoint"), endpoint);
    let headers = optional(table.find("headers"), |field| field.headers(|_, _| {}));
    let service_name = table.get("service_name").and_then(|field| {
        field.parsed(|text| {
            let fits = (1..=100).contains(&text.chars().count());
            (fits && !text.chars().any(char::is_control))
                .then(|| text.to_owned())
                .ok_or("must be one line of 1 to 100 characters")
        })
    });
    let sample = table
        .get("sample")
        .and_then(|field| field.number(0.0..=1.0));
    table.finish();
    Ok(Telemetry {
        otlp_endpoint: otlp_endpoint?,
        headers: headers?.unwrap_or_default(),
        service_name: service_name?,
        sample: sample?,
    })
}

fn endpoint(field: Field<'_>) -> Checked<String> {
    let (path, report) = (field.path.clone(), field.report);
    let base = url::read_base(field)?;
    if base.ends_with("/v1/traces") {
        return Err(report.fault(
            path,
            format!("`{base}` ends with /v1/traces, which is appended to it; leave it out"),
        ));
    }
    Ok(base)
}
