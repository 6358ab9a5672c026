//! Begins stages, and hands those that ended to the exporter.

use std::sync::Arc;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::context::{Context, SpanId, TraceId};
use super::current::current;
use super::stage::{Kind, Open, Span, Stage};

/// Ended spans that wait for the exporter. With one more, the newest is dropped.
const WAITING: usize = 8_192;

/// Time and randomness.
#[derive(Clone, Copy, Debug)]
pub struct Outside<N> {
    /// In nanoseconds since 1970.
    pub now: N,
    pub random: fn() -> [u8; 16],
}

/// A handle; clones share the queue.
#[derive(Clone)]
pub struct Tracer(Arc<Inner>);

struct Inner {
    now: Box<dyn Fn() -> u64 + Send + Sync>,
    random: fn() -> [u8; 16],
    /// Of the traces that begin here, those whose id is below it are recorded.
    recorded: Option<u64>,
    ended: Sender<Span>,
}

impl std::fmt::Debug for Tracer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tracer")
    }
}

impl Tracer {
    /// `sample`: the share of the traces that begin here that is recorded, from 0 to 1.
    pub fn new(
        outside: Outside<impl Fn() -> u64 + Send + Sync + 'static>,
        sample: f64,
    ) -> (Self, Receiver<Span>) {
        let (ended, waiting) = channel(WAITING);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share below 1 of the greatest number, which need not be exact"
        )]
        let recorded = (sample < 1.0).then(|| (sample.max(0.0) * u64::MAX as f64) as u64);
        let inner = Inner {
            now: Box::new(outside.now),
            random: outside.random,
            recorded,
            ended,
        };
        (Self(Arc::new(inner)), waiting)
    }

    /// The stage of a whole request, whose context is `parent`, or that begins the trace `new`. Its own context is
    /// returned too, whether it is recorded or not.
    pub fn request(&self, parent: Option<&Context>, new: TraceId) -> (Stage, Context) {
        let above = parent.map(|parent| parent.span);
        let own = self.below(parent, || new);
        (self.open("request", Kind::Server, &own, above), own)
    }

    /// A part of what is being done. Where nothing is, nothing is recorded.
    pub fn stage(&self, name: &'static str) -> Stage {
        self.call(name, Kind::Internal)
    }

    /// A call to another service, as a part of what is being done.
    pub fn call(&self, name: &'static str, kind: Kind) -> Stage {
        let Some(parent) = current() else {
            return Stage::none();
        };
        let own = parent.at(self.span_id());
        self.open(name, kind, &own, Some(parent.span))
    }

    /// A call to another service that belongs to the trace in which its cause was begun, else begins one. Its context is for
    /// the other service.
    pub fn sends(&self, name: &'static str, begun: Option<&Context>) -> (Stage, Context) {
        let own = self.below(begun, || TraceId((self.0.random)()));
        let above = begun.map(|begun| begun.span);
        (self.open(name, Kind::Client, &own, above), own)
    }

    /// A new place below `parent`, or in a new trace.
    fn below(&self, parent: Option<&Context>, new: impl FnOnce() -> TraceId) -> Context {
        let span = self.span_id();
        parent.map_or_else(
            || {
                let trace = new();
                Context::begin(trace, span, self.is_recorded(trace))
            },
            |parent| parent.at(span),
        )
    }

    fn open(&self, name: &'static str, kind: Kind, own: &Context, parent: Option<SpanId>) -> Stage {
        if !own.is_sampled() {
            return Stage::none();
        }
        let now = (self.0.now)();
        Stage::open(Open::new(
            self.0.ended.clone(),
            Span::new(name, kind, own.clone(), parent, now),
        ))
    }

    fn is_recorded(&self, trace: TraceId) -> bool {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the second half of the id decides"
        )]
        let number = u128::from_be_bytes(trace.0) as u64;
        self.0.recorded.is_none_or(|below| number < below)
    }

    fn span_id(&self) -> SpanId {
        let [span @ .., _, _, _, _, _, _, _, _] = (self.0.random)();
        SpanId(span)
    }
}
