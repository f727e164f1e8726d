#[path = "../body.rs"]
mod body;

use body::*;
use ptk_core::*;

impl Body {
    #[protothread]
    fn waits<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        wait!();
        wait!(self.done(cx), Duration::ZERO);
        wait!(self.done(cx), after = Duration::ZERO);
        wait!(self.done(cx), timeout = Duration::ZERO, 3);
        yield_now!(1);
    }

    #[protothread]
    fn firsts<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        wait!(first!(self.done(cx)));
        wait!(first!(1, 2, 3, 4, 5, 6, 7, 8, 9));
    }

    #[protothread(self.timed)]
    fn sleeps<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        wait!(first!(sleep!(Duration::ZERO), sleep!(Duration::ZERO)));
        wait!(first!(sleep!(Duration::ZERO), self.done(cx)), timeout = Duration::ZERO);
        wait!(sleep!());
    }
}

fn main() {}
