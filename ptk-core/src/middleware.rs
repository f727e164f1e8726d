//! Middleware: platforms around platforms.
//!
//! What watches, counts, records or disturbs the calls of a loop is a platform that has another one inside, in place of
//! a switch in every backend. The loop and the application notice nothing, and what is not wrapped pays nothing.
//!
//! | | | cost |
//! |---|---|---|
//! | [`Counted`] | counts calls, bytes and errors of each [`Operation`] | [`Counts`], 0.9 KB a loop, and a few additions a call |
//! | [`Traced`] | tells each [`Call`] to an [`Observer`] | 8 bytes a socket, and what the observer does with it |
//! | [`Recorded`] | writes each call and its outcome to a [`Recorder`], to be replayed in a test | 8 bytes a socket, a hash of each byte, and what the recorder takes |
//!
//! They stack: `Traced<Counted<Linux>, Log>` counts what the backend is asked to do, and writes it to the log.
//!
//! ```
//! use ptk_core::middleware::{Counted, Operation};
//! use ptk_mock::Mock;
//!
//! ptk_core::event_loop! {
//!     static LOOP: Counted<Mock> = Counted::new(Mock::new());
//!     id: 0, tasks: 4, sockets: 8
//! }
//!
//! let event_loop = LOOP.try_take().expect("taken once");
//! event_loop.open()?;
//! let _listener = event_loop.cx().listen(([127, 0, 0, 1], 502).into())?;
//! assert_eq!(event_loop.platform().counts().of(Operation::OpenListener).calls, 1);
//! println!("{}", event_loop.platform().counts());
//! # Ok::<(), ptk_core::Error>(())
//! ```
//!
//! What a backend offers beside the contract is out of reach where it takes a `Cx` of that very backend, as the functions
//! of `ptk_linux::unix` do; its own methods are called through `cx.platform().inner_mut()`.
//!
//! # Writing one
//!
//! Implement [`Middleware`] and define the calls that are to be different: all others are forwarded, those too that
//! [`Platform`] gains later.
//!
//! ```
//! use ptk_core::middleware::Middleware;
//! use ptk_core::{Error, Platform, Received, Rest};
//!
//! /// Receives at most one byte at a time: for tests of what assembles messages.
//! #[derive(Clone, Hash, Debug)]
//! struct Dribbling<P>(P);
//!
//! impl<P: Platform> Middleware for Dribbling<P> {
//!     type Inner = P;
//!
//!     fn inner(&self) -> &P {
//!         &self.0
//!     }
//!
//!     fn inner_mut(&mut self) -> &mut P {
//!         &mut self.0
//!     }
//!
//!     fn receive(&mut self, socket: &mut P::Socket, buffer: &mut [u8]) -> Result<Received, Error> {
//!         let received = self.0.receive(socket, buffer.get_mut(..1).ok_or(Error::InvalidArgument)?)?;
//!         // What was left out is still there, and no event will say so.
//!         Ok(Received { rest: Rest::MaybeMore, ..received })
//!     }
//! }
//! ```
//!
//! A middleware that keeps something of its own for each socket, as [`Traced`] does, implements [`Platform`] instead, and
//! asks for `#[deny(clippy::missing_trait_methods)]` on that, so that no call with a default is forgotten.

mod call;
mod codec;
mod counted;
mod named;
mod recorded;
mod recording;
mod traced;

use core::net::{IpAddr, SocketAddr};

pub use call::{Argument, Call, Operation, Outcome, SHOWN};
pub use codec::Flaw;
pub use counted::{Count, Counted, Counts};
pub use named::NamedSocket;
pub use recorded::{RecordBuffer, Recorded, Recorder};
pub use recording::{RecordedCall, RecordedCalls, RecordingError, RecordingPosition};
pub use traced::{Log, Observer, Traced};

use crate::error::Error;
use crate::handle::{EventSource, Handle};
use crate::options::{Options, SocketOption};
use crate::platform::{Close, Datagram, Half, NameService, Platform, Received, Rest, Sink, Until};
use crate::port::{EventPortView, Raised};
use crate::time::Instant;

/// The sockets of what is inside the middleware `M`, and so those of `M` too.
pub type SocketOf<M> = <<M as Middleware>::Inner as Platform>::Socket;

