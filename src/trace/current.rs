//! The context of what is being done: kept with the span of the log within which it is done.

use std::sync::atomic::{AtomicBool, Ordering};

use tracing_subscriber::Registry;
use tracing_subscriber::registry::LookupSpan as _;

use super::context::Context;

/// Whether any span has a context: where nobody traces, none is looked for.
static ANY: AtomicBool = AtomicBool::new(false);

/// Gives a span, and what is done within it, a context.
pub fn adopt(span: &tracing::Span, context: Context) {
    ANY.store(true, Ordering::Relaxed);
    span.with_subscriber(|(id, dispatch)| {
        let registry = dispatch.downcast_ref::<Registry>();
        if let Some(span) = registry.and_then(|registry| registry.span(id)) {
            span.extensions_mut().replace(context);
        }
    });
}

/// The context of the span within which this is called, or of the nearest one around it.
#[must_use]
pub fn current() -> Option<Context> {
    if !ANY.load(Ordering::Relaxed) {
        return None;
    }
    let found = tracing::Span::current().with_subscriber(|(id, dispatch)| {
        let registry = dispatch.downcast_ref::<Registry>()?;
        let mut around = registry.span(id)?.scope();
        around.find_map(|span| span.extensions().get::<Context>().cloned())
    });
    found.flatten()
}

/// A span in which to go on with what was begun in a trace, perhaps by another process: `None` where that is known already.
#[must_use]
pub fn within(begun: Option<&Context>) -> Option<tracing::Span> {
    let context = begun?;
    if current().is_some_and(|now| now.trace == context.trace) {
        return None;
    }
    let span = tracing::error_span!(target: "pinroute::span", parent: None, "work", trace_id = %context.trace);
    adopt(&span, context.clone());
    Some(span)
}
