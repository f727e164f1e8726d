//! What the code written by `#[protothread]` calls. Not for use by hand: it changes with the macro.

use core::task::Poll;

pub use static_cell::ConstStaticCell;

pub use crate::deadlines::Deadline;
use crate::mutant::Mutant;
use crate::pt::Pt;
pub use crate::pt::{ResumePoint, TimedResumePoint};
pub use crate::scope::{Control, Scope};
use crate::time::Duration;

/// What a protothread needs of its first argument beside the operations that the author calls: [`Cx`](crate::Cx) has it,
/// and so has any test double that wants to run protothreads without a loop.
pub trait Context {
    /// The control state handed down to what is evaluated now.
    fn control(&mut self) -> Control;
    /// Replaces the control state.
    fn set_control(&mut self, control: Control);
    /// Closes every handle that the current task opened in `scope`.
    fn close_scope(&mut self, scope: Scope);
    /// Passes every handle that the current task opened in `scope` on to `outer`, which contains it or is it.
    fn merge_scope(&mut self, scope: Scope, outer: Scope);
    /// A deadline `after` from now, behind all that were armed before.
    fn arm(&mut self, after: Duration) -> Deadline;
    /// Whether `deadline` has passed; if not, the current task is resumed when it has.
    fn expired(&mut self, deadline: Deadline) -> bool;
    /// Resumes the current task in the next turn.
    fn yield_now(&mut self);
    /// For which sources the current task has been registered since it was resumed: a bit for each of its wait nodes.
    #[inline(always)]
    fn registered(&self) -> u8 {
        0
    }
    /// Takes back all registrations of the current task but these: those of a wait that has ended.
    #[inline(always)]
    fn unregister(&mut self, registered: u8) {
        let _ = registered;
    }
}

/// What held around a wait that is being evaluated.
#[derive(Clone, Copy, Debug)]
pub struct Outer {
    control: Control,
    registered: u8,
}

/// Enters a body with `waits` waits: takes the state at which it goes on, and leaves DONE behind.
///
/// # Panics
///
/// If the body has already returned and nothing started it again, which only a parent that polls by hand can do; or if the
/// resume point was written by another body.
#[inline(always)]
pub fn enter<R: ResumePoint, C: Context>(pt: &mut R, cx: &mut C, waits: u16) -> u16 {
    let state = pt.take();
    if cx.control().fresh {
        return 0;
    }
    if state.state() > waits {
        not_resumable(state);
    }
    state.state()
}

#[cold]
#[inline(never)]
fn not_resumable(state: Pt) -> ! {
    if state.is_done() {
        panic!("a protothread was resumed after it had returned")
    }
    unknown_state()
}

/// A state that no body has.
///
/// # Panics
///
/// Always: the resume point was not written by this body.
#[cold]
#[inline(never)]
pub fn unknown_state() -> ! {
    panic!("a protothread was resumed with the state of another one")
}

/// A value that crosses from one block of a body to another, which only the way there can leave out.
///
/// # Panics
///
/// If the value is missing: the macro has a bug.
#[inline(always)]
pub fn carried<T>(value: Option<T>) -> T {
    match value {
        Some(value) => value,
        None => unknown_state(),
    }
}

/// Begins to evaluate a wait's operand; gives back what [`leave`], [`give_up`] or [`suspend`] restores.
#[inline(always)]
pub fn begin<C: Context>(cx: &mut C, first: bool) -> Outer {
    let outer = Outer { control: cx.control(), registered: cx.registered() };
    cx.set_control(Control { scope: outer.control.scope.child(0, 1), fresh: first });
    outer
}

/// The operand is pending: what it opened stays open.
#[inline(always)]
pub fn suspend<C: Context, R: ResumePoint>(cx: &mut C, outer: Outer, pt: &mut R, state: u16) {
    cx.set_control(outer.control);
    pt.set_untimed(state);
}

/// As [`suspend`], at a wait that has a deadline.
#[inline(always)]
pub fn suspend_timed<C: Context, R: ResumePoint>(cx: &mut C, outer: Outer, pt: &mut R, state: u16) {
    cx.set_control(outer.control);
    pt.set(state);
}

/// The operand is ready: what it opened passes to the scope around it, or is closed if it failed. What else it had
/// waited for is waited for no more.
#[inline(always)]
pub fn leave<C: Context>(cx: &mut C, outer: Outer, failed: bool) {
    let inner = cx.control().scope;
    cx.set_control(outer.control);
    cx.unregister(outer.registered);
    settle(cx, inner, outer.control.scope, failed);
}

