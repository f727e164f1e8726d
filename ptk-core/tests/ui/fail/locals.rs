#[path = "../body.rs"]
mod body;

use body::*;
use ptk_core::*;

impl Body {
    #[protothread]
    fn later<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), ()> {
        let n = 3;
        wait!(self.op(cx, n))?;
        let m = wait!(self.op(cx, 1))?;
        wait!(self.done(cx));
        println!("{m} {} {:m$}", m + 1, 2);
        let tuple = vec![m; 2];
        let f = |x: usize| x + n;
        let m = 1;
        println!("{m} {f} {m}", f = f(tuple[0]), m = m);
        Ok(())
    }

    #[protothread]
    fn in_branches<P: Platform>(&mut self, cx: &mut Cx<'_, P>, parameter: usize) -> Result<usize, ()> {
        if let Some(&byte) = self.bytes.first() {
            wait!(self.op(cx, parameter))?;
            self.n = usize::from(byte);
        }
        let kept = 4;
        while self.n < kept {
            wait!(self.op(cx, 1))?;
        }
        for index in 0..kept {
            self.n += index;
        }
        match self.n {
            5 => {
                wait!(self.op(cx, 1))?;
            }
            limit if limit > kept => {
                wait!(self.op(cx, limit))?;
                return Ok(limit);
            }
            _ => {}
        }
        Ok(parameter)
    }

    #[protothread]
    fn hidden_context<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        let cx = cx.now();
        wait!(self.done(cx));
        yield_now!();
    }
}

fn main() {}
