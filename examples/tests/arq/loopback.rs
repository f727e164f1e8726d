//! Sender and receiver in one loop, over a loopback that loses and doubles datagrams.

use std::net::{Ipv4Addr, SocketAddr};

use ptk_core::prelude::*;
use ptk_examples::arq::numbered::{Numbered, Tally};
use ptk_examples::arq::receiver::{Delivery, Receiver};
use ptk_examples::arq::sender::{Sender, Supply};
use ptk_examples::arq::{MAX_MESSAGE, Patience, Variant};
use ptk_examples::lossy::Lossy;
use ptk_linux::Linux;
use ptk_mock::Mock;

const PATIENCE: Patience =
    Patience { first: Duration::from_millis(5), longest: Duration::from_millis(40), attempts: 20 };

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// What both ends have, as they are in one process.
#[derive(Clone, Hash, Debug)]
struct Ends {
    numbered: Numbered,
    tally: Tally,
}

impl Supply for Ends {
    fn next(&mut self, message: &mut Buf) -> bool {
        self.numbered.next(message)
    }
}

impl Delivery for Ends {
    fn opened(&mut self) {
        self.tally.opened();
    }

    fn message(&mut self, message: &[u8]) {
        self.tally.message(message);
    }

    fn ended(&mut self) {
        self.tally.ended();
    }
}

#[derive(Clone, Hash, Debug, TaskSet)]
struct Both {
    receiver: Receiver,
    #[task(done = Self::note)]
    sender: Sender,
    #[task(shared)]
    ends: Ends,
    #[task(skip)]
    result: Option<Result<u32, Error>>,
}

impl Both {
    fn note<P: Platform>(
        &mut self,
        _: usize,
        result: Result<ptk_examples::arq::sender::Totals, Error>,
        cx: &mut Cx<'_, P>,
    ) {
        self.result = Some(result.map(|totals| totals.repeated));
        cx.stop();
    }
}

/// Sends messages through a loopback that has lost and doubled so many in a million. Gives what was handed up, and how
/// many were repeated.
fn transfer<P: Platform>(platform: P, count: u32, loss: u32, variant: Variant) -> (Tally, Result<u32, Error>) {
    let mut event_loop = EventLoop::<Lossy<P>, 2, 2>::new(0, Lossy::new(platform));
    event_loop.platform_mut().set(loss, loss, 7);
    event_loop.open().unwrap();
    let mut receiver = Receiver::new(LOOPBACK, variant);
    let address = receiver.open(&mut event_loop.cx()).unwrap();
    let mut both = Both {
        receiver,
        sender: Sender::new(address, PATIENCE, variant),
        ends: Ends { numbered: Numbered::new(count, MAX_MESSAGE), tally: Tally::NONE },
        result: None,
    };
    event_loop.run(&mut both).unwrap();
    (both.ends.tally, both.result.unwrap())
}

const fn all(count: u32) -> Tally {
    Tally { connections: 1, messages: count, has_ended: true, is_in_order: true }
}

#[test]
fn messages_pass_through_a_loopback_without_loss() {
    for variant in Variant::ALL {
        assert_eq!(transfer(Mock::new(), 1000, 0, variant), (all(1000), Ok(0)), "{variant:?}");
    }
    assert_eq!(transfer(Linux::new(), 1000, 0, Variant::Correct).0, all(1000));
}

#[test]
fn what_is_lost_is_repeated_and_what_comes_twice_is_handed_up_once() {
    let (tally, repeated) = transfer(Mock::new(), 1000, 200_000, Variant::Correct);
    assert_eq!(tally, all(1000));
    assert!(repeated.unwrap() > 200, "{repeated:?}");
    let (tally, repeated) = transfer(Linux::new(), 100, 200_000, Variant::Correct);
    assert_eq!(tally, all(100));
    assert!(repeated.unwrap() > 20, "{repeated:?}");
}

#[test]
fn a_duplicate_that_is_handed_up_again_is_noticed() {
    let (tally, _) = transfer(Mock::new(), 100, 200_000, Variant::Duplicates);
    assert!(!tally.is_in_order);
}

#[test]
fn a_sender_that_never_repeats_the_first_message_gives_up() {
    let (tally, result) = transfer(Mock::new(), 100, 200_000, Variant::OffByOne);
    assert_eq!((tally.is_in_order, result), (true, Err(Error::TimedOut)));
}

#[test]
fn short_numbers_are_enough_where_the_order_is_kept() {
    assert_eq!(transfer(Mock::new(), 1000, 200_000, Variant::ShortNumbers).0, all(1000));
}

#[test]
fn a_sender_gives_up_when_nobody_is_there() {
    let mut event_loop = EventLoop::<Mock, 1, 1>::new(0, Mock::new());
    event_loop.open().unwrap();
    let nobody = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 9);
    let sender = Sender::new(nobody, PATIENCE, Variant::Correct);
    let mut app = Alone { sender, numbered: Numbered::new(1, MAX_MESSAGE), error: None };
    event_loop.run(&mut app).unwrap();
    assert_eq!(app.error, Some(Error::TimedOut));
    assert_eq!(event_loop.cx().now().saturating_since(Instant::ORIGIN), Duration::from_millis(5 + 10 + 20 + 17 * 40));
}

#[derive(Clone, Hash, Debug, TaskSet)]
struct Alone {
    #[task(done = Self::note)]
    sender: Sender,
    #[task(shared)]
    numbered: Numbered,
    #[task(skip)]
    error: Option<Error>,
}

impl Alone {
    fn note<P: Platform>(
        &mut self,
        _: usize,
        result: Result<ptk_examples::arq::sender::Totals, Error>,
        _: &mut Cx<'_, P>,
    ) {
        self.error = result.err();
    }
}
