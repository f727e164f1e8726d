//! Protothreads: code that reads top to bottom, whose whole state is a resume point and named fields.

use core::fmt;
use core::task::Poll;

use crate::cx::Cx;
use crate::error::Error;
use crate::platform::Platform;
use crate::rt::Info;

/// A body that runs until it has to wait, and goes on from there when it is resumed.
///
/// The body is an ordinary method with the attribute [`#[protothread]`](crate::protothread), which turns `-> T` into
/// `-> Poll<T>` and writes [`RUN_INFO`](Self::RUN_INFO); the author writes [`Output`](Self::Output) and `run`. `S` is
/// state shared by all tasks of a [`TaskSet`](crate::TaskSet), handed to each resume; protothreads that need none leave
/// it out or are generic over it.
///
/// Children, protothreads inside a protothread, need not implement this trait: any inherent method with the attribute
/// can be awaited with `wait!(self.child.method(cx, ..))`.
pub trait Protothread<P: Platform, S: ?Sized = ()>: Sized {
    /// What the body returns.
    type Output;

    /// The body's name and the lines of its waits, for task listings. Written by the attribute.
    const RUN_INFO: Info<Self>;

    /// Runs the body to its next wait.
    ///
    /// A resume without a reason (a spurious wake) is allowed at any time: the body finds its operation still pending.
    ///
    /// # Panics
    ///
    /// If the body has already returned and was not started again. A loop never does that.
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut S) -> Poll<Self::Output>;
}

/// The operation was not ready in the time that `wait!(.., timeout = ..)` gave it. What it opened has been closed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out")
    }
}

impl core::error::Error for TimedOut {}

impl From<TimedOut> for Error {
    fn from(_: TimedOut) -> Error {
        Error::TimedOut
    }
}

/// No value: the operands that a [`first!`](crate::first) does not have.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Never {}

/// Which operand of a [`first!`](crate::first) was ready first, with its value.
///
/// A `first!` of two operands is a `First<A, B>`, and matching `First::A` and `First::B` is exhaustive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum First<A, B, C = Never, D = Never, E = Never, F = Never, G = Never, H = Never> {
    /// The first operand.
    A(A),
    /// The second operand.
    B(B),
    /// The third operand.
    C(C),
    /// The fourth operand.
    D(D),
    /// The fifth operand.
    E(E),
    /// The sixth operand.
    F(F),
    /// The seventh operand.
    G(G),
    /// The eighth operand.
    H(H),
}

/// Waits until an operation is ready and gives its value: `wait!(operation)`, or `wait!(operation, timeout = duration)`,
/// whose value is a `Result<T, TimedOut>`.
///
/// The operation is an expression of type [`Poll<T>`]. It is evaluated again at each resume until it is ready, so its
/// progress lives in fields of `self`. Only inside a [`#[protothread]`](crate::protothread) body.
///
/// A wait is a scope: handles that the operation opened are closed when it times out or its value is an `Err`, and pass
/// to the surrounding scope otherwise.
#[macro_export]
macro_rules! wait {
    (@used) => {};
    ($($operation:tt)*) => {
        ::core::compile_error!("`wait!` works only directly inside a #[protothread] body")
    };
}

/// Lets the other tasks run, and goes on in the next turn. Only inside a [`#[protothread]`](crate::protothread) body.
#[macro_export]
macro_rules! yield_now {
    (@used) => {};
    ($($nothing:tt)*) => {
        ::core::compile_error!("`yield_now!` works only directly inside a #[protothread] body")
    };
}

/// The first of two to eight operations to be ready: `wait!(first!(a, b))` gives a [`First`]. Only as the operand of a
/// [`wait!`], or of another `first!`.
///
/// The operations are polled in order, each only after the one before it was pending, so all may borrow the same
/// fields. Each is a scope: handles that the losers opened are closed.
#[macro_export]
macro_rules! first {
    (@used) => {};
    ($($operation:tt)*) => {
        ::core::compile_error!("`first!` works only as the operand of a `wait!`")
    };
}

/// Sleeps for a duration from now: `wait!(sleep!(duration))`. Only as the operand of a [`wait!`] or a [`first!`], once in
/// each wait, and not in a wait with a timeout: the protothread's [`PtTimed`](crate::PtTimed) holds one deadline.
#[macro_export]
macro_rules! sleep {
    (@used) => {};
    ($($duration:tt)*) => {
        ::core::compile_error!("`sleep!` works only as the operand of a `wait!` or of a `first!` in one")
    };
}
