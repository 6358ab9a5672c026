//! `/v1/reports/…`: costs and conversion, as JSON, CSV or a spreadsheet; scope `finance`.

use std::convert::Infallible;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::caller::{Caller, Finance};
use crate::api::openapi::parameters::ReportFilter;
use crate::api::openapi::sets::Spreadsheet;
use crate::api::problem::{Code, Problem};
use crate::api::values;
use crate::gateway::{Gateway, ReportKind};
use crate::locale::Locale;
use crate::money::Currency;
use crate::reports::query::{self, Group};
use crate::reports::table::{Object, Table};
use crate::reports::{csv, xlsx};
use crate::web::Query;

/// The spending of a period.
#[derive(ToSchema)]
#[schema(as = CostReport)]
#[expect(dead_code, reason = "the shape for the OpenAPI document")]
pub struct CostReport {
    /// Of all its amounts.
    #[schema(pattern = "^[A-Z]{3}$")]
    currency: String,
    /// The first day.
    from: chrono::NaiveDate,
    /// The last day.
    to: chrono::NaiveDate,
    /// Decides where a day ends.
    tz: String,
    rows: Vec<CostRow>,
    /// The sum of the rows.
    total: CostFigures,
}

/// The requested groups, and their figures.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape for the OpenAPI document")]
struct CostRow {
    #[schema(inline)]
    #[serde(flatten)]
    groups: GroupNames,
    #[serde(flatten)]
    figures: CostFigures,
}

/// The requested groups.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape for the OpenAPI document")]
struct GroupNames {
    #[schema(example = "2026-11")]
    month: Option<String>,
    /// ISO 8601.
    #[schema(example = "2026-W48")]
    week: Option<String>,
    day: Option<chrono::NaiveDate>,
    /// Its start, with the zone's offset.
    #[schema(example = "2026-11-24T13:00:00+05:00")]
    hour: Option<String>,
    project: Option<String>,
    channel: Option<String>,
    provider: Option<String>,
    /// ISO 3166.
    country: Option<String>,
}

/// Counts and money. Verifications count on the day of their creation, in the row of their last attempt; money on its entry's day.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape for the OpenAPI document")]
struct CostFigures {
    verifications: i64,
    attempts: i64,
    /// Delivered attempts.
    delivered: i64,
    /// Approved verifications.
    approved: i64,
    #[schema(example = "1.23")]
    charged: String,
    #[schema(example = "0.05")]
    refunded: String,
    /// Documented by the provider, not reported yet; not in `net`.
    #[schema(example = "0.00")]
    refunded_expected: String,
    /// `charged` less `refunded`.
    #[schema(example = "1.18")]
    net: String,
    /// The cost of all requested sends by SMS: the default text at the country's cheapest rate.
    #[schema(example = "6.15")]
    sms_equivalent: String,
}

/// The conversion funnel.
#[derive(ToSchema)]
#[schema(as = ConversionReport)]
#[expect(dead_code, reason = "the shape for the OpenAPI document")]
pub struct ConversionReport {
    from: chrono::NaiveDate,
    to: chrono::NaiveDate,
    tz: String,
    rows: Vec<ConversionRow>,
    /// Each verification counts once.
    total: ConversionFigures,
}

/// The requested groups, and their figures.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape for the OpenAPI document")]
struct ConversionRow {
    #[schema(inline)]
    #[serde(flatten)]
    groups: GroupNames,
    #[serde(flatten)]
    figures: ConversionFigures,
}

/// A verification counts once, in the row of its last attempt; by channel or provider, each attempt counts in its own. Times are
/// in seconds since the start, within a tenth; null where there is no value yet.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape for the OpenAPI document")]
struct ConversionFigures {
    requested: i64,
    sent: i64,
    delivered: i64,
    read: i64,
    approved: i64,
    #[schema(required)]
    sent_p50: Option<f64>,
    #[schema(required)]
    sent_p95: Option<f64>,
    #[schema(required)]
    delivered_p50: Option<f64>,
    #[schema(required)]
    delivered_p95: Option<f64>,
    #[schema(required)]
    read_p50: Option<f64>,
    #[schema(required)]
    read_p95: Option<f64>,
    #[schema(required)]
    approved_p50: Option<f64>,
    #[schema(required)]
    approved_p95: Option<f64>,
    /// Of `requested`: the site or an identity server made the code, and nothing is known of what was entered. They are no part of the
    /// approval rate, `approved` of `requested` less these.
    checked_by_host: i64,
}

