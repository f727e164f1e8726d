//! Primitives take no heap; producers and consumers lose nothing; and the listing names what a task waits for.

mod counting_allocator;

use counting_allocator::allocations;
use ptk_core::WaitingFor;
use ptk_core::prelude::*;
use ptk_core::sync::{Channel, Mutex, Seen, Semaphore, Signal};
use ptk_linux::Linux;

const PRODUCERS: usize = 5;
const CONSUMERS: usize = 3;
const EACH: u32 = 500;

#[derive(Clone, Hash, Debug)]
struct Shared {
    slots: Semaphore,
    total: Mutex<u64>,
    channel: Channel<u32, 3>,
    done: Signal<usize>,
}

static INITIAL: Shared =
    Shared { slots: Semaphore::new(2), total: Mutex::new(0), channel: Channel::new(), done: Signal::new(0) };

#[derive(Clone, Hash, Debug, Default)]
struct Producer {
    pt: Pt,
    next: u32,
}

impl<P: Platform> Protothread<P, Shared> for Producer {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
        while self.next < EACH {
            self.next += 1;
            wait!(shared.slots.acquire(cx))?;
            wait!(shared.channel.send(cx, &self.next))?;
            shared.slots.release(cx);
        }
        let done = shared.done.get() + 1;
        shared.done.set(cx, done);
        Ok(())
    }
}

#[derive(Clone, Hash, Debug, Default)]
struct Consumer {
    pt: PtTimed,
    message: u32,
    before: u64,
    count: u32,
}

impl<P: Platform> Protothread<P, Shared> for Consumer {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
        while let Some(message) = wait!(shared.channel.recv(cx))? {
            self.message = message;
            wait!(shared.total.lock(cx), timeout = Duration::from_secs(60))??;
            // Whoever got in between would be lost.
            self.before = *shared.total.get_mut(cx)?;
            yield_now!();
            *shared.total.get_mut(cx)? = self.before + u64::from(self.message);
            shared.total.unlock(cx)?;
            self.count += 1;
        }
        Ok(())
    }
}

/// Closes the channel when all producers are done.
#[derive(Clone, Hash, Debug, Default)]
struct Closer {
    pt: Pt,
    seen: Seen,
}

impl<P: Platform> Protothread<P, Shared> for Closer {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
        while wait!(shared.done.changed(cx, &mut self.seen))? < PRODUCERS {}
        shared.channel.close(cx);
        Ok(())
    }
}

#[derive(Clone, Hash, Debug, TaskSet)]
struct App {
    producers: [Producer; PRODUCERS],
    consumers: [Consumer; CONSUMERS],
    closer: Closer,
    #[task(shared)]
    shared: Shared,
}

fn app() -> App {
    App {
        producers: Default::default(),
        consumers: Default::default(),
        closer: Closer::default(),
        shared: INITIAL.clone(),
    }
}

#[test]
fn many_producers_and_consumers_lose_nothing_and_take_no_memory_from_the_heap() {
    let before = allocations();
    let mut event_loop = EventLoop::<_, 9>::new(0, Linux::new());
    event_loop.open().unwrap();
    let mut app = app();
    event_loop.run(&mut app).unwrap();
    let received: u32 = app.consumers.iter().map(|consumer| consumer.count).sum();
    let total = *app.shared.total.peek();
    drop(event_loop);
    assert_eq!(allocations() - before, 0);
    assert_eq!(received, PRODUCERS as u32 * EACH);
    assert_eq!(total, PRODUCERS as u64 * u64::from(EACH) * u64::from(EACH + 1) / 2);
    assert!(app.consumers.iter().all(|consumer| consumer.count > EACH), "each had its share");
    assert_eq!((app.shared.slots.available(), app.shared.channel.is_empty()), (2, true));
}

#[test]
fn the_listing_names_the_primitive_that_a_task_waits_for() {
    let mut event_loop = EventLoop::<_, 9>::new(0, ptk_mock::Mock::new());
    event_loop.open().unwrap();
    let mut app = app();
    event_loop.turn_now(&mut app).unwrap();
    let mut waits = Vec::new();
    event_loop.list_tasks(&app, |report| {
        waits.extend(
            report
                .waits
                .iter()
                .flatten()
                .filter(|wait| matches!(wait, WaitingFor::Shared(..)))
                .map(WaitingFor::to_string),
        );
    });
    waits.sort_unstable();
    waits.dedup();
    assert_eq!(waits, ["a change of signal 4", "a permit of semaphore 2", "mutex 3", "room in channel 1"]);
}
