#[path = "../body.rs"]
mod body;

use body::*;
use ptk_core::*;

impl Body {
    #[protothread]
    fn misplaced<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> bool {
        fn inner() {
            wait!(std::task::Poll::Ready(()));
        }
        inner();
        let _ = sleep!(Duration::ZERO);
        wait!(first!(self.done(cx), self.done(cx)).map(|_| ()));
        true
    }
}

fn outside() {
    wait!(std::task::Poll::Ready(()));
    yield_now!();
    first!(1, 2);
}

fn main() {}
