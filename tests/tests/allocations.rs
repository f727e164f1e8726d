//! No heap: a counting allocator sees a loop on Linux from its construction to its drop.

mod counting_allocator;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use counting_allocator::allocations;
use ptk_core::prelude::*;
use ptk_core::{Handle, Interface, Keepalive};
use ptk_linux::{Linux, Port};

const ROUNDS: u32 = 200;

/// Serves one connection after the other.
#[derive(Default)]
struct Echo {
    pt: Pt,
    serving: Pt,
    socket: TcpSocket,
    buffer: Buffer<64>,
}

impl<P: Platform> Protothread<P, TcpListener> for Echo {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, listener: &mut TcpListener) -> Result<(), Error> {
        loop {
            self.socket = wait!(cx.accept(*listener))?;
            // A connection that is reset ends like one that is closed.
            let _ = wait!(self.serve(cx));
            cx.close(self.socket)?;
        }
    }
}

impl Echo {
    #[protothread(self.serving)]
    fn serve<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        while wait!(cx.recv(self.socket, &mut self.buffer))? > 0 {
            wait!(cx.send_all(self.socket, &mut self.buffer))?;
        }
        Ok(())
    }
}

/// Uses what a protothread can: connects that succeed, are refused and time out, timers, sleeps, events, `first!`.
struct Client {
    pt: PtTimed,
    server: SocketAddr,
    nobody: SocketAddr,
    source: EventSource,
    timer: Timer,
    socket: TcpSocket,
    buffer: Buffer<64>,
    rounds: u32,
}

impl<P: Platform> Protothread<P, TcpListener> for Client {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut TcpListener) -> Result<(), Error> {
        let refused = wait!(cx.connect(self.nobody));
        assert_eq!(refused, Err(Error::ConnectionRefused));
        self.timer = cx.timer()?;
        while self.rounds < ROUNDS {
            self.rounds += 1;
            self.socket = wait!(cx.connect(self.server), timeout = Duration::from_secs(10))??;
            self.buffer.put_slice(b"hello")?;
            wait!(cx.send_all(self.socket, &mut self.buffer))?;
            wait!(cx.recv_exact(self.socket, &mut self.buffer, 5), timeout = Duration::from_secs(10))??;
            self.buffer.clear();
            cx.start_timer(self.timer, Duration::from_micros(1))?;
            wait!(cx.expired(self.timer))?;
            cx.raise(self.source, self.rounds)?;
            match wait!(first!(cx.recv(self.socket, &mut self.buffer), cx.raised(self.source))) {
                First::A(received) => panic!("nothing was sent: {received:?}"),
                First::B(raised) => assert_eq!(raised?.value, self.rounds),
            }
            wait!(sleep!(Duration::from_micros(1)));
            let nothing = wait!(cx.recv(self.socket, &mut self.buffer), timeout = Duration::ZERO);
            assert_eq!(nothing, Err(TimedOut));
            cx.abort(self.socket)?;
        }
        cx.stop();
        Ok(())
    }
}

#[derive(TaskSet)]
#[task(event = Self::count)]
struct App {
    echoes: [Echo; 4],
    client: Client,
    #[task(shared)]
    listener: TcpListener,
    #[task(skip)]
    ticks: u64,
}

impl App {
    fn count<P: Platform>(&mut self, _: &mut Cx<'_, P>, _: Handle, event: Event) -> Result<(), Error> {
        if let Event::TimerExpired(count) = event {
            self.ticks += count;
        }
        Ok(())
    }
}

/// Sends back each datagram to who sent it.
#[derive(Default)]
struct Reflector {
    pt: Pt,
    socket: UdpSocket,
    from: Option<SocketAddr>,
    buffer: Buffer<64>,
}

impl<P: Platform> Protothread<P> for Reflector {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        loop {
            self.buffer.clear();
            let received = wait!(cx.recv_from(self.socket, &mut self.buffer))?;
            self.from = Some(received.from);
            wait!(cx.send_to(self.socket, self.buffer.readable(), self.from.unwrap_or(NOBODY)))?;
        }
    }
}

/// Where nobody is.
const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);
const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(239, 42, 3, 1));
const LOOPBACK: Interface = Interface::Address(Ipv4Addr::LOCALHOST);

/// Uses what a UDP socket can: datagrams to one and to a group, with a peer and without, refusals, settings.
#[derive(Default)]
struct Datagrams {
    pt: PtTimed,
    socket: UdpSocket,
    other: UdpSocket,
    reflector: Option<SocketAddr>,
    group: Option<SocketAddr>,
    buffer: Buffer<64>,
    rounds: u32,
}

