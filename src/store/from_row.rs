//! Decodes rows into structs. `sqlx` has a derive macro for this. Its crate needs both drivers, SQLite, tokio and rustls once more,
//! compiled for the compiler.

/// Defines a struct whose fields are columns of their names, and implements `sqlx::FromRow`. A field after `..` is a struct
/// of columns of the same row.
macro_rules! from_row {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident {
            $($(#[$about:meta])* $access:vis $column:ident: $type:ty,)*
            $(..$group_access:vis $group:ident: $columns:ty,)*
        }
    ) => {
        $(#[$attribute])*
        $visibility struct $name {
            $($(#[$about])* $access $column: $type,)*
            $($group_access $group: $columns,)*
        }

        impl<'r, R: sqlx::Row> sqlx::FromRow<'r, R> for $name
        where
            &'static str: sqlx::ColumnIndex<R>,
            $($type: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,)*
            $($columns: sqlx::FromRow<'r, R>,)*
        {
            fn from_row(row: &'r R) -> sqlx::Result<Self> {
                Ok(Self {
                    $($column: row.try_get(stringify!($column))?,)*
                    $($group: sqlx::FromRow::from_row(row)?,)*
                })
            }
        }
    };
}
pub(super) use from_row;
