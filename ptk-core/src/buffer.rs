//! Buffers: a fixed array with a read and a write position.

use core::fmt;
use core::hash::{Hash, Hasher};

use crate::error::Error;
use crate::mutant::Mutant;

/// A buffer of `N` bytes that it owns. Const-constructible; eight bytes more than `N`.
///
/// Function signatures take a [`&mut Buf`](Buf), to which `&mut Buffer<N>` coerces, so that they need no `N`. Comparing
/// and hashing look only at what is readable.
///
/// ```
/// use ptk_core::{Buf, Buffer, Error};
///
/// fn header(out: &mut Buf, length: u16) -> Result<(), Error> {
///     out.put_u16_be(length)
/// }
///
/// let mut buffer = Buffer::<8>::new();
/// header(&mut buffer, 6)?;
/// assert_eq!(buffer.readable(), [0, 6]);
/// assert_eq!(buffer.get_u16_be(), Ok(6));
/// # Ok::<(), Error>(())
/// ```
pub type Buffer<const N: usize> = Bytes<[u8; N]>;

/// A [`Buffer`] of any size, behind a reference.
pub type Buf = Bytes<[u8]>;

/// Bytes between two positions of some storage: see [`Buffer`] and [`Buf`].
#[derive(Clone, Copy)]
pub struct Bytes<S: ?Sized> {
    /// What is readable lies from here..
    start: u32,
    /// ..to here, and `start <= end <= storage.len()`.
    end: u32,
    storage: S,
}

impl<const N: usize> Buffer<N> {
    /// An empty buffer.
    pub const fn new() -> Self {
        const { assert!(N <= u32::MAX as usize, "a buffer's positions have 32 bits") };
        Bytes { start: 0, end: 0, storage: [0; N] }
    }
}

impl<const N: usize> Default for Buffer<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl Buf {
    /// How many bytes the buffer can hold.
    pub const fn capacity(&self) -> usize {
        self.storage.len()
    }

    /// How many bytes are readable.
    #[inline]
    pub const fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether nothing is readable.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// How many bytes can be written before the buffer is full.
    pub const fn room(&self) -> usize {
        self.storage.len() - self.len()
    }

    /// Throws everything away.
    #[inline]
    pub const fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    /// What was written and not yet consumed.
    #[inline]
    pub fn readable(&self) -> &[u8] {
        self.storage.get(self.start as usize..self.end as usize).unwrap_or(&[])
    }

    /// As [`readable`](Self::readable), to be changed in place.
    #[inline]
    pub fn readable_mut(&mut self) -> &mut [u8] {
        self.storage.get_mut(self.start as usize..self.end as usize).unwrap_or(&mut [])
    }

