//! Mistakes that can be switched on.

use super::WINDOW;
use super::numbers::Numbers;

/// The protocol as it should be, or with one mistake that is easily made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum Variant {
    /// No mistake.
    #[default]
    Correct,
    /// The receiver looks at as few bits of a number as a window needs on a network that keeps the order. That is enough
    /// against loss, and against duplicates that come soon; a message that is a window late is taken for another one.
    ShortNumbers,
    /// The receiver acknowledges a duplicate, as it must, and hands it up again.
    Duplicates,
    /// The sender sends again what lies behind the first message that is not acknowledged.
    OffByOne,
    /// Nobody looks at checksums.
    Unchecked,
}

impl Variant {
    /// All of them.
    pub const ALL: [Variant; 5] =
        [Variant::Correct, Variant::ShortNumbers, Variant::Duplicates, Variant::OffByOne, Variant::Unchecked];

    /// Its name on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Variant::Correct => "correct",
            Variant::ShortNumbers => "short-numbers",
            Variant::Duplicates => "duplicates",
            Variant::OffByOne => "off-by-one",
            Variant::Unchecked => "unchecked",
        }
    }

    /// The variant of that name.
    pub fn named(name: &str) -> Option<Variant> {
        Variant::ALL.into_iter().find(|variant| variant.name() == name)
    }

    pub(super) const fn numbers(self) -> Numbers {
        match self {
            Variant::ShortNumbers => Numbers::with_bits((2 * WINDOW).ilog2()),
            _ => Numbers::with_bits(32),
        }
    }
}
