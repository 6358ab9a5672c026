//! Form fields: they keep what was typed and show its errors next to it.

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

/// The errors in a submitted form, by field.
#[derive(Debug, Default)]
pub struct FormErrors(Vec<(&'static str, String)>);

impl FormErrors {
    /// Adds an error. If `words` is empty, the field is only marked.
    pub fn note(&mut self, field: &'static str, words: impl Into<String>) {
        self.0.push((field, words.into()));
    }

    /// The value; if there is none, notes the error.
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

    /// Reads an amount of money.
    pub fn amount(&mut self, view: &Viewer, field: &'static str, form: &Form) -> Option<Micros> {
        let text = self.decimal(view, field, form)?;
        self.or_note(field, text.parse(), |error| view.t.faults.money(&error))
    }

    /// Reads a decimal as people write it, into the notation that parsers accept.
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

    /// Reads a currency code in either case.
    pub fn currency(
        &mut self,
        view: &Viewer,
        field: &'static str,
        form: &Form,
    ) -> Option<Currency> {
        let read = form.text(field).to_ascii_uppercase().parse();
        self.or_note(field, read, |error| view.t.faults.money(&error))
    }

    /// Whether this password is strong enough for the user with this address.
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

    /// Reads a date.
    pub fn day(&mut self, view: &Viewer, field: &'static str, form: &Form) -> Option<NaiveDate> {
        let text = form.text(field);
        self.or_note(field, date(text), |_| {
            filled(view.t.faults.not_a_date, &[text])
        })
    }

    /// The query of a report; if it is invalid, notes the error.
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

/// `1,200` could mean 1200 or 1.2.
#[derive(Debug, PartialEq, Eq)]
struct Ambiguous;

/// Normalizes to a decimal point without separators: `1 200,5` and `1,200.5` both become `1200.5`.
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

/// Renders the fields of a form, either blank or as submitted.
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    pub t: &'static Texts,
    pub form: &'a Form,
    pub wrong: &'a FormErrors,
}

/// The kind of text a single-line field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    Text,
    Decimal,
    Date,
    Month,
    Email,
    Url,
    /// A short code, such as a currency or a country.
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

/// ARIA attributes that mark a control as invalid and link it to its error and its hint.
struct Marks {
    invalid: Option<&'static str>,
    described_by: Option<String>,
}

impl Fields<'_> {
    /// The notice above a form with errors.
    pub fn summary(&self) -> Markup {
        html! { @if !self.wrong.is_empty() { p class="notice bad" role="alert" { (self.t.look_below) } } }
    }

    /// A single-line field; `start` is its initial value.
    pub fn line(&self, label: &str, name: &str, line: Input, start: &str) -> Markup {
        self.line_with(label, name, line, start, None)
    }

    /// Like [`Self::line`], with a hint on what to type.
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

    /// The e-mail address to sign in with, named so that browsers can fill it in.
    pub fn username(&self, start: &str) -> Markup {
        let value = self.form.find("email").unwrap_or(start);
        self.framed(self.t.email, "email", None, |marks| html! {
            input type="email" name="email" value=(value) maxlength="254" autocomplete="username" required
                aria-invalid=[marks.invalid] aria-describedby=[marks.described_by.as_ref()];
        })
    }

    /// A password: the current one, or a new one together with its rule.
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

    /// A time zone, with suggestions.
    pub fn zone(&self, start: &str) -> Markup {
        let value = self.form.find("tz").unwrap_or(start);
        self.framed(self.t.zone, "tz", None, |marks| html! {
            input type="text" name="tz" value=(value) list="zones" size="16" autocomplete="off" spellcheck="false"
                aria-invalid=[marks.invalid] aria-describedby=[marks.described_by.as_ref()];
        })
    }

    /// One of a list; each option is a value and its label.
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

    /// Any number of a list.
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
                (self.error(name))
            }
        }
    }

    /// A control with its label, hint and error.
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
                (self.error(name))
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

    fn error(&self, name: &str) -> Markup {
        html! {
            @if let Some(words) = self.wrong.of(name) { small class="wrong" id=(format!("{name}-wrong")) { (words) } }
        }
    }
}

/// A hidden random mark: however often this form is sent, it takes effect once.
pub fn once() -> Markup {
    let mark = u64::from_be_bytes(random());
    html! { input type="hidden" name=(ONCE) value=(format!("{mark:016x}")); }
}

/// A button's label; screen readers also read out what it acts on.
fn named(name: &str, of: &str) -> Markup {
    html! { (name) @if !of.is_empty() { span class="unseen" { ": " (of) } } }
}

/// A button that asks for confirmation, also without script. `of` says what it acts on, if there are several like it.
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

/// A button that acts immediately. `of` says what it acts on, if there are several like it.
pub fn act(view: &Viewer, path: &str, named_of: (&str, &str)) -> Markup {
    act_on(view, path, named_of, &[])
}

/// Like [`act`], with hidden fields.
pub fn act_on(
    view: &Viewer,
    path: &str,
    (name, of): (&str, &str),
    hidden: &[(&str, &str)],
) -> Markup {
    html! {
        form class="inline" method="post" action=(path) {
            (super::shell::token(view))
            (once())
            @for (name, value) in hidden { input type="hidden" name=(name) value=(value); }
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
        // Anything else is left for the parser to reject.
        assert_eq!(decimal("1.2,3").as_deref(), Ok("1.2.3"));
    }
}
