//! Style sheets and scripts, compiled into the binary. Their addresses contain a hash of their text, so
//! browsers can cache them forever.
//!
//! To add one: its file in `assets/`, its row in [`ASSETS`], and its element in `frame::shell`.
//!
//! uPlot (`uplot.js`, `uplot.css`) is vendored unchanged from its npm package, version 1.6.32; `LICENSE-uplot` is its licence.

use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpResponse, web};

use crate::secret::fingerprint;
use crate::web::Fault;

struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

#[rustfmt::skip]
const ASSETS: [Asset; 5] = [
    Asset { name: "dashboard.css", kind: CSS, text: include_str!("assets/dashboard.css") },
    Asset { name: "dashboard.js", kind: SCRIPT, text: include_str!("assets/dashboard.js") },
    Asset { name: "charts.js", kind: SCRIPT, text: include_str!("assets/charts.js") },
    Asset { name: "uplot.js", kind: SCRIPT, text: include_str!("assets/uplot.js") },
    Asset { name: "uplot.css", kind: CSS, text: include_str!("assets/uplot.css") },
];

static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let name = |asset: &Asset| {
        let hash = hex::encode(&fingerprint(asset.text.as_bytes())[..8]);
        format!("{hash}-{}", asset.name)
    };
    ASSETS.iter().map(name).collect()
});

/// The address of an asset, with its hash.
#[must_use]
pub fn address(name: &str) -> String {
    let place = ASSETS.iter().position(|asset| asset.name == name);
    let named = place.map_or(name, |place| NAMES[place].as_str());
    format!("/dashboard/assets/{named}")
}

/// The icon of the program as a data URL, the same as on the sandbox page.
pub fn icon() -> &'static str {
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='9' fill='%230f766e'/%3E%3Cpath d='M9 20c0-6 14-2 14-9' stroke='%23fff' stroke-width='3' fill='none' stroke-linecap='round'/%3E%3Ccircle cx='9' cy='22' r='3' fill='%23fff'/%3E%3Ccircle cx='23' cy='10' r='3' fill='%23fff'/%3E%3C/svg%3E"
}

pub async fn serve(name: web::Path<String>) -> HttpResponse {
    // During an upgrade, another replica's page may ask for another version's hash. It gets our version, uncached.
    let own = name.split_once('-').map(|(_, own)| own);
    let Some(place) = ASSETS.iter().position(|asset| Some(asset.name) == own) else {
        return super::frame::fault::render(&Fault::not_found());
    };
    let asset = &ASSETS[place];
    let kept = if NAMES[place] == *name {
        "public, max-age=31536000, immutable"
    } else {
        "no-store"
    };
    HttpResponse::Ok()
        .content_type(asset.kind)
        .insert_header((header::CACHE_CONTROL, kept))
        .body(asset.text)
}