/// The wait's time is up: what its operand opened is closed.
#[inline]
pub fn give_up<C: Context>(cx: &mut C, outer: Outer) {
    leave(cx, outer, !Mutant::TimedOutScopeLeftOpen.is_on());
}

#[inline(always)]
fn settle<C: Context>(cx: &mut C, inner: Scope, outer: Scope, failed: bool) {
    if !failed {
        if !Mutant::ScopeNotMerged.is_on() {
            cx.merge_scope(inner, outer);
        }
    } else if inner != outer {
        cx.close_scope(inner);
    }
}

/// Begins to evaluate operand `ordinal` of a `first!` of up to `1 << width`; `fork` is the control around the `first!`.
#[inline(always)]
pub fn begin_operand<C: Context>(cx: &mut C, fork: Control, ordinal: u16, width: u32) {
    cx.set_control(Control { scope: fork.scope.child(ordinal, width), fresh: fork.fresh });
}

/// Operand `winner` of `count` is ready: the others are given up.
#[inline]
pub fn decide<C: Context>(cx: &mut C, fork: Control, winner: u16, count: u16, width: u32, failed: bool) {
    cx.set_control(fork);
    for ordinal in 0..count {
        settle(
            cx,
            fork.scope.child(ordinal, width),
            fork.scope,
            failed || ordinal != winner && !Mutant::LosersLeftOpen.is_on(),
        );
    }
}

/// No operand is ready.
#[inline(always)]
pub fn undecided<C: Context>(cx: &mut C, fork: Control) {
    cx.set_control(fork);
}

/// Arms the deadline of a timed wait.
#[inline]
pub fn arm<R: TimedResumePoint, C: Context>(after: Duration, pt: &mut R, cx: &mut C) {
    let deadline = cx.arm(after);
    pt.set_deadline(deadline);
}

/// Whether the deadline of a timed wait has passed.
#[inline]
pub fn expired<R: TimedResumePoint, C: Context>(pt: &R, cx: &mut C) -> bool {
    cx.expired(pt.deadline())
}

/// Whether the wait that is being evaluated is evaluated for the first time.
#[inline(always)]
pub fn is_fresh<C: Context>(cx: &mut C) -> bool {
    cx.control().fresh
}

/// Polls the deadline of a `sleep!`.
#[inline]
pub fn slept<R: TimedResumePoint, C: Context>(pt: &R, cx: &mut C) -> Poll<()> {
    if cx.expired(pt.deadline()) { Poll::Ready(()) } else { Poll::Pending }
}

/// Names the type that a wait's operand must have.
#[inline(always)]
pub fn operand<T>(operand: Poll<T>) -> Poll<T> {
    operand
}

/// Compiles only if dropping a `T` does nothing: locals are dropped at the next wait, not at the end of their scope.
#[inline(always)]
pub fn no_drop<T: ?Sized>(_: &T) {
    const {
        assert!(
            !core::mem::needs_drop::<T>(),
            "a local with a destructor would be dropped at the next wait, not at the end of its scope: keep it in a field of `self`"
        )
    }
}

/// Tells by method lookup whether a wait's value is an `Err`: `(&Outcome::of(&value)).failed()`.
pub struct Outcome<'a, T>(&'a T);

impl<'a, T> Outcome<'a, T> {
    /// Looks at `value`.
    #[inline(always)]
    pub fn of(value: &'a T) -> Self {
        Outcome(value)
    }
}

/// A `Result` fails with `Err`.
pub trait ResultOutcome {
    /// Whether it failed.
    fn failed(&self) -> bool;
}

impl<T, E> ResultOutcome for Outcome<'_, Result<T, E>> {
    #[inline(always)]
    fn failed(&self) -> bool {
        self.0.is_err()
    }
}

/// Everything else never fails.
pub trait AnyOutcome {
    /// Whether it failed: no.
    fn failed(&self) -> bool;
}

impl<T> AnyOutcome for &Outcome<'_, T> {
    #[inline(always)]
    fn failed(&self) -> bool {
        false
    }
}

/// The names and lines of one protothread method, and how to read its resume point.
#[derive(Debug)]
pub struct Info<T> {
    /// The method's name.
    pub name: &'static str,
    /// The source file.
    pub file: &'static str,
    /// The line of the method, then of each wait in the order of the source.
    pub lines: &'static [u32],
    /// Reads the resume point.
    pub pt: fn(&T) -> Pt,
}
