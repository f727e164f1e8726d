//! The text that names one course: `scenario/seed/tape/hash`.

use std::str::FromStr;

use crate::tape::Tape;
use crate::trace::TraceHash;

/// A course to be run again.
pub(crate) struct Request {
    pub(crate) seed: u64,
    pub(crate) tape: Tape,
    pub(crate) hash: TraceHash,
}

impl Request {
    /// Whether the text names a course of the scenario called `name`.
    pub(crate) fn is_for(text: &str, name: &str) -> bool {
        text.split('/').next() == Some(name)
    }
}

/// The text that names a course.
pub(crate) fn request(name: &str, seed: u64, tape: &Tape, hash: TraceHash) -> String {
    format!("{name}/{seed}/{tape}/{hash}")
}

impl FromStr for Request {
    type Err = String;

    fn from_str(text: &str) -> Result<Request, String> {
        let mut parts = text.split('/').skip(1);
        let mut part =
            |what: &str| parts.next().ok_or_else(|| format!("there is no {what}: it is NAME/SEED/TAPE/HASH"));
        let seed = part("seed")?;
        let tape = part("tape")?;
        let hash = part("hash")?;
        Ok(Request {
            seed: seed.parse().map_err(|_| format!("'{seed}' is no seed"))?,
            tape: tape.parse().map_err(|error| format!("{error}"))?,
            hash: hash.parse().map_err(|_| format!("'{hash}' is no hash"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Request, Tape, TraceHash, request};

    #[test]
    fn a_request_reads_back_what_it_printed() {
        let tape: Tape = "loss@1#17=1,crash@0#3=2".parse().expect("a tape");
        let text = request("arq", 7, &tape, TraceHash(5));
        assert!(Request::is_for(&text, "arq") && !Request::is_for(&text, "ar"));
        let read: Request = text.parse().expect("a request");
        assert_eq!((read.seed, read.tape, read.hash), (7, tape, TraceHash(5)));
    }

    #[test]
    fn what_is_wrong_with_a_request_is_named() {
        for (text, what) in [
            ("arq", "no seed"),
            ("arq/x/-/0", "'x' is no seed"),
            ("arq/1/lost/0", "'lost' is no choice"),
            ("arq/1/-", "no hash"),
            ("arq/1/-/z", "'z' is no hash"),
        ] {
            let error = text.parse::<Request>().err().expect(text);
            assert!(error.contains(what), "{error}");
        }
    }
}
