//! Each kind of wait: when its operation is evaluated, what it gives, and which scopes it closes and passes on.

mod protothread_double;

use std::task::Poll;

use protothread_double::{Call, Double, ms};
use ptk_core::__rt::Scope;
use ptk_core::{Duration, First, Pt, PtTimed, TimedOut, first, protothread, sleep, wait, yield_now};

/// The scope of a body's wait.
const WAIT: Scope = Scope::ROOT.child(0, 1);

fn polled(name: &'static str, fresh: bool, depth: u8) -> Call {
    Call::Polled { name, fresh, depth }
}

#[derive(Default)]
struct Plain {
    pt: Pt,
    turns: u32,
}

impl Plain {
    #[protothread]
    fn once(&mut self, cx: &mut Double) -> u32 {
        wait!(cx.give("a", 7))
    }

    #[protothread]
    fn result(&mut self, cx: &mut Double, value: Result<u32, &'static str>) -> Result<u32, &'static str> {
        let value = wait!(cx.give("a", value))?;
        Ok(value + 1)
    }

    #[protothread]
    fn again(&mut self, cx: &mut Double) {
        while self.turns < 2 {
            self.turns += 1;
            wait!(cx.op("a"));
        }
    }

    #[protothread]
    fn gives_way(&mut self, cx: &mut Double) {
        cx.note(1);
        yield_now!();
        cx.note(2);
    }

    #[protothread]
    fn never_waits(&mut self, cx: &mut Double) -> u32 {
        cx.note(1);
        5
    }
}

#[test]
fn a_wait_is_evaluated_at_each_resume_until_ready_and_fresh_only_first() {
    let (mut cx, mut body) = (Double::new(), Plain::default());
    assert_eq!(cx.poll(|cx| body.once(cx)), Poll::Pending);
    assert_eq!(body.pt.state(), 1);
    assert_eq!(cx.poll(|cx| body.once(cx)), Poll::Pending);
    cx.allow("a");
    assert_eq!(cx.poll(|cx| body.once(cx)), Poll::Ready(7));
    let expected =
        [polled("a", true, 1), polled("a", false, 1), polled("a", false, 1), Call::Passed(WAIT, Scope::ROOT)];
    assert_eq!(cx.calls, expected);
    assert!(body.pt.is_done());
}

#[test]
fn a_wait_reached_again_is_fresh_again() {
    let (mut cx, mut body) = (Double::new(), Plain::default());
    assert!(cx.poll(|cx| body.again(cx)).is_pending());
    cx.allow("a");
    assert!(cx.poll(|cx| body.again(cx)).is_pending());
    let fresh: Vec<_> =
        cx.calls.iter().filter_map(|c| if let Call::Polled { fresh, .. } = c { Some(*fresh) } else { None }).collect();
    assert_eq!(fresh, [true, false, true]);
}

#[test]
fn an_operation_that_fails_closes_what_it_opened() {
    let (mut cx, mut body) = (Double::new(), Plain::default());
    cx.allow("a");
    assert_eq!(cx.poll(|cx| body.result(cx, Err("no"))), Poll::Ready(Err("no")));
    assert_eq!(cx.calls.last(), Some(&Call::Closed(WAIT)));
    assert!(body.pt.is_done());
}

#[test]
fn yielding_goes_on_at_the_next_resume() {
    let (mut cx, mut body) = (Double::new(), Plain::default());
    assert!(cx.poll(|cx| body.gives_way(cx)).is_pending());
    assert_eq!(cx.calls, [Call::Note(1), Call::Yielded]);
    assert!(cx.poll(|cx| body.gives_way(cx)).is_ready());
    assert_eq!(cx.calls, [Call::Note(1), Call::Yielded, Call::Note(2)]);
}

#[test]
fn a_body_without_waits_runs_through() {
    let (mut cx, mut body) = (Double::new(), Plain::default());
    assert_eq!(cx.poll(|cx| body.never_waits(cx)), Poll::Ready(5));
    assert!(body.pt.is_done());
    assert_eq!(Plain::NEVER_WAITS_INFO.lines.len(), 1);
}

#[derive(Default)]
struct Timed {
    pt: PtTimed,
    evaluated: u32,
    inner: Option<Box<Timed>>,
}

impl Timed {
    fn duration(&mut self) -> Duration {
        self.evaluated += 1;
        ms(10)
    }

    #[protothread]
    fn limited(&mut self, cx: &mut Double) -> Result<u32, TimedOut> {
        wait!(cx.give("a", 7), timeout = self.duration())
    }

    #[protothread]
    fn limited_result(&mut self, cx: &mut Double, value: Result<u32, &'static str>) -> Option<u32> {
        match wait!(cx.give("a", value), timeout = ms(10)) {
            Ok(Ok(value)) => Some(value),
            Ok(Err(_)) | Err(TimedOut) => None,
        }
    }

