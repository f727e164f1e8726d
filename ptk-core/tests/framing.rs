//! Frames in streams that are cut anywhere, and lengths that nobody meant well.

use proptest::prelude::*;
use ptk_core::framing::{Delimited, Framing, LengthPrefixed};
use ptk_core::{Buf, Buffer, Error};

const MODBUS: LengthPrefixed = LengthPrefixed::u16_be().at(4).max(260);
const ETHERNET_IP: LengthPrefixed = LengthPrefixed::u16_le().at(2).counted_from(24).max(24 + 504);
const DNS: LengthPrefixed = LengthPrefixed::u16_be().max(514);
const LINES: Delimited<'static> = Delimited::new(b"\r\n", 80);

/// The frames that come out of `stream` when it arrives in pieces that end at `cuts`; what is left in the buffer.
fn receive(framing: &impl Framing, stream: &[u8], cuts: &[usize]) -> Result<(Vec<Vec<u8>>, Vec<u8>), Error> {
    let mut buffer = Buffer::<1024>::new();
    let (mut frames, mut start) = (Vec::new(), 0);
    for end in cuts.iter().copied().chain([stream.len()]) {
        buffer.put_slice(&stream[start..end])?;
        start = end;
        while let Some(frame) = framing.frame(&buffer)?.map(<[u8]>::to_vec) {
            buffer.consume(frame.len());
            frames.push(frame);
        }
    }
    Ok((frames, buffer.readable().to_vec()))
}

/// Cuts a stream of `frames` in three at every two places, and everywhere.
fn cut_everywhere(framing: &impl Framing, frames: &[Vec<u8>]) {
    let stream = frames.concat();
    let whole = Ok((frames.to_vec(), Vec::new()));
    for first in 0..=stream.len() {
        for second in first..=stream.len() {
            assert_eq!(receive(framing, &stream, &[first, second]), whole, "cut at {first} and {second}");
        }
    }
    let everywhere: Vec<usize> = (0..stream.len()).collect();
    assert_eq!(receive(framing, &stream, &everywhere), whole);
}

#[test]
fn frames_come_whole_wherever_the_stream_is_cut() {
    let modbus = vec![vec![0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 10], vec![0, 2, 0, 0, 0, 2, 1, 7], vec![0, 3, 0, 0, 0, 0]];
    cut_everywhere(&MODBUS, &modbus);
    let mut register = vec![0; 28];
    register[..4].copy_from_slice(&[0x65, 0, 4, 0]);
    let mut unregister = vec![0; 24];
    unregister[0] = 0x66;
    cut_everywhere(&ETHERNET_IP, &[register, unregister]);
    cut_everywhere(&DNS, &[vec![0, 3, 1, 2, 3], vec![0, 0], vec![0, 1, 9]]);
    cut_everywhere(&LINES, &[b"GET /\r\n".to_vec(), b"\r\n".to_vec(), b"a\rb\nc\r\r\n".to_vec()]);
}

#[test]
fn a_length_is_known_as_soon_as_its_field_is_there_and_not_before() {
    assert_eq!(MODBUS.length(&[0, 1, 0, 0, 0]), Ok(None));
    assert_eq!(MODBUS.length(&[0, 1, 0, 0, 0, 6]), Ok(Some(12)));
    assert_eq!(ETHERNET_IP.length(&[0x65, 0, 4]), Ok(None));
    assert_eq!(ETHERNET_IP.length(&[0x65, 0, 4, 0]), Ok(Some(28)));
    for (framing, bytes, length) in [
        (LengthPrefixed::u8(), &[3][..], 4),
        (LengthPrefixed::u16_be(), &[1, 2], 0x0102 + 2),
        (LengthPrefixed::u16_le(), &[1, 2], 0x0201 + 2),
        (LengthPrefixed::u32_be(), &[0, 0, 1, 2], 0x0102 + 4),
        (LengthPrefixed::u32_le(), &[1, 2, 0, 0], 0x0201 + 4),
        (LengthPrefixed::u16_be().counted_from(0), &[0, 7], 7),
    ] {
        assert_eq!(framing.length(&bytes[..bytes.len() - 1]), Ok(None));
        assert_eq!(framing.length(bytes), Ok(Some(length)), "{framing:?}");
    }
}

