//! Writes and reads the parts of which everything stored is made. A read never goes past the end, whatever it is given.
//!
//! Numbers take seven bits a byte, the lowest first, and the eighth says that more follow (LEB128). Signed ones alternate
//! between positive and negative, so that small ones are short either way (zigzag).

use chrono::{DateTime, Utc};

use crate::money::Currency;

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damaged {
    #[error("a form of version {0}, which is not known")]
    Version(u8),
    #[error("it ends too early")]
    Short,
    #[error("something follows its end")]
    LeftOver,
    #[error("a value that cannot be")]
    Value,
}

pub struct Writer {
    bytes: Vec<u8>,
    context: Context,
}

pub struct Reader<'a> {
    bytes: &'a [u8],
    context: Context,
}

/// What came before. The parts of a record resemble one another, so some are written as their difference.
#[derive(Default)]
struct Context {
    /// At first 1970.
    time: DateTime<Utc>,
    currency: Option<Currency>,
}

/// In the place of a currency's first letter.
const SAME_CURRENCY: u8 = 0;

impl Default for Writer {
    fn default() -> Self {
        Self {
            // Most records fit.
            bytes: Vec::with_capacity(256),
            context: Context::default(),
        }
    }
}

impl Writer {
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            let [lowest, ..] = number.to_le_bytes();
            self.byte(lowest | 0x80);
            number >>= 7;
        }
        let [last, ..] = number.to_le_bytes();
        self.byte(last);
    }

    pub fn length(&mut self, length: usize) {
        self.number(length as u64);
    }

    pub fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    pub fn text(&mut self, text: &str) {
        self.length(text.len());
        self.raw(text.as_bytes());
    }

    /// Which of a struct's optional fields are there, the first in the lowest bit.
    pub fn presence<const N: usize>(&mut self, fields: [bool; N]) {
        const { assert!(N <= 64) };
        let add = |bits, there| bits << 1 | u64::from(there);
        self.number(fields.into_iter().rev().fold(0, add));
    }

    /// As the distance from the time before it; the first from 1970.
    pub fn time(&mut self, at: DateTime<Utc>) {
        let before = self.context.time.timestamp_micros();
        self.signed(at.timestamp_micros().wrapping_sub(before));
        self.context.time = at;
    }

    pub fn currency(&mut self, currency: Currency) {
        if self.context.currency == Some(currency) {
            self.byte(SAME_CURRENCY);
        } else {
            self.raw(currency.as_str().as_bytes());
            self.context.currency = Some(currency);
        }
    }
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            context: Context::default(),
        }
    }

    /// Refuses if anything is left.
    pub fn end(&self) -> Result<(), Damaged> {
        if self.bytes.is_empty() {
            Ok(())
        } else {
            Err(Damaged::LeftOver)
        }
    }

    pub fn byte(&mut self) -> Result<u8, Damaged> {
        let (first, rest) = self.bytes.split_first().ok_or(Damaged::Short)?;
        self.bytes = rest;
        Ok(*first)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let (first, rest) = self.bytes.split_first_chunk().ok_or(Damaged::Short)?;
        self.bytes = rest;
        Ok(*first)
    }

    pub fn number(&mut self) -> Result<u64, Damaged> {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte()?;
            // Of the tenth byte, one bit is left.
            if shift == 63 && byte > 1 {
                return Err(Damaged::Value);
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
            shift += 7;
        }
    }

    pub fn length(&mut self) -> Result<usize, Damaged> {
        usize::try_from(self.number()?).map_err(|_| Damaged::Value)
    }

    pub fn signed(&mut self) -> Result<i64, Damaged> {
        let number = self.number()?;
        let sign = (number & 1).wrapping_neg();
        Ok((number >> 1 ^ sign).cast_signed())
    }

    pub fn text(&mut self) -> Result<&'a str, Damaged> {
        let length = self.length()?;
        let (text, rest) = self.bytes.split_at_checked(length).ok_or(Damaged::Short)?;
        self.bytes = rest;
        std::str::from_utf8(text).map_err(|_| Damaged::Value)
    }

    /// Refuses if there is a field that this version does not know.
    pub fn presence<const N: usize>(&mut self) -> Result<[bool; N], Damaged> {
        let mut bits = self.number()?;
        let fields = std::array::from_fn(|_| {
            let there = bits & 1 == 1;
            bits >>= 1;
            there
        });
        if bits == 0 {
            Ok(fields)
        } else {
            Err(Damaged::Value)
        }
    }

    pub fn time(&mut self) -> Result<DateTime<Utc>, Damaged> {
        const LATEST: DateTime<Utc> = DateTime::<Utc>::MAX_UTC;
        let distance = self.signed()?;
        if distance != 0 {
            let before = self.context.time.timestamp_micros();
            let micros = before.wrapping_add(distance);
            // `MAX_UTC` means "never", and is the only time that is not a whole number of microseconds.
            self.context.time = if micros == LATEST.timestamp_micros() {
                LATEST
            } else {
                DateTime::from_timestamp_micros(micros).ok_or(Damaged::Value)?
            };
        }
        Ok(self.context.time)
    }

    pub fn currency(&mut self) -> Result<Currency, Damaged> {
        let first = self.byte()?;
        if first == SAME_CURRENCY {
            return self.context.currency.ok_or(Damaged::Value);
        }
        let [second, third] = self.array()?;
        let code = [first, second, third];
        let currency = parsed(&code)?;
        self.context.currency = Some(currency);
        Ok(currency)
    }
}

/// A value whose text is stored.
pub fn parsed<T: std::str::FromStr>(text: &[u8]) -> Result<T, Damaged> {
    let text = std::str::from_utf8(text).map_err(|_| Damaged::Value)?;
    text.parse().map_err(|_| Damaged::Value)
}
