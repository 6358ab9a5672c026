//! The filters of a report: read from the query string, and shown as a form that works without script.

use chrono::{Datelike, Days, Months, NaiveDate};
use maud::{Markup, html};

use super::list;
use crate::dashboard::frame::fields::{Fields, FormErrors, Input};
use crate::dashboard::frame::forms::{Form, encoded};
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::text::faults::filled;
use crate::gateway::Gateway;
use crate::reports::query::{self, Group, Query};

/// Filters as typed, and the query they make.
pub struct Asked {
    form: Form,
    pub wrong: FormErrors,
    /// Initial values of the fields.
    start: Query,
    /// `None` if any filter is invalid.
    pub query: Option<Query>,
}

/// Reads the filters of a report; `groups` is the default grouping.
pub fn asked(view: &Viewer, gateway: &Gateway, query_string: &str, groups: &[Group]) -> Asked {
    let form = Form::parse(query_string);
    let t = view.t.faults;
    let mut wrong = FormErrors::default();
    let mut day = |name: &'static str| match form.text(name) {
        "" => None,
        _ => wrong.day(view, name, &form),
    };
    let (from, to) = (day("from"), day("to"));
    let zone = match form.text("tz") {
        "" => Some(view.zone),
        text => wrong.or_note("tz", query::zone(text), |_| filled(t.not_a_zone, &[text])),
    };
    let currency = match form.text("currency") {
        "" => Some(gateway.reporting_currency()),
        _ => wrong.currency(view, "currency", &form),
    };
    let named: Vec<&str> = form.all("group").filter(|name| !name.is_empty()).collect();
    let groups = if named.is_empty() && form.text("shown").is_empty() {
        Some(groups.to_vec())
    } else {
        let names = named.join(",");
        wrong.or_note("group", query::groups(&names), |_| {
            filled(t.not_a_group, &[&names])
        })
    };
    let project = list::project(view, gateway, &form, &mut wrong);
    let zone = zone.unwrap_or(view.zone);
    let currency = currency.unwrap_or_else(|| gateway.reporting_currency());
    let groups = groups.unwrap_or_default();
    let now = gateway.now();
    let made = Query::new(from, to, zone, groups.clone(), currency, now);
    let mut query = wrong.range(view, made);
    if let Some(query) = &mut query {
        query.project = project.map(|project| project.0);
    }
    let start = query.clone().unwrap_or_else(|| {
        let mut last_days = Query::new(None, None, zone, Vec::new(), currency, now)
            .expect("the default range is valid");
        last_days.groups = groups;
        last_days
    });
    let query = query.filter(|_| wrong.is_empty());
    Asked {
        form,
        wrong,
        start,
        query,
    }
}

impl Asked {
    /// The name of the only project; empty: all.
    pub fn project(&self) -> &str {
        self.form.text("project")
    }

    /// Whether a file ends with the row of totals.
    pub fn wants_totals(&self) -> bool {
        self.form.text("totals") != "0"
    }

    /// The address of another page with the same filters; `days` replaces the range.
    pub fn address(&self, path: &str, days: Option<(NaiveDate, NaiveDate)>) -> String {
        let start = &self.start;
        let mut out = format!("{path}?shown=1");
        let mut add = |name: &str, value: &str| {
            for part in ["&", name, "=", &encoded(value)] {
                out.push_str(part);
            }
        };
        let or_typed =
            |name: &str, value: String| self.form.find(name).map_or(value, str::to_owned);
        let (from, to) = days.map_or_else(
            || {
                let typed = |name, day: NaiveDate| or_typed(name, day.to_string());
                (typed("from", start.from), typed("to", start.to))
            },
            |(from, to)| (from.to_string(), to.to_string()),
        );
        add("from", &from);
        add("to", &to);
        add("tz", &or_typed("tz", start.zone.name().to_owned()));
        add(
            "currency",
            &or_typed("currency", start.currency.to_string()),
        );
        add("project", self.form.text("project"));
        for group in &start.groups {
            add("group", group.as_str());
        }
        out
    }

    /// The form; `money` offers a choice of currency.
    pub fn show(&self, view: &Viewer, gateway: &Gateway, path: &str, money: bool) -> Markup {
        self.form(view, gateway, path, (money, true))
    }

    /// The form of a page that groups by itself.
    pub fn show_ungrouped(
        &self,
        view: &Viewer,
        gateway: &Gateway,
        path: &str,
        money: bool,
    ) -> Markup {
        self.form(view, gateway, path, (money, false))
    }

    fn form(
        &self,
        view: &Viewer,
        gateway: &Gateway,
        path: &str,
        (money, is_grouped): (bool, bool),
    ) -> Markup {
        let (t, start) = (view.t, &self.start);
        let fields = Fields {
            t,
            form: &self.form,
            wrong: &self.wrong,
        };
        let groups = Group::ALL.map(|group| (group.as_str(), view.column(group.as_str())));
        html! {
            p class="printed" {
                (view.locale().days(start.from, start.to)) ", " (start.zone.name()) ", " (start.currency.as_str())
                @if !self.form.text("project").is_empty() { ", " (self.form.text("project")) }
            }
            (self.ranges(view, gateway, path))
            (fields.summary())
            form class="filters" method="get" action=(path) {
                input type="hidden" name="shown" value="1";
                (fields.line(t.from, "from", Input::Date, &start.from.to_string()))
                (fields.line(t.to, "to", Input::Date, &start.to.to_string()))
                (fields.zone(start.zone.name()))
                @if money { (fields.line(t.money.currency, "currency", Input::Code, start.currency.as_str())) }
                (list::projects(view, gateway, fields))
                @if is_grouped { (fields.checks(t.money.group_by, "group", &groups, |name| start.groups.iter().any(|group| group.as_str() == name))) }
                button type="submit" { (t.show) }
            }
        }
    }

    /// Links to common ranges.
    fn ranges(&self, view: &Viewer, gateway: &Gateway, path: &str) -> Markup {
        let t = view.t.money;
        let today = gateway.now().with_timezone(&self.start.zone).date_naive();
        let back = |days| today.checked_sub_days(Days::new(days)).unwrap_or(today);
        let first = today.with_day(1).unwrap_or(today);
        let last_month = first.checked_sub_months(Months::new(1)).unwrap_or(first);
        let ranges = [
            (t.today, today, today),
            (t.days_7, back(6), today),
            (t.days_30, back(29), today),
            (t.days_90, back(89), today),
            (t.this_month, first, today),
            (t.last_month, last_month, first.pred_opt().unwrap_or(first)),
        ];
        html! {
            nav class="ranges" aria-label=(t.range) {
                @for (name, from, to) in ranges {
                    @let here = self.query.as_ref().is_some_and(|query| query.from == from && query.to == to);
                    a href=(self.address(path, Some((from, to)))) aria-current=[here.then_some("true")] { (name) }
                }
            }
        }
    }
}
