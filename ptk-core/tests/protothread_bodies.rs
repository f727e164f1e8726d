//! Whole bodies: how they end, how children start and end with them, what they may borrow, and what `INFO` says of them.

mod protothread_double;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use protothread_double::{Call, Double, ms};
use ptk_core::__rt::Scope;
use ptk_core::{First, Never, Pt, PtTimed, TimedOut, first, protothread, wait, yield_now};

#[derive(Default)]
struct Endings {
    pt: Pt,
    option: Option<u32>,
}

impl Endings {
    #[protothread]
    fn by_question_mark(&mut self, cx: &mut Double, value: Result<u32, String>) -> Result<u32, String> {
        wait!(cx.op("a"));
        value.clone()?;
        wait!(cx.op("b"));
        value
    }

    #[protothread]
    fn by_question_mark_of_option(&mut self, cx: &mut Double) -> Option<u32> {
        let first = wait!(cx.give("a", self.option))?;
        let twice = [Some(first), None].into_iter().map(|n| Some(n? * 2)).next()??;
        self.option = (twice > 10).then_some(twice);
        let kept = self.option?;
        cx.note(i64::from(kept));
        wait!(cx.op("b"));
        self.option
    }

    #[protothread]
    fn by_return(&mut self, cx: &mut Double, early: bool) -> u32 {
        wait!(cx.op("a"));
        if early {
            return 1;
        }
        wait!(cx.op("b"));
        2
    }

    #[protothread]
    fn by_panic(&mut self, cx: &mut Double) {
        wait!(cx.op("a"));
        panic!("on purpose");
    }

    #[protothread]
    fn by_leaving_an_operation(&mut self, cx: &mut Double, value: Result<u32, String>) -> Result<u32, String> {
        let doubled = wait!(cx.give("a", value.clone()? * 2));
        Ok(doubled)
    }

    #[protothread]
    fn never(&mut self, cx: &mut Double) -> Never {
        loop {
            yield_now!();
            cx.note(1);
        }
    }
}

#[test]
fn each_way_out_finishes_the_body() {
    let (mut cx, mut body) = (Double::new(), Endings::default());
    cx.allow("a");
    assert_eq!(cx.poll(|cx| body.by_question_mark(cx, Err("no".into()))), Poll::Ready(Err("no".into())));
    assert!(body.pt.is_done());

    let (mut cx, mut body) = (Double::new(), Endings::default());
    cx.allow("a");
    assert_eq!(cx.poll(|cx| body.by_return(cx, true)), Poll::Ready(1));
    assert!(body.pt.is_done());

    let (mut cx, mut body) = (Double::new(), Endings::default());
    assert_eq!(cx.poll(|cx| body.by_leaving_an_operation(cx, Err("no".into()))), Poll::Ready(Err("no".into())));
    assert!(body.pt.is_done());

    let (mut cx, mut body) = (Double::new(), Endings::default());
    cx.allow("a");
    let panicked = catch_unwind(AssertUnwindSafe(|| cx.poll(|cx| body.by_panic(cx))));
    assert!(panicked.is_err());
    assert!(body.pt.is_done());
}

#[test]
fn the_question_mark_of_option_returns_none() {
    for (value, expected) in [(None, Poll::Ready(None)), (Some(3), Poll::Ready(None)), (Some(6), Poll::Pending)] {
        let (mut cx, mut body) = (Double::new(), Endings { option: value, ..Endings::default() });
        cx.allow("a");
        assert_eq!(cx.poll(|cx| body.by_question_mark_of_option(cx)), expected, "{value:?}");
        assert_eq!(body.pt.is_done(), expected.is_ready());
    }
}

#[test]
#[should_panic(expected = "resumed after it had returned")]
fn a_body_that_has_returned_cannot_be_resumed() {
    let (mut cx, mut body) = (Double::new(), Endings::default());
    cx.allow("a");
    assert_eq!(cx.poll(|cx| body.by_return(cx, true)), Poll::Ready(1));
    let _ = cx.poll(|cx| body.by_return(cx, true));
}

#[test]
#[should_panic(expected = "the state of another one")]
fn a_state_of_another_body_is_refused() {
    let (mut cx, mut body) = (Double::new(), Endings::default());
    cx.allow("a");
    assert!(cx.poll(|cx| body.by_question_mark(cx, Ok(1))).is_pending());
    let _ = cx.poll(|cx| body.never(cx));
}

#[test]
fn a_started_body_begins_at_its_beginning_whatever_it_did_before() {
    let (mut cx, mut body) = (Double::new(), Endings::default());
    cx.allow("a");
    assert!(cx.poll(|cx| body.by_return(cx, false)).is_pending());
    assert_eq!(body.pt.state(), 2);
    cx.start();
    cx.polled();
    assert!(cx.poll(|cx| body.by_return(cx, false)).is_pending());
    assert_eq!(cx.polled(), ["a"]);
    assert_eq!(body.pt.state(), 1);
}

#[derive(Default)]
struct Parent {
    pt: PtTimed,
    child: Endings,
    other: Endings,
    turns: u32,
    bytes: [u8; 4],
}

impl Parent {
    #[protothread]
    fn twice(&mut self, cx: &mut Double) -> u32 {
        self.turns = wait!(self.child.by_return(cx, false));
        self.turns += wait!(self.child.by_return(cx, false));
        self.turns
    }

    #[protothread]
    fn gives_up(&mut self, cx: &mut Double) -> bool {
        while self.turns < 2 {
            self.turns += 1;
            if wait!(self.child.by_return(cx, false), timeout = ms(1)).is_ok() {
                return true;
            }
        }
        false
    }

