//! `#[derive(TaskSet)]`: a struct of protothreads as a task set, dispatched statically.
//!
//! [`read`] turns the struct and its attributes into a [`read::Set`], [`write`] into the implementation.

mod read;
mod write;

use proc_macro2::TokenStream;

use crate::errors::Errors;

/// The implementation, or the errors.
pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let set = errors.ok(syn::parse2(item)).and_then(|item| read::read(item, &mut errors));
    match set {
        Some(set) if errors.is_empty() => write::implementation(&set),
        _ => errors.to_compile_errors(),
    }
}
