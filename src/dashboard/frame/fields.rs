//! Fields of forms: what was typed stays in them, and what is wrong with it stands beside it.

use chrono::NaiveDate;
use maud::{Markup, html};

use super::forms::{Form, ONCE};
use super::viewer::Viewer;
use crate::dashboard::text::Texts;
use crate::dashboard::text::faults::filled;
use crate::gateway::{LONGEST_PASSWORD, SHORTEST_PASSWORD, Weak, check_password};
use crate::money::{Currency, Micros};
use crate::reports::query::{self, Query, date};
use crate::secret::random;

/// What is wrong with a form that was sent, by field.
#[derive(Debug, Default)]
pub struct FormErrors(Vec<(&'static str, String)>);

impl FormErrors {
    /// Without words the field is marked alone.
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

    /// An amount.
    pub fn amount(&mut self, view: &Viewer, field: &'static str, form: &Form) -> Option<Micros> {
        let text = self.decimal(view, field, form)?;
        self.or_note(field, text.parse(), |error| view.t.faults.money(&error))
    }

    /// A decimal as people write it, in the form in which it is read.
    pub fn decimal(&mut self, view: &Viewer, field: &'static str, form: &Form) -> Option<String> {
        let faults = view.t.faults;
        let typed = form.text(field);
        match decimal(typed) {
            Ok(text) if text.is_empty() => self.note(field, faults.required),
            Ok(text) => return Some(text),
            Err(Ambiguous) => self.note(field, filled(faults.ambiguous, &[typed])),
        }
        None
    }

    /// A currency's code, small letters too.
    pub fn currency(
        &mut self,
        view: &Viewer,
        field: &'static str,
        form: &Form,
    ) -> Option<Currency> {
        let read = form.text(field).to_ascii_uppercase().parse();
        self.or_note(field, read, |error| view.t.faults.money(&error))
    }

    /// Whether a password is good enough for who has this address.
    pub fn password(
        &mut self,
        view: &Viewer,
        field: &'static str,
        password: &str,
        email: &str,
    ) -> bool {
        let t = view.t;
        let checked = check_password(password, email);
        let good = self.or_note(field, checked, |weak| match weak {
            Weak::Short | Weak::Long => t.password_length.to_owned(),
            Weak::Guessable => t.password_guessable.to_owned(),
        });
        good.is_some()
    }

    /// A day.
    pub fn day(&mut self, view: &Viewer, field: &'static str, form: &Form) -> Option<NaiveDate> {
        let text = form.text(field);
        self.or_note(field, date(text), |_| {
            filled(view.t.faults.not_a_date, &[text])
        })
    }

    /// A report's days.
    pub fn range(&mut self, view: &Viewer, read: Result<Query, query::Fault>) -> Option<Query> {
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

    fn is_marked(&self, field: &str) -> bool {
        self.0.iter().any(|(name, _)| *name == field)
    }

    fn of(&self, field: &str) -> Option<&str> {
        let mut notes = self.0.iter().filter(|(name, _)| *name == field);
        let words = notes.next().map(|(_, words)| words.as_str());
        words.filter(|words| !words.is_empty())
    }
}

/// `1,200` is twelve hundred to some, and to others one and a fifth.
#[derive(Debug, PartialEq, Eq)]
struct Ambiguous;

/// With a point and without groups: `1 200,5` is `1200.5`, and so is `1,200.5`.
fn decimal(typed: &str) -> Result<String, Ambiguous> {
    let text: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    let Some((whole, fraction)) = text.rsplit_once(',') else {
        return Ok(text);
    };
    let three = |part: &str| part.len() == 3 && part.bytes().all(|b| b.is_ascii_digit());
    if fraction
        .split_once('.')
        .is_some_and(|(group, _)| three(group))
    {
        return Ok(text.replace(',', ""));
    }
    let digits = whole.trim_start_matches(['-', '+']);
    if three(fraction) && !digits.is_empty() && digits != "0" {
        return Err(Ambiguous);
    }
    Ok(text.replace(',', "."))
}

/// A form as it was typed, or a fresh one.
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    pub t: &'static Texts,
    pub form: &'a Form,
    pub wrong: &'a FormErrors,
}

/// What is typed into a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    Text,
    Decimal,
    Date,
    Month,
    Email,
    Url,
    /// A code of a few letters.
    Code,
}

impl Input {
    fn kind(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::Month => "month",
            Self::Email => "email",
            Self::Url => "url",
            Self::Text | Self::Decimal | Self::Code => "text",
        }
    }

    fn size(self) -> &'static str {
        match self {
            Self::Url => "36",
            Self::Text | Self::Email => "26",
            Self::Decimal | Self::Date | Self::Month => "11",
            Self::Code => "5",
        }
    }
}