/// Declares the operations of one report: as JSON, as CSV and as a spreadsheet, each at its own path. Generated clients make a
/// union of the media types of one answer.
macro_rules! operations {
    (
        $kind:ident: $shape:ty,
        $(#[doc = $doc:literal])* $json:ident at $path:literal as $id:literal,
        $csv:ident at $csv_path:literal as $csv_id:literal $csv_title:literal,
        $xlsx:ident at $xlsx_path:literal as $xlsx_id:literal $xlsx_title:literal
    ) => {
        $(#[doc = $doc])*
        #[utoipa::path(
            get, operation_id = $id, path = $path, tag = "Finance",
            params(ReportFilter),
            responses((status = 200, description = "The report", body = $shape)),
            security(("key" = ["finance"]))
        )]
        pub async fn $json(
            caller: Caller<Finance>,
            gateway: web::Data<Gateway>,
            request: HttpRequest,
        ) -> Result<HttpResponse, Problem> {
            report(&caller, &gateway, &request, ReportKind::$kind, None).await
        }

        #[doc = $csv_title]
        ///
        /// RFC 4180: the first row names the columns, the last is the total.
        #[utoipa::path(
            get, operation_id = $csv_id, path = $csv_path, tag = "Finance",
            params(ReportFilter),
            responses((status = 200, description = "The report", body = String, content_type = "text/csv")),
            security(("key" = ["finance"]))
        )]
        pub async fn $csv(
            caller: Caller<Finance>,
            gateway: web::Data<Gateway>,
            request: HttpRequest,
        ) -> Result<HttpResponse, Problem> {
            report(&caller, &gateway, &request, ReportKind::$kind, Some(Form::Csv)).await
        }

        #[doc = $xlsx_title]
        #[utoipa::path(
            get, operation_id = $xlsx_id, path = $xlsx_path, tag = "Finance",
            params(ReportFilter),
            responses((
                status = 200, description = "The report", body = inline(Spreadsheet),
                content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            )),
            security(("key" = ["finance"]))
        )]
        pub async fn $xlsx(
            caller: Caller<Finance>,
            gateway: web::Data<Gateway>,
            request: HttpRequest,
        ) -> Result<HttpResponse, Problem> {
            report(&caller, &gateway, &request, ReportKind::$kind, Some(Form::Xlsx)).await
        }
    };
}

operations! {
    Costs: CostReport,
    /// Report costs
    ///
    /// Charges, refunds, and the cost of SMS alone. With `format` or `Accept` it is the CSV or the spreadsheet of the paths below.
    costs at "/v1/reports/costs" as "reportCosts",
    costs_csv at "/v1/reports/costs.csv" as "exportCostsCsv" "Report costs as CSV",
    costs_xlsx at "/v1/reports/costs.xlsx" as "exportCostsXlsx" "Report costs as a spreadsheet"
}

operations! {
    Conversion: ConversionReport,
    /// Report conversion
    ///
    /// From request to approval: how many verifications reached each stage, and how quickly. With `format` or `Accept` it is the CSV or
    /// the spreadsheet of the paths below.
    conversion at "/v1/reports/conversion" as "reportConversion",
    conversion_csv at "/v1/reports/conversion.csv" as "exportConversionCsv" "Report conversion as CSV",
    conversion_xlsx at "/v1/reports/conversion.xlsx" as "exportConversionXlsx" "Report conversion as a spreadsheet"
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Csv,
    Xlsx,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    from: String,
    to: String,
    tz: &'static str,
    rows: Vec<Object<'a>>,
    total: Object<'a>,
}