impl<P: Platform> Protothread<P> for Datagrams {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while self.rounds < ROUNDS {
            self.rounds += 1;
            self.socket = cx.udp_socket((Ipv4Addr::UNSPECIFIED, 0).into())?;
            cx.set_receive_buffer(self.socket, 16_384)?;
            cx.set_send_buffer(self.socket, 16_384)?;
            cx.set_hop_limit(self.socket, 3)?;
            cx.set_broadcast(self.socket, true)?;
            wait!(cx.send_to(self.socket, b"hello", self.reflector.unwrap_or(NOBODY)))?;
            wait!(cx.recv_from(self.socket, &mut self.buffer), timeout = Duration::from_secs(10))??;
            assert_eq!(self.buffer.readable(), b"hello");
            self.buffer.clear();
            // A group, of which it is a member.
            let own = cx.local_address(self.socket)?;
            self.group = Some(SocketAddr::new(GROUP, own.port()));
            cx.set_multicast_interface(self.socket, LOOPBACK)?;
            cx.set_multicast_hops(self.socket, 1)?;
            cx.set_multicast_loopback(self.socket, true)?;
            cx.join_multicast(self.socket, GROUP, LOOPBACK)?;
            wait!(cx.send_to(self.socket, b"all", self.group.unwrap_or(NOBODY)))?;
            wait!(cx.recv_from(self.socket, &mut self.buffer), timeout = Duration::from_secs(10))??;
            assert_eq!(self.buffer.readable(), b"all");
            self.buffer.clear();
            cx.leave_multicast(self.socket, GROUP, LOOPBACK)?;
            assert_eq!(cx.leave_multicast(self.socket, GROUP, LOOPBACK), Err(Error::AddressNotAvailable));
            // A peer that is there, one that is not, and none.
            cx.connect_udp(self.socket, self.reflector.unwrap_or(NOBODY))?;
            wait!(cx.send_datagram(self.socket, b"hello"))?;
            wait!(cx.recv_from(self.socket, &mut self.buffer), timeout = Duration::from_secs(10))??;
            self.buffer.clear();
            self.other = cx.udp_socket((Ipv4Addr::LOCALHOST, 0).into())?;
            let nobody = cx.local_address(self.other)?;
            cx.close(self.other)?;
            cx.connect_udp(self.socket, nobody)?;
            wait!(cx.send_datagram(self.socket, b"anybody?"))?;
            let refused = wait!(cx.recv_from(self.socket, &mut self.buffer), timeout = Duration::from_secs(10))?;
            assert_eq!(refused.map(|_| ()), Err(Error::ConnectionRefused));
            cx.disconnect_udp(self.socket)?;
            assert_eq!(cx.try_send_datagram(self.socket, b"x"), Err(Error::NotConnected));
            assert_eq!(cx.try_recv_from(self.socket, &mut [0; 8]), Err(Error::WouldBlock));
            cx.entropy(&mut [0; 32])?;
            cx.close(self.socket)?;
        }
        cx.stop();
        Ok(())
    }
}

/// Uses what a stream can besides: looks ahead, lines, settings, a farewell that drains, and one that is given up.
struct Streams {
    pt: PtTimed,
    listener: TcpListener,
    server: SocketAddr,
    near: TcpSocket,
    far: TcpSocket,
    buffer: Buffer<64>,
    ahead: [u8; 8],
    rounds: u32,
}

impl<P: Platform> Protothread<P> for Streams {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while self.rounds < ROUNDS {
            self.rounds += 1;
            self.near = wait!(cx.connect(self.server))?;
            self.far = wait!(cx.accept(self.listener))?;
            cx.set_nodelay(self.near, true)?;
            cx.set_keepalive(self.near, Some(KEEPALIVE))?;
            cx.set_user_timeout(self.near, Duration::from_secs(10))?;
            cx.peer_address(self.near)?;
            self.buffer.put_slice(b"a line\r\nand")?;
            wait!(cx.send_all(self.near, &mut self.buffer))?;
            wait!(cx.peek(self.far, &mut self.ahead))?;
            let line = wait!(cx.recv_until(self.far, &mut self.buffer, b"\r\n"))?;
            self.buffer.consume(line);
            wait!(cx.recv_exact(self.far, &mut self.buffer, 3))?;
            assert_eq!(self.buffer.readable(), b"and");
            self.buffer.clear();
            if self.rounds.is_multiple_of(2) {
                cx.close(self.far)?;
                wait!(cx.drain(self.near))?;
            } else {
                let given_up = wait!(cx.drain(self.near), timeout = Duration::ZERO);
                assert_eq!(given_up, Err(TimedOut));
                cx.abort(self.near)?;
                cx.close(self.far)?;
            }
        }
        cx.stop();
        Ok(())
    }
}

