//! The context that crosses services: W3C Trace Context, `traceparent` and `tracestate`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Sixteen bytes, not all zero; written as hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TraceId(pub [u8; 16]);

/// Eight bytes, not all zero; written as hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SpanId(pub [u8; 8]);

/// A span of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    pub trace: TraceId,
    pub span: SpanId,
    /// The lowest bit: it is recorded. The second: the trace's id is random.
    pub flags: u8,
    /// What other tracing systems add, as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

const SAMPLED: u8 = 0b01;
const RANDOM: u8 = 0b10;
/// Systems must pass on so much of a `tracestate`; a longer one is dropped.
const LONGEST_STATE: usize = 512;

impl Context {
    /// A new trace.
    #[must_use]
    pub fn begin(trace: TraceId, span: SpanId, is_sampled: bool) -> Self {
        Self {
            trace,
            span,
            flags: RANDOM | if is_sampled { SAMPLED } else { 0 },
            state: None,
        }
    }

    /// Another span of the same trace.
    #[must_use]
    pub fn at(&self, span: SpanId) -> Self {
        Self {
            span,
            ..self.clone()
        }
    }

    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// Reads the headers of a request. `None`: there is no `traceparent`, several, or a malformed one, and the request begins a
    /// trace. A malformed `tracestate` is dropped alone.
    pub fn read<'a>(
        parents: impl IntoIterator<Item = &'a [u8]>,
        states: impl IntoIterator<Item = &'a [u8]>,
    ) -> Option<Self> {
        let mut parents = parents.into_iter();
        let context = Self::parse(parents.next()?)?;
        if parents.next().is_some() {
            return None;
        }
        Some(Self {
            state: read_state(states),
            ..context
        })
    }

    /// `00-<trace>-<span>-<flags>`. A later version may go on after that.
    fn parse(text: &[u8]) -> Option<Self> {
        let (text, rest) = text.split_at_checked(55)?;
        let [version] = digits(text.get(..2)?)?;
        let ends = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.first().is_none_or(|next| *next == b'-'),
        };
        if !ends || [2, 35, 52].iter().any(|at| text[*at] != b'-') {
            return None;
        }
        let (trace, span) = (digits(&text[3..35])?, digits(&text[36..52])?);
        let [flags] = digits(&text[53..])?;
        (trace != [0; 16] && span != [0; 8]).then_some(Self {
            trace: TraceId(trace),
            span: SpanId(span),
            flags: flags & (SAMPLED | RANDOM),
            state: None,
        })
    }

    /// The header `traceparent`.
    #[must_use]
    pub fn parent(&self) -> String {
        format!("00-{}-{}-{:02x}", self.trace, self.span, self.flags)
    }
}

/// Several headers count as one list.
fn read_state<'a>(states: impl IntoIterator<Item = &'a [u8]>) -> Option<String> {
    let all: Vec<&[u8]> = states.into_iter().collect();
    let text = String::from_utf8(all.join(&b","[..])).ok()?;
    let is_sound = |member: &str| {
        let member = member.trim_matches([' ', '\t']);
        let printable = member.bytes().all(|b| (b' '..=b'~').contains(&b));
        member.is_empty()
            || (printable && member.split_once('=').is_some_and(|(k, _)| !k.is_empty()))
    };
    let fits = text.len() <= LONGEST_STATE && text.split(',').count() <= 32;
    (fits && !text.trim_matches([' ', '\t', ',']).is_empty() && text.split(',').all(is_sound))
        .then_some(text)
}

/// Lower-case hexadecimal digits, exactly as many as it takes.
fn digits<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn read(parent: &str, state: &[&str]) -> Option<Context> {
        Context::read(
            [parent.as_bytes()],
            state.iter().map(|text| text.as_bytes()),
        )
    }

    #[test]
    fn a_parent_is_read_and_written_again() {
        let context = read(PARENT, &["a=1", " b@c=2,"]).unwrap();
        assert_eq!(context.trace.to_string(), &PARENT[3..35]);
        assert_eq!(context.span.to_string(), &PARENT[36..52]);
        assert!(context.is_sampled());
        assert_eq!(context.parent(), PARENT);
        assert_eq!(context.state.as_deref(), Some("a=1, b@c=2,"));
        let unsampled = read(&PARENT.replace("-01", "-02"), &[]).unwrap();
        assert!(!unsampled.is_sampled());
        assert!(unsampled.parent().ends_with("-02"), "random stays");
        let unknown_flags = read(&PARENT.replace("-01", "-fd"), &[]).unwrap();
        assert!(unknown_flags.parent().ends_with("-01"));
    }

    #[test]
    fn a_later_version_may_go_on() {
        let later = PARENT.replacen("00", "cc", 1);
        assert_eq!(read(&later, &[]).unwrap().parent(), PARENT);
        assert!(read(&format!("{later}-what-the-future-brings"), &[]).is_some());
        assert_eq!(read(&format!("{later}.what"), &[]), None);
    }

    #[test]
    fn a_malformed_parent_is_none() {
        for wrong in [
            "",
            "00",
            &PARENT[..54],
            &format!("{PARENT}-"),
            &format!("{PARENT} "),
            &PARENT.replacen("00", "ff", 1),
            &PARENT.to_uppercase(),
            &PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &PARENT.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &PARENT.replace('-', "_"),
            &PARENT.replace("4bf", "4bg"),
            "00-4bf92f3577b34da6a3ce929d0e0e47é-00f067aa0ba902b7-01",
        ] {
            assert_eq!(read(wrong, &[]), None, "{wrong}");
        }
        let two = [PARENT.as_bytes(), PARENT.as_bytes()];
        assert_eq!(Context::read(two, []), None);
    }

    #[test]
    fn a_malformed_state_is_dropped_alone() {
        let long = format!("a={}", "x".repeat(511));
        let many = vec!["a=1"; 33].join(",");
        for wrong in ["", ",", "no-value", "=1", "a=é", "a=\u{1}", &long, &many] {
            assert_eq!(read(PARENT, &[wrong]).unwrap().state, None, "{wrong}");
        }
    }
}
