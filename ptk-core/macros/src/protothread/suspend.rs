//! Writes a suspension: how it is reached, and what stands in its place.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Macro, Path};

use super::at;
use super::head::fill;
use super::labels::LabelId;
use super::lower::{Lower, Rest};
use super::operation::{Operand, Operation, Timeout};
use super::plain::Plain;
use super::syntax::Suspension;

impl<'m> Lower<'m> {
    /// Lowers a suspension whose value `code` takes in its place.
    pub(super) fn suspend(&mut self, invocation: &Macro, code: Expr, rest: Rest<'_, 'm>) -> TokenStream {
        let span = invocation.path.span();
        let context = self.context(span);
        self.use_macro(&invocation.path);
        let label = self.wait_label(span);
        if Suspension::of(invocation) == Some(Suspension::Yield) {
            return self.give_way(span, &context, label, code, rest);
        }
        let operation = match Operation::of(invocation) {
            Ok(operation) => operation,
            Err(error) => {
                self.errors.add(error);
                return rest(self, code);
            }
        };
        let value = invocation.delimiter.span().join();
        let wait = Wait { span, value, context, label };
        let arm = operation.timeout.as_ref().map(|timeout| self.start_clock(&wait, timeout));
        let jump = self.jump(label, None);
        self.begin_at(label, |this| {
            let value = this.value(&wait, &operation);
            rest(this, fill(code, value))
        });
        let at = at(span);
        quote_spanned!(at=> #arm __first = true; #jump)
    }

    /// The context parameter, unless a local of the author's hides it here.
    fn context(&mut self, wait: Span) -> TokenStream {
        let Some(name) = &self.method.context else { return TokenStream::new() };
        if self.names.find(&name.to_string()).is_some() {
            self.errors.push(wait, format!("a local hides the context `{name}`, which this wait needs"));
        }
        quote!(#name)
    }

    fn give_way(
        &mut self,
        span: Span,
        context: &TokenStream,
        label: LabelId,
        code: Expr,
        rest: Rest<'_, 'm>,
    ) -> TokenStream {
        let at = at(span);
        let (state, place) = (self.state(label), self.method.state_at(span));
        self.reach(label);
        self.begin_at(label, |this| rest(this, fill(code, quote!(()))));
        quote_spanned! {at=>
            ::ptk_core::__rt::Context::yield_now(#context);
            ::ptk_core::__rt::ResumePoint::set_untimed(&mut #place, #state);
            return ::core::task::Poll::Pending;
        }
    }

    /// Starts the clock of a wait with a timeout, before its first evaluation.
    fn start_clock(&mut self, wait: &Wait, timeout: &Timeout) -> TokenStream {
        let after = self.plain(timeout.after.clone());
        let (context, place, at) = (&wait.context, self.method.state_at(timeout.span), at(timeout.span));
        quote_spanned!(at=> ::ptk_core::__rt::arm(#after, &mut #place, #context);)
    }

    /// What stands in the place of the wait: a `match` whose pending arm leaves the method, so the value may borrow what
    /// it likes.
    fn value(&mut self, wait: &Wait, operation: &Operation) -> TokenStream {
        let (context, at) = (&wait.context, at(wait.value));
        let operand = self.poll(wait, &operation.operand);
        let failed = failed(wait.span);
        let value = match operation.timeout {
            Some(_) => quote_spanned!(at=> ::core::result::Result::<_, ::ptk_core::TimedOut>::Ok(__value)),
            None => quote_spanned!(at=> __value),
        };
        let pending = self.pending(wait, operation);
        quote_spanned! {at=> (
            match ::ptk_core::__rt::begin(#context, ::core::mem::replace(&mut __first, false)) {
                __outer => match #operand {
                    ::core::task::Poll::Ready(__value) => {
                        ::ptk_core::__rt::leave(#context, __outer, #failed);
                        #value
                    }
                    ::core::task::Poll::Pending => #pending
                }
            }
        )}
    }

    fn pending(&self, wait: &Wait, operation: &Operation) -> TokenStream {
        let (timeout, is_timed) = (operation.timeout.as_ref(), operation.has_deadline());
        let (context, at) = (&wait.context, at(wait.span));
        let (place, state) = (self.method.state_at(wait.span), self.state(wait.label));
        let call = if is_timed { quote_spanned!(at=> suspend_timed) } else { quote_spanned!(at=> suspend) };
        let suspend = quote_spanned! {at=> {
            ::ptk_core::__rt::#call(#context, __outer, &mut #place, #state);
            return ::core::task::Poll::Pending;
        }};
        let Some(timeout) = timeout else { return suspend };
        let timed = self.method.state_at(timeout.span);
        let expired = super::at(timeout.span);
        let expired = quote_spanned!(expired=> ::ptk_core::__rt::expired(&#timed, #context));
        quote_spanned! {at=>
            if #expired {
                ::ptk_core::__rt::give_up(#context, __outer);
                ::core::result::Result::Err(::ptk_core::TimedOut)
            } else #suspend
        }
    }

    /// An operand, polled.
    fn poll(&mut self, wait: &Wait, operand: &Operand) -> TokenStream {
        match operand {
            Operand::Poll(code) => {
                let code = self.again(code);
                let at = at(operand.span());
                quote_spanned!(at=> ::ptk_core::__rt::operand(#code))
            }
            Operand::Sleep { path, after } => self.sleep(wait, path, after),
            Operand::First { path, operands } => self.first(wait, path, operands),
        }
    }

    /// Adapts an expression that is evaluated again at each resume.
    fn again(&mut self, code: &Expr) -> Expr {
        let mut code = code.clone();
        Plain::operand(self).expression(&mut code);
        code
    }

    fn sleep(&mut self, wait: &Wait, path: &Path, after: &Expr) -> TokenStream {
        self.use_macro(path);
        let span = path.span();
        let after = self.again(after);
        let (context, place, at) = (&wait.context, self.method.state_at(span), at(span));
        quote_spanned! {at=> {
            if ::ptk_core::__rt::is_fresh(#context) {
                ::ptk_core::__rt::arm(#after, &mut #place, #context);
            }
            ::ptk_core::__rt::slept(&#place, #context)
        }}
    }

    /// Operands that are polled in turn, each only when the ones before it are pending: so all may borrow the same.
    fn first(&mut self, wait: &Wait, path: &Path, operands: &[Operand]) -> TokenStream {
        self.use_macro(path);
        let span = path.span();
        let polled: Vec<_> = operands.iter().map(|operand| self.poll(wait, operand)).collect();
        let fork = Fork { context: &wait.context, at: at(span), count: polled.len() };
        let all =
            polled.iter().enumerate().rev().fold(fork.undecided(), |next, (ordinal, operand)| {
                fork.operand(ordinal, operand, &failed(span), &next)
            });
        let (context, at) = (&wait.context, at(span));
        quote_spanned!(at=> match ::ptk_core::__rt::Context::control(#context) { __fork => #all })
    }
}

/// A `wait!` that is being written.
struct Wait {
    /// The macro's name.
    span: Span,
    /// Its parentheses, behind which rustc may suggest to append something.
    value: Span,
    context: TokenStream,
    label: LabelId,
}

/// A `first!` that is being written.
struct Fork<'a> {
    context: &'a TokenStream,
    at: Span,
    count: usize,
}

impl Fork<'_> {
    /// Steps in the path of scopes: enough binary ones to tell the operands apart.
    fn width(&self) -> Literal {
        Literal::u32_unsuffixed(self.count.next_power_of_two().trailing_zeros())
    }

    fn undecided(&self) -> TokenStream {
        let context = self.context;
        quote_spanned! {self.at=> {
            ::ptk_core::__rt::undecided(#context, __fork);
            ::core::task::Poll::Pending
        }}
    }

    /// Polls operand `ordinal`, and does what `next` says if it is pending.
    fn operand(&self, ordinal: usize, operand: &TokenStream, failed: &TokenStream, next: &TokenStream) -> TokenStream {
        let (context, width) = (self.context, self.width());
        let variant = Ident::new(["A", "B", "C", "D", "E", "F", "G", "H"].get(ordinal).unwrap_or(&"H"), self.at);
        let holes = (0..self.count).map(|_| quote!(_));
        let (ordinal, count) = (Literal::usize_unsuffixed(ordinal), Literal::usize_unsuffixed(self.count));
        quote_spanned! {self.at=> {
            ::ptk_core::__rt::begin_operand(#context, __fork, #ordinal, #width);
            match #operand {
                ::core::task::Poll::Ready(__value) => {
                    ::ptk_core::__rt::decide(#context, __fork, #ordinal, #count, #width, #failed);
                    let __value: ::ptk_core::First<#(#holes),*> = ::ptk_core::First::#variant(__value);
                    ::core::task::Poll::Ready(__value)
                }
                ::core::task::Poll::Pending => #next
            }
        }}
    }
}

/// Whether `__value` is an `Err`, by method lookup.
fn failed(span: Span) -> TokenStream {
    let at = at(span);
    quote_spanned!(at=> (&::ptk_core::__rt::Outcome::of(&__value)).failed())
}
