use ptk_core::*;

struct Child(Pt);

impl<P: Platform> Protothread<P> for Child {
    type Output = usize;

    #[protothread(self.0)]
    fn run(&mut self, cx: &mut Cx<'_, P>, (): &mut ()) -> usize {
        yield_now!();
        1
    }
}

#[derive(TaskSet)]
struct Unheard {
    child: Child,
}

#[derive(TaskSet)]
struct Misheard {
    #[task(done = Self::done)]
    children: [Child; 2],
}

impl Misheard {
    fn done<P: Platform>(&mut self, _: usize, _: bool, _: &mut Cx<'_, P>) {}
}

#[derive(TaskSet)]
struct NoProtothread {
    number: u8,
}

fn main() {}
