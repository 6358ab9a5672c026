//! Fields of forms: what was typed stays in them, and what is wrong with it stands beside it.

use chrono::NaiveDate;
use maud::{Markup, html};

use super::forms::{Form, ONCE};
use super::text::Texts;
use super::text::faults::filled;
use super::view::View;
use crate::money::{Currency, Micros};
use crate::reports::query::{self, Query, date};
use crate::secret::random;

/// What is wrong with a form that was sent, by field.
#[derive(Debug, Default)]
pub struct Wrong(Vec<(&'static str, String)>);

impl Wrong {
    pub fn note(&mut self, field: &'static str, words: impl Into<String>) {
        self.0.push((field, words.into()));
    }

    /// The value, or a note of what is wrong with it.
    pub fn or_note<T, E>(
        &mut self,
        field: &'static str,
        read: Result<T, E>,
        words: impl FnOnce(E) -> String,
    ) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                self.note(field, words(error));
                None
            }
        }
    }

    /// An amount as a person writes it: a comma does too.
    pub fn amount(&mut self, view: &View, field: &'static str, form: &Form) -> Option<Micros> {
        let faults = view.t.faults;
        match form.text(field).replace(',', ".") {
            text if text.is_empty() => {
                self.note(field, faults.required);
                None
            }
            text => self.or_note(field, text.parse(), |error| faults.money(&error)),
        }
    }

    /// A currency's code, small letters too.
    pub fn currency(&mut self, view: &View, field: &'static str, form: &Form) -> Option<Currency> {
        let read = form.text(field).to_ascii_uppercase().parse();
        self.or_note(field, read, |error| view.t.faults.money(&error))
    }

    /// A day.
    pub fn day(&mut self, view: &View, field: &'static str, form: &Form) -> Option<NaiveDate> {
        let text = form.text(field);
        self.or_note(field, date(text), |_| {
            filled(view.t.faults.not_a_date, &[text])
        })
    }

    /// A report's days.
    pub fn range(&mut self, view: &View, read: Result<Query, query::Fault>) -> Option<Query> {
        match read {
            Ok(query) => Some(query),
            Err(fault) => {
                self.note(fault.name, view.t.faults.range(&fault));
                None
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of(&self, field: &str) -> Option<&str> {
        let mut notes = self.0.iter().filter(|(name, _)| *name == field);
        notes.next().map(|(_, words)| words.as_str())
    }
}

/// A form as it was typed, or a fresh one.
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    pub t: &'static Texts,
    pub form: &'a Form,
    pub wrong: &'a Wrong,
}

/// What is typed into a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Text,
    Decimal,
    Date,
    Email,
    Url,
    /// A code of a few letters.
    Code,
}

impl Line {
    fn kind(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::Email => "email",
            Self::Url => "url",
            Self::Text | Self::Decimal | Self::Code => "text",
        }
    }

    fn size(self) -> &'static str {
        match self {
            Self::Url => "36",
            Self::Text | Self::Email => "26",
            Self::Decimal | Self::Date => "11",
            Self::Code => "5",
        }
    }
}

impl Fields<'_> {
    /// Said above a form of which something is wrong.
    pub fn summary(&self) -> Markup {
        html! { @if !self.wrong.is_empty() { p class="notice bad" role="alert" { (self.t.look_below) } } }
    }

    /// One line; `start` is what it holds before anything was typed.
    pub fn line(&self, label: &str, name: &str, line: Line, start: &str) -> Markup {
        self.line_with(label, name, line, start, None)
    }

    /// The same with a word on what may be typed.
    pub fn line_with(
        &self,
        label: &str,
        name: &str,
        line: Line,
        start: &str,
        hint: Option<&str>,
    ) -> Markup {
        let wrong = self.wrong.of(name);
        let value = self.form.find(name).unwrap_or(start);
        let decimal = (line == Line::Decimal).then_some("decimal");
        let plain = (line != Line::Text).then_some("false");
        html! {
            label {
                span { (label) }
                input type=(line.kind()) name=(name) value=(value) size=(line.size()) inputmode=[decimal] maxlength="2100"
                    placeholder=[hint] autocomplete="off" spellcheck=[plain] aria-invalid=[wrong.map(|_| "true")];
                (beside(wrong))
            }
        }
    }

    /// A time zone, with those that are often chosen.
    pub fn zone(&self, start: &str) -> Markup {
        let wrong = self.wrong.of("tz");
        html! {
            label {
                span { (self.t.zone) }
                input type="text" name="tz" value=(self.form.find("tz").unwrap_or(start)) list="zones" size="16"
                    autocomplete="off" spellcheck="false" aria-invalid=[wrong.map(|_| "true")];
                (beside(wrong))
            }
        }
    }

    /// One of a list; options are a value and its words.
    pub fn choice(
        &self,
        label: &str,
        name: &str,
        options: &[(String, String)],
        start: &str,
    ) -> Markup {
        let wrong = self.wrong.of(name);
        let chosen = self.form.find(name).unwrap_or(start);
        html! {
            label {
                span { (label) }
                select name=(name) aria-invalid=[wrong.map(|_| "true")] {
                    @for (value, words) in options { option value=(value) selected[value == chosen] { (words) } }
                }
                (beside(wrong))
            }
        }
    }

    /// What is wrong with a field that is drawn elsewhere.
    pub fn wrong(&self, name: &str) -> Markup {
        beside(self.wrong.of(name))
    }

    /// Any of a list.
    pub fn checks(&self, legend: &str, name: &str, options: &[(&str, &str)]) -> Markup {
        let wrong = self.wrong.of(name);
        html! {
            fieldset class="choices" {
                legend { (legend) }
                @for (value, words) in options {
                    label {
                        input type="checkbox" name=(name) value=(value) checked[self.form.all(name).any(|chosen| chosen == *value)];
                        span { (words) }
                    }
                }
                (beside(wrong))
            }
        }
    }
}

fn beside(wrong: Option<&str>) -> Markup {
    html! { @if let Some(words) = wrong { small class="wrong" { (words) } } }
}

/// Marks a form, so that it takes effect once however often it is sent.
pub fn once() -> Markup {
    let mark = u64::from_be_bytes(random());
    html! { input type="hidden" name=(ONCE) value=(format!("{mark:016x}")); }
}

/// A button that asks before it acts; it works without script.
pub fn sure(view: &View, path: &str, name: &str, why: &str, hidden: &[(&str, &str)]) -> Markup {
    html! {
        details class="sure" {
            summary class="button quiet" { (name) }
            form method="post" action=(path) class="sheet" {
                (super::shell::token(view))
                (once())
                @for (name, value) in hidden { input type="hidden" name=(name) value=(value); }
                p { (why) }
                button type="submit" class="danger" { (name) }
            }
        }
    }
}

/// A button that acts at once.
pub fn act(view: &View, path: &str, name: &str) -> Markup {
    html! {
        form class="inline" method="post" action=(path) {
            (super::shell::token(view))
            (once())
            button type="submit" class="quiet" { (name) }
        }
    }
}
