//! Jobs that change a big table in chunks, while they have much to do.

use maud::{Markup, html};

use crate::dashboard::frame::viewer::Viewer;
use crate::dashboard::text::faults::filled;
use crate::gateway::Gateway;

fn text(view: &Viewer, job: &str) -> &'static str {
    let t = &view.t.money;
    if job == "ages" { t.erasing } else { t.moving }
}

/// A line for each; nothing if there is none.
pub fn jobs(view: &Viewer, gateway: &Gateway) -> Markup {
    let day = |time: chrono::DateTime<chrono::Utc>| {
        let date = time.with_timezone(&view.zone).date_naive();
        view.locale().day(date)
    };
    html! {
        @for job in gateway.jobs() {
            p class="notice" role="status" {
                (filled(text(view, job.job), &[
                    &view.locale().count(i64::try_from(job.rows).unwrap_or(i64::MAX)), &day(job.reached), &day(job.until),
                ]))
            }
        }
    }
}