    #[protothread]
    fn race(&mut self, cx: &mut Double) -> u32 {
        match wait!(first!(self.child.by_return(cx, true), first!(cx.op("x"), self.other.by_return(cx, false)))) {
            First::A(n) => n,
            First::B(First::A(())) => 10,
            First::B(First::B(n)) => n + 20,
        }
    }

    fn line(&mut self, cx: &mut Double) -> Poll<Result<&mut [u8], TimedOut>> {
        match cx.op("line") {
            Poll::Ready(()) => Poll::Ready(Ok(&mut self.bytes)),
            Poll::Pending => Poll::Pending,
        }
    }

    #[protothread]
    fn borrows(&mut self, cx: &mut Double) -> Result<u8, TimedOut> {
        let line = wait!(self.line(cx))?;
        line[0] += 1;
        if let [first, ..] = wait!(self.line(cx), timeout = ms(1))?? {
            *first += 1;
        }
        let line = match wait!(first!(self.line(cx), cx.op("no"))) {
            First::A(line) => line?,
            First::B(()) => &mut [0][..],
        };
        line[0] += 1;
        Ok(line[0])
    }

    #[protothread]
    fn conditional(&mut self, cx: &mut Double) -> u32 {
        let kept = self.turns + 5;
        if kept == 4 {
            wait!(cx.op("a"));
            return 0;
        }
        let more = match kept {
            5 => 1,
            6 => {
                wait!(cx.op("b"));
                return 7;
            }
            n => n * 2,
        };
        kept + more
    }
}

#[test]
fn a_child_is_started_anew_by_each_wait() {
    let (mut cx, mut body) = (Double::new(), Parent::default());
    for name in ["a", "b", "a", "b"] {
        assert!(cx.poll(|cx| body.twice(cx)).is_pending());
        cx.allow(name);
    }
    assert_eq!(cx.poll(|cx| body.twice(cx)), Poll::Ready(4));
}

#[test]
fn a_child_that_was_given_up_is_started_anew() {
    let (mut cx, mut body) = (Double::new(), Parent::default());
    cx.allow("a");
    assert!(cx.poll(|cx| body.gives_up(cx)).is_pending());
    assert_eq!(body.child.pt.state(), 2);
    cx.pass(ms(1));
    assert!(cx.poll(|cx| body.gives_up(cx)).is_pending());
    assert_eq!(body.child.pt.state(), 1);
    assert!(cx.calls.contains(&Call::Closed(Scope::ROOT.child(0, 1))));
    cx.pass(ms(1));
    assert_eq!(cx.poll(|cx| body.gives_up(cx)), Poll::Ready(false));
}

#[test]
fn a_race_polls_in_order_and_closes_the_scopes_of_the_losers() {
    let wait = Scope::ROOT.child(0, 1);
    let (left, right) = (wait.child(0, 1), wait.child(1, 1));
    let (mut cx, mut body) = (Double::new(), Parent::default());
    assert!(cx.poll(|cx| body.race(cx)).is_pending());
    let depths: Vec<_> = cx
        .calls
        .iter()
        .filter_map(|call| if let Call::Polled { name, depth, .. } = call { Some((*name, *depth)) } else { None })
        .collect();
    assert_eq!(depths, [("a", 3), ("x", 3), ("a", 4)]);
    cx.calls.clear();
    cx.allow("x");
    assert_eq!(cx.poll(|cx| body.race(cx)), Poll::Ready(10));
    let settled: Vec<_> = cx.calls.iter().filter(|call| !matches!(call, Call::Polled { .. })).copied().collect();
    let inner = [Call::Passed(right.child(0, 1), right), Call::Closed(right.child(1, 1))];
    let outer = [Call::Closed(left), Call::Passed(right, wait), Call::Passed(wait, Scope::ROOT)];
    assert_eq!(settled, [&inner[..], &outer[..]].concat());
}

#[test]
fn the_first_operand_that_is_ready_wins_and_the_rest_is_not_polled() {
    let (mut cx, mut body) = (Double::new(), Parent::default());
    cx.allow("a");
    cx.allow("x");
    assert_eq!(cx.poll(|cx| body.race(cx)), Poll::Ready(1));
    assert_eq!(cx.polled(), ["a"]);
}

#[test]
fn a_value_may_borrow_from_self() {
    let (mut cx, mut body) = (Double::new(), Parent::default());
    for _ in 0..3 {
        assert!(cx.poll(|cx| body.borrows(cx)).is_pending());
        cx.allow("line");
    }
    assert_eq!(cx.poll(|cx| body.borrows(cx)), Poll::Ready(Ok(3)));
}

#[test]
fn a_local_lives_past_branches_that_wait_and_do_not_come_back() {
    for (turns, expected) in [(0, Poll::Ready(6)), (1, Poll::Pending), (2, Poll::Ready(21))] {
        let (mut cx, mut body) = (Double::new(), Parent { turns, ..Parent::default() });
        assert_eq!(cx.poll(|cx| body.conditional(cx)), expected);
    }
}

#[test]
fn info_knows_name_file_and_lines() {
    let info = Endings::BY_RETURN_INFO;
    assert_eq!((info.name, info.file), ("by_return", file!()));
    let [method, first, second] = info.lines else { panic!("{:?}", info.lines) };
    assert_eq!((*first, *second), (method + 1, method + 5));
    let mut body = Endings::default();
    let mut cx = Double::new();
    assert!(cx.poll(|cx| body.by_return(cx, false)).is_pending());
    assert_eq!((info.pt)(&body).state(), 1);
    assert_eq!(Parent::BORROWS_INFO.lines.len(), 4);
}
