//! Behaviours 51 to 55: events raised from where the loop is not.

use std::sync::atomic::{AtomicU32, Ordering};

use ptk_core::prelude::*;
use ptk_core::{Handle, Raised};

use crate::backend::{Backend, Raise};
use crate::stage::{SILENCE, Stage};

/// A source of the loop with a handler.
fn source_with_handler<B: Backend>(stage: &mut Stage<B>) -> EventSource {
    let source = stage.cx().event_source().expect("a source is left");
    stage.cx().set_handler(source).expect("nobody waits");
    source
}

/// What the event says, which must be a raise of `source`.
fn raised(source: EventSource, handle: Handle, event: Event) -> Raised {
    assert_eq!(Some(handle), source.handle());
    match event {
        Event::Raised(raised) => raised,
        other => panic!("{other:?} is no raise"),
    }
}

/// Waits for raises until so many were counted.
struct Hearer {
    pt: Pt,
    source: EventSource,
    wanted: u64,
    counted: u64,
    deliveries: u64,
    last: u32,
}

impl Hearer {
    fn new(source: EventSource, wanted: u64) -> Self {
        Hearer { pt: Pt::new(), source, wanted, counted: 0, deliveries: 0, last: 0 }
    }
}

impl<P: Platform> Protothread<P> for Hearer {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while self.counted < self.wanted {
            let raised = wait!(cx.raised(self.source))?;
            assert!(raised.count > 0, "a delivery of nothing");
            self.counted += u64::from(raised.count);
            self.deliveries += 1;
            self.last = raised.value;
        }
        Ok(())
    }
}

/// 51. Raised before the loop sleeps: not lost.
pub(crate) fn a_raise_before_the_sleep_is_not_lost<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let heard = source_with_handler(&mut stage);
    let waited = stage.cx().event_source().expect("a source is left");
    for round in 0..300_u32 {
        // Long before the sleep, or somewhere around it.
        let both = |raiser: &dyn Raise| {
            for _ in 0..round % 100 * 20 {
                std::hint::spin_loop();
            }
            raiser.raise(heard, round).expect("it is open");
            raiser.raise(waited, round).expect("it is open");
        };
        let receive = |stage: &mut Stage<B>| {
            let mut hearer = Hearer::new(waited, 1);
            let mut told = Vec::new();
            stage.play_with(&mut [&mut hearer], |_, handle, event| {
                told.push(raised(heard, handle, event));
                Ok(())
            });
            assert_eq!((hearer.counted, hearer.last), (1, round));
            if told.is_empty() {
                stage.handle(|cx, handle, event| {
                    told.push(raised(heard, handle, event));
                    cx.stop();
                    Ok(())
                });
            }
            assert_eq!(told, [Raised { count: 1, value: round }]);
        };
        if round % 3 == 0 {
            B::alongside(&mut stage, both, |_| {});
            receive(&mut stage);
        } else {
            B::alongside(&mut stage, both, receive);
        }
    }
    // A loop that has nothing to wait for but the raise, not even a watchdog.
    for round in 0..300_u32 {
        let one = |raiser: &dyn Raise| {
            for _ in 0..round % 50 * 40 {
                std::hint::spin_loop();
            }
            raiser.raise(heard, round).expect("it is open");
        };
        B::alongside(&mut stage, one, |stage| {
            let mut told = None;
            stage.handle_unwatched(|cx, handle, event| {
                told = Some(raised(heard, handle, event));
                cx.stop();
                Ok(())
            });
            assert_eq!(told, Some(Raised { count: 1, value: round }));
        });
    }
}

