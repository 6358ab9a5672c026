//! What can be stored, and how a struct or an enum is from a list of its parts.
//!
//! One list makes both directions, so they cannot disagree, and the compiler asks for what a list lacks.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::bytes::{Damaged, Reader, Writer, parsed};
use crate::money::{Currency, Micros};
use crate::trace::{SpanId, TraceId};
use crate::verification::channel::Channel;
use crate::verification::origin::TraceHash;
use crate::verification::phone::Country;

/// Stored as at least one byte.
pub trait Packed: Sized {
    fn pack(&self, out: &mut Writer);
    fn unpack(input: &mut Reader<'_>) -> Result<Self, Damaged>;
}

/// A field that takes no more than a bit if it has its default.
pub trait Optional: Sized {
    fn is_there(&self) -> bool;
    fn absent() -> Self;
    /// Written only if it is there.
    fn write(&self, out: &mut Writer);
    fn read(input: &mut Reader<'_>) -> Result<Self, Damaged>;
}

impl<T: Packed + Default + PartialEq> Optional for T {
    fn is_there(&self) -> bool {
        *self != Self::default()
    }

    fn absent() -> Self {
        Self::default()
    }

    fn write(&self, out: &mut Writer) {
        self.pack(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        Self::unpack(input)
    }
}

impl<T: Packed> Optional for Option<T> {
    fn is_there(&self) -> bool {
        self.is_some()
    }

    fn absent() -> Self {
        None
    }

    fn write(&self, out: &mut Writer) {
        if let Some(value) = self {
            value.pack(out);
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        T::unpack(input).map(Some)
    }
}

/// Its bit says it all.
impl Optional for bool {
    fn is_there(&self) -> bool {
        *self
    }

    fn absent() -> Self {
        false
    }

    fn write(&self, _: &mut Writer) {}

    fn read(_: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(true)
    }
}

/// `packed! { struct Name { fields } optional { fields } }`: a bit for each optional field, the fields, and those of the optional
/// ones that are there. Without `optional`, no field can be added.
///
/// `packed! { enum Name { Variant = number, Variant { fields } = number } }`: a byte with the number, and the fields.
macro_rules! packed {
    (struct $name:ident { $($field:ident),* $(,)? } optional { $($optional:ident),* $(,)? }) => {
        impl Packed for $name {
            fn pack(&self, out: &mut Writer) {
                let Self { $($field,)* $($optional,)* } = self;
                out.presence([$($optional.is_there()),*]);
                $($field.pack(out);)*
                $(if $optional.is_there() {
                    $optional.write(out);
                })*
            }

            fn unpack(input: &mut Reader<'_>) -> Result<Self, Damaged> {
                let [$($optional),*] = input.presence()?;
                Ok(Self {
                    $($field: Packed::unpack(input)?,)*
                    $($optional: if $optional {
                        Optional::read(input)?
                    } else {
                        Optional::absent()
                    },)*
                })
            }
        }
    };
    (struct $name:ident { $($field:ident),* $(,)? }) => {
        impl Packed for $name {
            fn pack(&self, out: &mut Writer) {
                let Self { $($field),* } = self;
                $($field.pack(out);)*
            }

            fn unpack(input: &mut Reader<'_>) -> Result<Self, Damaged> {
                Ok(Self { $($field: Packed::unpack(input)?),* })
            }
        }
    };
    (enum $name:ident { $($variant:ident $({ $($field:ident),* })? = $number:literal),* $(,)? }) => {
        impl Packed for $name {
            fn pack(&self, out: &mut Writer) {
                match self {
                    $(Self::$variant $({ $($field),* })? => {
                        out.byte($number);
                        $($($field.pack(out);)*)?
                    })*
                }
            }

            fn unpack(input: &mut Reader<'_>) -> Result<Self, Damaged> {
                Ok(match input.byte()? {
                    $($number => Self::$variant $({ $($field: Packed::unpack(input)?),* })?,)*
                    _ => return Err(Damaged::Value),
                })
            }
        }
    };
}

pub(super) use packed;

/// The number of them, and each.
impl<T: Packed> Packed for Vec<T> {
    fn pack(&self, out: &mut Writer) {
        out.length(self.len());
        for item in self {
            item.pack(out);
        }
    }

