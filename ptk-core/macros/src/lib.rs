//! The procedural macros of `ptk-core`, which re-exports them: `#[protothread]` and `#[derive(TaskSet)]`.
//!
//! Everything that they write names `::ptk_core` by its full path, and calls only what its `__rt` module offers.

mod errors;
mod protothread;
mod task_set;

use proc_macro::TokenStream;

/// Makes a method a protothread: `-> T` becomes `-> Poll<T>`, and the body is split at its waits.
///
/// ```
/// # use ptk_core::prelude::*;
/// # struct Client { pt: PtTimed, server: core::net::SocketAddr, socket: TcpSocket, buf: Buffer<64>, rounds: u32 }
/// impl Client {
///     #[protothread]
///     fn run<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
///         self.socket = wait!(cx.connect(self.server), timeout = Duration::from_secs(3))??;
///         while self.rounds > 0 {
///             self.rounds -= 1;
///             wait!(cx.send_all(self.socket, &mut self.buf))?;
///         }
///         cx.close(self.socket)
///     }
/// }
/// ```
///
/// # What the method needs
///
/// - **Its state**: a field of type `Pt`, or `PtTimed` if it uses a timeout or `sleep!`. It is `self.pt`; another place
///   is the attribute's argument: `#[protothread(self.serve)]`. Two bodies may not share one.
/// - **A context**: the first parameter after `self` that is a plain name, usually `cx: &mut Cx<'_, P>`. A body must not
///   hide that name with a local where it waits.
///
/// Beside the method stands a hidden constant, the method's name in capitals with `_INFO`: where the waits are in the
/// source. In an implementation of `Protothread` it is the trait's `RUN_INFO`.
///
/// # What survives a wait
///
/// The fields of `self`, and the parameters, which the caller passes again at each resume. A local does not: using one
/// behind a wait is an error at its name, and so is a local with a destructor where a wait follows in its scope (this one when
/// the body is compiled for a platform: `cargo check` of generic code does not show it).
///
/// A statement with a wait begins anew at each resume. So a wait is the first thing that its statement evaluates, and
/// each statement has one at most: `foo(wait!(a)?, wait!(b)?)` is an error. What may stand before a wait is what does not
/// change meanwhile: literals, names, references to fields, and the receiver of a method call.
///
/// # Where a wait may stand
///
/// In any control flow: `if`, `if let`, `match`, all loops, labelled blocks, `break` and `continue` with labels and
/// values, `let`-`else`, both sides of `&&` and `||`. In a let chain the first condition may wait.
/// `for x in &mut self.iterator` works; another `for` would lose its iterator at the wait. Not in closures, `async`,
/// `unsafe` and `const` blocks, match guards, another macro's arguments, or another wait.
///
/// # Names in patterns
///
/// A macro cannot tell a constant with a lower-case name from a new binding: `match n { limit => .. }` counts as a binding
/// of `limit`. Give constants in patterns their usual upper-case names, or a path.
#[proc_macro_attribute]
pub fn protothread(attribute: TokenStream, item: TokenStream) -> TokenStream {
    protothread::expand(attribute.into(), item.into()).into()
}

/// Implements `TaskSet` for a struct of protothreads.
///
/// ```
/// # use ptk_core::prelude::*;
/// # use ptk_core::Handle;
/// # struct Stats;
/// # struct Monitor(Pt);
/// # impl<P: Platform> Protothread<P, Stats> for Monitor {
/// #     type Output = ();
/// #     #[protothread(self.0)]
/// #     fn run(&mut self, cx: &mut Cx<'_, P>, stats: &mut Stats) { yield_now!(); }
/// # }
/// # struct Client(Pt);
/// # impl<P: Platform> Protothread<P, Stats> for Client {
/// #     type Output = u32;
/// #     #[protothread(self.0)]
/// #     fn run(&mut self, cx: &mut Cx<'_, P>, stats: &mut Stats) -> u32 { yield_now!(); 1 }
/// # }
/// #[derive(TaskSet)]
/// #[task(event = Self::on_event)]
/// struct App {
///     monitor: Monitor,
///     #[task(done = Self::client_done)]
///     clients: [Client; 64],
///     #[task(shared)]
///     stats: Stats,
///     #[task(skip)]
///     name: &'static str,
/// }
///
/// impl App {
///     fn client_done<P: Platform>(&mut self, instance: usize, output: u32, cx: &mut Cx<'_, P>) {}
///
///     fn on_event<P: Platform>(&mut self, cx: &mut Cx<'_, P>, handle: Handle, event: Event) -> Result<(), Error> {
///         Ok(())
///     }
/// }
/// ```
///
/// Each field is a protothread, or an array of them, numbered in the order of the fields; `App::MONITOR` and
/// `App::CLIENTS` are the numbers of their first tasks.
///
/// | attribute | on | meaning |
/// |---|---|---|
/// | `shared` | a field | not a protothread but the `S` of every `Protothread<P, S>` of the set; one at most, `()` without |
/// | `skip` | a field | not a protothread |
/// | `done = path` | a protothread | calls `path(&mut self, instance, output, cx)` when one returns; it may return whatever a task may |
/// | `event = path` | the struct | calls `path(&mut self, cx, handle, event)` for `TaskSet::event` |
/// | `platform = type` | the struct | implements `TaskSet<type>` only, where the default is every platform |
///
/// Without `done`, an output must be `()`, `Never`, or a `Result` of one of them: another would reach nobody.
#[proc_macro_derive(TaskSet, attributes(task))]
pub fn task_set(item: TokenStream) -> TokenStream {
    task_set::expand(item.into()).into()
}
