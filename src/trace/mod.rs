//! Where work is in a trace that crosses services, and what is recorded of its stages.
//!
//! A [`Context`] comes with a request, is remembered with what the request starts, and goes out with webhooks (W3C Trace Context).
//! A [`Stage`] is a part of the work that a [`Tracer`] records; without a tracer there are none. The log's spans carry the
//! context, so what is done within one finds it.
//!
//! To add a stage: `tracer.stage("name")` where it begins, attributes with [`Stage::set`], and its row in `docs/tracing.md`. An
//! attribute is never what a visitor typed or a provider answered.

mod context;
mod current;
mod stage;
mod tracer;

pub use context::{Context, SpanId, TraceId};
pub use current::{adopt, current, within};
pub use stage::{Kind, Span, Stage, Value, dropped};
pub use tracer::{Outside, Tracer};
