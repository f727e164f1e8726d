//! Handles: 64-bit names of sockets, timers, event sources and tasks that cannot be mistaken for one another.
//!
//! ```text
//!  63    60 59     52 51            32 31                              0
//! +--------+---------+----------------+---------------------------------+
//! |  kind  |  loop   |     index      |           generation            |
//! +--------+---------+----------------+---------------------------------+
//! ```
//!
//! The generation grows each time a slot is given away, and a slot whose generations are used up retires: no handle is
//! ever valid twice.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::num::NonZeroU64;

/// What a handle names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Kind {
    /// A TCP connection.
    TcpSocket = 1,
    /// A TCP listener.
    TcpListener = 2,
    /// A UDP socket.
    UdpSocket = 3,
    /// A timer.
    Timer = 4,
    /// A source of raised events.
    EventSource = 5,
    /// One run of a task.
    Task = 6,
    /// A stream that only the platform can open: a serial port, say.
    Descriptor = 7,
    /// A lookup of a name. Nobody holds such a handle: it belongs to the wait that looks the name up.
    Lookup = 8,
}

impl Kind {
    pub(crate) const fn from_bits(bits: u64) -> Option<Kind> {
        match bits {
            1 => Some(Kind::TcpSocket),
            2 => Some(Kind::TcpListener),
            3 => Some(Kind::UdpSocket),
            4 => Some(Kind::Timer),
            5 => Some(Kind::EventSource),
            6 => Some(Kind::Task),
            7 => Some(Kind::Descriptor),
            8 => Some(Kind::Lookup),
            _ => None,
        }
    }
}

/// How many slots a table can have: the index has twenty bits.
pub const MAX_SLOTS: usize = 1 << 20;

/// The untyped form of every handle. `Option<Handle>` takes 8 bytes.
///
/// A handle is only a name: whether it is still valid is for its loop to say
/// ([`EventLoop::is_valid`](crate::EventLoop::is_valid)).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Handle(NonZeroU64);

const _: () = assert!(size_of::<Option<Handle>>() == 8);

impl Handle {
    /// Packs the parts; an index beyond twenty bits is cut off, which no table can ask for.
    pub(crate) const fn new(kind: Kind, loop_id: u8, index: u32, generation: u32) -> Handle {
        let bits = (kind as u64) << 60
            | (loop_id as u64) << 52
            | ((index as u64) & (MAX_SLOTS as u64 - 1)) << 32
            | generation as u64;
        match NonZeroU64::new(bits) {
            Some(bits) => Handle(bits),
            // A kind is never 0, so neither are the bits.
            None => Handle(NonZeroU64::MIN),
        }
    }

    /// The handle with these bits, for instance from a token that a kernel hands back; `None` if they name no kind.
    #[inline]
    pub const fn from_raw(bits: u64) -> Option<Handle> {
        match (Kind::from_bits(bits >> 60), NonZeroU64::new(bits)) {
            (Some(_), Some(bits)) => Some(Handle(bits)),
            _ => None,
        }
    }

    /// The handle's bits.
    #[inline]
    pub const fn raw(self) -> u64 {
        self.0.get()
    }

    /// What the handle names.
    pub const fn kind(self) -> Kind {
        match Kind::from_bits(self.raw() >> 60) {
            Some(kind) => kind,
            // No constructor lets another kind through.
            None => Kind::Task,
        }
    }

    /// The id of the loop that gave the handle out.
    pub const fn loop_id(self) -> u8 {
        (self.raw() >> 52) as u8
    }

    /// The slot's index in its table.
    #[inline]
    pub const fn index(self) -> usize {
        (self.raw() >> 32) as usize & (MAX_SLOTS - 1)
    }

    /// How often the slot had been given away before.
    #[inline]
    pub const fn generation(self) -> u32 {
        self.raw() as u32
    }
}

/// Hashes through [`Hasher::write_u128`], which nothing else in PTK uses: a canonical hasher can tell handles apart from
/// other numbers and rename generations.
impl Hash for Handle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(u128::from(self.raw()));
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Handle {
    /// `TcpSocket 3.17#2`: loop 3, slot 17, generation 2.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}.{}#{}", self.kind(), self.loop_id(), self.index(), self.generation())
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Handle {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{} {}.{}#{}", self.kind(), self.loop_id(), self.index(), self.generation());
    }
}

/// A handle whose kind is part of its type.
///
/// Sealed: the kinds are those of [`Kind`].
pub trait TypedHandle: Copy + sealed::Sealed {
    /// The kind that this type names.
    const KIND: Kind;

    /// The untyped handle; `None` for `NONE`.
    fn handle(self) -> Option<Handle>;

    /// The typed form of `handle`; `None` if it is of another kind.
    fn from_handle(handle: Handle) -> Option<Self>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! typed_handles {
    ($($(#[$doc:meta])* $name:ident)*) => { $(
        $(#[$doc])*
        ///
        /// Eight bytes; zero bits are [`NONE`](Self::NONE), which every call refuses with
        /// [`InvalidHandle`](crate::Error::InvalidHandle).
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(Option<Handle>);

        impl $name {
            /// The handle of nothing: what a field holds before the first open.
            pub const NONE: $name = $name(None);

            /// Whether this is [`NONE`](Self::NONE). Says nothing about whether a handle is still valid.
            pub const fn is_none(self) -> bool {
                self.0.is_none()
            }
        }

        impl TypedHandle for $name {
            const KIND: Kind = Kind::$name;

            #[inline]
            fn handle(self) -> Option<Handle> {
                self.0
            }

            #[inline]
            fn from_handle(handle: Handle) -> Option<Self> {
                (handle.kind() == Self::KIND).then_some($name(Some(handle)))
            }
        }

        impl sealed::Sealed for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.0 {
                    Some(handle) => fmt::Display::fmt(&handle, f),
                    None => f.write_str(concat!(stringify!($name), " none")),
                }
            }
        }

        #[cfg(feature = "defmt")]
        impl defmt::Format for $name {
            fn format(&self, f: defmt::Formatter<'_>) {
                match self.0 {
                    Some(handle) => defmt::write!(f, "{}", handle),
                    None => defmt::write!(f, "{} none", Kind::$name),
                }
            }
        }
    )* };
}

typed_handles! {
    /// A TCP connection.
    TcpSocket
    /// A TCP listener.
    TcpListener
    /// A UDP socket.
    UdpSocket
    /// A timer.
    Timer
    /// A source of events that threads, signal handlers and interrupts raise.
    EventSource
    /// One run of a task: a task that was started again has another handle.
    Task
    /// A stream of bytes that only the platform can open: a serial port or a pipe, say. See the platform's crate.
    Descriptor
}

/// Handles of streams of bytes: what [`Cx::recv`](crate::Cx::recv) and [`Cx::send`](crate::Cx::send) take.
pub trait Stream: TypedHandle {}

impl Stream for TcpSocket {}
impl Stream for Descriptor {}
