//! Implementations that a macro writes, with `self` and names of its own or of its caller.

#![deny(warnings)]

#[path = "../context.rs"]
mod context;

use std::task::Poll;

use context::Nothing;
use ptk_core::{Pt, protothread, wait};

macro_rules! body {
    ($name:ident, $operation:expr) => {
        struct $name {
            pt: Pt,
        }

        impl $name {
            #[protothread]
            fn run(&mut self, cx: &mut Nothing) -> u32 {
                let first = wait!($operation);
                self.note(first);
                let _ = cx;
                wait!(Poll::Ready(1)) + 1
            }

            fn note(&self, _: u32) {}
        }
    };
}

body!(One, Poll::Ready(1));

macro_rules! method {
    ($name:ident, $($method:tt)*) => {
        struct $name(Pt);
        impl $name {
            #[protothread(self.0)]
            $($method)*
        }
    };
}

method!(Two, fn run(&mut self, cx: &mut Nothing) -> u32 {
    let n = wait!(Poll::Ready(self.0.state()));
    let _ = cx;
    u32::from(n)
});

fn main() {
    let _ = (One { pt: Pt::new() }.run(&mut Nothing), Two(Pt::new()).run(&mut Nothing));
}