/// Writes each call twice: as a method of [`Middleware`] that forwards to what is inside, and as the one of [`Platform`]
/// that goes through that method.
macro_rules! forward {
    ($(
        fn $name:ident $(<$generic:ident: $bound:ident>)? (&mut self $(, $argument:ident: $type:ty)*) $(-> $result:ty)?;
    )*) => {
        /// A platform around another one: what is not defined is forwarded. See [the module](self).
        ///
        /// Import it where it is implemented only: its calls have the names of those of [`Platform`], which are the ones
        /// to use.
        pub trait Middleware {
            /// What is inside.
            type Inner: Platform;

            /// What is inside.
            fn inner(&self) -> &Self::Inner;

            /// What is inside, to be changed.
            fn inner_mut(&mut self) -> &mut Self::Inner;

            #[doc = "As [`Platform::port`]."]
            fn port(&self) -> Option<&EventPortView> {
                self.inner().port()
            }

            #[doc = "As [`Platform::last_os_error`]."]
            fn last_os_error(&self) -> Option<i32> {
                self.inner().last_os_error()
            }

            $(
                #[doc = concat!("As [`Platform::", stringify!($name), "`].")]
                fn $name $(<$generic: $bound>)? (&mut self $(, $argument: $type)*) $(-> $result)? {
                    self.inner_mut().$name($($argument),*)
                }
            )*
        }

        // A call of the contract that is not in the list below is an error of the lints, also one with a default.
        #[deny(clippy::missing_trait_methods)]
        impl<M: Middleware> Platform for M {
            type Socket = SocketOf<M>;

            const CLOSED: SocketOf<M> = <M::Inner as Platform>::CLOSED;

            #[inline]
            fn port(&self) -> Option<&EventPortView> {
                Middleware::port(self)
            }

            #[inline]
            fn last_os_error(&self) -> Option<i32> {
                Middleware::last_os_error(self)
            }

            $(
                #[inline]
                fn $name $(<$generic: $bound>)? (&mut self $(, $argument: $type)*) $(-> $result)? {
                    Middleware::$name(self $(, $argument)*)
                }
            )*
        }
    };
}

forward! {
    fn open(&mut self) -> Result<(), Error>;
    fn now(&mut self) -> Instant;
    fn next_deadline(&mut self) -> Option<Instant>;
    fn wait<S: Sink>(&mut self, until: Until, sink: &mut S) -> Result<(), Error>;
    fn raise(&mut self, source: EventSource, value: u32) -> Result<(), Error>;
    fn open_source(&mut self, index: usize) -> Result<u16, Error>;
    fn is_raised(&mut self, index: usize) -> bool;
    fn take_raised(&mut self, index: usize) -> Option<Raised>;
    fn open_stream(&mut self, peer: SocketAddr, options: &Options, token: Handle) -> Result<SocketOf<Self>, Error>;
    fn finish_connect(&mut self, socket: &mut SocketOf<Self>) -> Result<(), Error>;
    fn open_listener(&mut self, address: SocketAddr, options: &Options, token: Handle) -> Result<SocketOf<Self>, Error>;
    fn accept(&mut self, listener: &mut SocketOf<Self>, options: &Options, token: Handle)
        -> Result<SocketOf<Self>, Error>;
    fn receive(&mut self, socket: &mut SocketOf<Self>, buffer: &mut [u8]) -> Result<Received, Error>;
    fn send(&mut self, socket: &mut SocketOf<Self>, data: &[u8]) -> Result<usize, Error>;
    fn peek(&mut self, socket: &mut SocketOf<Self>, buffer: &mut [u8]) -> Result<usize, Error>;
    fn open_datagram(&mut self, address: SocketAddr, options: &Options, token: Handle) -> Result<SocketOf<Self>, Error>;
    fn connect_datagram(&mut self, socket: &mut SocketOf<Self>, peer: Option<SocketAddr>) -> Result<(), Error>;
    fn receive_from(&mut self, socket: &mut SocketOf<Self>, buffer: &mut [u8]) -> Result<(Datagram, Rest), Error>;
    fn send_to(&mut self, socket: &mut SocketOf<Self>, data: &[u8], peer: Option<SocketAddr>) -> Result<(), Error>;
    fn shutdown(&mut self, socket: &mut SocketOf<Self>, half: Half) -> Result<(), Error>;
    fn close(&mut self, socket: SocketOf<Self>, how: Close);
    fn set_option(&mut self, socket: &mut SocketOf<Self>, option: SocketOption) -> Result<(), Error>;
    fn local_address(&mut self, socket: &SocketOf<Self>) -> Result<SocketAddr, Error>;
    fn peer_address(&mut self, socket: &SocketOf<Self>) -> Result<SocketAddr, Error>;
    fn entropy(&mut self, out: &mut [u8]) -> Result<(), Error>;
    fn name_service(&mut self, tell: &mut dyn FnMut(NameService<'_>));
    fn host_addresses(&mut self, name: &str, tell: &mut dyn FnMut(IpAddr));
}
