//! Lists: the items below their key, and where the pages are. The libraries follow these addresses with their credentials, so they are built
//! from `public_url`, never from what the request says.

use serde_json::{Value, json};

use super::fault::Fault;
use super::form::Form;
use super::wire::address;
use crate::gateway::Gateway;

const MOST: usize = 1_000;
const USUAL: usize = 50;

/// Which page of a list is wanted.
#[derive(Clone, Debug)]
pub struct Page {
    pub size: usize,
    pub number: usize,
    /// From the page before.
    pub token: Option<String>,
}

impl Page {
    pub fn read(form: &Form) -> Result<Self, Fault> {
        let size = form.parsed::<usize>("PageSize", "must be a whole number")?;
        let number = form.parsed::<usize>("Page", "must be a whole number")?;
        Ok(Self {
            size: size.unwrap_or(USUAL).clamp(1, MOST),
            number: number.unwrap_or(0),
            token: form.text("PageToken").map(str::to_owned),
        })
    }
}

/// A short list, of which a page is a part by number.
pub fn whole(
    gateway: &Gateway,
    path: &str,
    (key, items): (&str, Vec<Value>),
    page: &Page,
) -> Value {
    let from = page.number.saturating_mul(page.size);
    let has_more = items.len() > from.saturating_add(page.size);
    let items = items.into_iter().skip(from).take(page.size).collect();
    let next = has_more.then_some("next");
    answer(gateway, (path, &[]), (key, items), page, next)
}

/// A page of a list at `path`. `query`: the filters, to be repeated for the other pages; `next`: the token of the next page.
pub fn answer(
    gateway: &Gateway,
    (path, query): (&str, &[(&str, &str)]),
    (key, items): (&str, Vec<Value>),
    page: &Page,
    next: Option<&str>,
) -> Value {
    let at = |number: usize, token: Option<&str>| {
        let mut parameters = form_urlencoded::Serializer::new(String::new());
        parameters.extend_pairs(query);
        parameters.append_pair("PageSize", &page.size.to_string());
        parameters.append_pair("Page", &number.to_string());
        if let Some(token) = token {
            parameters.append_pair("PageToken", token);
        }
        format!("{}?{}", address(gateway, path), parameters.finish())
    };
    json!({
        key: items,
        "meta": {
            "page": page.number,
            "page_size": page.size,
            "first_page_url": at(0, None),
            "previous_page_url": null,
            "url": at(page.number, page.token.as_deref()),
            "next_page_url": next.map(|next| at(page.number.saturating_add(1), Some(next))),
            "key": key,
        },
    })
}
