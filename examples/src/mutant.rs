//! Bugs that can be planted in the protocols, for PTK's own tests.

ptk_core::__mutants! {
    from 4000;
    PartialAnswerIsWhole: "Modbus: what was accepted of an answer at once is taken for all of it",
    ShortFrameIsWhole: "Modbus: what has come of a frame is taken for all of it",
    SplitHeaderBreaks: "Modbus: a header that comes in two pieces is taken for a broken one",
    InputOutlivesPeer: "Modbus: what one peer left unfinished is put before what the next one sends",
    LateAnswerTaken: "Modbus: the answer to an earlier attempt is taken for one to the next request",
    SilentPeerStays: "Modbus: a peer that went away without a word keeps its place",
}
