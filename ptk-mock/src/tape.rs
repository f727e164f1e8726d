//! The answers of a run that were not benign: all that it takes to run it again.

use std::fmt;
use std::str::FromStr;

use crate::label::Label;
use crate::node_id::NodeId;

/// One answer of a decider.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Choice {
    /// What was asked.
    pub label: Label,
    /// For which node.
    pub node: NodeId,
    /// For the how-manieth time, from 0.
    pub nth: u32,
    /// The answer.
    pub k: u32,
}

impl fmt::Display for Choice {
    /// `loss@1#17=1`: what was asked, for which node, for the how-manieth time, and the answer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}#{}={}", self.label.name(), self.node, self.nth, self.k)
    }
}

impl FromStr for Choice {
    type Err = TapeError;

    fn from_str(text: &str) -> Result<Choice, TapeError> {
        let error = || TapeError(text.to_owned());
        let (name, rest) = text.split_once('@').ok_or_else(error)?;
        let (node, rest) = rest.split_once('#').ok_or_else(error)?;
        let (nth, k) = rest.split_once('=').ok_or_else(error)?;
        Ok(Choice {
            label: Label::named(name).ok_or_else(error)?,
            node: NodeId(node.parse().map_err(|_| error())?),
            nth: nth.parse().map_err(|_| error())?,
            k: k.parse().map_err(|_| error())?,
        })
    }
}

/// The answers of a run that were not benign, in the order in which they were given. To leave one out makes that answer
/// benign and moves no other.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Tape(pub Vec<Choice>);

impl fmt::Display for Tape {
    /// Choices with commas between them; `-` for none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("-");
        }
        for (index, choice) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{choice}")?;
        }
        Ok(())
    }
}

impl FromStr for Tape {
    type Err = TapeError;

    fn from_str(text: &str) -> Result<Tape, TapeError> {
        if text == "-" || text.is_empty() {
            return Ok(Tape::default());
        }
        text.split(',').map(str::parse).collect::<Result<_, _>>().map(Tape)
    }
}

/// A text that is no tape: what was wrong in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TapeError(String);

impl fmt::Display for TapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is no choice: a tape has choices such as loss@1#17=1, with commas between them", self.0)
    }
}

impl std::error::Error for TapeError {}

#[cfg(test)]
mod tests {
    use super::{Choice, Label, NodeId, Tape};

    #[test]
    fn a_tape_reads_back_what_it_printed() {
        let choice = |label, node, nth, k| Choice { label, node: NodeId(node), nth, k };
        let tape = Tape(vec![choice(Label::Loss, 1, 17, 1), choice(Label::ShortReceive, 0, 3, 1_460)]);
        assert_eq!(tape.to_string(), "loss@1#17=1,short-receive@0#3=1460");
        assert_eq!(tape.to_string().parse(), Ok(tape));
        assert_eq!(Tape::default().to_string().parse(), Ok(Tape::default()));
    }

    #[test]
    fn what_is_no_tape_is_named() {
        for text in ["loss", "loss@1", "loss@1#2", "lost@1#2=3", "loss@x#2=3", "loss@1#2=3,", "loss@1#-2=3"] {
            let error = text.parse::<Tape>().expect_err(text);
            assert!(error.to_string().contains("is no choice"), "{error}");
        }
    }
}
