//! Mistakes that can be switched on.

/// The protocol as it should be, or with one mistake that is easily made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum Variant {
    /// No mistake.
    #[default]
    Correct,
    /// The primary acknowledges a write before the backup has it.
    EarlyAnswer,
    /// The primary answers reads without the backup, which may have taken over.
    LocalReads,
    /// The witness grants everybody what they ask for.
    TwoGrants,
    /// The primary takes a late duplicate of the backup's answer to an earlier request for the answer to this one.
    AnyAnswer,
}

impl Variant {
    /// All of them.
    pub const ALL: [Variant; 5] =
        [Variant::Correct, Variant::EarlyAnswer, Variant::LocalReads, Variant::TwoGrants, Variant::AnyAnswer];

    /// Its name on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Variant::Correct => "correct",
            Variant::EarlyAnswer => "early-answer",
            Variant::LocalReads => "local-reads",
            Variant::TwoGrants => "two-grants",
            Variant::AnyAnswer => "any-answer",
        }
    }

    /// The variant of that name.
    pub fn named(name: &str) -> Option<Variant> {
        Variant::ALL.into_iter().find(|variant| variant.name() == name)
    }
}
