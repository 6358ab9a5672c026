//! The viewer of a page and their preferences: language, colours, time zone. Data only;
//! [`identify`](super::identify) fills it in.

use actix_web::web;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::sections::Section;
use crate::access::{Right, may};
use crate::dashboard::Options;
use crate::dashboard::text::{Language, Texts};
use crate::gateway::User;
use crate::locale::Locale;
use crate::reports::words::title;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Follows the operating system.
    Auto,
    Light,
    Dark,
}

impl Theme {
    pub const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.as_str() == text)
    }
}

#[derive(Clone)]
pub struct Viewer {
    pub t: &'static Texts,
    pub language: Language,
    pub theme: Theme,
    /// Dates and times are shown in this zone.
    pub zone: Tz,
    pub user: Option<User>,
    /// The token that forms of this browser carry.
    pub token: String,
    /// Path and query of a GET request, to return to.
    pub address: Option<String>,
    pub(super) options: web::Data<Options>,
    /// The navigation, in order.
    pub(super) sections: &'static [Section],
    /// A visitor's new cookie, to be set with the response.
    pub(super) visit: Option<String>,
}

impl std::fmt::Debug for Viewer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Viewer({:?}, {:?})", self.user, self.language)
    }
}

impl Viewer {
    pub fn may(&self, right: Right) -> bool {
        self.user.as_ref().is_some_and(|user| may(user.role, right))
    }

    /// How figures and dates are written.
    pub fn locale(&self) -> &'static Locale {
        self.language.locale
    }

    /// The title of a report's column, the same as in a spreadsheet.
    pub fn column(&self, key: &str) -> &'static str {
        title(self.locale(), key)
    }

    /// The current day.
    pub fn today(&self, now: DateTime<Utc>) -> NaiveDate {
        now.with_timezone(&self.zone).date_naive()
    }

    pub fn is_sandbox(&self) -> bool {
        self.options.sandbox.is_some()
    }

    /// The company's name; empty: not given.
    pub fn operator(&self) -> &str {
        &self.options.operator_name
    }

    /// An absolute URL below `public_url`, to give to people.
    pub fn public(&self, path: &str) -> String {
        format!("{}{path}", self.options.site.public_url)
    }
}
