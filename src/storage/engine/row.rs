//! Rows as structs: each field is read from the column of its name, on either engine.

/// Declares the struct of a row. One field may come first as `..name: Row`: another row, read from the same columns.
///
/// It replaces sqlx's derive, which would compile both engines and TLS a second time, for the compiler's own use.
macro_rules! row {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident {
            $(..$part:ident: $part_type:ty,)?
            $($(#[$note:meta])* $seen:vis $field:ident: $type:ty,)+
        }
    ) => {
        $(#[$attribute])*
        $visibility struct $name {
            $($part: $part_type,)?
            $($(#[$note])* $seen $field: $type,)+
        }

        $crate::storage::engine::row!(@read sqlx::postgres::PgRow => $name, $($part)?, $($field)+);
        $crate::storage::engine::row!(@read sqlx::sqlite::SqliteRow => $name, $($part)?, $($field)+);
    };
    (@read $source:ty => $name:ident, $($part:ident)?, $($field:ident)+) => {
        impl sqlx::FromRow<'_, $source> for $name {
            fn from_row(row: &$source) -> sqlx::Result<Self> {
                Ok(Self {
                    $($part: sqlx::FromRow::from_row(row)?,)?
                    $($field: sqlx::Row::try_get(row, stringify!($field))?,)+
                })
            }
        }
    };
}

pub(in crate::storage) use row;