async fn report(
    caller: &Caller<Finance>,
    gateway: &Gateway,
    request: &HttpRequest,
    kind: ReportKind,
    fixed: Option<Form>,
) -> Result<HttpResponse, Problem> {
    let mut asked = Query::read(request)?;
    let named = values::project(&mut asked);
    let from = asked.take("from", query::date);
    let to = asked.take("to", query::date);
    let zone = asked.take("tz", query::zone).unwrap_or_default();
    let groups: Vec<Group> = asked.take("group_by", query::groups).unwrap_or_default();
    let currency = asked.take("currency", |text| {
        text.parse::<Currency>().map_err(|error| error.to_string())
    });
    let form = fixed.or_else(|| {
        asked.take("format", |text| match text {
            "json" => Ok(Form::Json),
            "csv" => Ok(Form::Csv),
            "xlsx" => Ok(Form::Xlsx),
            _ => Err("must be json, csv or xlsx".to_owned()),
        })
    });
    let totals = asked.take("totals", |text| match text {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => Err("must be 1 or 0".to_owned()),
    });
    let totals = totals.unwrap_or(true);
    let currency = currency.unwrap_or_else(|| gateway.reporting_currency());
    let query = match query::Query::new(from, to, zone, groups, currency, gateway.now()) {
        Ok(query) => Some(query),
        Err(fault) => {
            asked.fault(fault.name, fault.problem.to_string());
            None
        }
    };
    asked.finish()?;
    let mut query = query.ok_or_else(Problem::unavailable)?;
    let project = caller.project(gateway, named.as_deref())?;
    query.project = project.map(|project| project.0);
    let (from, to) = (query.from.to_string(), query.to.to_string());
    let made = gateway
        .finance()
        .report(&caller.access, kind, query.clone())
        .await;
    let table = made
        .map_err(|trouble| Problem::of(trouble, gateway.now()))?
        .map_err(|missing| {
            let mend = "PUT /v1/exchange-rates adds one";
            let detail = format!("{}; {mend}.", sentence(&missing.to_string()));
            Problem::new(Code::ExchangeRateMissing, detail).about("/currency")
        })?;
    let name = match kind {
        ReportKind::Costs => "costs",
        ReportKind::Conversion => "conversion",
    };
    let locale = reader(request);
    let file = |ending: &str| format!("attachment; filename=\"{name}-{from}-{to}.{ending}\"");
    Ok(match form.unwrap_or_else(|| accepted(request)) {
        Form::Json => HttpResponse::Ok().json(Body {
            currency: (kind == ReportKind::Costs).then(|| currency.to_string()),
            rows: table.rows().collect(),
            total: table.total(),
            tz: zone.name(),
            from,
            to,
        }),
        Form::Csv => HttpResponse::Ok()
            .content_type("text/csv; charset=utf-8")
            .insert_header((header::CONTENT_DISPOSITION, file("csv")))
            .streaming(stream::iter(
                csv::parts(table, totals).map(|part| Ok::<_, Infallible>(web::Bytes::from(part))),
            )),
        Form::Xlsx => HttpResponse::Ok()
            .content_type(xlsx::CONTENT_TYPE)
            .insert_header((header::CONTENT_DISPOSITION, file("xlsx")))
            .insert_header((header::CONTENT_LANGUAGE, locale.code))
            .insert_header((header::VARY, "accept-language"))
            .body(spreadsheet(
                &table,
                &xlsx::About {
                    locale,
                    // A program that names no language reads the keys.
                    for_programs: !request.headers().contains_key(header::ACCEPT_LANGUAGE),
                    query: &query,
                    project: project
                        .and_then(|id| gateway.directory().project_name(id))
                        .as_deref(),
                    made_at: gateway.now(),
                    totals,
                },
            )?),
    })
}

fn spreadsheet(table: &Table, about: &xlsx::About<'_>) -> Result<Vec<u8>, Problem> {
    xlsx::write(table, about).map_err(|error| {
        tracing::error!(%error, "a spreadsheet could not be written");
        Problem::unavailable()
    })
}

/// The language that `Accept-Language` names; English by default.
fn reader(request: &HttpRequest) -> &'static Locale {
    let header = request.headers().get(header::ACCEPT_LANGUAGE);
    let header = header.and_then(|value| value.to_str().ok());
    Locale::accepted(header.unwrap_or_default())
}

/// The format that `Accept` names; JSON by default.
fn accepted(request: &HttpRequest) -> Form {
    let accept = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if accept.starts_with("text/csv") {
        Form::Csv
    } else if accept.starts_with(xlsx::CONTENT_TYPE) {
        Form::Xlsx
    } else {
        Form::Json
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}
