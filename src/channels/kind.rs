//! A kind of provider: the keys that it reads, and the provider that it builds from them.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use super::provider::{Account, Provider};
use super::transport::HttpClient;
use crate::reader::{Checked, Reader};
use crate::verification::route::Channel;

/// The keys of one kind of provider, and what they make of an account.
pub trait Settings: Any + Debug + Send + Sync {
    /// Takes the kind's own keys; the caller has taken the account's.
    fn read(table: &mut Reader<'_>) -> Checked<Self>
    where
        Self: Sized;

    fn build(&self, account: Account, surroundings: &Surroundings<'_>) -> Arc<dyn Provider>;
}

/// What a provider is built with.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    pub client: &'a HttpClient,
    /// Where this server is reached, without a trailing slash.
    pub public_url: &'a str,
}

/// One line of the catalog.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub channel: Channel,
    /// The value of `kind`.
    pub name: &'static str,
    read: fn(&mut Reader<'_>) -> Checked<Written>,
}

impl Kind {
    /// Reads the keys of this kind from an account's table.
    pub fn read(&self, table: &mut Reader<'_>) -> Checked<Written> {
        (self.read)(table)
    }
}

/// A line of the catalog.
#[must_use]
pub const fn kind<T: Settings>(channel: Channel, name: &'static str) -> Kind {
    fn read<T: Settings>(table: &mut Reader<'_>) -> Checked<Written> {
        T::read(table).map(|settings| Written(Arc::new(settings)))
    }
    Kind {
        channel,
        name,
        read: read::<T>,
    }
}

/// The settings of one account, whatever its kind.
#[derive(Clone, Debug)]
pub struct Written(Arc<dyn Settings>);

impl Written {
    #[must_use]
    pub fn of(self, account: Account) -> Configured {
        Configured {
            account,
            settings: self.0,
        }
    }
}

/// An account that is to become a [`Provider`].
#[derive(Clone, Debug)]
pub struct Configured {
    pub account: Account,
    settings: Arc<dyn Settings>,
}

impl Configured {
    pub fn new(account: Account, settings: impl Settings) -> Self {
        Self {
            account,
            settings: Arc::new(settings),
        }
    }

    /// The settings, if they are of this kind.
    #[must_use]
    pub fn settings<T: Settings>(&self) -> Option<&T> {
        let settings: &dyn Any = self.settings.as_ref();
        settings.downcast_ref()
    }

    #[must_use]
    pub fn build(&self, surroundings: &Surroundings<'_>) -> Arc<dyn Provider> {
        self.settings.build(self.account.clone(), surroundings)
    }
}
