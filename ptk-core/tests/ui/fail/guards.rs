#[path = "../context.rs"]
mod context;

use context::Nothing;
use ptk_core::__rt::Context;
use ptk_core::*;

struct Named(Pt, String);

impl Named {
    #[protothread(self.0)]
    fn run<C: Context>(&mut self, cx: &mut C) {
        let _copy = self.1.clone();
        yield_now!();
        if let Some(last) = self.1.pop().map(|last| last.to_string()) {
            drop(last);
            yield_now!();
        }
    }
}

fn main() {
    let _ = Named(Pt::new(), String::new()).run(&mut Nothing);
}
