#[path = "../body.rs"]
mod body;

use body::*;
use ptk_core::*;

impl Body {
    #[protothread]
    fn value<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), ()> {
        let _: u8 = wait!(self.op(cx, 1))?;
        Ok(5)
    }

    #[protothread]
    fn operand<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        wait!(self.count());
        yield_now!();
        let _ = cx;
    }

    #[protothread]
    fn no_output<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<u32, ()> {
        while self.n < 3 {
            wait!(self.op(cx, 1))?;
        }
    }

    #[protothread]
    fn not_unit<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        if self.n == 1 {
            wait!(self.done(cx));
            3
        }
        yield_now!();
    }

    #[protothread]
    fn no_room<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), TimedOut> {
        wait!(self.done(cx), timeout = Duration::ZERO)?;
        wait!(sleep!(Duration::ZERO));
        Ok(())
    }

    #[protothread(self.n)]
    fn no_state<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        wait!(self.done(cx));
    }

    #[protothread]
    fn no_iterator<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        for _ in &mut self.bytes {
            wait!(self.done(cx));
        }
    }

    #[protothread]
    fn no_context(&mut self, cx: &mut u8) {
        let _ = cx;
        yield_now!();
    }

    #[protothread]
    fn comes_back<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Option<usize> {
        let Ok(n) = wait!(self.op(cx, 1)) else {
            wait!(self.done(cx));
            self.n = 1;
        };
        Some(n)
    }
}

fn main() {}
