#[path = "../body.rs"]
mod body;

use body::*;
use ptk_core::*;

impl Body {
    #[protothread]
    fn second<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<usize, ()> {
        both(wait!(self.op(cx, 1))?, wait!(self.op(cx, 2))?);
        let _ = [wait!(self.op(cx, 1))?, 2, wait!(self.op(cx, 2))?, wait!(self.op(cx, 3))?];
        Ok(wait!(self.op(cx, 1))? + wait!(self.op(cx, 2))?)
    }

    #[protothread]
    fn before<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<usize, ()> {
        both(self.count(), wait!(self.op(cx, 1))?);
        if self.n == wait!(self.op(cx, 1))? {
            return Ok(1);
        }
        self.list[self.list.len() - 1] += wait!(self.op(cx, 1))?;
        Ok(self.n + wait!(self.op(cx, 1))?)
    }
}

fn main() {}
