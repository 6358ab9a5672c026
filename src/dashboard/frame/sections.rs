//! Sections and groups of the navigation. The rows are in `pages::SECTIONS`.
//!
//! To add a group: a variant of [`Group`] and its title.

use crate::access::Right;
use crate::dashboard::text::Texts;

/// A row of the navigation.
#[derive(Debug)]
pub struct Section {
    pub group: Group,
    pub path: &'static str,
    /// The section is hidden from users without this right.
    pub right: Right,
    pub title: fn(&Texts) -> &'static str,
    /// An SVG path, stroked in a 24 × 24 box.
    pub icon: &'static str,
}

/// Sections under one heading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// At the top, without a heading.
    Top,
    Traffic,
    Money,
    Rules,
    Access,
}

impl Group {
    pub fn title(self, t: &Texts) -> &'static str {
        match self {
            Self::Top => "",
            Self::Traffic => t.group_traffic,
            Self::Money => t.group_money,
            Self::Rules => t.group_rules,
            Self::Access => t.group_access,
        }
    }
}
