//! What the author's struct and its attributes say.

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Expr, Field, Generics, Ident, Index, Member, Path, Type, Visibility};

use crate::errors::Errors;

/// A struct of protothreads.
pub(super) struct Set {
    /// The struct's name.
    pub(super) name: Ident,
    /// Its visibility.
    pub(super) visibility: Visibility,
    /// Its parameters.
    pub(super) generics: Generics,
    /// The one platform that it runs on, if the author named one.
    pub(super) platform: Option<Type>,
    /// Who gets the events of handles.
    pub(super) event: Option<Path>,
    /// What the tasks share.
    pub(super) shared: Option<Shared>,
    /// The protothreads, in order.
    pub(super) tasks: Vec<Tasks>,
}

/// The field that all tasks share.
pub(super) struct Shared {
    /// The field.
    pub(super) member: Member,
    /// Its type.
    pub(super) ty: Type,
}

/// A field with one protothread or an array of them.
pub(super) struct Tasks {
    /// The field.
    pub(super) member: Member,
    /// The protothread's type.
    pub(super) ty: Type,
    /// The array's length.
    pub(super) length: Option<Expr>,
    /// Who gets the outputs.
    pub(super) done: Option<Path>,
}

/// Reads a struct.
pub(super) fn read(item: DeriveInput, errors: &mut Errors) -> Option<Set> {
    let Data::Struct(data) = item.data else {
        errors.push(item.ident.span(), "a task set is a struct: each field is a protothread, or an array of them");
        return None;
    };
    let options = SetOptions::read(&item.attrs, errors);
    let mut set = Set {
        name: item.ident,
        visibility: item.vis,
        generics: item.generics,
        platform: options.platform,
        event: options.event,
        shared: None,
        tasks: Vec::new(),
    };
    for (position, field) in data.fields.into_iter().enumerate() {
        set.add(position, field, errors);
    }
    Some(set)
}

impl Set {
    fn add(&mut self, position: usize, field: Field, errors: &mut Errors) {
        let options = FieldOptions::read(&field.attrs, errors);
        let member = match field.ident {
            Some(name) => Member::Named(name),
            None => {
                Member::Unnamed(Index { index: u32::try_from(position).unwrap_or(u32::MAX), span: field.ty.span() })
            }
        };
        match options.role {
            Role::Skipped => {}
            Role::Shared(at) if self.shared.is_some() => {
                errors.push(at, "a second shared field: a task set has one state that all its tasks share");
            }
            Role::Shared(_) => self.shared = Some(Shared { member, ty: field.ty }),
            Role::Tasks => {
                let (ty, length) = element(field.ty);
                self.tasks.push(Tasks { member, ty, length, done: options.done });
            }
        }
    }
}

/// The type of the protothreads in a field of type `ty`, and how many, if it is an array.
fn element(ty: Type) -> (Type, Option<Expr>) {
    match ty {
        Type::Array(array) => (*array.elem, Some(array.len)),
        Type::Group(group) => element(*group.elem),
        Type::Paren(paren) => element(*paren.elem),
        ty => (ty, None),
    }
}

/// What `#[task(..)]` on the struct says.
#[derive(Default)]
struct SetOptions {
    platform: Option<Type>,
    event: Option<Path>,
}

impl SetOptions {
    fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut options = Self::default();
        each_word(attributes, errors, |word| match word {
            word if word.path.is_ident("platform") => put(&mut options.platform, &word),
            word if word.path.is_ident("event") => put(&mut options.event, &word),
            word => Err(word.error("expected `event = path` or `platform = type`")),
        });
        options
    }
}

/// What `#[task(..)]` on a field says.
struct FieldOptions {
    role: Role,
    done: Option<Path>,
}

enum Role {
    Tasks,
    Shared(Span),
    Skipped,
}

impl FieldOptions {
    fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut options = FieldOptions { role: Role::Tasks, done: None };
        each_word(attributes, errors, |word| match word {
            word if word.path.is_ident("shared") => options.become_other(Role::Shared(word.path.span()), &word),
            word if word.path.is_ident("skip") => options.become_other(Role::Skipped, &word),
            word if word.path.is_ident("done") && matches!(options.role, Role::Tasks) => put(&mut options.done, &word),
            word if word.path.is_ident("done") => Err(word.error(NOT_BOTH)),
            word => Err(word.error("expected `shared`, `skip` or `done = path`")),
        });
        options
    }

    fn become_other(&mut self, role: Role, word: &ParseNestedMeta<'_>) -> syn::Result<()> {
        if self.done.is_some() || !matches!(self.role, Role::Tasks) {
            return Err(word.error(NOT_BOTH));
        }
        self.role = role;
        Ok(())
    }
}

const NOT_BOTH: &str = "a field is one of `shared`, `skip`, and a protothread that may have a `done`";

/// Reads each word in the parentheses of `#[task(..)]`.
fn each_word(
    attributes: &[Attribute],
    errors: &mut Errors,
    mut read: impl FnMut(ParseNestedMeta<'_>) -> syn::Result<()>,
) {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("task")) {
        errors.ok(attribute.parse_nested_meta(&mut read));
    }
}

/// Puts the value of `word` into `option`.
fn put<T: syn::parse::Parse>(option: &mut Option<T>, word: &ParseNestedMeta<'_>) -> syn::Result<()> {
    if option.is_some() {
        return Err(word.error("given twice"));
    }
    *option = Some(word.value()?.parse()?);
    Ok(())
}
