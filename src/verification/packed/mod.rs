//! The stored form of a [`Record`]: bytes, a seventh of what its JSON takes.
//!
//! The first byte is the form's version; `layout` lists what follows. Nothing in the bytes says which field is which, so
//! what is listed keeps its place and its number for ever.
//!
//! To add a field: append it to the optional ones of its struct. A record that was stored without it lacks its bit and is
//! read with its default. To add a variant: give it the next number. An older version refuses a record with either, so
//! where versions run side by side, one that reads it goes before the one that writes it. Anything else, such as a field
//! that every record must have, is a new version of the form: the layout of the old one stays, to be read, and only the
//! new one is written.

mod bytes;
mod layout;
#[cfg(test)]
mod tests;
mod value;

use super::Record;
use bytes::{Reader, Writer};
use value::Packed;

pub use bytes::Damaged;

const VERSION: u8 = 1;

/// The record as it is stored. Times are cut to microseconds and lengths of time to milliseconds, which is all they have.
#[must_use]
pub fn pack(record: &Record) -> Vec<u8> {
    let mut out = Writer::default();
    out.byte(VERSION);
    record.pack(&mut out);
    out.into_bytes()
}

/// Reads what [`pack`] wrote, in this version of the program or an earlier one.
pub fn unpack(bytes: &[u8]) -> Result<Record, Damaged> {
    let mut input = Reader::new(bytes);
    match input.byte()? {
        VERSION => {}
        other => return Err(Damaged::Version(other)),
    }
    let record = Record::unpack(&mut input)?;
    input.end()?;
    Ok(record)
}
