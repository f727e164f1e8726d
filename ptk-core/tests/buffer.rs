//! Buffers against a queue of bytes, and their typed reads and writes.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};

use embedded_io::{BufRead, Error as _, ErrorKind, Read, Write};
use proptest::prelude::*;
use ptk_core::{Buf, Buffer, Error};

#[derive(Clone, Debug)]
enum Operation {
    Put(Vec<u8>),
    Write(Vec<u8>),
    Fill(usize, u8),
    Consume(usize),
    Take(usize),
    Clear,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..20);
    prop::collection::vec(
        prop_oneof![
            4 => bytes().prop_map(Operation::Put),
            3 => bytes().prop_map(Operation::Write),
            3 => (0..20usize, any::<u8>()).prop_map(|(n, byte)| Operation::Fill(n, byte)),
            4 => (0..20usize).prop_map(Operation::Consume),
            3 => (0..20usize).prop_map(Operation::Take),
            1 => Just(Operation::Clear),
        ],
        0..200,
    )
}

fn step(buffer: &mut Buf, model: &mut VecDeque<u8>, operation: &Operation) {
    let room = buffer.capacity() - model.len();
    match operation {
        Operation::Put(bytes) => {
            let expected = if bytes.len() <= room { Ok(()) } else { Err(Error::BufferFull) };
            assert_eq!(buffer.put_slice(bytes), expected);
            if expected.is_ok() {
                model.extend(bytes);
            }
        }
        Operation::Write(bytes) => match buffer.write(bytes) {
            Ok(count) => {
                assert_eq!(count, bytes.len().min(room));
                model.extend(&bytes[..count]);
            }
            Err(error) => assert_eq!((error.kind(), room, bytes.is_empty()), (ErrorKind::WriteZero, 0, false)),
        },
        Operation::Fill(count, byte) => {
            assert_eq!(buffer.writable().len(), room, "all room is offered");
            let count = (*count).min(room);
            buffer.writable()[..count].fill(*byte);
            buffer.commit(count);
            model.extend(std::iter::repeat_n(*byte, count));
        }
        Operation::Consume(count) => {
            buffer.consume(*count);
            model.drain(..(*count).min(model.len()));
        }
        Operation::Take(count) => {
            let mut out = vec![0; *count];
            let expected: Vec<u8> = model.iter().take(*count).copied().collect();
            match buffer.get_slice(&mut out) {
                Ok(()) => {
                    assert_eq!(out, expected);
                    model.drain(..*count);
                }
                Err(error) => assert_eq!((error, expected.len() < *count), (Error::UnexpectedEnd, true)),
            }
        }
        Operation::Clear => {
            buffer.clear();
            model.clear();
        }
    }
    assert_eq!(buffer.readable(), Vec::from(model.clone()));
    assert_eq!((buffer.len(), buffer.room()), (model.len(), buffer.capacity() - model.len()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_buffer_does_what_a_bounded_queue_of_bytes_does(operations in operations()) {
        let mut buffer = Buffer::<16>::new();
        let mut model = VecDeque::new();
        for operation in &operations {
            step(&mut buffer, &mut model, operation);
        }
    }

    #[test]
    fn numbers_come_back_as_they_were_put(a: u16, b: u32, c: u64, d: i16, e: i32, f: i64, g: u8) {
        let mut buffer = Buffer::<57>::new();
        buffer.put_u8(g)?;
        buffer.put_u16_be(a)?;
        buffer.put_u16_le(a)?;
        buffer.put_u32_be(b)?;
        buffer.put_u32_le(b)?;
        buffer.put_u64_be(c)?;
        buffer.put_u64_le(c)?;
        buffer.put_i16_be(d)?;
        buffer.put_i16_le(d)?;
        buffer.put_i32_be(e)?;
        buffer.put_i32_le(e)?;
        buffer.put_i64_be(f)?;
        buffer.put_i64_le(f)?;
        prop_assert_eq!(buffer.put_u8(0), Err(Error::BufferFull));
        prop_assert_eq!(buffer.get_u8(), Ok(g));
        prop_assert_eq!((buffer.get_u16_be(), buffer.get_u16_le()), (Ok(a), Ok(a)));
        prop_assert_eq!((buffer.get_u32_be(), buffer.get_u32_le()), (Ok(b), Ok(b)));
        prop_assert_eq!((buffer.get_u64_be(), buffer.get_u64_le()), (Ok(c), Ok(c)));
        prop_assert_eq!((buffer.get_i16_be(), buffer.get_i16_le()), (Ok(d), Ok(d)));
        prop_assert_eq!((buffer.get_i32_be(), buffer.get_i32_le()), (Ok(e), Ok(e)));
        prop_assert_eq!((buffer.get_i64_be(), buffer.get_i64_le()), (Ok(f), Ok(f)));
        prop_assert_eq!(buffer.get_u8(), Err(Error::UnexpectedEnd));
    }
}

#[test]
fn floats_and_numbers_of_three_bytes_come_back_as_they_were_put() {
    let mut buffer = Buffer::<30>::new();
    buffer.put_f32_be(1.5).unwrap();
    buffer.put_f32_le(-0.25).unwrap();
    buffer.put_f64_be(1e300).unwrap();
    buffer.put_f64_le(f64::MIN_POSITIVE).unwrap();
    buffer.put_u24_be(0x01_0203).unwrap();
    buffer.put_u24_le(0x01_0203).unwrap();
    assert_eq!(buffer.peek_array(24), Ok([1, 2, 3, 3, 2, 1]));
    assert_eq!(
        (buffer.put_u24_be(1 << 24), buffer.put_u24_le(1 << 24)),
        (Err(Error::InvalidArgument), Err(Error::InvalidArgument))
    );
    assert_eq!((buffer.get_f32_be(), buffer.get_f32_le()), (Ok(1.5), Ok(-0.25)));
    assert_eq!((buffer.get_f64_be(), buffer.get_f64_le()), (Ok(1e300), Ok(f64::MIN_POSITIVE)));
    assert_eq!((buffer.get_u24_be(), buffer.get_u24_le()), (Ok(0x01_0203), Ok(0x01_0203)));
    assert_eq!(buffer.get_u24_be(), Err(Error::UnexpectedEnd));
}

#[test]
fn a_value_can_be_looked_at_and_overwritten_where_it_is_and_nowhere_else() {
    let mut buffer = Buffer::<16>::new();
    buffer.put_slice(&[0xff; 12]).unwrap();
    // What was consumed is out of reach.
    buffer.consume(2);
    buffer.patch_u8(0, 1).unwrap();
    buffer.patch_u16_be(1, 0x0203).unwrap();
    buffer.patch_u16_le(3, 0x0405).unwrap();
    buffer.patch_u32_be(6, 0x0607_0809).unwrap();
    assert_eq!(buffer.readable(), [1, 2, 3, 5, 4, 0xff, 6, 7, 8, 9]);
    assert_eq!((buffer.peek_u8(0), buffer.peek_u16_be(1), buffer.peek_u16_le(3)), (Ok(1), Ok(0x0203), Ok(0x0405)));
    assert_eq!((buffer.peek_u32_be(6), buffer.peek_u32_le(6)), (Ok(0x0607_0809), Ok(0x0908_0706)));
    buffer.patch_u64_be(0, 0x0102_0304_0506_0708).unwrap();
    assert_eq!(buffer.peek_u64_le(0), Ok(0x0807_0605_0403_0201));
    buffer.patch_u64_le(1, 1).unwrap();
    buffer.patch_u32_le(6, 2).unwrap();
    assert_eq!((buffer.peek_u64_be(1), buffer.len()), (Ok(1 << 56 | 2 << 16), 10));
    for offset in [10, 7, usize::MAX] {
        let before = buffer;
        assert_eq!(buffer.patch_u32_be(offset, 0), Err(Error::UnexpectedEnd));
        assert_eq!(buffer.peek_u32_be(offset), Err(Error::UnexpectedEnd));
        assert_eq!(buffer, before);
    }
    buffer.truncate(3);
    assert_eq!((buffer.readable(), buffer.room()), (&[1, 1, 0][..], 13));
    buffer.truncate(9);
    assert_eq!(buffer.len(), 3);
}

#[test]
fn a_buffer_is_ready_to_read_with_something_in_it_and_to_write_with_room() {
    use embedded_io::{ReadReady, WriteReady};
    let mut buffer = Buffer::<2>::new();
    assert_eq!((buffer.read_ready(), buffer.write_ready()), (Ok(false), Ok(true)));
    buffer.put_u8(1).unwrap();
    assert_eq!((buffer.read_ready(), buffer.write_ready()), (Ok(true), Ok(true)));
    buffer.put_u8(1).unwrap();
    let view: &mut Buf = &mut buffer;
    assert_eq!((view.read_ready(), view.write_ready()), (Ok(true), Ok(false)));
    buffer.consume(1);
    assert_eq!(buffer.write_ready(), Ok(true));
}

#[test]
fn the_byte_order_is_that_of_the_name() {
    let mut buffer = Buffer::<8>::new();
    buffer.put_u16_be(0x0102).unwrap();
    buffer.put_u16_le(0x0102).unwrap();
    assert_eq!(buffer.readable(), [1, 2, 2, 1]);
}

#[test]
fn a_read_that_fails_takes_nothing() {
    let mut buffer = Buffer::<8>::new();
    buffer.put_slice(&[1, 2, 3]).unwrap();
    assert_eq!(buffer.get_u32_be(), Err(Error::UnexpectedEnd));
    assert_eq!(buffer.readable(), [1, 2, 3]);
}

#[test]
fn only_what_is_readable_is_compared_and_hashed() {
    let mut a = Buffer::<8>::new();
    let mut b = Buffer::<8>::new();
    a.put_slice(b"xyab").unwrap();
    a.consume(2);
    b.put_slice(b"ab").unwrap();
    let hasher = RandomState::new();
    let hash = |buffer: &Buffer<8>| hasher.hash_one(buffer);
    assert_eq!(hash(&a), hash(&b));
    assert_eq!(a, b);
    b.put_u8(0).unwrap();
    assert_ne!(a, b);
}

#[test]
fn embedded_io_reads_and_writes_a_buffer() {
    let mut buffer = Buffer::<4>::new();
    assert_eq!(buffer.write(b"abcdef"), Ok(4));
    assert_eq!(buffer.write(b"g"), Err(Error::BufferFull));
    assert_eq!(buffer.write(b""), Ok(0));
    assert_eq!(buffer.fill_buf(), Ok(&b"abcd"[..]));
    let mut out = [0; 3];
    assert_eq!((buffer.read(&mut out), &out), (Ok(3), b"abc"));
    BufRead::consume(&mut buffer, 1);
    assert_eq!(buffer.read(&mut out), Ok(0));
}

#[test]
fn text_can_be_formatted_into_a_buffer() {
    let mut buffer = Buffer::<8>::new();
    let view: &mut Buf = &mut buffer;
    core::fmt::Write::write_fmt(view, format_args!("{}-{}", 12, 34)).unwrap();
    assert_eq!(buffer.readable(), b"12-34");
    assert_eq!(format!("{buffer:?}"), "Buffer<8>(12-34)");
}

#[test]
fn no_more_is_committed_than_there_is_room_for() {
    let mut buffer = Buffer::<4>::new();
    buffer.put_slice(b"abc").unwrap();
    buffer.consume(1);
    buffer.writable().fill(b'x');
    buffer.commit(usize::MAX);
    assert_eq!(buffer.readable(), b"bcxx");
}
