//! Bodies of all kinds under every lint that a careful author denies.

#![deny(warnings, unused, unreachable_code, missing_docs, unused_qualifications)]

#[path = "../context.rs"]
mod context;

use std::task::Poll;

use context::Nothing;
use ptk_core::{Duration, First, Pt, PtTimed, TimedOut, first, protothread, sleep, wait, yield_now};

/// Names that generated code uses as well.
#[derive(Default)]
pub struct Body {
    pt: Pt,
    timed: PtTimed,
    n: usize,
    bytes: [u8; 8],
    numbers: std::ops::Range<usize>,
}

impl Body {
    fn op(&mut self, n: usize) -> Poll<Result<usize, ()>> {
        Poll::Ready(if n == 0 { Err(()) } else { Ok(n) })
    }

    fn line(&mut self) -> Poll<Result<&mut [u8], ()>> {
        Poll::Ready(Ok(&mut self.bytes))
    }

    /// Every control flow.
    #[protothread]
    pub fn flows(&mut self, cx: &mut Nothing) -> Result<usize, ()> {
        const LIMIT: usize = 3;
        let line = wait!(self.line())?;
        line[0] = 1;
        'outer: while self.n < LIMIT {
            self.n += wait!(self.op(1))?;
            match wait!(self.op(2))? {
                0 => break 'outer,
                1 => continue,
                n if n > 7 => return Ok(n),
                n => {
                    let doubled = if n == 3 { wait!(self.op(3))? } else { n };
                    self.n += doubled;
                }
            }
            if self.n == 4 && wait!(self.op(4)).is_ok() {
                yield_now!();
            } else if let Ok(n) = wait!(self.op(1)) {
                self.n = n;
            }
        }
        for number in &mut self.numbers {
            self.n += number;
            wait!(self.op(1))?;
        }
        let Ok(last) = wait!(self.op(1)) else {
            wait!(self.op(2))?;
            return Err(());
        };
        self.n = last;
        let value = loop {
            if self.n > 1 {
                break self.n;
            }
            self.n += wait!(self.op(1))?;
        };
        let _ = cx;
        Ok(value)
    }

    /// Timeouts, races and sleeps.
    #[protothread(self.timed)]
    pub fn times(&mut self, cx: &mut Nothing) -> Result<(), TimedOut> {
        let _ = wait!(self.op(1), timeout = Duration::ZERO)?;
        match wait!(first!(self.op(1), first!(self.op(2), self.line()), sleep!(Duration::ZERO))) {
            First::A(_) => {}
            First::B(First::A(_) | First::B(_)) => return Ok(()),
            First::C(()) => panic!("late"),
        }
        wait!(sleep!(Duration::ZERO));
        Ok(())
    }

    /// `?` of `Option`.
    #[protothread]
    pub fn option(&mut self, cx: &mut Nothing) -> Option<usize> {
        let n = wait!(self.op(1)).ok()?;
        let _ = cx;
        (n > 1).then_some(n)
    }

    /// No wait at all.
    #[protothread]
    pub fn at_once(&mut self, _cx: &mut Nothing) {
        self.n += 1;
    }

    /// Not even a context.
    #[protothread]
    pub fn alone(&mut self) -> usize {
        self.n
    }

    /// Never returns.
    #[protothread]
    pub fn forever(&mut self, cx: &mut Nothing) -> ptk_core::Never {
        loop {
            yield_now!();
        }
    }

    /// Uses the names of generated locals.
    #[protothread]
    pub fn names(&mut self, cx: &mut Nothing) -> Result<usize, ()> {
        let __value = wait!(self.op(1))?;
        let __state = __value + 1;
        let __first = __state + 1;
        let __outer = if __first > 1 { __first } else { __state };
        self.n = __outer;
        Ok(wait!(self.op(1))? + 1)
    }
}

fn main() {
    let mut body = Body { numbers: 0..0, ..Body::default() };
    let _ = body.flows(&mut Nothing);
    let _ = body.times(&mut Nothing);
    let _ = body.option(&mut Nothing);
    let _ = (body.at_once(&mut Nothing), body.alone(), body.forever(&mut Nothing), body.names(&mut Nothing));
}
