//! Shared by pages with long lists: filters by day and project, and paging.

use chrono::{DateTime, Days, NaiveDate, Utc};
use maud::{Markup, html};

use crate::dashboard::frame::fields::{Fields, FormErrors};
use crate::dashboard::frame::forms::{Form, encoded};
use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::text::Texts;
use crate::dashboard::text::faults::filled;
use crate::gateway::Gateway;
use crate::reports::calendar::midnight;
use crate::verification::id::ProjectId;

/// Rows per page.
pub const PAGE: i64 = 50;

/// The time range given by the fields `from` and `to`, both inclusive days in the viewer's zone.
pub struct Span {
    pub from: Option<DateTime<Utc>>,
    pub before: Option<DateTime<Utc>>,
}

pub fn days(view: &Viewer, form: &Form, wrong: &mut FormErrors) -> Span {
    let mut day = |name: &'static str| match form.text(name) {
        "" => None,
        _ => wrong.day(view, name, form),
    };
    let (from, to) = (day("from"), day("to"));
    if let (Some(from), Some(to)) = (from, to)
        && to < from
    {
        wrong.note("to", view.t.faults.reversed);
    }
    let begin = |day: NaiveDate| midnight(day, view.zone).to_utc();
    Span {
        from: from.map(begin),
        before: to.map(|day| begin(day.checked_add_days(Days::new(1)).unwrap_or(day))),
    }
}

/// The project named by the field `project`; `None` means all.
pub fn project(
    view: &Viewer,
    gateway: &Gateway,
    form: &Form,
    wrong: &mut FormErrors,
) -> Option<ProjectId> {
    let name = form.text("project");
    let found = gateway.directory().find_project(name);
    if found.is_none() && !name.is_empty() {
        wrong.note("project", filled(view.t.faults.no_project, &[name]));
    }
    found
}

/// What a field of the filters chooses; `None` means any.
pub fn chosen<T>(
    view: &Viewer,
    form: &Form,
    name: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
    wrong: &mut FormErrors,
) -> Option<T> {
    let found = parse(form.text(name));
    if found.is_none() && !form.text(name).is_empty() {
        wrong.note(name, view.t.faults.choose);
    }
    found
}

/// The options of a field that [`chosen`] reads.
pub fn any(
    t: &Texts,
    options: impl IntoIterator<Item = (String, String)>,
) -> Vec<(String, String)> {
    let any = (String::new(), t.any.to_owned());
    std::iter::once(any).chain(options).collect()
}

/// The field `project`.
pub fn projects(view: &Viewer, gateway: &Gateway, fields: Fields<'_>) -> Markup {
    let every = (String::new(), view.t.every_project.to_owned());
    let names = gateway.directory().projects().into_iter();
    let options: Vec<_> = std::iter::once(every)
        .chain(names.map(|project| (project.name.clone(), project.name)))
        .collect();
    fields.choice(view.t.project, "project", &options, "")
}

/// Truncates the rows to one page; returns the last row if there are more.
pub fn cut<T>(found: &mut Vec<T>) -> Option<&T> {
    let size = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let more = found.len() > size;
    found.truncate(size);
    found.last().filter(|_| more)
}

/// An address with those of the fields that are not empty.
pub fn address(path: &str, form: &Form, fields: &[&str]) -> String {
    let filled = fields.iter().filter(|name| !form.text(name).is_empty());
    let fields: Vec<String> = filled
        .map(|name| format!("{name}={}", encoded(form.text(name))))
        .collect();
    if fields.is_empty() {
        return path.to_owned();
    }
    format!("{path}?{}", fields.join("&"))
}

/// A link to the next page, if there is one.
pub fn older(
    view: &Viewer,
    path: &str,
    form: &Form,
    fields: &[&str],
    cursor: Option<String>,
) -> Markup {
    html! {
        @if let Some(cursor) = cursor {
            @let address = address(path, form, fields);
            @let mark = if address.contains('?') { '&' } else { '?' };
            p class="pages" { a class="button quiet" href={ (address) (mark) "cursor=" (cursor) } rel="next" { (view.t.next_page) } }
        }
    }
}

pub fn nothing(t: &Texts) -> Markup {
    html! { div class="empty" { h2 { (t.nothing_found) } p { (t.nothing_found_why) } } }
}
