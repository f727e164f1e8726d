// What the cases have in common.

use std::task::Poll;

use ptk_core::{Cx, Platform, Pt, PtTimed};

#[derive(Default)]
pub struct Body {
    pub pt: Pt,
    pub timed: PtTimed,
    pub n: usize,
    pub bytes: [u8; 8],
    pub list: Vec<usize>,
}

impl Body {
    pub fn op<P: Platform>(&mut self, _: &mut Cx<'_, P>, n: usize) -> Poll<Result<usize, ()>> {
        Poll::Ready(Ok(n))
    }

    pub fn done<P: Platform>(&mut self, _: &mut Cx<'_, P>) -> Poll<()> {
        Poll::Ready(())
    }

    pub fn count(&mut self) -> usize {
        self.n
    }
}

pub fn both(_: usize, _: usize) {}
