#[path = "../body.rs"]
mod body;

use body::*;
use ptk_core::*;

impl Body {
    #[protothread]
    fn closures<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        let _ = || wait!(self.done(cx));
        let _ = async { wait!(self.done(cx)) };
        let _ = async || yield_now!();
    }

    #[protothread]
    fn blocks<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        unsafe { wait!(self.done(cx)) };
        const { wait!(self.done(cx)) };
        match 3 {
            n if wait!(self.op(cx, n)).is_ok() => {}
            _ => {}
        }
    }

    #[protothread]
    fn arguments<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        println!("{}", wait!(self.op(cx, 1)).is_ok());
        assert!(matches!(wait!(self.op(cx, 1)), Ok(_)));
    }

    #[protothread]
    fn nested<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), ()> {
        wait!(self.op(cx, wait!(self.op(cx, 1))?))?;
        wait!(first!(self.done(cx), { wait!(self.done(cx)); self.done(cx) }));
        wait!(self.done(cx), timeout = wait!(self.done(cx)));
        Ok(())
    }

    #[protothread]
    fn chains<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        if let 1 = self.n
            && wait!(self.op(cx, 1)).is_ok()
        {}
        while let 1 = self.n
            && let Ok(_) = wait!(self.op(cx, 1))
        {}
    }

    #[protothread]
    fn attributes<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        #[cfg(all())]
        let _ = wait!(self.op(cx, 1));
        #[cfg(any())]
        wait!(self.done(cx));
        #[allow(unused)]
        if self.n == 1 {
            wait!(self.done(cx));
        }
        match self.n {
            #[cfg(all())]
            1 => wait!(self.done(cx)),
            _ => {}
        }
    }

    #[protothread]
    fn iterators<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        for _ in 0..3 {
            wait!(self.done(cx));
        }
        for _ in self.list.iter() {
            wait!(self.done(cx));
        }
    }

    #[protothread]
    fn jumps<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        if self.n == 1 {
            break;
        }
        wait!(self.done(cx));
        if self.n == 1 {
            continue;
        }
    }
}

fn main() {}
