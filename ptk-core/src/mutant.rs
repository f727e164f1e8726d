//! Bugs to be planted one at a time, for PTK's own tests: what does not find them proves nothing. Without the feature
//! `mutants` none is in the code.

#[cfg(feature = "mutants")]
use core::sync::atomic::{AtomicU32, Ordering};

/// Which one is planted, 0 for none. A process plants one at a time, whatever loops it has.
#[cfg(feature = "mutants")]
static PLANTED: AtomicU32 = AtomicU32::new(0);

/// Plants the bug with this number in place of the one before; 0 for none.
#[cfg(feature = "mutants")]
pub fn plant(number: u32) {
    PLANTED.store(number, Ordering::Relaxed);
}

/// The number of the bug that is planted.
#[cfg(feature = "mutants")]
#[inline]
pub fn planted() -> u32 {
    PLANTED.load(Ordering::Relaxed)
}

/// No bug is planted.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub const fn planted() -> u32 {
    0
}

/// Writes the list of a crate's bugs, numbered from `$first`. At its place in the code each is asked for by
/// `Mutant::Name.is_on()`.
#[doc(hidden)]
#[macro_export]
macro_rules! __mutants {
    (from $first:literal; $($name:ident: $what:literal,)*) => {
        /// A bug that can be planted.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u32)]
        pub enum Mutant {
            /// The code is as it should be.
            None = $first,
            $(#[doc = $what] $name,)*
        }

        impl Mutant {
            /// All of them, with what is wrong then.
            pub const ALL: &'static [(Mutant, &'static str)] = &[$((Mutant::$name, $what),)*];

            /// The number to plant it by.
            pub const fn number(self) -> u32 {
                self as u32
            }

            /// Whether this one is planted.
            #[inline(always)]
            pub(crate) fn is_on(self) -> bool {
                cfg!(feature = "mutants") && $crate::mutant::planted() == self.number()
            }
        }
    };
}

__mutants! {
    from 1000;
    ReadEdgeDropped: "a receive takes its socket for empty though more is there",
    EndBehindHangUpMissed: "a receive that empties a socket forgets that the peer has hung up",
    WriteEdgeDropped: "a send that was accepted whole takes the socket for full",
    DatagramEdgeDropped: "a datagram is taken for the last one",
    RefusalHidesDatagrams: "a socket counts as empty once the network has refused a datagram",
    ReadinessWithoutWaiterLost: "what becomes ready while nobody waits for it is not noted",
    ShortReceiveIsWhole: "receiving a number of bytes is content with fewer",
    PartialSendIsWhole: "sending all throws away what was not accepted at once",
    FailedConnectLeaks: "a connection that was refused is not closed in the platform",
    ConnectStartedAgain: "a connect that is evaluated again starts anew",
    GenerationNotRaised: "a slot is given away again under its old name",
    StaleHandleAccepted: "a handle is looked up without its generation",
    TimedOutScopeLeftOpen: "giving up a wait leaves open what it opened",
    LosersLeftOpen: "deciding a choice leaves open what the losers opened",
    ScopeNotMerged: "what a wait opened stays in its scope when it succeeds",
    HandlesOutliveTask: "a task that ends leaves open what it owns",
    DeadlineOutlivesTask: "a task that ends leaves its deadline behind",
    WaitersNotDismissed: "closing a socket wakes nobody who waits for it",
    RoomNotAnnounced: "a slot that becomes free wakes nobody who waits for room",
    AcceptBatonDropped: "who accepts a connection does not wake the next",
    WakeDiesWithWaiter: "a wake is lost when who was woken does not look",
    WaitStaysFired: "who waits again for the same is not woken again",
    BudgetStopForgotten: "a task that has used up its budget is not resumed",
    BudgetEndless: "the budget of a turn is never used up",
    ReadyQueueLastFirst: "who becomes ready last runs first",
    AcceptPauseEndless: "accepting that paused does not count among the deadlines",
    TimerNotRearmed: "a repeating timer expires once",
    TimerDrifts: "a repeating timer is armed from the time of its taking",
    TimerForgetsPeriods: "a repeating timer counts one period however many have passed",
    TimerStopsHalf: "a timer that is stopped expires all the same",
    TimerKeepsOldExpiry: "a timer that is started again keeps an expiry from before",
    DueTooEarly: "deadlines are due in the millisecond before",
    DueTooLate: "a deadline is due only when it is past",
    EqualDeadlinesSwapped: "of equal deadlines the last armed is first",
    HeapLooksAtTwoChildren: "the earliest deadline is sought among two children of four",
    HeapRemovalSinksOnly: "the deadline that fills a gap never rises",
    DeadlineOrderNotKept: "a resume for nothing sends a sleeper behind its equals",
    RaisesCountOnce: "an event that was raised twice counts once",
    FirstRaiseOnly: "of several sources that were raised one is delivered",
    RaiseTakenWhenWokenOnly: "who comes to wait for an event does not look first",
    BufferMovesOneShort: "moving a buffer's content to the front leaves the last byte behind",
    NewsToldOnce: "a handler that left something is not told again",
    PermitGivenSilently: "a permit that is given back wakes nobody",
    SignalWakesOne: "a change wakes one of those that wait",
    LockDiesWithHolder: "a task that ends with a lock wakes nobody",
}
