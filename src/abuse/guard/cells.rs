//! What the guard counts by: the destination of a message, and the requester's networks. To add a kind: a variant of [`Cell`], its
//! text, and its place in [`Cells::all`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::rules::Rule;
use crate::verification::id::ProjectId;
use crate::verification::origin::{Origin, TraceHash};
use crate::verification::phone::Country;

/// One thing that sends have in common. As text `kind:value`, such as `country:UZ` or `asn:64496`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Cell {
    Country(Country),
    /// A number without its last four digits, as Coss publishes it: a range that one operator numbers.
    Prefix(TraceHash),
    Ip(TraceHash),
    /// The /24 of IPv4; the /64 and the /48 of IPv6.
    Network(TraceHash),
    /// An autonomous system's number.
    Asn(u32),
    /// What makes codes that it checks itself, such as an identity server: whether it says which were entered.
    Host(TraceHash),
    /// The number itself, for rules that count nothing.
    Number,
}

impl Cell {
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Country(_) => "country",
            Self::Prefix(_) => "prefix",
            Self::Ip(_) => "ip",
            Self::Network(_) => "network",
            Self::Asn(_) => "asn",
            Self::Host(_) => "host",
            Self::Number => "number",
        }
    }

    /// Whether its figures are written down. Those of addresses and their networks never are.
    #[must_use]
    pub fn is_kept(self) -> bool {
        !matches!(self, Self::Ip(_) | Self::Network(_))
    }

    /// The receiver's part, as opposed to the requester's.
    #[must_use]
    pub fn is_destination(self) -> bool {
        matches!(self, Self::Country(_) | Self::Prefix(_) | Self::Number)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        match self {
            Self::Country(country) => write!(f, ":{country}"),
            Self::Prefix(hash) | Self::Ip(hash) | Self::Network(hash) | Self::Host(hash) => {
                write!(f, ":{}", String::from(*hash))
            }
            Self::Asn(number) => write!(f, ":{number}"),
            Self::Number => Ok(()),
        }
    }
}

impl FromStr for Cell {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || format!("`{text}` is not a cell, such as country:UZ");
        let (kind, value) = text.split_once(':').unwrap_or((text, ""));
        let hash = || TraceHash::try_from(value.to_owned()).map_err(|_| fault());
        match kind {
            "country" => value.parse().map(Self::Country),
            "prefix" => hash().map(Self::Prefix),
            "ip" => hash().map(Self::Ip),
            "network" => hash().map(Self::Network),
            "asn" => value.parse().map(Self::Asn).map_err(|_| fault()),
            "host" => hash().map(Self::Host),
            "number" if value.is_empty() => Ok(Self::Number),
            _ => Err(fault()),
        }
    }
}

impl TryFrom<String> for Cell {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Cell> for String {
    fn from(cell: Cell) -> Self {
        cell.to_string()
    }
}

/// A cell of one project: projects never share figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key {
    pub project: ProjectId,
    pub cell: Cell,
}

/// All cells of one verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cells {
    pub project: ProjectId,
    pub country: Country,
    pub prefix: TraceHash,
    /// `None`: the site did not send the visitor's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<TraceHash>,
    /// IPv4: the /24. IPv6: the /64 and the /48.
    #[serde(default)]
    pub networks: [Option<TraceHash>; 2],
    /// `None`: unknown, or there is no database of addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asn: Option<u32>,
    /// Who made the code; `None`: this server, which knows whether it was entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<TraceHash>,
}

impl Cells {
    /// There is something that the rule counts by. A visitor's address is unknown if the site did not send it, and is forgotten in time.
    #[must_use]
    pub fn are_judged_by(&self, rule: Rule) -> bool {
        match rule {
            Rule::UnverifiedIp | Rule::CountriesPerIp => self.ip.is_some(),
            Rule::UnverifiedNetwork => self.networks[0].is_some(),
            Rule::UnverifiedAsn => self.asn.is_some(),
            _ => true,
        }
    }

    /// Those of a verification's own record. `host`: who made its code.
    #[must_use]
    pub fn of(
        project: ProjectId,
        country: Country,
        origin: &Origin,
        host: Option<TraceHash>,
    ) -> Self {
        let mut networks = origin.requester.networks.iter().copied();
        Self {
            project,
            country,
            prefix: origin.prefix,
            ip: origin.requester.ip,
            networks: [networks.next(), networks.next()],
            asn: origin.requester.asn,
            host,
        }
    }

    #[must_use]
    pub fn key(&self, cell: Cell) -> Key {
        Key {
            project: self.project,
            cell,
        }
    }

    /// From the widest destination to the widest requester, without the host.
    pub fn all(&self) -> impl Iterator<Item = Key> {
        let [near, far] = self.networks;
        let cells = [
            Some(Cell::Country(self.country)),
            Some(Cell::Prefix(self.prefix)),
            self.ip.map(Cell::Ip),
            near.map(Cell::Network),
            far.map(Cell::Network),
            self.asn.map(Cell::Asn),
        ];
        let project = self.project;
        cells
            .into_iter()
            .flatten()
            .map(move |cell| Key { project, cell })
    }
}
