//! Who comes first: tasks that are ready, timers with one deadline, and sleepers that are woken for nothing.

use std::net::SocketAddr;

use ptk_core::First;
use ptk_core::prelude::*;
use ptk_mock::{Boot, Scenario};

const RUNNERS: usize = 3;
const ROUNDS: u32 = 20;

/// Whose turn it is, of each group.
#[derive(Clone, Hash, Debug, Default)]
struct Shared {
    runner: usize,
    timers: [Timer; RUNNERS],
    waiter: usize,
    sleeper: usize,
}

/// Runs in each turn, in its place.
#[derive(Clone, Hash, Debug)]
struct Runner {
    pt: Pt,
    number: usize,
    round: u32,
}

impl<P: Platform> Protothread<P, Shared> for Runner {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
        while self.round < ROUNDS {
            assert_eq!(shared.runner, self.number, "who is ready first runs first");
            shared.runner = (shared.runner + 1) % RUNNERS;
            self.round += 1;
            yield_now!();
        }
        Ok(())
    }
}

/// Starts timers with one deadline.
#[derive(Clone, Hash, Debug)]
struct Starter {
    pt: PtTimed,
    round: u32,
}

impl<P: Platform> Protothread<P, Shared> for Starter {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
        for timer in &mut shared.timers {
            *timer = cx.timer()?;
        }
        while self.round < ROUNDS {
            for timer in shared.timers {
                cx.start_timer(timer, Duration::from_millis(2))?;
            }
            self.round += 1;
            wait!(sleep!(Duration::from_millis(10)));
        }
        Ok(())
    }
}

#[derive(Clone, Hash, Debug)]
struct Waiter {
    pt: Pt,
    number: usize,
    round: u32,
}

impl<P: Platform> Protothread<P, Shared> for Waiter {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
        while self.round < ROUNDS {
            wait!(cx.expired(shared.timers[self.number]))?;
            assert_eq!(shared.waiter, self.number, "of equal deadlines the first armed is first");
            shared.waiter = (shared.waiter + 1) % RUNNERS;
            self.round += 1;
        }
        Ok(())
    }
}

/// Sleeps until the same time as the other one, and is woken before by what it did not sleep for.
#[derive(Clone, Hash, Debug)]
struct Sleeper {
    pt: Pt,
    number: usize,
    socket: UdpSocket,
    address: SocketAddr,
    until: Instant,
    buffer: Buffer<8>,
    round: u32,
}

impl<P: Platform> Protothread<P, Shared> for Sleeper {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
        self.socket = cx.udp_socket(self.address)?;
        while self.round < ROUNDS {
            self.until += Duration::from_millis(10);
            while let First::B(poked) =
                wait!(first!(cx.sleep_until(self.until), cx.recv_from(self.socket, &mut self.buffer)))
            {
                poked?;
                self.buffer.clear();
            }
            assert_eq!(shared.sleeper, self.number, "a wake does not cost who sleeps on its place");
            shared.sleeper = (shared.sleeper + 1) % 2;
            self.round += 1;
        }
        Ok(())
    }
}

/// Wakes the first sleeper.
#[derive(Clone, Hash, Debug)]
struct Poker {
    pt: PtTimed,
    socket: UdpSocket,
    address: SocketAddr,
    round: u32,
}

impl<P: Platform> Protothread<P, Shared> for Poker {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut Shared) -> Result<(), Error> {
        self.socket = cx.udp_socket(([0, 0, 0, 0], 0).into())?;
        while self.round < ROUNDS {
            wait!(sleep!(Duration::from_millis(7)));
            wait!(cx.send_to(self.socket, b"!", self.address))?;
            self.round += 1;
        }
        Ok(())
    }
}

#[derive(Clone, Hash, Debug, TaskSet)]
struct App {
    starter: Starter,
    waiters: [Waiter; RUNNERS],
    runners: [Runner; RUNNERS],
    sleepers: [Sleeper; 2],
    poker: Poker,
    #[task(shared)]
    shared: Shared,
}

pub fn scenario() -> Scenario {
    let sleeper = |number: usize, boot: &Boot| Sleeper {
        pt: Pt::new(),
        number,
        socket: UdpSocket::NONE,
        address: (boot.own_ip(), 5000 + number as u16).into(),
        until: Instant::ORIGIN,
        buffer: Buffer::new(),
        round: 0,
    };
    let app = move |boot: &Boot| App {
        starter: Starter { pt: PtTimed::new(), round: 0 },
        waiters: core::array::from_fn(|number| Waiter { pt: Pt::new(), number, round: 0 }),
        runners: core::array::from_fn(|number| Runner { pt: Pt::new(), number, round: 0 }),
        sleepers: [sleeper(0, boot), sleeper(1, boot)],
        poker: Poker { pt: PtTimed::new(), socket: UdpSocket::NONE, address: (boot.own_ip(), 5000).into(), round: 0 },
        shared: Shared::default(),
    };
    Scenario::new("order")
        .node("app", app)
        .eventually("all have had their turns", Duration::from_secs(5), |world| world.has_ended("app"))
}
