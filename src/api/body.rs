//! Request bodies: one declaration of a field gives both its reading, with every fault, and its schema with its bounds.
//!
//! A new body is a `body!` next to its handler; a new kind of field is a [`Form`] in [`super::forms`].

use utoipa::ToSchema;
use utoipa::openapi::schema::{
    AdditionalProperties, Array, Object, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::{RefOr, ToArray as _};

use super::openapi::words::described;
use super::problem::Problem;
use crate::web::{self, Fields};

/// The raw body of a request to the API.
pub type RawBody = web::Body<Problem>;

/// How a field reads, and its schema.
pub trait Form {
    type Out;

    /// Takes the field where there is one; a value that cannot be read leaves a fault.
    fn take(&self, fields: &mut Fields, name: &str) -> Option<Self::Out>;

    /// Of a value that is there.
    fn schema(&self) -> RefOr<Schema>;

    /// Adds the schemas that this one refers to.
    fn referred(&self, _: &mut Vec<(String, RefOr<Schema>)>) {}
}

/// Schemas that are referred to by name.
pub type Referred = Vec<(String, RefOr<Schema>)>;

/// Declares a body: `closed struct` of fields that are `required` or `optional`, each with its form. `open struct`: an answer has
/// the same shape, and may grow.
///
/// `Name::read(&mut fields)` is `None` only where a required field has left a fault: call it through `Fields::read_json`, or end
/// with `fields.finish_with(…)` after checks of your own.
macro_rules! body {
    (
        $(#[doc = $doc:literal])*
        $kind:ident struct $name:ident as $shown:literal {
            $($(#[doc = $about:literal])* $(#[expect($($unread:tt)*)])? $need:ident $field:ident: $type:ty = $form:expr,)*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug)]
        pub struct $name {
            $($(#[doc = $about])* $(#[expect($($unread)*)])? pub $field: $type,)*
        }

        impl $name {
            pub fn read(fields: &mut $crate::web::Fields) -> Option<Self> {
                $(let $field = $crate::api::body::$need(&$form, fields, $crate::api::body::plain(stringify!($field)));)*
                Some(Self { $($field: $field?,)* })
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                let shape = $crate::api::body::Shape::new(&[$($doc),*]).$kind();
                $(let shape = shape.$need($crate::api::body::plain(stringify!($field)), &[$($about),*], $crate::api::body::Form::schema(&$form));)*
                shape.done()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                $shown.into()
            }

            fn schemas(schemas: &mut $crate::api::body::Referred) {
                $($crate::api::body::Form::referred(&$form, schemas);)*
                let _ = schemas;
            }
        }
    };
}

/// Declares a body of one list, `items`, of a declared body; the number is how many fit in one request.
macro_rules! list_body {
    (
        $(#[doc = $doc:literal])*
        $kind:ident struct $name:ident as $shown:literal { items: $item:ident, at most $most:literal }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug)]
        pub struct $name;

        impl $name {
            /// Reads each item with `each`, which may add faults of its own.
            pub fn read<T>(
                fields: &mut $crate::web::Fields,
                each: impl FnMut(&mut $crate::web::Fields) -> Option<T>,
            ) -> Option<Vec<T>> {
                fields.items($most, each)?.into_iter().collect()
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                let items = $crate::api::body::list::<$item>(None, Some($most));
                $crate::api::body::Shape::new(&[$($doc),*]).$kind().required("items", &[], items).done()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                $shown.into()
            }

            fn schemas(schemas: &mut $crate::api::body::Referred) {
                $crate::api::body::refer::<$item>(schemas);
            }
        }
    };
}

pub(super) use {body, list_body};

/// A field's name without the mark of one that is a word of the language.
pub fn plain(name: &'static str) -> &'static str {
    name.strip_prefix("r#").unwrap_or(name)
}

/// Reads a field that must be there.
pub fn required<F: Form>(form: &F, fields: &mut Fields, name: &str) -> Option<F::Out> {
    if fields.misses(name) {
        fields.fault(name, "is required".to_owned());
        return None;
    }
    form.take(fields, name)
}

/// Reads a field that may be missing. A fault in it does not keep the body from being read further.
#[expect(
    clippy::option_option,
    clippy::unnecessary_wraps,
    reason = "the outer one is always there; `body!` treats both kinds of fields alike"
)]
pub fn optional<F: Form>(form: &F, fields: &mut Fields, name: &str) -> Option<Option<F::Out>> {
    Some(form.take(fields, name))
}

/// The schema of a body, built field by field.
pub struct Shape(ObjectBuilder);

impl Shape {
    pub fn new(doc: &[&str]) -> Self {
        let object = ObjectBuilder::new().schema_type(Type::Object);
        Self(object.description(described(doc)))
    }

    /// Unknown fields are refused.
    pub fn closed(self) -> Self {
        let none = AdditionalProperties::FreeForm(false);
        Self(self.0.additional_properties(Some(none)))
    }

    /// An answer of this shape may have more fields one day.
    pub fn open(self) -> Self {
        self
    }

    pub fn required(self, name: &str, about: &[&str], schema: RefOr<Schema>) -> Self {
        let property = about_it(schema, about);
        Self(self.0.property(name, property).required(name))
    }

    pub fn optional(self, name: &str, about: &[&str], schema: RefOr<Schema>) -> Self {
        let property = about_it(nullable(schema), about);
        Self(self.0.property(name, property))
    }

    pub fn done(self) -> RefOr<Schema> {
        self.0.into()
    }
}

fn about_it(mut schema: RefOr<Schema>, about: &[&str]) -> RefOr<Schema> {
    let Some(text) = described(about) else {
        return schema;
    };
    match &mut schema {
        RefOr::Ref(reference) => reference.description = text,
        RefOr::T(Schema::Object(object)) => object.description = Some(text),
        RefOr::T(Schema::Array(array)) => array.description = Some(text),
        RefOr::T(Schema::OneOf(one)) => one.description = Some(text),
        RefOr::T(_) => {}
    }
    schema
}

fn nullable(schema: RefOr<Schema>) -> RefOr<Schema> {
    let or_null = |kind: &SchemaType| match kind {
        SchemaType::Type(kind) => [kind.clone(), Type::Null].into_iter().collect(),
        other => other.clone(),
    };
    match schema {
        RefOr::T(Schema::Object(object)) => {
            let schema_type = or_null(&object.schema_type);
            RefOr::T(Schema::Object(Object::from(
                ObjectBuilder::from(object).schema_type(schema_type),
            )))
        }
        RefOr::T(Schema::Array(mut array)) => {
            array.schema_type = or_null(&array.schema_type);
            RefOr::T(Schema::Array(array))
        }
        other => {
            let null = ObjectBuilder::new().schema_type(Type::Null);
            OneOfBuilder::new().item(other).item(null).into()
        }
    }
}

/// A reference to a schema by its name.
pub fn reference<T: ToSchema>() -> RefOr<Schema> {
    RefOr::Ref(utoipa::openapi::Ref::from_schema_name(T::name()))
}

/// Adds a named schema and the schemas it refers to.
pub fn refer<T: ToSchema>(schemas: &mut Referred) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

/// The schema of a list of named items.
pub fn list<T: ToSchema>(least: Option<usize>, most: Option<usize>) -> RefOr<Schema> {
    let mut array: Array = reference::<T>().to_array();
    array.min_items = least;
    array.max_items = most;
    array.into()
}

/// A nested body.
pub struct Nested<T> {
    read: fn(&mut Fields) -> Option<T>,
}

/// `nested(Name::read)`: an object that is a declared body itself.
pub fn nested<T: ToSchema>(read: fn(&mut Fields) -> Option<T>) -> Nested<T> {
    Nested { read }
}

impl<T: ToSchema> Form for Nested<T> {
    type Out = T;

    fn take(&self, fields: &mut Fields, name: &str) -> Option<T> {
        fields.object(name, self.read).flatten()
    }

    fn schema(&self) -> RefOr<Schema> {
        reference::<T>()
    }

    fn referred(&self, schemas: &mut Referred) {
        refer::<T>(schemas);
    }
}

/// The body of a request without choices; it may be left out, so the document declares none.
#[derive(Debug)]
pub struct NoChoices;

impl NoChoices {
    /// Refuses any field.
    pub fn read(fields: Fields) -> Result<(), web::Fault> {
        fields.finish()
    }
}
