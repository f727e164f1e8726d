//! Modbus frames in a stream: what comes in one piece and what comes byte by byte is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ptk_core::Buffer;
use ptk_examples::modbus::frame::{Broken, Frame, MAX_FRAME};

/// How the front of a stream is judged: the size of its first frame, if that is whole.
fn judge(bytes: &[u8]) -> Result<Option<usize>, Broken> {
    Frame::first(bytes).map(|frame| frame.map(|frame| frame.size()))
}

/// A frame that was read is written as it was.
fn check_round_trip(bytes: &[u8], size: usize) {
    let frame = Frame::first(bytes).expect("it was read before").expect("it was whole before");
    let mut buffer = Buffer::<MAX_FRAME>::new();
    frame.put(&mut buffer).expect("a whole frame fits");
    assert_eq!(buffer.readable(), &bytes[..size]);
}

fuzz_target!(|stream: &[u8]| {
    let mut rest = stream;
    while let Ok(Some(size)) = judge(rest) {
        assert!(size <= rest.len() && size <= MAX_FRAME);
        check_round_trip(rest, size);
        for split in 0..size {
            assert_eq!(judge(&rest[..split]), Ok(None), "a part is neither a frame nor broken");
        }
        rest = &rest[size..];
    }
    // What condemns a stream goes on to condemn it.
    if let Some(broken) = (0..rest.len()).find(|&split| judge(&rest[..split]).is_err()) {
        assert!(judge(&rest[..broken + 1]).is_err());
    }
});
