//! What the navigation consists of. Its rows are in `pages::SECTIONS`; to add a group, add a variant of [`Group`] and its title.

use crate::access::Right;
use crate::dashboard::text::Texts;

/// A place in the navigation.
#[derive(Debug)]
pub struct Section {
    pub group: Group,
    pub path: &'static str,
    /// Without it the section is not offered.
    pub right: Right,
    pub title: fn(&Texts) -> &'static str,
    /// An SVG path: strokes in a square of 24.
    pub icon: &'static str,
}

/// Sections with a common heading.
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
