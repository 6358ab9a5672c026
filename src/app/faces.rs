//! The faces of the program, and where each is mounted.
//!
//! A new face is a module at the top of `src/` with a `mount`, and its line in [`mounts`]; a dialect of another service is a folder in
//! [`dialects`] instead.

use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::dialects::Offered;
use crate::gateway::{Admin, Gateway};
use crate::web::{Mount, Site};
use crate::{api, dashboard, dialects, inlets};

/// The faces' needs besides the gateway.
#[derive(Clone, Debug)]
pub struct Faces {
    /// In a sandbox, the URL of the virtual phones, to which its pages link. `None` on a live server.
    pub sandbox: Option<String>,
    /// The company's name, for statements; empty: not given.
    pub operator_name: String,
    /// Without a trailing slash.
    pub public_url: String,
    /// Those that are switched on.
    pub dialects: Vec<Offered>,
    /// Renders `/metrics`; `None` where metrics have a listener of their own.
    pub metrics: Option<api::Metrics>,
}

/// How the program ends: first `draining` is cancelled, then `stop`.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    /// It still serves, but says that it is not ready, and each answer is the last one of its connection.
    pub draining: CancellationToken,
    /// Background work and live streams end.
    pub stop: CancellationToken,
}

/// The list of mounts.
#[must_use]
pub fn mounts(gateway: &Gateway, faces: &Faces, ends: &Ends) -> Vec<Mount> {
    let site = Site {
        public_url: faces.public_url.clone(),
        session_longest: Admin::SESSION_LONGEST,
    };
    let mut mounts = vec![
        api::mount(
            gateway.clone(),
            api::Options {
                sandbox: faces.sandbox.clone(),
                metrics: faces.metrics.clone(),
                draining: ends.draining.clone(),
                stop: ends.stop.clone(),
            },
        ),
        dashboard::mount(
            gateway.clone(),
            dashboard::Options {
                site,
                operator_name: faces.operator_name.clone(),
                sandbox: faces.sandbox.clone(),
            },
        ),
    ];
    mounts.extend(inlets::mounts(gateway));
    let dialects = faces.dialects.iter();
    mounts.extend(dialects.map(|offered| (offered.mount)(gateway.clone())));
    mounts
}

/// The dialects that are switched on.
#[must_use]
pub fn dialects_of(settings: &Settings) -> Vec<Offered> {
    let names = settings.dialects.names();
    let all = dialects::ALL.iter().copied();
    all.filter(|offered| names.contains(&offered.dialect.name))
        .collect()
}
