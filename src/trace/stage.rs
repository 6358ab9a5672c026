//! A stage that is being recorded, and the span that is left of it.

use std::borrow::Cow;
use std::time::Instant;

use tokio::sync::mpsc::Sender;

use super::context::{Context, SpanId};
use super::current::adopt;

/// A part of the work, until it is dropped. Empty where nothing is recorded.
#[must_use = "the stage ends when it is dropped"]
#[derive(Debug)]
pub struct Stage(Option<Box<Open>>);

#[derive(Debug)]
pub(super) struct Open {
    /// To the exporter.
    ended: Sender<Span>,
    began: Instant,
    /// Gone once it has ended.
    span: Option<Span>,
}

/// Which side of a call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Internal,
    /// It answers one.
    Server,
    /// It makes one.
    Client,
}

/// What a stage was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub name: Cow<'static, str>,
    pub kind: Kind,
    pub context: Context,
    pub parent: Option<SpanId>,
    /// In nanoseconds since 1970.
    pub began: u64,
    pub ended: u64,
    pub attributes: Vec<(&'static str, Value)>,
    /// Spans of other traces that it has to do with.
    pub links: Vec<Context>,
    pub failed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(Cow<'static, str>),
    Whole(i64),
}

impl Stage {
    pub const fn none() -> Self {
        Self(None)
    }

    pub(super) fn open(open: Open) -> Self {
        Self(Some(Box::new(open)))
    }

    /// Whether it is recorded: to spare what only its attributes need.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.is_some()
    }

    fn span(&mut self) -> Option<&mut Span> {
        self.0.as_mut()?.span.as_mut()
    }

    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        if let Some(span) = self.span() {
            span.attributes.push((name, value.into()));
        }
    }

    pub fn name(&mut self, name: impl FnOnce() -> String) {
        if let Some(span) = self.span() {
            span.name = name().into();
        }
    }

    /// Its outcome, in a word. Some are faults.
    pub fn conclude(&mut self, outcome: &'static str) {
        self.set("pinroute.outcome", outcome);
        let faults = ["failed", "unavailable", "no_answer", "provider_rejected"];
        if faults.contains(&outcome) {
            self.fail();
        }
    }

    pub fn fail(&mut self) {
        if let Some(span) = self.span() {
            span.failed = true;
        }
    }

    /// Ties it to the trace of what it is about, if that is another one.
    pub fn link(&mut self, other: Option<&Context>) {
        if let (Some(span), Some(other)) = (self.span(), other)
            && span.context.trace != other.trace
        {
            span.links.push(other.clone());
        }
    }

    /// Makes it the stage in which what is done within `inner` is done.
    pub fn surround(&self, inner: &tracing::Span) {
        if let Some(span) = self.0.as_ref().and_then(|open| open.span.as_ref()) {
            adopt(inner, span.context.clone());
        }
    }

    /// A span of the log for what is done in it; `None`: nothing is recorded.
    #[must_use]
    pub fn inner(&self) -> Option<tracing::Span> {
        let name = &*self.0.as_ref()?.span.as_ref()?.name;
        let inner = tracing::error_span!(target: "pinroute::span", "stage", stage = name);
        self.surround(&inner);
        Some(inner)
    }
}

impl Open {
    pub(super) fn new(ended: Sender<Span>, span: Span) -> Self {
        Self {
            ended,
            began: Instant::now(),
            span: Some(span),
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(mut span) = self.span.take() {
            let took = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            span.ended = span.began.saturating_add(took);
            if self.ended.try_send(span).is_err() {
                dropped(1);
            }
        }
    }
}

impl Span {
    pub(super) fn new(
        name: &'static str,
        kind: Kind,
        context: Context,
        parent: Option<SpanId>,
        began: u64,
    ) -> Self {
        Self {
            name: name.into(),
            kind,
            context,
            parent,
            began,
            ended: began,
            attributes: Vec::new(),
            links: Vec::new(),
            failed: false,
        }
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Whole(number.into())
    }
}

/// Counts spans that the collector does not get.
pub fn dropped(spans: u64) {
    metrics::counter!("pinroute_trace_spans_dropped_total").increment(spans);
}
