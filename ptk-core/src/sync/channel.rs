//! Messages from tasks to tasks, in order.

use core::hash::{Hash, Hasher};
use core::task::Poll;

use super::waiters::{FOR_ALL, Id};
use crate::cx::Cx;
use crate::error::Error;
use crate::inspect::Shared;
use crate::platform::Platform;

/// Up to `N` messages on their way, first in, first out. Sixteen bytes more than `N` times an `Option<T>`.
///
/// Any number of tasks may send and receive; each message reaches one receiver. When the channel is full, a send waits and
/// [`try_send`](Self::try_send) refuses: nothing that was accepted is ever thrown away. Two channels are equal for a hash
/// when the same messages are in them in the same order.
///
/// ```
/// # use ptk_core::prelude::*;
/// # use ptk_core::sync::Channel;
/// # #[derive(Clone, Hash, Debug)]
/// # struct Printer { pt: Pt, printed: u32 }
/// # impl<P: Platform> Protothread<P, Channel<u32, 4>> for Printer {
/// #     type Output = Result<(), Error>;
/// #     #[protothread]
/// #     fn run(&mut self, cx: &mut Cx<'_, P>, lines: &mut Channel<u32, 4>) -> Result<(), Error> {
/// // Until the channel is closed and empty.
/// while let Some(line) = wait!(lines.recv(cx))? {
///     self.printed += line;
/// }
/// #         Ok(())
/// #     }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Channel<T, const N: usize> {
    first: u32,
    len: u32,
    id: Id,
    closed: bool,
    messages: [Option<T>; N],
}

impl<T, const N: usize> Channel<T, N> {
    /// An empty channel.
    pub const fn new() -> Self {
        const { assert!(N > 0 && N <= u32::MAX as usize / 2, "a channel has room for one message at least") };
        Channel { first: 0, len: 0, id: Id::NONE, closed: false, messages: [const { None }; N] }
    }

    /// How many messages are in it, those included that receivers were woken for.
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether no message is in it.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it has no room.
    pub const fn is_full(&self) -> bool {
        self.room() == 0
    }

    /// Whether it was closed. There may be messages left.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    const fn room(&self) -> usize {
        N - self.len as usize
    }

    /// Takes nothing more, for good. What is in it can still be received. All that wait to send fail, and so do all that
    /// come later.
    pub fn close<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        self.closed = true;
        cx.offer_all(self.id, Shared::Space);
        cx.offer_all(self.id, Shared::Message);
    }

    /// Receives the oldest message. `None` if the channel is closed and empty, again and again.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyWaits`].
    pub fn recv<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Poll<Result<Option<T>, Error>> {
        // The end is there for all.
        let available = if self.has_ended() { FOR_ALL } else { self.len() };
        let taken = cx.take(&mut self.id, Shared::Message, available);
        taken.map(|taken| taken.map(|()| self.pop(cx)))
    }

    /// Receives the oldest message without waiting. `None` as with [`recv`](Self::recv).
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is none, or others wait for it.
    pub fn try_recv<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<Option<T>, Error> {
        if self.has_ended() {
            return Ok(None);
        }
        cx.try_take(self.id, Shared::Message, self.len())?;
        Ok(self.pop(cx))
    }

    const fn has_ended(&self) -> bool {
        self.closed && self.is_empty()
    }

    fn pop<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Option<T> {
        let message = self.messages.get_mut(self.first as usize).and_then(Option::take)?;
        self.first = self.index(1);
        self.len -= 1;
        if self.has_ended() {
            cx.offer_all(self.id, Shared::Message);
        }
        cx.offer(self.id, Shared::Message, self.len());
        cx.offer(self.id, Shared::Space, self.room());
        Some(message)
    }

    /// The place `behind` the first.
    const fn index(&self, behind: u32) -> u32 {
        (self.first + behind) % N as u32
    }
}

impl<T: Clone, const N: usize> Channel<T, N> {
    /// Sends a copy of `message`. It is looked at anew at each evaluation, and copied when there is room.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if the channel is closed, or is closed meanwhile; [`Error::TooManyWaits`].
    pub fn send<P: Platform>(&mut self, cx: &mut Cx<'_, P>, message: &T) -> Poll<Result<(), Error>> {
        let available = if self.closed { FOR_ALL } else { self.room() };
        let free = cx.poll_free(&mut self.id, Shared::Space, available);
        if free != Poll::Ready(Ok(())) {
            return free;
        }
        let message = (!self.closed).then(|| message.clone());
        cx.taken(self.id, Shared::Space);
        let Some(message) = message else { return Poll::Ready(Err(cx.fail(Error::NotConnected))) };
        self.push(cx, message);
        free
    }

    /// Sends a copy of `message` without waiting.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if the channel is full, or others wait to send; [`Error::NotConnected`] if it is closed.
    pub fn try_send<P: Platform>(&mut self, cx: &mut Cx<'_, P>, message: &T) -> Result<(), Error> {
        if self.closed {
            return Err(cx.fail(Error::NotConnected));
        }
        cx.check_free(self.id, Shared::Space, self.room())?;
        let message = message.clone();
        cx.try_take(self.id, Shared::Space, self.room())?;
        self.push(cx, message);
        Ok(())
    }

    fn push<P: Platform>(&mut self, cx: &mut Cx<'_, P>, message: T) {
        let index = self.index(self.len);
        if let Some(place) = self.messages.get_mut(index as usize) {
            *place = Some(message);
        }
        self.len += 1;
        cx.offer(self.id, Shared::Space, self.room());
        cx.offer(self.id, Shared::Message, self.len());
    }
}

impl<T, const N: usize> Default for Channel<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Hash, const N: usize> Hash for Channel<T, N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.len, self.id, self.closed).hash(state);
        for behind in 0..self.len {
            self.messages.get(self.index(behind) as usize).hash(state);
        }
    }
}
