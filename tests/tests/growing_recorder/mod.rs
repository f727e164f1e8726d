//! A recording without a limit, and its text.

use ptk_core::Error;
use ptk_core::middleware::{RecordedCalls, Recorder};

/// A recording that grows as it is written.
#[derive(Clone, Default)]
pub(crate) struct Growing(pub(crate) Vec<u8>);

impl Recorder for Growing {
    fn record(&mut self, pieces: &[&[u8]]) -> Result<(), Error> {
        self.0.extend(pieces.iter().copied().flatten());
        Ok(())
    }
}

/// The records, each as a line.
pub(crate) fn lines(recording: &[u8]) -> Vec<String> {
    let calls = RecordedCalls::new(recording).expect("it begins well");
    calls.map(|call| call.expect("it is sound").to_string()).collect()
}
