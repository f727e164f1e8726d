//! Task sets: the application's protothreads, known when it compiles and dispatched statically.

use core::task::Poll;

use crate::cx::Cx;
use crate::error::Error;
use crate::event::Event;
use crate::handle::Handle;
use crate::platform::Platform;
use crate::protothread::{Never, Protothread};
use crate::pt::Pt;
use crate::rt::Info;

/// The top-level protothreads of an application, numbered from 0 to `LEN`, and what they share.
///
/// Usually derived: see [`#[derive(TaskSet)]`](derive@crate::TaskSet). An array of protothreads is a task set, and so is
/// a [`DynTasks`].
pub trait TaskSet<P: Platform> {
    /// How many tasks there are.
    const LEN: usize;

    /// Runs task `index` to its next wait. `Ready` gives the task's result: an `Err` is counted and kept as the loop's
    /// last error; other outputs have been handed to whoever the set's author named.
    fn poll(&mut self, index: usize, cx: &mut Cx<'_, P>) -> Poll<Result<(), Error>>;

    /// Where task `index` is suspended.
    fn inspect(&self, index: usize) -> Suspended;

    /// Handles an event of a handle for which [`Cx::set_handler`] asked. An `Err` is counted and kept as the loop's last
    /// error, and the remaining events are delivered all the same.
    ///
    /// # Errors
    ///
    /// Whatever the author wants counted.
    fn event(&mut self, cx: &mut Cx<'_, P>, handle: Handle, event: Event) -> Result<(), Error> {
        let _ = (cx, handle, event);
        Ok(())
    }
}

/// Where a task is suspended, for listings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Suspended {
    /// The task's name: the field of the set, or the protothread's type where it has none.
    pub task: &'static str,
    /// Its index in the field's array; 0 where the field is no array.
    pub instance: usize,
    /// The protothread's method.
    pub method: &'static str,
    /// The resume point.
    pub pt: Pt,
    /// The source file.
    pub file: &'static str,
    /// The line of the wait, or of the method before its start and after its end.
    pub line: u32,
}

impl Suspended {
    /// Where `protothread` is suspended.
    pub fn of<T>(task: &'static str, instance: usize, info: &Info<T>, protothread: &T) -> Self {
        let pt = (info.pt)(protothread);
        let line = info.lines.get(usize::from(pt.state())).or(info.lines.first()).copied().unwrap_or(0);
        Suspended { task, instance, method: info.name, pt, file: info.file, line }
    }

    /// What a set says of an index that is none of its own.
    pub const fn nothing(index: usize) -> Self {
        Suspended { task: "", instance: index, method: "", pt: Pt::new(), file: "", line: 0 }
    }
}

/// What a task may return without anybody being named to receive it.
#[diagnostic::on_unimplemented(
    message = "this protothread's output of type `{Self}` would reach nobody",
    label = "name a receiver with `#[task(done = Self::method)]`"
)]
pub trait TaskOutput {
    /// The output as the loop counts it.
    ///
    /// # Errors
    ///
    /// The task's own.
    fn into_result(self) -> Result<(), Error>;
}

impl TaskOutput for () {
    fn into_result(self) -> Result<(), Error> {
        Ok(())
    }
}

impl TaskOutput for Never {
    fn into_result(self) -> Result<(), Error> {
        match self {}
    }
}

impl<T: TaskOutput, E: Into<Error>> TaskOutput for Result<T, E> {
    fn into_result(self) -> Result<(), Error> {
        self.map_err(Into::into).and_then(TaskOutput::into_result)
    }
}

impl<P: Platform, T: Protothread<P, Output: TaskOutput>, const N: usize> TaskSet<P> for [T; N] {
    const LEN: usize = N;

    #[inline]
    fn poll(&mut self, index: usize, cx: &mut Cx<'_, P>) -> Poll<Result<(), Error>> {
        match self.get_mut(index) {
            Some(task) => task.run(cx, &mut ()).map(TaskOutput::into_result),
            None => Poll::Ready(Err(Error::InvalidArgument)),
        }
    }

    fn inspect(&self, index: usize) -> Suspended {
        match self.get(index) {
            Some(task) => Suspended::of(core::any::type_name::<T>(), index, &T::RUN_INFO, task),
            None => Suspended::nothing(index),
        }
    }
}

/// A protothread behind a reference, for task sets that are put together while the program runs.
pub trait DynTask<P: Platform, S: ?Sized = ()> {
    /// As [`TaskSet::poll`].
    fn poll(&mut self, cx: &mut Cx<'_, P>, shared: &mut S) -> Poll<Result<(), Error>>;
    /// As [`TaskSet::inspect`].
    fn inspect(&self, index: usize) -> Suspended;
}

impl<P: Platform, S: ?Sized, T: Protothread<P, S, Output: TaskOutput>> DynTask<P, S> for T {
    fn poll(&mut self, cx: &mut Cx<'_, P>, shared: &mut S) -> Poll<Result<(), Error>> {
        self.run(cx, shared).map(TaskOutput::into_result)
    }

    fn inspect(&self, index: usize) -> Suspended {
        Suspended::of(core::any::type_name::<T>(), index, &T::RUN_INFO, self)
    }
}

/// A table of references to protothreads as a task set. Costs a virtual call for each resume.
pub struct DynTasks<'a, P: Platform, const N: usize>(pub [&'a mut dyn DynTask<P>; N]);

impl<P: Platform, const N: usize> TaskSet<P> for DynTasks<'_, P, N> {
    const LEN: usize = N;

    fn poll(&mut self, index: usize, cx: &mut Cx<'_, P>) -> Poll<Result<(), Error>> {
        match self.0.get_mut(index) {
            Some(task) => task.poll(cx, &mut ()),
            None => Poll::Ready(Err(Error::InvalidArgument)),
        }
    }

    fn inspect(&self, index: usize) -> Suspended {
        self.0.get(index).map_or(Suspended::nothing(index), |task| task.inspect(index))
    }
}
