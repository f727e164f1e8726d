#[path = "../body.rs"]
mod body;

use body::*;
use ptk_core::*;

impl Body {
    #[protothread]
    async fn asynchronous<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        wait!(self.done(cx));
    }

    #[protothread]
    const fn constant<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        wait!(self.done(cx));
    }

    #[protothread]
    fn no_receiver<P: Platform>(cx: &mut Cx<'_, P>) {
        yield_now!();
    }

    #[protothread]
    fn no_context(&mut self, (): ()) {
        yield_now!();
        yield_now!();
    }

    #[protothread(elsewhere.pt)]
    fn other_place<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        yield_now!();
    }

    #[protothread(,)]
    fn no_place<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        yield_now!();
    }
}

#[protothread]
struct NotAMethod;

fn main() {}
