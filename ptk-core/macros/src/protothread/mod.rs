//! `#[protothread]`: splits a method's body at its waits into the arms of a `loop { match state { .. } }`.
//!
//! 1. [`method`] reads the signature: the state, the context, the kind of return type.
//! 2. [`prepare`] rejects waits where none can be, and rewrites `for`, `&&` and `||` with waits into `while let` and `if`.
//! 3. [`lower`] turns statements into blocks; [`flow`] is its half for control flow, [`head`] finds the wait with which a
//!    statement begins, [`suspend`] writes it, and [`plain`] adapts code without waits.
//! 4. [`write`] puts the blocks into the method.
//!
//! Lowering runs twice over the same body. The first run finds out which blocks there are and how each is reached, and
//! finds the errors; the second knows for each jump whether it is a `break` or a change of state, and writes the code.

mod flow;
mod head;
mod labels;
mod lower;
mod method;
mod names;
mod operation;
mod plain;
mod prepare;
mod suspend;
mod syntax;
mod write;

use proc_macro2::{Span, TokenStream};
use quote::quote;

use self::lower::Lower;
use self::method::Method;
use crate::errors::Errors;

/// The method as a protothread, or its errors beside a stand-in that lets the rest of the crate compile.
pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let function = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            let error = error.to_compile_error();
            return quote!(#item #error);
        }
    };
    let mut errors = Errors::default();
    let method = Method::new(attribute, function, &mut errors);
    let body = prepare::prepare(&method, &mut errors);
    let draft = Lower::new(&method, None).run(&body, &mut errors);
    if !errors.is_empty() {
        return write::stand_in(&method, &errors);
    }
    let blocks = Lower::new(&method, Some(draft.plan())).run(&body, &mut errors);
    write::method(&method, blocks)
}

/// A span for generated code: errors in it show the author's code at `span`, while its names meet none of the author's.
fn at(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}
