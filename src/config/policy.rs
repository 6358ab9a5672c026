//! Reads `[defaults]`: the policy that projects follow, and the money brake.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::ages;
use super::budgets::{self, OFF};
use super::guard;
use crate::message::text::{self, Templates};
use crate::reader::{Checked, Field, Reader, all, optional};
use crate::verification::countries::{Area, Countries};
use crate::verification::numbers::{FixedLine, Numbers};
use crate::verification::phone::Country;
use crate::verification::policy::is_limit_name;
use crate::verification::policy::{Limits, Policy, Quota, SmsMeans, TwilioRules, VonageRules};
use crate::verification::route::Step;
use crate::verification::span;

const DAY: Duration = Duration::from_hours(24);
const SECOND: Duration = Duration::from_secs(1);
/// Every country.
const ANY: &str = "*";

pub(super) fn read(mut table: Reader<'_>) -> Checked<Policy> {
    let code_length = table
        .get("code_length")
        .and_then(|field| field.whole(4..=8));
    let ttl = table
        .get("ttl")
        .and_then(|field| field.span(Duration::from_secs(30)..=DAY));
    let max_checks = table
        .get("max_checks")
        .and_then(|field| field.whole(1..=100));
    let max_sends = table.get("max_sends").and_then(|field| field.whole(1..=50));
    let resend_after = table
        .get("resend_after")
        .and_then(|field| field.span(Duration::ZERO..=DAY));
    let route = table.get("route").and_then(route);
    let numbers = table.get("numbers").and_then(numbers);
    let countries = table.get("countries").and_then(countries);
    let limits = table.get("limits").and_then(limits);
    let budgets = table.get("budget").and_then(budgets::read);
    let max_segments = table
        .get("max_segments")
        .and_then(|field| field.whole(1..=10));
    let templates = table
        .get("templates")
        .and_then(|field| templates(field, *max_segments.as_ref().unwrap_or(&10)));
    let brand = table.get("brand").and_then(brand);
    let twilio = table.get("twilio").and_then(twilio);
    let vonage = table.get("vonage").and_then(vonage);
    let guard = table.get("guard").and_then(guard::read);
    let retention = table.get("retention").and_then(ages::read);
    table.finish();
    Ok(Policy {
        code_length: code_length?,
        ttl: ttl?,
        max_checks: max_checks?,
        max_sends: max_sends?,
        resend_after: resend_after?,
        route: route?,
        numbers: numbers?,
        countries: countries?,
        limits: limits?,
        templates: templates?,
        max_segments: max_segments?,
        brand: brand?,
        budgets: budgets?,
        twilio: twilio?,
        vonage: vonage?,
        guard: guard?,
        retention: retention?,
    })
}

fn route(field: Field<'_>) -> Checked<Vec<Step>> {
    let (path, report) = (field.path.clone(), field.report);
    let steps = field.items()?;
    if steps.is_empty() {
        return Err(report.fault(
            path,
            "has no step; write at least one, such as { channel = \"sms\", wait = \"60s\" }",
        ));
    }
    all(steps.into_iter().map(step))
}

fn step(field: Field<'_>) -> Checked<Step> {
    let mut table = field.table()?;
    let channel = table
        .get("channel")
        .and_then(|field| field.parsed(str::parse));
    let wait = table
        .get("wait")
        .and_then(|field| field.span(SECOND..=Duration::from_hours(1)));
    let approve_within = optional(table.find("approve_within"), |field| {
        field.span(SECOND..=DAY)
    });
    table.finish();
    Ok(Step {
        channel: channel?,
        wait: wait?,
        approve_within: approve_within?,
    })
}

fn numbers(field: Field<'_>) -> Checked<Numbers> {
    let mut table = field.table()?;
    let default_country = table.get("default_country").and_then(|field| {
        if field.is_text("") {
            return Ok(None);
        }
        field.parsed(|text| match Country::existing(text)? {
            Country::NONE => Err(format!(
                "`{text}` has no national form of numbers; name a country, or leave it empty"
            )),
            country => Ok(Some(country)),
        })
    });
    let usual = table.get("fixed_line").and_then(fixed_line);
    let fixed_line_countries = table
        .get("fixed_line_countries")
        .and_then(Field::entries)
        .and_then(|entries| {
            all(entries.into_iter().map(|(code, field)| {
                let country = match Country::existing(&code) {
                    Ok(country) => country,
                    Err(problem) => return field.fault(problem),
                };
                Ok((country, fixed_line(field)?))
            }))
        });
    table.finish();
    Ok(Numbers {
        default_country: default_country?,
        fixed_line: usual?,
        fixed_line_countries: fixed_line_countries?.into_iter().collect(),
    })
}

