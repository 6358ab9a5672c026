//! The page's files, compiled into the binary. To add one: its file in `page/`, and its row in [`ASSETS`].
//!
//! `page.html` and the scripts contain no words: those are in `texts/`, a file per language.

use actix_web::HttpResponse;

pub(super) struct Asset {
    pub(super) path: &'static str,
    pub(super) kind: &'static str,
    pub(super) text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
pub(super) const CSS: &str = "text/css; charset=utf-8";
pub(super) const SCRIPT: &str = "text/javascript; charset=utf-8";
const JSON: &str = "application/json";

#[rustfmt::skip]
pub(super) const ASSETS: [Asset; 18] = [
    Asset { path: "/", kind: HTML, text: include_str!("page/page.html") },
    Asset { path: "/page.css", kind: CSS, text: include_str!("page/page.css") },
    Asset { path: "/site.css", kind: CSS, text: include_str!("page/site.css") },
    Asset { path: "/phones.css", kind: CSS, text: include_str!("page/phones.css") },
    Asset { path: "/calls.css", kind: CSS, text: include_str!("page/calls.css") },
    Asset { path: "/page.js", kind: SCRIPT, text: include_str!("page/page.js") },
    Asset { path: "/dom.js", kind: SCRIPT, text: include_str!("page/dom.js") },
    Asset { path: "/box.js", kind: SCRIPT, text: include_str!("page/box.js") },
    Asset { path: "/texts.js", kind: SCRIPT, text: include_str!("page/texts.js") },
    Asset { path: "/site.js", kind: SCRIPT, text: include_str!("page/site.js") },
    Asset { path: "/words.js", kind: SCRIPT, text: include_str!("page/words.js") },
    Asset { path: "/proof.js", kind: SCRIPT, text: include_str!("page/proof.js") },
    Asset { path: "/phones.js", kind: SCRIPT, text: include_str!("page/phones.js") },
    Asset { path: "/screen.js", kind: SCRIPT, text: include_str!("page/screen.js") },
    Asset { path: "/timeline.js", kind: SCRIPT, text: include_str!("page/timeline.js") },
    Asset { path: "/calls.js", kind: SCRIPT, text: include_str!("page/calls.js") },
    Asset { path: "/texts/en.json", kind: JSON, text: include_str!("page/texts/en.json") },
    Asset { path: "/texts/ru.json", kind: JSON, text: include_str!("page/texts/ru.json") },
];

/// What the page may load: its own files, and nothing of other hosts.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

impl Asset {
    pub(super) fn answer(&self) -> HttpResponse {
        let mut answer = HttpResponse::Ok();
        answer
            .content_type(self.kind)
            .insert_header(("cache-control", "no-cache"))
            .insert_header(("x-content-type-options", "nosniff"));
        if self.kind == HTML {
            answer
                .insert_header(("content-security-policy", POLICY))
                .insert_header(("referrer-policy", "no-referrer"));
        }
        answer.body(self.text)
    }
}