/// 52. K raises: at least one and at most K deliveries, the count kept.
pub(crate) fn raises_may_be_merged_but_their_count_is_kept<B: Backend>() {
    const THREADS: u32 = 3;
    const EACH: u32 = 5000;
    let mut stage = Stage::<B>::new();
    let heard = source_with_handler(&mut stage);
    let waited = stage.cx().event_source().expect("a source is left");
    let wanted = u64::from(THREADS * EACH);
    let storm = |raiser: &dyn Raise| {
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                scope.spawn(move || {
                    for index in 0..EACH {
                        raiser.raise(heard, thread * EACH + index).expect("it is open");
                        raiser.raise(waited, thread * EACH + index).expect("it is open");
                    }
                });
            }
        });
    };
    B::alongside(&mut stage, storm, |stage| {
        let mut hearer = Hearer::new(waited, wanted);
        let (mut counted, mut deliveries) = (0, 0);
        let mut count = |handle, event| {
            let raised = raised(heard, handle, event);
            assert!(raised.count > 0 && raised.value < THREADS * EACH, "{raised:?}");
            counted += u64::from(raised.count);
            deliveries += 1;
            counted
        };
        let mut so_far = 0;
        stage.play_with(&mut [&mut hearer], |_, handle, event| {
            so_far = count(handle, event);
            Ok(())
        });
        if so_far < wanted {
            stage.handle(|cx, handle, event| {
                if count(handle, event) == wanted {
                    cx.stop();
                }
                Ok(())
            });
        }
        assert_eq!((counted, hearer.counted), (wanted, wanted));
        assert!((1..=wanted).contains(&deliveries) && (1..=wanted).contains(&hearer.deliveries));
    });
    stage.idle(SILENCE);
    // Without anybody to take them they are one delivery, with the last value; the count ends at what it can hold.
    for (raises, count) in [(1_u32, 1), (2, 2), (1000, 1000), (65_535, 65_535), (70_000, 65_535)] {
        let burst = |raiser: &dyn Raise| (1..=raises).for_each(|value| raiser.raise(heard, value).expect("it is open"));
        B::alongside(&mut stage, burst, |_| {});
        let told = stage.hear_until(|told| !told.is_empty());
        let expected = Raised { count, value: raises };
        assert_eq!(told, [(heard.handle().expect("it is open"), Event::Raised(expected))]);
    }
}

/// Answers each raise with another.
struct Chain {
    pt: Pt,
    source: EventSource,
    left: u32,
}

impl<P: Platform> Protothread<P> for Chain {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while self.left > 0 {
            let raised = wait!(cx.raised(self.source))?;
            assert_eq!(raised, Raised { count: 1, value: self.left });
            self.left -= 1;
            cx.raise(self.source, self.left)?;
        }
        Ok(())
    }
}

/// 53. Raised during its own delivery: delivered again.
pub(crate) fn a_raise_during_its_own_delivery_is_delivered_again<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let source = source_with_handler(&mut stage);
    for by_port in [false, true] {
        stage.cx().raise(source, 0).expect("it is open");
        for turn in 0..50 {
            // One delivery a turn: the next is neither lost nor inside this one.
            let mut told = Vec::new();
            stage.turn_now(|cx, handle, event| {
                told.push(raised(source, handle, event));
                if !by_port {
                    return cx.raise(source, turn + 1);
                }
                let port = cx.platform().port().expect("the platform has a port");
                port.raise(source, turn + 1).map(|_wake| ())
            });
            assert_eq!(told, [Raised { count: 1, value: turn }], "in turn {turn}");
        }
        let told = stage.hear_until(|told| !told.is_empty());
        assert_eq!(told.len(), 1);
    }
    let source = stage.cx().event_source().expect("a source is left");
    stage.cx().raise(source, 50).expect("it is open");
    let mut chain = Chain { pt: Pt::new(), source, left: 50 };
    stage.play(&mut [&mut chain]);
}

