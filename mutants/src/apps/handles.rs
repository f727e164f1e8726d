//! Handles that are stale, and a socket that is closed while a task waits for it.

use ptk_core::prelude::*;
use ptk_mock::{Boot, Family, Faults, Scenario};

const ROUNDS: u32 = 10;

#[derive(Clone, Hash, Debug)]
struct Owner {
    pt: PtTimed,
    round: u32,
}

impl<P: Platform> Protothread<P, UdpSocket> for Owner {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut UdpSocket) -> Result<(), Error> {
        while self.round < ROUNDS {
            let old = cx.udp_socket(([0, 0, 0, 0], 0).into())?;
            cx.close(old)?;
            *shared = cx.udp_socket(([0, 0, 0, 0], 0).into())?;
            let stale = cx.try_recv_from(old, &mut [0; 4]).err();
            assert_eq!(stale, Some(Error::InvalidHandle), "no handle is ever valid twice");
            let old = cx.timer()?;
            cx.close(old)?;
            let new = cx.timer()?;
            let stale = cx.start_timer(old, Duration::ZERO).err();
            assert_eq!(stale, Some(Error::InvalidHandle), "no handle is ever valid twice");
            cx.close(new)?;
            // Time for the other to wait for the socket.
            wait!(sleep!(Duration::from_millis(1)));
            cx.close(*shared)?;
            wait!(sleep!(Duration::from_millis(1)));
            self.round += 1;
        }
        Ok(())
    }
}

#[derive(Clone, Hash, Debug)]
struct Waiter {
    pt: PtTimed,
    buffer: Buffer<8>,
    refused: u32,
}

impl<P: Platform> Protothread<P, UdpSocket> for Waiter {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut UdpSocket) -> Result<(), Error> {
        while self.refused < ROUNDS {
            let closed = wait!(cx.recv_from(*shared, &mut self.buffer)).err();
            assert_eq!(closed, Some(Error::InvalidHandle), "the socket was closed");
            self.refused += 1;
            // Until there is another.
            wait!(sleep!(Duration::from_micros(1_500)));
        }
        Ok(())
    }
}

#[derive(Clone, Hash, Debug, TaskSet)]
struct App {
    owner: Owner,
    waiter: Waiter,
    #[task(shared)]
    socket: UdpSocket,
}

pub fn scenario() -> Scenario {
    let app = |_: &Boot| App {
        owner: Owner { pt: PtTimed::new(), round: 0 },
        waiter: Waiter { pt: PtTimed::new(), buffer: Buffer::new(), refused: 0 },
        socket: UdpSocket::NONE,
    };
    Scenario::new("handles").node("app", app).faults(Faults::of(&[Family::Readiness])).eventually(
        "who waits for what is closed hears of it",
        Duration::from_secs(5),
        |world| world.has_ended("app"),
    )
}