/// How a control tells what is wrong with it, and finds what is said of it.
struct Marks {
    invalid: Option<&'static str>,
    described_by: Option<String>,
}

impl Fields<'_> {
    /// Said above a form of which something is wrong.
    pub fn summary(&self) -> Markup {
        html! { @if !self.wrong.is_empty() { p class="notice bad" role="alert" { (self.t.look_below) } } }
    }

    /// One line; `start` is what it holds before anything was typed.
    pub fn line(&self, label: &str, name: &str, line: Input, start: &str) -> Markup {
        self.line_with(label, name, line, start, None)
    }

    /// The same with a word on what may be typed.
    pub fn line_with(
        &self,
        label: &str,
        name: &str,
        line: Input,
        start: &str,
        hint: Option<&str>,
    ) -> Markup {
        let value = self.form.find(name).unwrap_or(start);
        let decimal = (line == Input::Decimal).then_some("decimal");
        let plain = (line != Input::Text).then_some("false");
        self.framed(label, name, hint, |marks| html! {
            input type=(line.kind()) name=(name) value=(value) size=(line.size()) inputmode=[decimal] maxlength="2100"
                autocomplete="off" spellcheck=[plain] aria-invalid=[marks.invalid] aria-describedby=[marks.described_by.as_ref()];
        })
    }

    /// The address of who signs in, as browsers know it.
    pub fn username(&self, start: &str) -> Markup {
        let value = self.form.find("email").unwrap_or(start);
        self.framed(self.t.email, "email", None, |marks| html! {
            input type="email" name="email" value=(value) maxlength="254" autocomplete="username" required
                aria-invalid=[marks.invalid] aria-describedby=[marks.described_by.as_ref()];
        })
    }

    /// A password that the person has, or, with its rule, one that is to be.
    pub fn password(&self, label: &str, name: &str, is_new: bool) -> Markup {
        let hint = is_new.then_some(self.t.password_rule);
        let (kind, least) = if is_new {
            ("new-password", Some(SHORTEST_PASSWORD))
        } else {
            ("current-password", None)
        };
        self.framed(label, name, hint, |marks| html! {
            input type="password" name=(name) autocomplete=(kind) minlength=[least] maxlength=(LONGEST_PASSWORD) required
                aria-invalid=[marks.invalid] aria-describedby=[marks.described_by.as_ref()];
        })
    }

    /// A time zone, with those that are often chosen.
    pub fn zone(&self, start: &str) -> Markup {
        let value = self.form.find("tz").unwrap_or(start);
        self.framed(self.t.zone, "tz", None, |marks| html! {
            input type="text" name="tz" value=(value) list="zones" size="16" autocomplete="off" spellcheck="false"
                aria-invalid=[marks.invalid] aria-describedby=[marks.described_by.as_ref()];
        })
    }

    /// One of a list; options are a value and its words.
    pub fn choice(
        &self,
        label: &str,
        name: &str,
        options: &[(String, String)],
        start: &str,
    ) -> Markup {
        let chosen = self.form.find(name).unwrap_or(start);
        self.framed(label, name, None, |marks| html! {
            select name=(name) aria-invalid=[marks.invalid] aria-describedby=[marks.described_by.as_ref()] {
                @for (value, words) in options { option value=(value) selected[value == chosen] { (words) } }
            }
        })
    }

    /// Any of a list.
    pub fn checks(
        &self,
        legend: &str,
        name: &str,
        options: &[(&str, &str)],
        is_chosen: impl Fn(&str) -> bool,
    ) -> Markup {
        let marks = self.marks(name, None);
        html! {
            fieldset class="choices" aria-describedby=[marks.described_by] {
                legend { (legend) }
                @for (value, words) in options {
                    label {
                        input type="checkbox" name=(name) value=(value) checked[is_chosen(value)] aria-invalid=[marks.invalid];
                        span { (words) }
                    }
                }
                (self.beside(name))
            }
        }
    }

    /// A control with its label, a hint on what it takes, and what is wrong with it.
    fn framed(
        &self,
        label: &str,
        name: &str,
        hint: Option<&str>,
        control: impl FnOnce(&Marks) -> Markup,
    ) -> Markup {
        html! {
            div class="field" {
                label { span { (label) } (control(&self.marks(name, hint))) }
                @if let Some(hint) = hint { small class="hint" id=(format!("{name}-hint")) { (hint) } }
                (self.beside(name))
            }
        }
    }

    fn marks(&self, name: &str, hint: Option<&str>) -> Marks {
        let wrong = self.wrong.of(name).map(|_| format!("{name}-wrong"));
        let hint = hint.map(|_| format!("{name}-hint"));
        let said: Vec<String> = wrong.into_iter().chain(hint).collect();
        Marks {
            invalid: self.wrong.is_marked(name).then_some("true"),
            described_by: Some(said.join(" ")).filter(|ids| !ids.is_empty()),
        }
    }

    fn beside(&self, name: &str) -> Markup {
        html! {
            @if let Some(words) = self.wrong.of(name) { small class="wrong" id=(format!("{name}-wrong")) { (words) } }
        }
    }
}

