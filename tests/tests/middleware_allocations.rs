//! Middleware takes no memory from the heap, and its observer need not either.

mod counting_allocator;

use std::fmt::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};

use counting_allocator::allocations;
use ptk_core::middleware::{Call, Counted, Observer, Operation, RecordBuffer, Recorded, RecordedCalls, Traced};
use ptk_core::prelude::*;
use ptk_linux::Linux;

/// Writes each call into a line of fixed size, as a logger without a heap does.
#[derive(Clone)]
struct Line {
    text: [u8; 256],
    length: usize,
    calls: u64,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.text.get_mut(self.length..self.length + text.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }
}

impl Observer for Line {
    fn call(&mut self, call: &Call<'_>) {
        self.length = 0;
        self.calls += 1;
        write!(self, "{call}").expect("a line is long enough");
    }
}

/// Where a table goes that nobody reads.
struct Sink;

impl Write for Sink {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        Ok(())
    }
}

/// Connects to a listener of its own, and sends to itself.
#[derive(Default)]
struct Scene {
    pt: Pt,
    listener: TcpListener,
    near: TcpSocket,
    far: TcpSocket,
    buffer: Buffer<64>,
}

impl<P: Platform> Protothread<P> for Scene {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.listener = cx.listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        self.near = cx.tcp_socket(&Options::DEFAULT)?;
        let address = cx.local_address(self.listener)?;
        let _ = cx.connect_on(self.near, address);
        self.far = wait!(cx.accept(self.listener))?;
        wait!(cx.connect_on(self.near, SocketAddr::from((Ipv4Addr::LOCALHOST, 1))))?;
        self.buffer.put_slice(&[0xFF; 64])?;
        wait!(cx.send_all(self.near, &mut self.buffer))?;
        self.buffer.clear();
        wait!(cx.recv_exact(self.far, &mut self.buffer, 64))?;
        Ok(())
    }
}

#[test]
fn a_loop_with_middleware_takes_no_memory_from_the_heap() {
    let before = allocations();
    let line = Line { text: [0; 256], length: 0, calls: 0 };
    let recorded = Recorded::new(Linux::new(), RecordBuffer::<8192>::new());
    let mut event_loop = EventLoop::<_, 1, 3>::new(0, Traced::new(Counted::new(recorded), line));
    let opened = event_loop.open();
    let ran = event_loop.run(&mut [Scene::default()]);
    let failed = event_loop.counters().failed_tasks;
    let platform = event_loop.platform();
    let bytes = platform.inner().counts().of(Operation::Receive).bytes;
    let printed = write!(Sink, "{}", platform.inner().counts());
    let calls = platform.observer().calls;
    let recorded = platform.inner().inner();
    let lost = recorded.lost();
    let sound = RecordedCalls::new(recorded.recorder().as_bytes()).map(|calls| calls.filter(Result::is_ok).count());
    drop(event_loop);
    let count = allocations() - before;
    assert_eq!((opened, ran, failed, bytes, printed), (Ok(()), Ok(()), 0, 64, Ok(())));
    assert!(calls > 10);
    assert_eq!((sound, lost), (Ok(calls as usize), 0), "each call is traced and recorded");
    assert_eq!(count, 0, "allocations");
}
