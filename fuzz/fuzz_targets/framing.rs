//! The framing helpers: any framing on any bytes. A frame's length does not depend on how much has come, and what is put
//! together is found again.
//!
//! The first bytes of the input choose the framing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ptk_core::framing::{Delimited, Framing, LengthPrefixed};
use ptk_core::{Buffer, Error};

/// Checks what a framing says of all beginnings of `stream`; the length of the frame in front, if that is there.
fn check(framing: &impl Framing, stream: &[u8]) -> Option<usize> {
    let mut said = Ok(None);
    for end in 0..=stream.len().min(300) {
        let says = framing.length(&stream[..end]);
        assert!(matches!(said, Ok(None)) || says == said, "{said:?}, and with one byte more {says:?}");
        assert_ne!(says, Ok(Some(0)), "a frame of nothing would be found for ever");
        said = says;
    }
    said.ok().flatten().filter(|length| *length <= stream.len())
}

/// A payload that is put is found again, alone and whole.
fn check_put(framing: &impl Framing, put: Result<(), Error>, buffer: &Buffer<256>, payload: usize) {
    match put {
        Ok(()) => assert_eq!(framing.frame(buffer).map(|frame| frame.map(<[u8]>::len)), Ok(Some(buffer.len()))),
        Err(_) => assert!(buffer.is_empty(), "a frame of {payload} bytes was refused, and is there"),
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&[kind, at, from, max], stream)) = input.split_first_chunk() else { return };
    let mut buffer = Buffer::<256>::new();
    if kind >= 128 {
        let delimiter = &input[1..2 + usize::from(kind) % 3];
        let lines = Delimited::new(delimiter, delimiter.len() + usize::from(max));
        check(&lines, stream);
        let put = lines.put(&mut buffer, stream);
        return check_put(&lines, put, &buffer, stream.len());
    }
    let framing = match kind % 5 {
        0 => LengthPrefixed::u8(),
        1 => LengthPrefixed::u16_be(),
        2 => LengthPrefixed::u16_le(),
        3 => LengthPrefixed::u32_be(),
        _ => LengthPrefixed::u32_le(),
    };
    let framing = if kind & 64 != 0 { framing.at(usize::from(at)) } else { framing };
    let framing = if kind & 32 != 0 { framing.counted_from(usize::from(from)) } else { framing };
    let framing = if kind & 16 != 0 { framing.max(usize::from(max)) } else { framing };
    check(&framing, stream);
    let put = framing.put(&mut buffer, stream);
    check_put(&framing, put, &buffer, stream.len());
});