    fn unpack(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        /// A longer list grows as it is read, so that a wrong length takes no memory.
        const AT_ONCE: usize = 16;
        let length = input.length()?;
        let mut items = Self::with_capacity(length.min(AT_ONCE));
        for _ in 0..length {
            items.push(T::unpack(input)?);
        }
        Ok(items)
    }
}

impl Packed for String {
    fn pack(&self, out: &mut Writer) {
        out.text(self);
    }

    fn unpack(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        input.text().map(str::to_owned)
    }
}

impl<T: Packed> Packed for Box<T> {
    fn pack(&self, out: &mut Writer) {
        (**self).pack(out);
    }

    fn unpack(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        T::unpack(input).map(Self::new)
    }
}

impl Packed for Uuid {
    fn pack(&self, out: &mut Writer) {
        out.raw(self.as_bytes());
    }

    fn unpack(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        input.array().map(Self::from_bytes)
    }
}

impl Packed for u8 {
    fn pack(&self, out: &mut Writer) {
        out.byte(*self);
    }

    fn unpack(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        input.byte()
    }
}

impl Packed for u32 {
    fn pack(&self, out: &mut Writer) {
        out.number((*self).into());
    }

    fn unpack(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        input.number()?.try_into().map_err(|_| Damaged::Value)
    }
}

impl Packed for i64 {
    fn pack(&self, out: &mut Writer) {
        out.signed(*self);
    }

    fn unpack(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        input.signed()
    }
}

impl Packed for DateTime<Utc> {
    fn pack(&self, out: &mut Writer) {
        out.time(*self);
    }

    fn unpack(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        input.time()
    }
}

/// In milliseconds.
impl Packed for Duration {
    fn pack(&self, out: &mut Writer) {
        out.number(u64::try_from(self.as_millis()).unwrap_or(u64::MAX));
    }

    fn unpack(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        input.number().map(Self::from_millis)
    }
}

impl Packed for Micros {
    fn pack(&self, out: &mut Writer) {
        out.signed(self.0);
    }

    fn unpack(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        input.signed().map(Self)
    }
}

impl Packed for Currency {
    fn pack(&self, out: &mut Writer) {
        out.currency(*self);
    }

    fn unpack(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        input.currency()
    }
}

impl Packed for TraceHash {
    fn pack(&self, out: &mut Writer) {
        out.raw(&self.0);
    }

    fn unpack(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        input.array().map(Self)
    }
}

impl Packed for TraceId {
    fn pack(&self, out: &mut Writer) {
        out.raw(&self.0);
    }

    fn unpack(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        input.array().map(Self)
    }
}

impl Packed for SpanId {
    fn pack(&self, out: &mut Writer) {
        out.raw(&self.0);
    }

    fn unpack(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        input.array().map(Self)
    }
}

/// Two letters.
impl Packed for Country {
    fn pack(&self, out: &mut Writer) {
        out.raw(&self.letters());
    }

    fn unpack(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        parsed(&input.array::<2>()?)
    }
}

/// A later channel is stored by its name too, so that a version that does not know it can keep it.
impl Packed for Channel {
    fn pack(&self, out: &mut Writer) {
        match self {
            Self::Telegram => out.byte(0),
            Self::Sms => out.byte(1),
            Self::Other(_) => {
                out.byte(2);
                out.text(self.stored());
            }
        }
    }

    fn unpack(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        match input.byte()? {
            0 => Ok(Self::Telegram),
            1 => Ok(Self::Sms),
            2 => {
                let name = input.text()?;
                let channel = Self::from_storage(name);
                if channel.stored() == name {
                    Ok(channel)
                } else {
                    Err(Damaged::Value)
                }
            }
            _ => Err(Damaged::Value),
        }
    }
}
