//! The table: the modules of `src/`, what each may name, and what it may import. A row that grows is a decision.
//!
//! `docs/architecture.md` says the same in words.

pub struct Module {
    pub name: &'static str,
    /// The modules it may name besides itself and [`NEUTRAL`].
    pub may_name: &'static [&'static str],
    /// The guarded crates it may import. A crate is guarded if any row names it.
    pub may_import: &'static [&'static str],
}

pub const ANYTHING: &[&str] = &["*"];

/// Leaves: every module may name them, and they name no other.
pub const NEUTRAL: &[&str] = &["clock", "json", "money", "secret", "trace"];

/// Rules: no async, no I/O, no clock.
pub const PURE: &[&str] = &[
    "access",
    "audit",
    "integrations",
    "message",
    "verification",
    "abuse",
    "ledger",
    "reports",
    "locale",
];

#[rustfmt::skip]
pub const MODULES: &[Module] = &[
    //      name          may name                                                  may import, of what is guarded
    module("clock",        &[],                                                      &[]),
    module("json",         &[],                                                      &[]),
    module("money",        &[],                                                      &[]),
    module("secret",       &[],                                                      &[]),
    module("trace",        &[],                                                      &[]),
    module("reader",       &[],                                                      &[]),
    module("locale",       &[],                                                      &[]),

    module("message",      &[],                                                      &[]),
    module("verification", &["message"],                                             &[]),
    module("access",       &["verification"],                                        &[]),
    module("audit",        &["verification"],                                        &[]),
    module("integrations", &["verification"],                                        &[]),
    module("ledger",       &["verification"],                                        &[]),
    module("abuse",        &["verification"],                                        &[]),
    module("reports",      &["verification", "ledger", "locale"],                    &[]),

    module("channels",     &["verification", "message", "ledger", "reader"],         &["reqwest"]),
    // Its client is built on the one transport of the channels.
    module("webhooks",     &["verification", "message", "ledger", "reader",
                             "channels", "shared_state"],                            &["reqwest"]),
    module("config",       &["verification", "message", "ledger", "abuse", "reader",
                             "channels", "webhooks"],                                &[]),

    module("ip_database",  &["verification"],                                        &["maxminddb"]),
    module("shared_state", &["verification", "abuse"],                               &["deadpool_redis"]),
    module("storage",      &["integrations", "verification", "access", "audit", "ledger", "reports", "abuse",
                             "webhooks"],                                            &["sqlx"]),

    module("gateway",      &["integrations", "verification", "message", "access", "audit", "ledger", "abuse", "reports",
                             "channels", "webhooks", "ip_database", "shared_state",
                             "storage"],                                             &[]),
    module("jobs",         &["verification", "gateway"],                             &[]),

    // Faces never name one another.
    module("web",          &["access", "abuse"],                                     &["actix_web"]),
    module("api",          &["integrations", "verification", "message", "access", "audit", "ledger", "abuse", "reports",
                             "locale", "webhooks", "gateway", "web"],                          &["actix_web", "utoipa", "utoipa_swagger_ui"]),
    module("dialects",     &["integrations", "verification", "message", "access", "ledger", "abuse", "reports",
                             "webhooks", "gateway", "web"],                          &["actix_web"]),
    module("inlets",       &["integrations", "verification", "message", "access", "ledger", "abuse", "reports",
                             "webhooks", "gateway", "web"],                          &["actix_web"]),
    module("dashboard",    &["integrations", "verification", "message", "access", "audit", "ledger", "abuse", "reports",
                             "locale", "webhooks", "gateway", "web"],                          &["actix_web"]),
    // It knows the wire, not the gateway.
    module("simulator",    &[],                                                      &["actix_web", "reqwest"]),

    module("telemetry",    ANYTHING,                                                 ANYTHING),
    module("app",          ANYTHING,                                                 ANYTHING),
    module("cli",          ANYTHING,                                                 ANYTHING),
    module("main",         ANYTHING,                                                 ANYTHING),
    module("lib",          ANYTHING,                                                 ANYTHING),
];

/// The rooms of the gateway, and the rooms that each may name. `gateway/mod.rs` only hands names on; `handle` composes.
pub const GATEWAY: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("shared", &["error"]),
    ("core", &["error", "shared"]),
    ("notices", &["error", "shared", "core"]),
    ("finance", &["error", "shared", "core", "notices"]),
    ("admin", &["error", "shared", "core", "notices", "finance"]),
    ("verify", &["error", "shared", "core", "notices", "finance"]),
    (
        "handle",
        &["shared", "core", "notices", "finance", "admin", "verify"],
    ),
    ("upkeep", &["handle", "shared"]),
];

const fn module(
    name: &'static str,
    may_name: &'static [&'static str],
    may_import: &'static [&'static str],
) -> Module {
    Module {
        name,
        may_name,
        may_import,
    }
}

impl Module {
    pub fn all() -> impl Iterator<Item = &'static Self> {
        MODULES.iter()
    }

    pub fn find(name: &str) -> Option<&'static Self> {
        Self::all().find(|module| module.name == name)
    }

    pub fn may_name(&self, other: &str) -> bool {
        other == self.name
            || self.may_name == ANYTHING
            || self.may_name.contains(&other)
            || (NEUTRAL.contains(&other) && !NEUTRAL.contains(&self.name))
    }

    pub fn may_import(&self, other: &str) -> bool {
        self.may_import == ANYTHING || self.may_import.contains(&other)
    }
}