    /// Takes `count` bytes from the front of what is readable; all of it if there are fewer.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        if count < self.len() {
            self.start += count as u32;
        } else {
            self.clear();
        }
    }

    /// The whole room behind what is readable. Moves the readable bytes to the front of the storage when they do not
    /// start there, so that no room is lost.
    #[inline]
    pub fn writable(&mut self) -> &mut [u8] {
        if self.start != 0 {
            self.compact();
        }
        self.storage.get_mut(self.end as usize..).unwrap_or(&mut [])
    }

    /// Makes the first `count` bytes of [`writable`](Self::writable) readable; all of them if there are fewer.
    #[inline]
    pub fn commit(&mut self, count: usize) {
        let room = self.storage.len() - self.end as usize;
        self.end += count.min(room) as u32;
    }

    fn compact(&mut self) {
        let short = usize::from(Mutant::BufferMovesOneShort.is_on() && !self.is_empty());
        self.storage.copy_within(self.start as usize..self.end as usize - short, 0);
        self.end -= self.start;
        self.start = 0;
    }

    /// Throws away what is readable behind the first `count` bytes: what was written last.
    pub fn truncate(&mut self, count: usize) {
        if count < self.len() {
            self.end = self.start + count as u32;
        }
    }

    /// Looks at `N` readable bytes, `offset` bytes behind the front, without taking them.
    ///
    /// # Errors
    ///
    /// [`Error::UnexpectedEnd`] if they are not all readable.
    #[inline]
    pub fn peek_array<const N: usize>(&self, offset: usize) -> Result<[u8; N], Error> {
        let bytes = self.readable().get(offset..).and_then(|bytes| bytes.first_chunk::<N>());
        bytes.copied().ok_or(Error::UnexpectedEnd)
    }

    /// Overwrites readable bytes, `offset` bytes behind the front: a length that is known only now.
    ///
    /// ```
    /// use ptk_core::{Buffer, Error};
    ///
    /// let mut message = Buffer::<16>::new();
    /// message.put_u16_be(0)?;
    /// message.put_slice(b"hello")?;
    /// let length = message.len() as u16 - 2;
    /// message.patch_u16_be(0, length)?;
    /// assert_eq!(message.readable(), b"\0\x05hello");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::UnexpectedEnd`] if that is not all readable; then nothing is written.
    #[inline]
    pub fn patch(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Error> {
        let place = self.readable_mut().get_mut(offset..).and_then(|place| place.get_mut(..bytes.len()));
        place.ok_or(Error::UnexpectedEnd)?.copy_from_slice(bytes);
        Ok(())
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    ///
    /// [`Error::BufferFull`] if they do not fit; then none is appended.
    #[inline]
    pub fn put_slice(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let room = self.writable().get_mut(..bytes.len()).ok_or(Error::BufferFull)?;
        room.copy_from_slice(bytes);
        self.commit(bytes.len());
        Ok(())
    }

    /// Takes `N` bytes from the front.
    ///
    /// # Errors
    ///
    /// [`Error::UnexpectedEnd`] if fewer are readable; then none is taken.
    #[inline]
    pub fn get_array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let bytes = *self.readable().first_chunk::<N>().ok_or(Error::UnexpectedEnd)?;
        self.consume(N);
        Ok(bytes)
    }

    /// Takes bytes from the front to fill `out`.
    ///
    /// # Errors
    ///
    /// [`Error::UnexpectedEnd`] if fewer are readable; then none is taken.
    pub fn get_slice(&mut self, out: &mut [u8]) -> Result<(), Error> {
        out.copy_from_slice(self.readable().get(..out.len()).ok_or(Error::UnexpectedEnd)?);
        self.consume(out.len());
        Ok(())
    }
}

macro_rules! numbers {
    ($($int:ident: $put_be:ident $put_le:ident $get_be:ident $get_le:ident;)*) => {
        impl Buf { $(
            #[doc = concat!("Appends a `", stringify!($int), "`, most significant byte first.")]
            ///
            /// # Errors
            ///
            /// [`Error::BufferFull`] if it does not fit.
            #[inline]
            pub fn $put_be(&mut self, value: $int) -> Result<(), Error> {
                self.put_slice(&value.to_be_bytes())
            }

            #[doc = concat!("Appends a `", stringify!($int), "`, least significant byte first.")]
            ///
            /// # Errors
            ///
            /// [`Error::BufferFull`] if it does not fit.
            #[inline]
            pub fn $put_le(&mut self, value: $int) -> Result<(), Error> {
                self.put_slice(&value.to_le_bytes())
            }

            #[doc = concat!("Takes a `", stringify!($int), "` from the front, most significant byte first.")]
            ///
            /// # Errors
            ///
            /// [`Error::UnexpectedEnd`] if it is not all there.
            #[inline]
            pub fn $get_be(&mut self) -> Result<$int, Error> {
                self.get_array().map($int::from_be_bytes)
            }

            #[doc = concat!("Takes a `", stringify!($int), "` from the front, least significant byte first.")]
            ///
            /// # Errors
            ///
            /// [`Error::UnexpectedEnd`] if it is not all there.
            #[inline]
            pub fn $get_le(&mut self) -> Result<$int, Error> {
                self.get_array().map($int::from_le_bytes)
            }
        )* }
    };
}

numbers! {
    u16: put_u16_be put_u16_le get_u16_be get_u16_le;
    u32: put_u32_be put_u32_le get_u32_be get_u32_le;
    u64: put_u64_be put_u64_le get_u64_be get_u64_le;
    i16: put_i16_be put_i16_le get_i16_be get_i16_le;
    i32: put_i32_be put_i32_le get_i32_be get_i32_le;
    i64: put_i64_be put_i64_le get_i64_be get_i64_le;
    f32: put_f32_be put_f32_le get_f32_be get_f32_le;
    f64: put_f64_be put_f64_le get_f64_be get_f64_le;
}