fn fixed_line(field: Field<'_>) -> Checked<FixedLine> {
    field.parsed(|text| match text {
        "refuse" => Ok(FixedLine::Refuse),
        "try" => Ok(FixedLine::Try),
        other => Err(format!("`{other}` is neither refuse nor try")),
    })
}

fn countries(field: Field<'_>) -> Checked<Countries> {
    let mut table = field.table()?;
    let allow = table.get("allow").and_then(allowed);
    let mut others = |name, instead: &'static str| {
        table.get(name).and_then(Field::items).and_then(|items| {
            all(items.into_iter().map(|item| {
                if item.is_text(ANY) {
                    return item.fault(instead);
                }
                area(item)
            }))
        })
    };
    let deny = others(
        "deny",
        "`*` cannot be denied; to admit no country, write allow = []",
    );
    let monitor = others(
        "monitor",
        "`*` cannot be monitored; name countries or prefixes",
    );
    table.finish();
    let (every, allow) = allow?;
    Ok(Countries {
        every,
        allow,
        deny: deny?,
        monitor: monitor?,
    })
}

/// Whether every country is allowed, and what is named beside `*`, or alone.
fn allowed(field: Field<'_>) -> Checked<(bool, Vec<Area>)> {
    let (path, report) = (field.path.clone(), field.report);
    let items = field.items()?;
    let every = items.iter().any(|item| item.is_text(ANY));
    let named = items.into_iter().filter(|item| !item.is_text(ANY));
    let named: Vec<Area> = all(named.map(area))?;
    let needless = |area: &Area| matches!(area, Area::Country(own) if *own != Country::NONE);
    if every && named.iter().any(needless) {
        return Err(report.fault(
            path,
            "`*` admits every country already; keep beside it only 001 and prefixes, or remove it",
        ));
    }
    Ok((every, named))
}

fn area(field: Field<'_>) -> Checked<Area> {
    field.parsed(Area::parse)
}

fn limits(field: Field<'_>) -> Checked<Limits> {
    let mut table = field.table()?;
    let per_number = table.get("per_number").and_then(rates);
    let per_ip = table.get("per_ip").and_then(rates);
    let creates = table.get("creates").and_then(rates);
    let wrong_codes_per_number = table.get("wrong_codes_per_number").and_then(rates);
    let keys = table.get("keys").and_then(limit_keys);
    table.finish();
    Ok(Limits {
        per_number: per_number?,
        per_ip: per_ip?,
        creates: creates?,
        wrong_codes_per_number: wrong_codes_per_number?,
        keys: keys?,
    })
}

/// Limits of the site's own. One without rates limits nothing.
fn limit_keys(field: Field<'_>) -> Checked<BTreeMap<String, Vec<Quota>>> {
    let limit = |(name, field): (String, Field<'_>)| {
        if !is_limit_name(&name) {
            return field.fault("must be 1 to 64 letters, digits, dots, hyphens and underscores");
        }
        let items = field.items()?;
        let rates = all(items.into_iter().map(|item| item.parsed(str::parse)))?;
        Ok((name, rates))
    };
    let found = all(field.entries()?.into_iter().map(limit))?;
    Ok(found.into_iter().collect())
}

fn rates(field: Field<'_>) -> Checked<Vec<Quota>> {
    if field.is_text(OFF) {
        return Ok(Vec::new());
    }
    let (path, report) = (field.path.clone(), field.report);
    let items = field.items()?;
    if items.is_empty() {
        return Err(report.fault(path, "is empty; \"off\" disables the limit"));
    }
    all(items.into_iter().map(|item| item.parsed(str::parse)))
}