const KEEPALIVE: Keepalive = Keepalive { idle: Duration::from_secs(30), interval: Duration::from_secs(5), probes: 4 };

fn run_datagrams() -> Result<(), Error> {
    let mut event_loop = EventLoop::<_, 2, 4>::new(4, Linux::new());
    event_loop.open()?;
    let mut cx = event_loop.cx();
    let reflector = Reflector { socket: cx.udp_socket((Ipv4Addr::LOCALHOST, 0).into())?, ..Reflector::default() };
    let address = cx.local_address(reflector.socket)?;
    let mut set = Exchange { reflector, datagrams: Datagrams { reflector: Some(address), ..Datagrams::default() } };
    event_loop.run(&mut set)?;
    assert_eq!((set.datagrams.rounds, event_loop.counters().failed_tasks), (ROUNDS, 0));
    Ok(())
}

#[derive(TaskSet)]
struct Exchange {
    reflector: Reflector,
    datagrams: Datagrams,
}

fn run_streams() -> Result<(), Error> {
    let mut event_loop = EventLoop::<_, 1, 4>::new(5, Linux::new());
    event_loop.open()?;
    let mut cx = event_loop.cx();
    let listener = cx.listen((Ipv4Addr::LOCALHOST, 0).into())?;
    let server = cx.local_address(listener)?;
    let (near, far) = (TcpSocket::NONE, TcpSocket::NONE);
    let streams =
        Streams { pt: PtTimed::new(), listener, server, near, far, buffer: Buffer::new(), ahead: [0; 8], rounds: 0 };
    let mut set = [streams];
    event_loop.run(&mut set)?;
    assert_eq!((set[0].rounds, event_loop.counters().failed_tasks), (ROUNDS, 0));
    Ok(())
}

fn run_everything() -> Result<(), Error> {
    let port = Port::<4>::new();
    let mut event_loop = EventLoop::<_, 5, 8, 4, 4>::new(3, Linux::with_port(&port));
    event_loop.open()?;
    event_loop.track_waits(true);
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut cx = event_loop.cx();
    let (listener, source) = (cx.listen(any)?, cx.event_source()?);
    let nobody = cx.listen(any)?;
    let addresses = (cx.local_address(listener)?, cx.local_address(nobody)?);
    cx.close(nobody)?;
    let ticker = cx.timer()?;
    cx.set_handler(ticker)?;
    cx.start_repeating(ticker, Duration::from_micros(500))?;
    let client = Client {
        pt: PtTimed::new(),
        server: addresses.0,
        nobody: addresses.1,
        source,
        timer: Timer::NONE,
        socket: TcpSocket::NONE,
        buffer: Buffer::new(),
        rounds: 0,
    };
    let mut app = App { echoes: Default::default(), client, listener, ticks: 0 };
    event_loop.run(&mut app)?;
    let mut tasks = 0;
    event_loop.list_tasks(&app, |_| tasks += 1);
    assert_eq!((tasks, app.client.rounds, event_loop.last_error().is_some()), (5, ROUNDS, true));
    assert!(app.ticks > 0);
    Ok(())
}

#[test]
fn a_loop_takes_no_memory_from_the_heap_between_its_construction_and_its_drop() {
    let before = allocations();
    let result = run_everything();
    let count = allocations() - before;
    assert_eq!((result, count), (Ok(()), 0));
}

#[test]
fn datagrams_and_groups_take_no_memory_from_the_heap() {
    let before = allocations();
    let result = run_datagrams();
    let count = allocations() - before;
    assert_eq!((result, count), (Ok(()), 0));
}

#[test]
fn looking_ahead_lines_settings_and_farewells_take_no_memory_from_the_heap() {
    let before = allocations();
    let result = run_streams();
    let count = allocations() - before;
    assert_eq!((result, count), (Ok(()), 0));
}

#[test]
fn the_counting_allocator_counts() {
    let before = allocations();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(allocations() - before, 1);
}