#[test]
fn a_length_beyond_the_limit_is_refused_at_once_and_takes_nothing() {
    assert_eq!(MODBUS.length(&[0, 1, 0, 0, 0, 254]), Ok(Some(260)));
    assert_eq!(MODBUS.length(&[0, 1, 0, 0, 0, 255]), Err(Error::MessageTooLarge));
    let hostile = LengthPrefixed::u32_be().max(1 << 20);
    assert_eq!(hostile.length(&[0xff; 4]), Err(Error::MessageTooLarge));
    let unlimited = LengthPrefixed::u32_le().at(3).counted_from(usize::MAX);
    assert_eq!(unlimited.length(&[0xff; 7]), Ok(Some(usize::MAX)), "it does not wrap");
    let mut buffer = Buffer::<8>::new();
    buffer.put_slice(&[0, 1, 0, 0, 0, 255]).unwrap();
    assert_eq!(MODBUS.frame(&buffer), Err(Error::MessageTooLarge));
    assert_eq!(buffer.readable(), [0, 1, 0, 0, 0, 255]);
}

#[test]
fn a_frame_that_ends_within_its_own_length_is_no_frame() {
    let whole = LengthPrefixed::u16_be().at(2).counted_from(0);
    assert_eq!(whole.length(&[0, 0, 0, 4]), Ok(Some(4)));
    for length in 0..4 {
        assert_eq!(whole.length(&[0, 0, 0, length]), Err(Error::Protocol));
    }
}

#[test]
fn a_line_may_be_as_long_as_the_limit_and_no_longer() {
    let framing = Delimited::new(b"\r\n", 4);
    assert_eq!(framing.length(b"ab\r\n"), Ok(Some(4)));
    assert_eq!(framing.length(b"ab\r"), Ok(None));
    assert_eq!(framing.length(b"abc\r"), Err(Error::MessageTooLarge));
    assert_eq!(framing.length(b"abc\r\n"), Err(Error::MessageTooLarge));
    assert_eq!(framing.payload_len(4), 2);
}

#[test]
fn what_cannot_be_a_frame_is_not_written() {
    let mut out = Buffer::<8>::new();
    out.put_u8(9).unwrap();
    let small = LengthPrefixed::u16_be().max(4);
    assert_eq!(small.put(&mut out, b"abc"), Err(Error::MessageTooLarge));
    assert_eq!(DNS.put(&mut out, b"abcdef"), Err(Error::BufferFull));
    assert_eq!(MODBUS.put(&mut out, b"a"), Err(Error::InvalidArgument));
    assert_eq!(MODBUS.seal(&mut out, 0), Err(Error::InvalidArgument));
    assert_eq!(MODBUS.seal(&mut out, 2), Err(Error::InvalidArgument));
    assert_eq!(LINES.put(&mut out, b"a\r\nb"), Err(Error::InvalidArgument));
    assert_eq!(Delimited::new(b"aa", 9).put(&mut out, b"ba"), Err(Error::InvalidArgument), "it would end one early");
    assert_eq!(Delimited::new(b"\n", 3).put(&mut out, b"abc"), Err(Error::MessageTooLarge));
    assert_eq!(LINES.put(&mut out, b"abcdef"), Err(Error::BufferFull));
    assert_eq!(out.readable(), [9]);
    let mut large = Buffer::<300>::new();
    assert_eq!(LengthPrefixed::u8().put(&mut large, &[0; 256]), Err(Error::MessageTooLarge));
    assert_eq!((LengthPrefixed::u8().put(&mut large, &[0; 255]), large.len()), (Ok(()), 256));
}

#[test]
fn sealing_writes_the_length_and_nothing_else() {
    let mut out = Buffer::<64>::new();
    out.put_slice(b"before").unwrap();
    out.put_slice(&[0xaa; 26]).unwrap();
    ETHERNET_IP.seal(&mut out, 6).unwrap();
    let mut expected = b"before".to_vec();
    expected.extend([0xaa, 0xaa, 2, 0]);
    expected.extend([0xaa; 22]);
    assert_eq!(out.readable(), expected);
}

