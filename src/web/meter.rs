//! Counts and times the requests of each face.

use std::time::Instant;

use actix_web::http::StatusCode;
use metrics::{Counter, Histogram};

/// Of the answers' status codes.
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// The metrics of one face. They exist from the start, so that the first request of a kind is seen to be one.
struct Line {
    face: &'static str,
    answers: [Counter; CLASSES.len()],
    seconds: Histogram,
}

impl Line {
    fn of(face: &'static str) -> Self {
        Self {
            face,
            answers: CLASSES.map(|class| {
                metrics::counter!("pinroute_http_requests_total", "face" => face, "status" => class)
            }),
            seconds: metrics::histogram!("pinroute_http_request_seconds", "face" => face),
        }
    }
}

/// The metrics of all faces.
pub(super) struct Meter(Vec<Line>);

impl Meter {
    pub fn of(faces: impl Iterator<Item = &'static str>) -> Self {
        Self(faces.map(Line::of).collect())
    }

    /// Counts a request that began at `began` and is answered now.
    pub fn count(&self, face: &str, status: StatusCode, began: Instant) {
        let Some(line) = self.0.iter().find(|line| line.face == face) else {
            return;
        };
        line.seconds.record(began.elapsed());
        let class = usize::from(status.as_u16() / 100).saturating_sub(2);
        if let Some(answers) = line.answers.get(class) {
            answers.increment(1);
        }
    }
}