macro_rules! fields {
    ($($int:ident: $peek_be:ident $peek_le:ident $patch_be:ident $patch_le:ident;)*) => {
        impl Buf { $(
            #[doc = concat!("The `", stringify!($int), "` that is `offset` bytes behind the front, most significant byte first.")]
            ///
            /// # Errors
            ///
            /// [`Error::UnexpectedEnd`] if it is not all readable.
            #[inline]
            pub fn $peek_be(&self, offset: usize) -> Result<$int, Error> {
                self.peek_array(offset).map($int::from_be_bytes)
            }

            #[doc = concat!("The `", stringify!($int), "` that is `offset` bytes behind the front, least significant byte first.")]
            ///
            /// # Errors
            ///
            /// [`Error::UnexpectedEnd`] if it is not all readable.
            #[inline]
            pub fn $peek_le(&self, offset: usize) -> Result<$int, Error> {
                self.peek_array(offset).map($int::from_le_bytes)
            }

            #[doc = concat!("Overwrites the `", stringify!($int), "` that is `offset` bytes behind the front, most significant byte first.")]
            ///
            /// # Errors
            ///
            /// [`Error::UnexpectedEnd`] if it is not all readable; then nothing is written.
            #[inline]
            pub fn $patch_be(&mut self, offset: usize, value: $int) -> Result<(), Error> {
                self.patch(offset, &value.to_be_bytes())
            }

            #[doc = concat!("Overwrites the `", stringify!($int), "` that is `offset` bytes behind the front, least significant byte first.")]
            ///
            /// # Errors
            ///
            /// [`Error::UnexpectedEnd`] if it is not all readable; then nothing is written.
            #[inline]
            pub fn $patch_le(&mut self, offset: usize, value: $int) -> Result<(), Error> {
                self.patch(offset, &value.to_le_bytes())
            }
        )* }
    };
}

fields! {
    u16: peek_u16_be peek_u16_le patch_u16_be patch_u16_le;
    u32: peek_u32_be peek_u32_le patch_u32_be patch_u32_le;
    u64: peek_u64_be peek_u64_le patch_u64_be patch_u64_le;
}

impl Buf {
    /// Appends a byte.
    ///
    /// # Errors
    ///
    /// [`Error::BufferFull`] if it does not fit.
    #[inline]
    pub fn put_u8(&mut self, value: u8) -> Result<(), Error> {
        self.put_slice(&[value])
    }

    /// Takes a byte from the front.
    ///
    /// # Errors
    ///
    /// [`Error::UnexpectedEnd`] if there is none.
    #[inline]
    pub fn get_u8(&mut self) -> Result<u8, Error> {
        self.get_array().map(u8::from_be_bytes)
    }

    /// The byte that is `offset` bytes behind the front.
    ///
    /// # Errors
    ///
    /// [`Error::UnexpectedEnd`] if it is not readable.
    #[inline]
    pub fn peek_u8(&self, offset: usize) -> Result<u8, Error> {
        self.peek_array(offset).map(u8::from_be_bytes)
    }

    /// Overwrites the byte that is `offset` bytes behind the front.
    ///
    /// # Errors
    ///
    /// [`Error::UnexpectedEnd`] if it is not readable.
    #[inline]
    pub fn patch_u8(&mut self, offset: usize, value: u8) -> Result<(), Error> {
        self.patch(offset, &[value])
    }

    /// Appends `value` in three bytes, most significant byte first.
    ///
    /// # Errors
    ///
    /// [`Error::BufferFull`] if they do not fit; [`Error::InvalidArgument`] if `value` has more than 24 bits.
    pub fn put_u24_be(&mut self, value: u32) -> Result<(), Error> {
        match value.to_be_bytes() {
            [0, high, middle, low] => self.put_slice(&[high, middle, low]),
            _ => Err(Error::InvalidArgument),
        }
    }

    /// Appends `value` in three bytes, least significant byte first.
    ///
    /// # Errors
    ///
    /// [`Error::BufferFull`] if they do not fit; [`Error::InvalidArgument`] if `value` has more than 24 bits.
    pub fn put_u24_le(&mut self, value: u32) -> Result<(), Error> {
        match value.to_le_bytes() {
            [low, middle, high, 0] => self.put_slice(&[low, middle, high]),
            _ => Err(Error::InvalidArgument),
        }
    }

    /// Takes a number of three bytes from the front, most significant byte first.
    ///
    /// # Errors
    ///
    /// [`Error::UnexpectedEnd`] if they are not all there.
    pub fn get_u24_be(&mut self) -> Result<u32, Error> {
        self.get_array().map(|[high, middle, low]| u32::from_be_bytes([0, high, middle, low]))
    }