fn prefixed() -> impl Strategy<Value = LengthPrefixed> {
    prop_oneof![
        Just(LengthPrefixed::u8()),
        Just(LengthPrefixed::u16_be()),
        Just(LengthPrefixed::u16_le()),
        Just(LengthPrefixed::u32_be()),
        Just(LengthPrefixed::u32_le()),
    ]
}

fn send(put: impl Fn(&mut Buf, &[u8]) -> Result<(), Error>, payloads: &[Vec<u8>]) -> Vec<Vec<u8>> {
    payloads
        .iter()
        .map(|payload| {
            let mut out = Buffer::<64>::new();
            put(&mut out, payload).unwrap();
            out.readable().to_vec()
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_put_comes_back_however_it_is_cut(
        framing in prefixed(),
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
        lines in prop::collection::vec("[a-z\r]{0,20}", 0..8),
        mut cuts in prop::collection::vec(0..1000usize, 0..20),
    ) {
        let frames = send(|out, payload| framing.put(out, payload), &payloads);
        let stream = frames.concat();
        cuts.sort_unstable();
        let ends = |length: usize| cuts.iter().map(|cut| cut % (length + 1)).collect::<std::collections::BTreeSet<_>>();
        let places: Vec<usize> = ends(stream.len()).into_iter().collect();
        prop_assert_eq!(receive(&framing, &stream, &places), Ok((frames, Vec::new())));
        let lines: Vec<Vec<u8>> = lines.into_iter().map(String::into_bytes).collect();
        let frames = send(|out, line| LINES.put(out, line), &lines);
        let stream = frames.concat();
        let places: Vec<usize> = ends(stream.len()).into_iter().collect();
        prop_assert_eq!(receive(&LINES, &stream, &places), Ok((frames, Vec::new())));
    }

    #[test]
    fn any_bytes_are_a_frame_or_the_beginning_of_one_or_an_error(
        framing in prefixed(), offset in 0..6usize, start in 0..12usize, bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let framing = framing.at(offset).counted_from(start).max(32);
        let mut known = None;
        for end in 0..=bytes.len() {
            match framing.length(&bytes[..end]) {
                Ok(None) => prop_assert_eq!(known, None),
                answer => {
                    if let Ok(Some(length)) = answer {
                        prop_assert!((1..=32).contains(&length));
                    }
                    prop_assert_eq!(*known.get_or_insert(answer), answer, "it does not change");
                }
            }
        }
    }
}

#[test]
fn a_frame_may_be_put_that_is_as_long_as_the_limit_and_no_longer() {
    let mut out = Buffer::<4>::new();
    let lines = Delimited::new(b"\r\n", 4);
    assert_eq!(lines.put(&mut out, b"abc"), Err(Error::MessageTooLarge), "whether it fits or not");
    assert_eq!((lines.put(&mut out, b"ab"), out.readable()), (Ok(()), &b"ab\r\n"[..]));
    out.clear();
    let prefixed = LengthPrefixed::u16_be().max(4);
    assert_eq!((prefixed.put(&mut out, b"ab"), out.readable()), (Ok(()), &b"\0\x02ab"[..]));
}

#[test]
fn a_header_without_room_for_its_length_is_not_sealed() {
    const WHOLE: LengthPrefixed = LengthPrefixed::u16_be().at(4).counted_from(0);
    let mut out = Buffer::<70_000>::new();
    out.put_slice(&[7; 5]).unwrap();
    assert_eq!(WHOLE.seal(&mut out, 0), Err(Error::InvalidArgument), "half of the field");
    out.put_slice(&[7; 15]).unwrap();
    assert_eq!(ETHERNET_IP.seal(&mut out, 0), Err(Error::InvalidArgument), "half of the header");
    assert_eq!(MODBUS.put(&mut out, &[7; 20]), Err(Error::InvalidArgument), "the length is not in front");
    assert_eq!(out.readable(), [7; 20]);
    out.clear();
    for framing in [LengthPrefixed::u16_be(), LengthPrefixed::u16_le()] {
        assert_eq!(framing.put(&mut out, &[0; 1 << 16]), Err(Error::MessageTooLarge));
        assert!(out.is_empty());
        assert_eq!(framing.put(&mut out, &[0; (1 << 16) - 1]), Ok(()));
        assert_eq!(framing.length(out.readable()), Ok(Some(out.len())));
        out.clear();
    }
}
