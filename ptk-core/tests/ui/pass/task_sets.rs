//! Every form of a derived task set.

#![deny(warnings, missing_docs)]

use ptk_core::{Cx, Error, Event, Handle, Never, Platform, Protothread, Pt, TaskSet, protothread, yield_now};

/// A protothread.
#[derive(Default)]
pub struct Child {
    pt: Pt,
}

impl<P: Platform> Protothread<P> for Child {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, (): &mut ()) {
        yield_now!();
    }
}

/// A protothread with shared state and an output.
pub struct Sharing<const N: usize> {
    pt: Pt,
}

impl<P: Platform, const N: usize> Protothread<P, [u8; N]> for Sharing<N> {
    type Output = usize;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut [u8; N]) -> usize {
        yield_now!();
        shared.len()
    }
}

/// Plain.
#[derive(TaskSet)]
pub struct Simple {
    /// One.
    one: Child,
    /// Many.
    many: [Child; 1000],
    /// None.
    len: Child,
}

/// Everything at once.
#[derive(TaskSet)]
#[task(event = Self::on_event)]
pub struct Full<'a, T, const N: usize>
where
    T: Copy,
{
    #[task(done = Self::done)]
    sharing: [Sharing<N>; 2],
    #[task(shared)]
    shared: [u8; N],
    #[task(done = Full::single)]
    single: Sharing<N>,
    #[task(skip)]
    skipped: (&'a str, T),
}

impl<T: Copy, const N: usize> Full<'_, T, N> {
    fn done<P: Platform>(&mut self, instance: usize, output: usize, _: &mut Cx<'_, P>) -> Result<(), Error> {
        if instance == output { Ok(()) } else { Err(Error::InvalidArgument) }
    }

    fn single<P: Platform>(&mut self, _: usize, _: usize, _: &mut Cx<'_, P>) {}

    fn on_event<P: Platform>(&mut self, _: &mut Cx<'_, P>, _: Handle, _: Event) -> Result<(), Error> {
        let _ = (self.shared, self.skipped);
        Ok(())
    }
}

/// Without names.
#[derive(TaskSet)]
struct Tuple(Child, [Child; 3]);

/// For one platform, which its parameter names.
#[derive(TaskSet)]
#[task(platform = P)]
struct Chosen<P: Platform> {
    child: Child,
    #[task(skip)]
    platform: core::marker::PhantomData<P>,
}

/// Never returns.
struct Endless(Pt);

impl<P: Platform> Protothread<P> for Endless {
    type Output = Result<Never, Error>;

    #[protothread(self.0)]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<Never, Error> {
        loop {
            yield_now!();
        }
    }
}

#[derive(TaskSet)]
struct One {
    endless: Endless,
}

fn lengths<P: Platform>() -> [usize; 5] {
    [
        <Simple as TaskSet<P>>::LEN,
        <Full<'_, u8, 4> as TaskSet<P>>::LEN,
        <Tuple as TaskSet<P>>::LEN,
        <Chosen<P> as TaskSet<P>>::LEN,
        <One as TaskSet<P>>::LEN,
    ]
}

fn main() {
    let _ = (Simple::ONE, Simple::MANY, Full::<u8, 4>::SINGLE);
}

/// Instantiates everything for any platform.
pub fn on<P: Platform>() -> usize {
    let _ = |chosen: Chosen<P>| (chosen.child, chosen.platform);
    let _ = |tuple: Tuple, one: One| (tuple.0, tuple.1, one.endless.0);
    lengths::<P>().iter().sum::<usize>() + Chosen::<P>::CHILD
}
