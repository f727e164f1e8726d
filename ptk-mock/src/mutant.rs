//! Bugs that can be planted in the simulator, for PTK's own tests. See [`ptk_core::mutant`].

ptk_core::__mutants! {
    from 3000;
    PartitionDropsSegments: "a segment that meets a partition is lost for good",
    SegmentsOvertake: "segments of a connection overtake each other",
    SegmentsDoubled: "a segment that is sent again arrives twice",
    DatagramsDoubled: "each datagram arrives twice",
    BoundariesLost: "a datagram that arrives behind another is joined to it",
    ShutdownIgnored: "shutting down the sending half does nothing",
    HalfCloseClosesBoth: "shutting down the sending half ends the receiving half",
    EndOvertakesData: "the end of a stream is sent before all of its data",
    WindowIgnored: "a sender is never held up by a receiver that does not receive",
    WindowNeverReopens: "a sender never learns that there is room again",
    UnreadCloseIsAnEnd: "closing with unread data ends the stream in order",
    ResetEatsData: "a reset takes what had arrived before it",
    RefusalUnheard: "nobody hears that a datagram was refused",
    BacklogEndless: "a backlog is never full",
    SecondEventLost: "an event that is not reported first is not reported",
    HealLeavesPartitions: "healing a world leaves its partitions",
    ClockGoesBack: "a packet that was due before takes the clock back",
    EntropyIsNew: "random bytes are others in each run",
    TapeForgetsReads: "short reads are not on the tape",
    HashLeavesPayloadOut: "the trace's hash leaves out what packets carry",
}

/// Makes bytes that follow from the seed others in each run, if that is planted.
pub(crate) fn spoil(bytes: &mut [u8]) {
    use std::sync::atomic::{AtomicU8, Ordering};
    static RUN: AtomicU8 = AtomicU8::new(0);
    if Mutant::EntropyIsNew.is_on()
        && let Some(byte) = bytes.first_mut()
    {
        *byte ^= RUN.fetch_add(1, Ordering::Relaxed);
    }
}
