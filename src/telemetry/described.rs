//! What each metric counts, for the `HELP` lines of `/metrics`. `docs/metrics.md` has the same metrics, with their labels; a test
//! compares both.

use metrics::{describe_counter, describe_gauge, describe_histogram};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

use Kind::{Counter, Gauge, Histogram};

/// All metrics: name, kind, and a sentence.
pub const ALL: [(&str, Kind, &str); 47] = [
    (
        "pinroute_build_info",
        Gauge,
        "1, with the version that runs",
    ),
    (
        "pinroute_ready",
        Gauge,
        "1 while this replica would answer /readyz with 200, else 0",
    ),
    ("pinroute_http_requests_total", Counter, "Answered requests"),
    (
        "pinroute_http_request_seconds",
        Histogram,
        "From the request's head to the answer's",
    ),
    (
        "pinroute_http_errors_total",
        Counter,
        "Answers of 500 and above, by their exact status",
    ),
    (
        "pinroute_verifications_total",
        Counter,
        "Verifications started",
    ),
    ("pinroute_checks_total", Counter, "Codes checked"),
    (
        "pinroute_funnel_total",
        Counter,
        "Verifications that reached a stage",
    ),
    (
        "pinroute_attempts_total",
        Counter,
        "Attempts (messages) that reached a stage",
    ),
    (
        "pinroute_cost_micros_total",
        Counter,
        "Money booked, in millionths of the currency, positive in both kinds",
    ),
    ("pinroute_segments_total", Counter, "SMS segments sent"),
    (
        "pinroute_delivery_seconds",
        Histogram,
        "From the send to the report that the message was delivered",
    ),
    (
        "pinroute_sends_total",
        Counter,
        "Requests to providers to send a message",
    ),
    (
        "pinroute_send_seconds",
        Histogram,
        "How long a provider took to answer a send",
    ),
    (
        "pinroute_throttle_seconds_total",
        Counter,
        "Time that a provider asked to wait, summed; how often it did is pinroute_sends_total with the outcome throttled",
    ),
    (
        "pinroute_callbacks_total",
        Counter,
        "Reports from providers",
    ),
    (
        "pinroute_hooks_total",
        Counter,
        "Requests from identity servers; kind is that of the integration",
    ),
    (
        "pinroute_pauses_total",
        Counter,
        "Times that a provider was paused",
    ),
    (
        "pinroute_provider_paused",
        Gauge,
        "1 while it is paused, else 0; with Redis, the pauses of all replicas",
    ),
    (
        "pinroute_alarms_total",
        Counter,
        "Faults that an operator must mend: the balance, the token, an answer that is not known",
    ),
    (
        "pinroute_provider_balance",
        Gauge,
        "What is left in the account, in units of the currency",
    ),
    (
        "pinroute_provider_runway_seconds",
        Gauge,
        "How long it lasts at the pace of the last seven days; NaN or absent while that is not known",
    ),
    (
        "pinroute_due_verifications",
        Gauge,
        "Verifications whose next step is late and that no replica holds",
    ),
    (
        "pinroute_due_oldest_seconds",
        Gauge,
        "How late the oldest of them is, the lag of the queue; 0 if there is none",
    ),
    (
        "pinroute_work_in_progress",
        Gauge,
        "Verifications that this replica is working on",
    ),
    (
        "pinroute_job_age_seconds",
        Gauge,
        "Since a background job last ended well",
    ),
    (
        "pinroute_past_moved_total",
        Counter,
        "Ended verifications moved out of the hot table",
    ),
    (
        "pinroute_partitions_ahead",
        Gauge,
        "Weeks beyond the present one for which partitions exist, on Postgres",
    ),
    (
        "pinroute_webhook_tries_total",
        Counter,
        "Messages posted to webhooks",
    ),
    (
        "pinroute_webhook_messages",
        Gauge,
        "Messages not delivered yet, and those given up",
    ),
    (
        "pinroute_webhook_oldest_seconds",
        Gauge,
        "Age of the oldest pending message; 0 if there is none",
    ),
    (
        "pinroute_sink_tries_total",
        Counter,
        "Messages given to a sink",
    ),
    (
        "pinroute_sink_messages",
        Gauge,
        "Messages not delivered yet, and those given up",
    ),
    (
        "pinroute_sink_oldest_seconds",
        Gauge,
        "Age of the oldest pending message; 0 if there is none",
    ),
    (
        "pinroute_commit_groups_total",
        Counter,
        "Groups of changes written to the database",
    ),
    (
        "pinroute_commit_changes_total",
        Counter,
        "Changes in these groups",
    ),
    (
        "pinroute_commit_group_changes",
        Histogram,
        "Changes per group, not seconds: buckets 1, 2, 4, 8, 16, 32, 64, 128 and 256",
    ),
    (
        "pinroute_commit_seconds",
        Histogram,
        "How long a group took to become durable",
    ),
    (
        "pinroute_commit_queue",
        Gauge,
        "Changes that wait; at most 4,096",
    ),
    (
        "pinroute_commit_queue_full_total",
        Counter,
        "Changes refused because the queue was full",
    ),
    (
        "pinroute_database_connections",
        Gauge,
        "Connections of the pool",
    ),
    (
        "pinroute_database_wait_seconds",
        Histogram,
        "How long a group of changes waited for a connection of the pool",
    ),
    (
        "pinroute_redis_up",
        Gauge,
        "With Redis configured: 1 while writes succeed, else 0",
    ),
    (
        "pinroute_redis_failures_total",
        Counter,
        "Requests to Redis without a connection, an answer, or with an error",
    ),
    (
        "pinroute_clock_skew_seconds",
        Gauge,
        "How far the database's clock is ahead of this machine's",
    ),
    (
        "pinroute_trace_spans_dropped_total",
        Counter,
        "Spans that the collector of traces did not get",
    ),
    (
        "pinroute_sign_ins_total",
        Counter,
        "Passwords tried at the dashboard",
    ),
];

/// Describes all of them to the recorder.
pub(super) fn describe() {
    for (name, kind, sentence) in ALL {
        match kind {
            Counter => describe_counter!(name, sentence),
            Gauge => describe_gauge!(name, sentence),
            Histogram => describe_histogram!(name, sentence),
        }
    }
}