/// Marks a form, so that it takes effect once however often it is sent.
pub fn once() -> Markup {
    let mark = u64::from_be_bytes(random());
    html! { input type="hidden" name=(ONCE) value=(format!("{mark:016x}")); }
}

/// A button's words, and, for who hears the page, which of several like it this is.
fn named(name: &str, of: &str) -> Markup {
    html! { (name) @if !of.is_empty() { span class="unseen" { ": " (of) } } }
}

/// A button that asks before it acts; it works without script. `of`: what it acts on, when there are several.
pub fn sure(
    view: &Viewer,
    path: &str,
    (name, of): (&str, &str),
    why: &str,
    hidden: &[(&str, &str)],
) -> Markup {
    html! {
        details class="sure" {
            summary class="button quiet" { (named(name, of)) }
            form method="post" action=(path) class="sheet" {
                (super::shell::token(view))
                (once())
                @for (name, value) in hidden { input type="hidden" name=(name) value=(value); }
                p { (why) }
                button type="submit" class="danger" { (named(name, of)) }
            }
        }
    }
}

/// A button that acts at once. `of`: what it acts on, when there are several.
pub fn act(view: &Viewer, path: &str, (name, of): (&str, &str)) -> Markup {
    html! {
        form class="inline" method="post" action=(path) {
            (super::shell::token(view))
            (once())
            button type="submit" class="quiet" { (named(name, of)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_is_a_point_unless_it_may_part_thousands() {
        for (typed, read) in [
            ("", ""),
            ("12.5", "12.5"),
            ("12,5", "12.5"),
            ("-0,045", "-0.045"),
            ("1 200", "1200"),
            ("1\u{202f}200,50", "1200.50"),
            ("1,200.50", "1200.50"),
            ("1,200,300.5", "1200300.5"),
        ] {
            assert_eq!(decimal(typed).as_deref(), Ok(read), "{typed}");
        }
        for typed in ["1,200", "-12,345", "1,200,300"] {
            assert_eq!(decimal(typed), Err(Ambiguous), "{typed}");
        }
        // What is none stays none.
        assert_eq!(decimal("1.2,3").as_deref(), Ok("1.2.3"));
    }
}
