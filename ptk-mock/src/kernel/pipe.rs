//! A buffer of bytes with a limit: the window of one end of a connection.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::packet::Payload;

/// What a buffer holds if nobody chose a size.
pub(crate) const DEFAULT_CAPACITY: usize = 64 * 1024;

/// Bytes in order, at most as many as its capacity.
#[derive(Clone)]
pub(crate) struct Pipe {
    /// Behind so many that have left.
    bytes: Vec<u8>,
    gone: usize,
    capacity: usize,
    /// Bytes that have left and still take room.
    lent: usize,
    /// The place of the last urgent byte, which lies out of line: who takes stops before it, and goes on behind it.
    urgent: Option<usize>,
}

impl Pipe {
    /// An empty pipe; a size of 0 is the default.
    pub(crate) fn new(size: u32) -> Pipe {
        let mut pipe = Pipe { bytes: Vec::new(), gone: 0, capacity: DEFAULT_CAPACITY, lent: 0, urgent: None };
        pipe.resize(size);
        pipe
    }

    /// Changes the capacity; a size of 0 leaves it. What is inside stays, even if it is more.
    pub(crate) fn resize(&mut self, size: u32) {
        if size != 0 {
            self.capacity = size as usize;
        }
    }

    /// How many bytes fit.
    pub(crate) fn room(&self) -> usize {
        self.capacity.saturating_sub(self.len() + self.lent)
    }

    /// How many bytes fit into it when it is empty.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many bytes are inside.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.gone
    }

    /// Takes all of `data`, for which room was promised.
    pub(crate) fn accept(&mut self, data: &[u8]) {
        self.bytes.extend_from_slice(data);
    }

    /// Moves `count` bytes out, and keeps their room until they are released.
    pub(crate) fn lend(&mut self, count: usize) -> Payload {
        self.lent += count;
        let payload = Payload::new(self.front(count));
        self.drop_front(count);
        payload
    }

    /// Bytes that were lent need their room no more.
    pub(crate) fn release(&mut self, count: usize) {
        self.lent = self.lent.saturating_sub(count);
    }

    /// How many bytes one call can take.
    pub(crate) fn readable(&self) -> usize {
        match self.urgent {
            None => self.len(),
            Some(0) => self.len() - 1,
            Some(place) => place,
        }
    }

    /// The byte that was put last is urgent. One that was so before is like any other from now on (RFC 6093, 3.2).
    pub(crate) fn mark(&mut self) {
        self.urgent = self.len().checked_sub(1);
    }

    /// Leaves out an urgent byte in front; whether there was one.
    pub(crate) fn skip_urgent(&mut self) -> bool {
        let is_in_front = self.urgent == Some(0);
        if is_in_front {
            self.drop_front(1);
        }
        is_in_front
    }

    /// Whether nothing is inside.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Throws away what is inside.
    pub(crate) fn clear(&mut self) {
        self.drop_front(self.len());
        self.lent = 0;
        self.urgent = None;
    }

    /// Takes as much of `data` as fits and returns how much that was.
    pub(crate) fn put(&mut self, data: &[u8]) -> usize {
        let count = data.len().min(self.room());
        self.bytes.extend_from_slice(data.get(..count).unwrap_or(data));
        count
    }

    /// Moves as much to the front of `buffer` as there is and fits, and returns how much that was.
    pub(crate) fn take(&mut self, buffer: &mut [u8]) -> usize {
        self.skip_urgent();
        let count = self.peek(buffer);
        self.drop_front(count);
        count
    }

    /// Copies as much to the front of `buffer` as there is and fits, and returns how much that was.
    pub(crate) fn peek(&self, buffer: &mut [u8]) -> usize {
        let skipped = usize::from(self.urgent == Some(0));
        let count = self.readable().min(buffer.len());
        let bytes = self.front(skipped + count).get(skipped..).unwrap_or(&[]);
        if let Some(place) = buffer.get_mut(..bytes.len()) {
            place.copy_from_slice(bytes);
        }
        bytes.len()
    }

    /// Moves as much as fits into another pipe; whether an urgent byte was among it.
    pub(crate) fn pour(&mut self, into: &mut Pipe) -> bool {
        let count = into.room().min(self.len());
        let urgent = self.urgent.filter(|place| *place < count);
        if let Some(place) = urgent {
            into.urgent = Some(into.len() + place);
        }
        into.accept(self.front(count));
        self.drop_front(count);
        urgent.is_some()
    }

    /// The first `count` bytes, or what there is.
    fn front(&self, count: usize) -> &[u8] {
        let bytes = self.bytes.get(self.gone..).unwrap_or(&[]);
        bytes.get(..count).unwrap_or(bytes)
    }

    /// Takes the first bytes out. The others move up only once they are fewer than those that are gone.
    fn drop_front(&mut self, count: usize) {
        self.gone += count.min(self.len());
        self.urgent = self.urgent.and_then(|place| place.checked_sub(count));
        if self.gone * 2 >= self.bytes.len() {
            self.bytes.drain(..self.gone);
            self.gone = 0;
        }
    }
}

impl Hash for Pipe {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.front(self.len()).hash(state);
        (self.capacity, self.lent, self.urgent).hash(state);
    }
}

impl fmt::Debug for Pipe {
    /// `12/65536`: how full it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.len(), self.capacity)
    }
}

#[cfg(test)]
mod tests {
    use super::Pipe;

    #[test]
    fn a_pipe_takes_what_fits_and_gives_it_back_in_order() {
        let mut pipe = Pipe::new(4);
        assert_eq!(pipe.put(b"abcdef"), 4);
        assert_eq!((pipe.room(), pipe.put(b"g")), (0, 0));
        let mut buffer = [0; 3];
        assert_eq!((pipe.take(&mut buffer), &buffer), (3, b"abc"));
        assert_eq!(pipe.put(b"gh"), 2);
        assert_eq!((pipe.take(&mut buffer), &buffer), (3, b"dgh"));
        assert!(pipe.is_empty());
    }

    #[test]
    fn an_urgent_byte_ends_what_is_before_it_and_is_left_out() {
        let (mut pipe, mut other) = (Pipe::new(9), Pipe::new(9));
        pipe.put(b"ab!");
        pipe.mark();
        pipe.put(b"cd");
        assert!(pipe.pour(&mut other));
        let mut buffer = [0; 3];
        assert_eq!((other.readable(), other.take(&mut buffer), &buffer), (2, 2, b"ab\0"));
        assert_eq!((other.readable(), other.peek(&mut buffer), &buffer), (2, 2, b"cd\0"));
        assert_eq!((other.skip_urgent(), other.skip_urgent(), other.len()), (true, false, 2));
        assert_eq!((other.take(&mut buffer), other.is_empty()), (2, true));
    }

    #[test]
    fn an_urgent_byte_is_like_any_other_when_another_follows() {
        let mut pipe = Pipe::new(9);
        for _ in 0..2 {
            pipe.put(b"!");
            pipe.mark();
        }
        assert_eq!(pipe.readable(), 1);
    }

    #[test]
    fn a_smaller_capacity_keeps_what_is_inside() {
        let mut pipe = Pipe::new(4);
        pipe.put(b"abcd");
        pipe.resize(2);
        assert_eq!(pipe.room(), 0);
        let mut other = Pipe::new(3);
        pipe.pour(&mut other);
        assert_eq!((pipe.room(), other.room()), (1, 0));
    }
}
