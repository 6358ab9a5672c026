//! Paging of lists: `limit` and `cursor` of a request, `next_cursor` of its answer.

use utoipa::IntoParams;
use uuid::Uuid;

use crate::web::Query;

const MOST: usize = 200;
const USUAL: usize = 50;

/// The page that a request asks for. `C` is the position of the last item of the page before.
#[derive(Debug)]
pub struct Page<C> {
    limit: usize,
    pub cursor: Option<C>,
}

impl<C> Page<C> {
    /// Takes `limit` and `cursor`. `read` reads a cursor as [`Self::cut`] wrote it.
    pub fn read(query: &mut Query, read: impl FnOnce(&str) -> Option<C>) -> Self {
        let limit = query.take("limit", |text| match text.parse() {
            Ok(limit @ 1..=MOST) => Ok(limit),
            _ => Err(format!("must be a whole number from 1 to {MOST}")),
        });
        Self {
            limit: limit.unwrap_or(USUAL),
            cursor: query.take("cursor", |text| {
                read(text).ok_or_else(|| "is not a cursor of this list".to_owned())
            }),
        }
    }

    /// Of an export, which has no pages.
    pub const fn whole() -> Self {
        Self {
            limit: USUAL,
            cursor: None,
        }
    }

    /// The number of items to look up: one more than fit, which shows whether another page follows.
    pub fn wanted(&self) -> i64 {
        i64::try_from(self.limit).map_or(i64::MAX, |limit| limit + 1)
    }

    /// Cuts what was found to the page. `cursor` writes the position of its last item.
    pub fn cut<T>(
        &self,
        mut found: Vec<T>,
        cursor: impl FnOnce(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        let more = found.len() > self.limit;
        found.truncate(self.limit);
        let next = found.last().filter(|_| more).map(cursor);
        (found, next)
    }
}

/// A cursor that is the id of an item.
pub fn id(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok()
}

/// The parameters of every list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its shape is used")]
pub struct PageParameters {
    /// Items in a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next_cursor` of the previous page; without one, the first page.
    cursor: Option<String>,
}

/// Declares the answer of a list: `page_of!(/// … Name as Shown: Item)`.
macro_rules! page_of {
    ($(#[$doc:meta])* $name:ident as $shown:ident: $item:ty) => {
        $(#[$doc])*
        #[derive(Debug, serde::Serialize, utoipa::ToSchema)]
        #[schema(as = $shown)]
        pub struct $name {
            items: Vec<$item>,
            /// For `cursor` of the next request; null on the last page.
            #[schema(required)]
            next_cursor: Option<String>,
        }

        impl $name {
            /// A page that was cut, each item written with `body`.
            pub fn of<T>(
                (items, next_cursor): (Vec<T>, Option<String>),
                body: impl FnMut(T) -> $item,
            ) -> Self {
                Self {
                    items: items.into_iter().map(body).collect(),
                    next_cursor,
                }
            }
        }
    };
}

pub(super) use page_of;
