//! Reads `guard` of a policy: the rules against pumping, with their modes and thresholds. What is left out has its default.

use serde_json::{Map, Value, json};

use crate::reader::{Checked, Field, Reader, all, optional};
use crate::verification::channel::Channel;
use crate::verification::guard::{Mode, Ratio, Rule, Rules, Surge, Thresholds, Unverified};
use crate::verification::phone::{Country, LineType};

const MODES: [(&str, Mode); 3] = [
    ("off", Mode::Off),
    ("shadow", Mode::Shadow),
    ("on", Mode::On),
];
const LINES: [(&str, LineType); 5] = [
    ("mobile", LineType::Mobile),
    ("fixed_line", LineType::FixedLine),
    ("fixed_or_mobile", LineType::FixedOrMobile),
    ("voip", LineType::Voip),
    ("other", LineType::Other),
];

pub(super) fn read(field: Field<'_>) -> Checked<Rules> {
    let mut table = field.table()?;
    let mode = optional(table.find("mode"), |field| field.choice(&MODES));
    let mut rules = mode.as_ref().map_or_else(
        |_| Rules::default(),
        |mode| mode.map_or_else(Rules::default, Rules::all),
    );
    let channels = optional(table.find("challenge_channels"), |field| {
        challenge_channels(field, &rules.challenge_channels)
    });
    let own = optional(table.find("rules"), |field| {
        read_rules(field.table()?, &mut rules)
    });
    mode?;
    own?;
    if let Some(channels) = channels? {
        rules.challenge_channels = channels;
    }
    let on = Rule::ALL
        .into_iter()
        .find(|rule| rule.challenges() && rules.mode(*rule) == Mode::On);
    if let Some(rule) = on.filter(|_| rules.challenge_channels.is_empty()) {
        let problem = format!(
            "is empty, so that `{}`, which is on, would deny whole ranges and countries; name telegram or whatsapp, or set the rule to shadow",
            rule.as_str()
        );
        return Err(table.fault("challenge_channels", problem));
    }
    table.finish();
    Ok(rules)
}

fn challenge_channels(field: Field<'_>, usual: &[Channel]) -> Checked<Vec<Channel>> {
    let channel = |field: Field<'_>| {
        field.parsed(|name| {
            let channel = Channel::from_storage(name);
            if channel.pays_termination() {
                return Err(format!(
                    "`{name}` pays operators for termination, which is what pumping earns; remove it"
                ));
            }
            let is_known = Channel::ALL.contains(&channel) || usual.contains(&channel);
            is_known
                .then_some(channel)
                .ok_or_else(|| format!("`{name}` is none of: telegram, whatsapp"))
        })
    };
    let mut found = all(field.items()?.into_iter().map(channel))?;
    found.dedup();
    Ok(found)
}

fn read_rules(mut table: Reader<'_>, rules: &mut Rules) -> Checked<()> {
    let mut read = Ok(());
    for rule in Rule::ALL {
        let found = optional(table.find(rule.as_str()), |field| {
            read_rule(rule, field.table()?, rules)
        });
        read = read.and(found.map(|_| ()));
    }
    table.finish();
    read
}

fn read_rule(rule: Rule, mut table: Reader<'_>, rules: &mut Rules) -> Checked<()> {
    let mode = optional(table.find("mode"), |field| field.choice(&MODES));
    let own = match rule {
        Rule::UnverifiedCountry => destination(&mut table, &mut rules.unverified_country),
        Rule::UnverifiedPrefix => destination(&mut table, &mut rules.unverified_prefix),
        Rule::UnverifiedIp => requester(&mut table, &mut rules.unverified_ip),
        Rule::UnverifiedNetwork => requester(&mut table, &mut rules.unverified_network),
        Rule::UnverifiedAsn => requester(&mut table, &mut rules.unverified_asn),
        Rule::CountriesPerIp => {
            optional(table.find("max"), |field| field.whole(1..=50)).map(|max| {
                let own = &mut rules.countries_per_ip;
                own.max = max.unwrap_or(own.max);
            })
        }
        Rule::Velocity => velocity(&mut table, rules),
        Rule::LineType => line_types(&mut table, rules),
        Rule::Listed | Rule::Monitored => Ok(()),
    };
    table.finish();
    if let Some(mode) = mode? {
        *rules.mode_mut(rule) = mode;
    }
    own
}

/// A budget of sends without a verification, and what differs by country.
fn destination(table: &mut Reader<'_>, own: &mut Unverified) -> Checked<()> {
    let usual = thresholds(table, own.usual)?;
    own.usual = usual;
    let countries = optional(table.find("countries"), |field| {
        by_country(field, |table| thresholds(table, usual))
    });
    own.countries.extend(countries?.into_iter().flatten());
    Ok(())
}

/// A requester has no countries: one address asks for many.
fn requester(table: &mut Reader<'_>, own: &mut Unverified) -> Checked<()> {
    own.usual = thresholds(table, own.usual)?;
    Ok(())
}