fn brand(field: Field<'_>) -> Checked<String> {
    field.parsed(|text| {
        text::is_brand(text).then(|| text.trim().to_owned()).ok_or(
            "must be one line of at most 30 characters, without braces and without four digits in a row",
        )
    })
}

fn sms(field: Field<'_>) -> Checked<SmsMeans> {
    field.choice(&[("route", SmsMeans::Route), ("literal", SmsMeans::Literal)])
}

fn vonage(field: Field<'_>) -> Checked<VonageRules> {
    let mut table = field.table()?;
    let sms = table.get("sms").and_then(sms);
    table.finish();
    Ok(VonageRules { sms: sms? })
}

fn twilio(field: Field<'_>) -> Checked<TwilioRules> {
    let mut table = field.table()?;
    let sms = table.get("sms").and_then(sms);
    let custom_codes = table.get("custom_codes").and_then(Field::flag);
    let account_sid = table.get("account_sid").and_then(|field| sid(field, "AC"));
    let service_sid = table.get("service_sid").and_then(|field| sid(field, "VA"));
    table.finish();
    Ok(TwilioRules {
        sms: sms?,
        custom_codes: custom_codes?,
        account_sid: account_sid?,
        service_sid: service_sid?,
    })
}

/// A SID of Twilio's, or nothing.
fn sid(field: Field<'_>, prefix: &'static str) -> Checked<String> {
    field.parsed(|text| {
        let digits = text.strip_prefix(prefix).unwrap_or_default();
        let is_sid = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        (text.is_empty() || is_sid)
            .then(|| text.to_owned())
            .ok_or_else(|| format!("must be {prefix} and 32 hexadecimal digits, or empty"))
    })
}

fn templates(field: Field<'_>, max_segments: u32) -> Checked<Templates> {
    let template = |(tag, field): (String, Field<'_>)| {
        if !text::is_locale(&tag) {
            return field.fault("is not a language; name it by its tag, such as ru or pt-BR");
        }
        let text = field.parsed(|text| {
            text::check(text, max_segments)?;
            Ok::<_, String>(text.to_owned())
        })?;
        Ok((tag, text))
    };
    let found = all(field.entries()?.into_iter().map(template))?;
    Ok(found.into_iter().collect())
}

/// The policy as [`read`] reads it.
pub(super) fn written(policy: &Policy) -> serde_json::Value {
    let rates = |rates: &[Quota]| match rates {
        [] => json!(OFF),
        rates => json!(rates),
    };
    let step = |step: &Step| {
        let mut written = json!({ "channel": step.channel, "wait": span::format(step.wait) });
        if let Some(within) = step.approve_within {
            written["approve_within"] = json!(span::format(within));
        }
        written
    };
    let numbers = &policy.numbers;
    json!({
        "code_length": policy.code_length,
        "ttl": span::format(policy.ttl),
        "max_checks": policy.max_checks,
        "max_sends": policy.max_sends,
        "resend_after": span::format(policy.resend_after),
        "route": policy.route.iter().map(step).collect::<Vec<_>>(),
        "numbers": {
            "default_country": numbers.default_country.map_or_else(String::new, String::from),
            "fixed_line": numbers.fixed_line,
            "fixed_line_countries": numbers.fixed_line_countries,
        },
        "countries": {
            "allow": policy.countries.every.then(|| ANY.to_owned()).into_iter()
                .chain(policy.countries.allow.iter().map(ToString::to_string)).collect::<Vec<_>>(),
            "deny": policy.countries.deny,
            "monitor": policy.countries.monitor,
        },
        "limits": {
            "per_number": rates(&policy.limits.per_number),
            "per_ip": rates(&policy.limits.per_ip),
            "creates": rates(&policy.limits.creates),
            "wrong_codes_per_number": rates(&policy.limits.wrong_codes_per_number),
            "keys": policy.limits.keys,
        },
        "budget": budgets::written(&policy.budgets),
        "templates": policy.templates,
        "max_segments": policy.max_segments,
        "brand": policy.brand,
        "twilio": policy.twilio,
        "vonage": policy.vonage,
        "guard": guard::written(&policy.guard),
        "retention": ages::written(&policy.retention),
    })
}