/// 54. What was written before the raise is visible to the receiver.
pub(crate) fn what_was_written_before_a_raise_is_visible<B: Backend>() {
    const RAISES: u32 = 20_000;
    let written: [AtomicU32; 16] = [const { AtomicU32::new(0) }; 16];
    let mut stage = Stage::<B>::new();
    let source = source_with_handler(&mut stage);
    let write = |raiser: &dyn Raise| {
        for value in 1..=RAISES {
            // In no order of their own: only the raise makes them one.
            for word in &written {
                word.store(value, Ordering::Relaxed);
            }
            raiser.raise(source, value).expect("it is open");
        }
    };
    B::alongside(&mut stage, write, |stage| {
        stage.handle(|cx, handle, event| {
            let value = raised(source, handle, event).value;
            for word in written.iter().rev() {
                let seen = word.load(Ordering::Relaxed);
                assert!(seen >= value, "raised with {value}, and {seen} is there");
            }
            if value == RAISES {
                cx.stop();
            }
            Ok(())
        });
    });
}

/// Closes a source when others have begun to wait.
struct CloseSource {
    pt: Pt,
    source: EventSource,
}

impl<P: Platform> Protothread<P> for CloseSource {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        yield_now!();
        cx.close(self.source)
    }
}

/// 55. Raised after the source was destroyed: `InvalidHandle`, nothing touched.
pub(crate) fn a_raise_of_a_closed_source_touches_nothing<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let neighbour = source_with_handler(&mut stage);
    let mut stale = Vec::new();
    for round in 0..20 {
        let source = source_with_handler(&mut stage);
        let handle = source.handle().expect("it is open");
        // Raised and closed before it could be delivered: nobody hears of it, least of all the next in its place.
        if round % 2 == 0 {
            stage.cx().raise(source, 1).expect("it is open");
        }
        stage.cx().close(source).expect("it is open");
        stale.push(source);
        let successor = source_with_handler(&mut stage);
        assert_eq!(successor.handle().expect("it is open").index(), handle.index(), "its place was taken");
        // Of another loop, of a place that is not there, and of generations that are not there yet.
        let forged = [1 << 52, 1 << 51 | 1 << 50, 0xffff, 1 << 16].map(|bits| {
            let handle = Handle::from_raw(handle.raw() ^ bits).expect("its kind is the same");
            EventSource::from_handle(handle).expect("it names a source")
        });
        let refused = |raiser: &dyn Raise| {
            for source in stale.iter().chain(&forged).chain([&EventSource::NONE]) {
                assert_eq!(raiser.raise(*source, 7), Err(Error::InvalidHandle), "{source:?}");
            }
        };
        B::alongside(&mut stage, refused, |stage| assert_eq!(stage.hear(Duration::from_millis(1)), []));
        assert_eq!(stage.cx().raise(source, 7), Err(Error::InvalidHandle));
        assert_eq!(stage.hear(Duration::from_millis(1)), [], "nobody was raised");
        // The living ones work.
        let both = |raiser: &dyn Raise| {
            raiser.raise(successor, 8).expect("it is open");
            raiser.raise(neighbour, 9).expect("it is open");
        };
        B::alongside(&mut stage, both, |_| {});
        let mut told = stage.hear_until(|told| told.len() == 2);
        told.sort_by_key(|(handle, _)| *handle != successor.handle().expect("it is open"));
        let values = told.map_values();
        assert_eq!(values, [8, 9]);
        stage.cx().close(successor).expect("it is open");
        stale.push(successor);
    }
    // Who waits for it is told.
    let source = stage.cx().event_source().expect("a source is left");
    let (mut hearer, mut closer) = (Hearer::new(source, 1), CloseSource { pt: Pt::new(), source });
    let results = stage.try_play(&mut [&mut hearer, &mut closer], |_, _, _| Ok(()));
    assert_eq!(results, [Some(Err(Error::InvalidHandle)), Some(Ok(()))]);
}

/// The values of raises.
trait Values {
    fn map_values(self) -> Vec<u32>;
}

impl Values for Vec<(Handle, Event)> {
    fn map_values(self) -> Vec<u32> {
        let value = |(_, event)| match event {
            Event::Raised(raised) => raised.value,
            other => panic!("{other:?} is no raise"),
        };
        self.into_iter().map(value).collect()
    }
}
