//! The Modbus server of the examples, with one place for a connection: first for peers that behave badly, and then for a
//! client that writes registers and reads them back.

use ptk_core::prelude::*;
use ptk_examples::modbus::TANK;
use ptk_examples::modbus::answer::Answer;
use ptk_examples::modbus::client::Client;
use ptk_examples::modbus::pdu::words;
use ptk_examples::modbus::request::{Request, Table};
use ptk_examples::modbus::server::{Connection, OPTIONS, Station};
use ptk_mock::{Boot, Family, Faults, Label, Mock, Scenario, World};

const PORT: u16 = 502;
const ROUNDS: u16 = 12;
const TIMEOUT: Duration = Duration::from_millis(500);

#[derive(Clone, Hash, Debug, TaskSet)]
struct Server {
    connections: [Connection; 1],
    #[task(shared)]
    station: Station,
}

impl Server {
    fn new(_: &Boot) -> Server {
        let mut station = Station::new(TANK);
        station.idle = Duration::from_secs(2);
        Server { connections: [Connection::new()], station }
    }

    fn listen(cx: &mut Cx<'_, Mock>, server: &mut Server) -> Result<(), Error> {
        server.station.listener = cx.listen_with(([0, 0, 0, 0], PORT).into(), &OPTIONS)?;
        Ok(())
    }
}

/// Leaves half a request behind, and then nothing at all.
#[derive(Clone, Hash, Debug)]
struct Vandal {
    pt: PtTimed,
    server: core::net::SocketAddr,
    socket: TcpSocket,
}

impl<P: Platform> Protothread<P> for Vandal {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = wait!(cx.connect(self.server))?;
        cx.try_send(self.socket, &[0, 1, 0, 0, 0])?;
        wait!(sleep!(Duration::from_millis(10)));
        cx.close(self.socket)?;
        self.socket = wait!(cx.connect(self.server))?;
        // Its power fails meanwhile.
        wait!(sleep!(Duration::from_secs(1_000)));
        Ok(())
    }
}

#[derive(Clone, Hash, Debug)]
struct Writer {
    pt: PtTimed,
    session: Pt,
    client: Client,
    begins: Instant,
    round: u16,
    failures: u32,
}

impl Writer {
    fn value(&self) -> u16 {
        1_000 + self.round
    }

    fn writing(&self) -> Request<'static> {
        Request::WriteRegister { address: 100 + self.round, value: self.value() }
    }

    fn reading(&self) -> Request<'static> {
        Request::Read { table: Table::HoldingRegisters, address: 100 + self.round, quantity: 1 }
    }

    #[protothread(self.session)]
    fn write<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        wait!(self.client.connect(cx))?;
        while self.round < ROUNDS {
            self.client.prepare(&self.writing());
            wait!(self.client.call(cx))?;
            assert_eq!(self.client.answer(&self.writing()), Ok(Answer::Written), "an answer is one to the request");
            self.client.prepare(&self.reading());
            wait!(self.client.call(cx))?;
            let Ok(Answer::Registers(bytes)) = self.client.answer(&self.reading()) else {
                panic!("an answer is one to the request");
            };
            assert!(words(bytes).eq([self.value()]), "what was written is read");
            self.round += 1;
        }
        Ok(())
    }
}

impl<P: Platform> Protothread<P> for Writer {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        wait!(cx.sleep_until(self.begins));
        while wait!(self.write(cx)).is_err() {
            self.failures += 1;
            wait!(sleep!(Duration::from_millis(250)));
        }
    }
}

fn writer(begins: Duration) -> impl Fn(&Boot) -> [Writer; 1] {
    move |boot| {
        [Writer {
            pt: PtTimed::new(),
            session: Pt::new(),
            client: Client::new(boot.address("server", PORT), 1, TIMEOUT),
            begins: Instant::ORIGIN + begins,
            round: 0,
            failures: 0,
        }]
    }
}

fn with_writer(name: &str, begins: Duration) -> Scenario {
    Scenario::new(name)
        .node_with::<Server, 1, 4, 0, 0, 0>("server", Server::new, Server::listen)
        .node("writer", writer(begins))
        .eventually("all is written and read", Duration::from_secs(60), |world| {
            world.app::<[Writer; 1]>("writer").is_some_and(|app| app[0].round == ROUNDS)
        })
}

/// After a peer that left half a request, and one that went away without a word. No connection fails, and so no call.
pub fn vandalized() -> Scenario {
    let vandal =
        |boot: &Boot| [Vandal { pt: PtTimed::new(), server: boot.address("server", PORT), socket: TcpSocket::NONE }];
    let failures = |world: &World| world.app::<[Writer; 1]>("writer").map_or(0, |app| app[0].failures);
    with_writer("modbus", Duration::from_secs(3))
        .node("vandal", vandal)
        .at(Duration::from_millis(500), |world| world.crash("vandal"))
        .faults(Faults::of(&[Family::Streams, Family::Readiness]).rate(Label::Retransmit, 0))
        .always("no request fails", move |world| failures(world) == 0)
}

/// Links that carry nothing for so long that requests are sent again, and answers come late.
pub fn parted() -> Scenario {
    let ms = Duration::from_millis;
    with_writer("parted-modbus", Duration::ZERO)
        .faults(Faults::of(&[Family::Streams, Family::Links]))
        .at(ms(1), |world| world.part_one_way("server", "writer"))
        .at(ms(700), |world| world.join("server", "writer"))
}