    /// Takes a number of three bytes from the front, least significant byte first.
    ///
    /// # Errors
    ///
    /// [`Error::UnexpectedEnd`] if they are not all there.
    pub fn get_u24_le(&mut self) -> Result<u32, Error> {
        self.get_array().map(|[low, middle, high]| u32::from_le_bytes([low, middle, high, 0]))
    }
}

impl<const N: usize> AsRef<Buf> for Buffer<N> {
    fn as_ref(&self) -> &Buf {
        self
    }
}

impl<const N: usize> core::ops::Deref for Buffer<N> {
    type Target = Buf;

    #[inline]
    fn deref(&self) -> &Buf {
        self
    }
}

impl<const N: usize> core::ops::DerefMut for Buffer<N> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Buf {
        self
    }
}

impl PartialEq for Buf {
    fn eq(&self, other: &Buf) -> bool {
        self.readable() == other.readable()
    }
}

impl Eq for Buf {}

impl<const N: usize> PartialEq for Buffer<N> {
    fn eq(&self, other: &Self) -> bool {
        self.readable() == other.readable()
    }
}

impl<const N: usize> Eq for Buffer<N> {}

impl Hash for Buf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.readable().hash(state);
    }
}

impl<const N: usize> Hash for Buffer<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.readable().hash(state);
    }
}

impl fmt::Debug for Buf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer<{}>({})", self.capacity(), self.readable().escape_ascii())
    }
}

impl<const N: usize> fmt::Debug for Buffer<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view: &Buf = self;
        fmt::Debug::fmt(view, f)
    }
}

#[cfg(feature = "defmt")]
impl<const N: usize> defmt::Format for Buffer<N> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Buffer<{}>({=[u8]:a})", N, self.readable());
    }
}

impl embedded_io::ErrorType for Buf {
    type Error = Error;
}

impl<const N: usize> embedded_io::ErrorType for Buffer<N> {
    type Error = Error;
}

impl embedded_io::Read for Buf {
    /// Never fails; 0 when nothing is readable.
    fn read(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        let count = out.len().min(self.len());
        self.get_slice(out.get_mut(..count).unwrap_or(&mut []))?;
        Ok(count)
    }
}

impl embedded_io::BufRead for Buf {
    fn fill_buf(&mut self) -> Result<&[u8], Error> {
        Ok(self.readable())
    }

    fn consume(&mut self, count: usize) {
        Buf::consume(self, count);
    }
}

impl embedded_io::Write for Buf {
    /// Appends what fits; [`Error::BufferFull`] when nothing does, never `Ok(0)`.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let count = bytes.len().min(self.room());
        if count == 0 && !bytes.is_empty() {
            return Err(Error::BufferFull);
        }
        self.put_slice(bytes.get(..count).unwrap_or(&[]))?;
        Ok(count)
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl<const N: usize> embedded_io::Read for Buffer<N> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        let view: &mut Buf = self;
        view.read(out)
    }
}

impl<const N: usize> embedded_io::BufRead for Buffer<N> {
    fn fill_buf(&mut self) -> Result<&[u8], Error> {
        Ok(self.readable())
    }

    fn consume(&mut self, count: usize) {
        let view: &mut Buf = self;
        Buf::consume(view, count);
    }
}

impl<const N: usize> embedded_io::Write for Buffer<N> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let view: &mut Buf = self;
        view.write(bytes)
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl embedded_io::ReadReady for Buf {
    /// Whether something is readable. A read does not wait either way.
    fn read_ready(&mut self) -> Result<bool, Error> {
        Ok(!self.is_empty())
    }
}

impl embedded_io::WriteReady for Buf {
    /// Whether there is room. A write does not wait either way.
    fn write_ready(&mut self) -> Result<bool, Error> {
        Ok(self.room() != 0)
    }
}

impl<const N: usize> embedded_io::ReadReady for Buffer<N> {
    fn read_ready(&mut self) -> Result<bool, Error> {
        Ok(!self.is_empty())
    }
}

impl<const N: usize> embedded_io::WriteReady for Buffer<N> {
    fn write_ready(&mut self) -> Result<bool, Error> {
        Ok(self.room() != 0)
    }
}

impl fmt::Write for Buf {
    /// Appends the text, or fails and appends none of it.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put_slice(text.as_bytes()).map_err(|_| fmt::Error)
    }
}