    #[protothread]
    fn outer(&mut self, cx: &mut Double) -> Result<Result<u32, TimedOut>, TimedOut> {
        wait!(self.inner.get_or_insert_default().limited(cx), timeout = ms(5))
    }

    #[protothread]
    fn sleeps(&mut self, cx: &mut Double) {
        wait!(sleep!(self.duration()));
        wait!(sleep!(self.duration()));
    }

    #[protothread]
    fn sleeps_or(&mut self, cx: &mut Double) -> bool {
        match wait!(first!(cx.op("a"), sleep!(ms(10)))) {
            First::A(()) => true,
            First::B(()) => false,
        }
    }
}

#[test]
fn a_timeout_is_evaluated_and_armed_once() {
    let (mut cx, mut body) = (Double::new(), Timed::default());
    assert!(cx.poll(|cx| body.limited(cx)).is_pending());
    assert!(cx.poll(|cx| body.limited(cx)).is_pending());
    cx.allow("a");
    assert_eq!(cx.poll(|cx| body.limited(cx)), Poll::Ready(Ok(7)));
    assert_eq!(body.evaluated, 1);
    assert_eq!(cx.calls.iter().filter(|call| matches!(call, Call::Armed(_))).count(), 1);
    assert_eq!(cx.calls.last(), Some(&Call::Passed(WAIT, Scope::ROOT)));
}

#[test]
fn time_that_is_up_closes_what_the_operation_opened() {
    let (mut cx, mut body) = (Double::new(), Timed::default());
    assert!(cx.poll(|cx| body.limited(cx)).is_pending());
    cx.pass(ms(10));
    assert_eq!(cx.poll(|cx| body.limited(cx)), Poll::Ready(Err(TimedOut)));
    assert_eq!(cx.calls.last(), Some(&Call::Closed(WAIT)));
}

#[test]
fn an_operation_that_is_ready_when_its_time_is_up_wins() {
    let (mut cx, mut body) = (Double::new(), Timed::default());
    assert!(cx.poll(|cx| body.limited(cx)).is_pending());
    cx.pass(ms(10));
    cx.allow("a");
    assert_eq!(cx.poll(|cx| body.limited(cx)), Poll::Ready(Ok(7)));
}

#[test]
fn an_operation_that_fails_in_time_closes_what_it_opened() {
    let (mut cx, mut body) = (Double::new(), Timed::default());
    cx.allow("a");
    assert_eq!(cx.poll(|cx| body.limited_result(cx, Err("no"))), Poll::Ready(None));
    assert_eq!(cx.calls.last(), Some(&Call::Closed(WAIT)));
}

#[test]
fn the_shorter_of_nested_timeouts_ends_the_wait() {
    let (mut cx, mut body) = (Double::new(), Timed::default());
    assert!(cx.poll(|cx| body.outer(cx)).is_pending());
    cx.pass(ms(5));
    assert_eq!(cx.poll(|cx| body.outer(cx)), Poll::Ready(Err(TimedOut)));
    let (mut cx, mut body) = (Double::new(), Timed::default());
    assert!(cx.poll(|cx| body.outer(cx)).is_pending());
    cx.pass(ms(10));
    assert_eq!(cx.poll(|cx| body.outer(cx)), Poll::Ready(Ok(Err(TimedOut))));
}

#[test]
fn a_sleep_keeps_its_deadline_and_the_next_has_its_own() {
    let (mut cx, mut body) = (Double::new(), Timed::default());
    assert!(cx.poll(|cx| body.sleeps(cx)).is_pending());
    cx.pass(ms(9));
    assert!(cx.poll(|cx| body.sleeps(cx)).is_pending());
    cx.pass(ms(1));
    assert!(cx.poll(|cx| body.sleeps(cx)).is_pending());
    assert_eq!(body.pt.pt().state(), 2);
    cx.pass(ms(9));
    assert!(cx.poll(|cx| body.sleeps(cx)).is_pending());
    cx.pass(ms(1));
    assert!(cx.poll(|cx| body.sleeps(cx)).is_ready());
    assert_eq!(body.evaluated, 2);
}

#[test]
fn a_sleep_can_race_an_operation() {
    let (mut cx, mut body) = (Double::new(), Timed::default());
    assert!(cx.poll(|cx| body.sleeps_or(cx)).is_pending());
    cx.pass(ms(10));
    assert_eq!(cx.poll(|cx| body.sleeps_or(cx)), Poll::Ready(false));
    cx.start();
    assert!(cx.poll(|cx| body.sleeps_or(cx)).is_pending());
    cx.allow("a");
    assert_eq!(cx.poll(|cx| body.sleeps_or(cx)), Poll::Ready(true));
}
