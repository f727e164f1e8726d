//! No heap: a counting allocator sees a loop on Linux from its construction to its drop.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};

use ptk_core::Handle;
use ptk_core::prelude::*;
use ptk_linux::{Linux, Port};

thread_local! {
    /// How often this thread took memory from the heap.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting touches a `Cell` that needs no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller keeps the contract of this very method.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

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
    let before = COUNT.get();
    let result = run_everything();
    let count = COUNT.get() - before;
    assert_eq!((result, count), (Ok(()), 0));
}

#[test]
fn the_counting_allocator_counts() {
    let before = COUNT.get();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(COUNT.get() - before, 1);
}