fn thresholds(table: &mut Reader<'_>, usual: Thresholds) -> Checked<Thresholds> {
    let mut ratio = |name, usual| {
        let found = optional(table.find(name), |field| field.number(0.0..=10.0))?;
        Ok(found.map_or(usual, ratio_of))
    };
    let daily_ratio = ratio("daily_ratio", usual.daily_ratio);
    let hourly_ratio = ratio("hourly_ratio", usual.hourly_ratio);
    let mut floor = |name, usual| {
        let found = optional(table.find(name), |field| field.whole(1..=1_000_000))?;
        Ok(found.unwrap_or(usual))
    };
    let floor_day: Checked<u32> = floor("floor_day", usual.floor_day);
    let floor_hour: Checked<u32> = floor("floor_hour", usual.floor_hour);
    let found = Thresholds {
        daily_ratio: daily_ratio?,
        hourly_ratio: hourly_ratio?,
        floor_day: floor_day?,
        floor_hour: floor_hour?,
    };
    if found.floor_hour > found.floor_day {
        let problem = format!(
            "is {}, and an hour has {}; write at least as much for a day as for an hour",
            found.floor_day, found.floor_hour
        );
        return Err(table.fault("floor_day", problem));
    }
    Ok(found)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 10,000"
)]
fn ratio_of(share: f64) -> Ratio {
    Ratio((share * 1_000.0).round() as u16)
}

fn by_country<T>(
    field: Field<'_>,
    read: impl Fn(&mut Reader<'_>) -> Checked<T>,
) -> Checked<Vec<(Country, T)>> {
    all(field.entries()?.into_iter().map(|(code, field)| {
        let country = match Country::existing(&code) {
            Ok(country) => country,
            Err(problem) => return field.fault(problem),
        };
        let mut table = field.table()?;
        let found = read(&mut table);
        table.finish();
        Ok((country, found?))
    }))
}

fn velocity(table: &mut Reader<'_>, rules: &mut Rules) -> Checked<()> {
    let usual = surge(table, rules.velocity.usual)?;
    rules.velocity.usual = usual;
    let countries = optional(table.find("countries"), |field| {
        by_country(field, |table| surge(table, usual))
    });
    let found = countries?.into_iter().flatten();
    rules.velocity.countries.extend(found);
    Ok(())
}

fn surge(table: &mut Reader<'_>, usual: Surge) -> Checked<Surge> {
    let k = optional(table.find("k"), |field| field.whole(2..=1_000));
    let minimum = optional(table.find("minimum"), |field| field.whole(1..=1_000_000));
    Ok(Surge {
        k: k?.unwrap_or(usual.k),
        minimum: minimum?.unwrap_or(usual.minimum),
    })
}

fn line_types(table: &mut Reader<'_>, rules: &mut Rules) -> Checked<()> {
    let denied = |field: Field<'_>| {
        let (path, report) = (field.path.clone(), field.report);
        match field.choice(&LINES)? {
            LineType::Mobile | LineType::FixedOrMobile => Err(report.fault(
                path,
                "would block mobile phones, which share these ranges in some countries; remove it",
            )),
            line => Ok(line),
        }
    };
    let deny = optional(table.find("deny"), |field| {
        all(field.items()?.into_iter().map(denied))
    });
    if let Some(deny) = deny? {
        rules.line_type.deny = deny;
    }
    Ok(())
}

/// The rules as [`read`] reads them; a mode is named only where it is not what `mode`, or nothing, would give.
pub(super) fn written(rules: &Rules) -> Value {
    let usual = rules.mode.map_or_else(Rules::default, Rules::all);
    let own: Map<String, Value> = Rule::ALL
        .into_iter()
        .map(|rule| {
            let mut written = match rule {
                Rule::UnverifiedCountry => of_unverified(&rules.unverified_country),
                Rule::UnverifiedPrefix => of_unverified(&rules.unverified_prefix),
                Rule::UnverifiedIp => of_thresholds(&rules.unverified_ip.usual),
                Rule::UnverifiedNetwork => of_thresholds(&rules.unverified_network.usual),
                Rule::UnverifiedAsn => of_thresholds(&rules.unverified_asn.usual),
                Rule::CountriesPerIp => json!({ "max": rules.countries_per_ip.max }),
                Rule::Velocity => {
                    let mut written = of_surge(rules.velocity.usual);
                    let countries = rules.velocity.countries.iter();
                    written["countries"] = countries
                        .map(|(country, own)| (country.to_string(), of_surge(*own)))
                        .collect::<Map<_, _>>()
                        .into();
                    written
                }
                Rule::LineType => json!({ "deny": rules.line_type.deny }),
                Rule::Listed | Rule::Monitored => json!({}),
            };
            if rules.mode(rule) != usual.mode(rule) {
                written["mode"] = json!(rules.mode(rule));
            }
            (rule.as_str().to_owned(), written)
        })
        .collect();
    let channels = rules.challenge_channels.iter().map(Channel::stored);
    let mut written = json!({ "challenge_channels": channels.collect::<Vec<_>>(), "rules": own });
    if let Some(mode) = rules.mode {
        written["mode"] = json!(mode);
    }
    written
}

fn of_unverified(own: &Unverified) -> Value {
    let mut written = of_thresholds(&own.usual);
    let countries = own.countries.iter();
    written["countries"] = countries
        .map(|(country, own)| (country.to_string(), of_thresholds(own)))
        .collect::<Map<_, _>>()
        .into();
    written
}

fn of_thresholds(own: &Thresholds) -> Value {
    let share = |ratio: Ratio| f64::from(ratio.0) / 1_000.0;
    json!({
        "daily_ratio": share(own.daily_ratio), "hourly_ratio": share(own.hourly_ratio),
        "floor_day": own.floor_day, "floor_hour": own.floor_hour,
    })
}

fn of_surge(own: Surge) -> Value {
    json!({ "k": own.k, "minimum": own.minimum })
}
