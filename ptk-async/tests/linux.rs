//! On Linux: wakes from threads, and loops inside tokio.

use std::cell::{Cell, RefCell};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream};
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::task::{Context, Poll, Waker, ready};

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::channel::Channel;
use embedded_io_async::{Read as _, Write as _};
use ptk_async::{AsyncTask, Bridge, LinuxSleeper, Sleeper, TaskWaker, drive, run_operation, run_to_end};
use ptk_core::prelude::*;
use ptk_linux::{Linux, Port};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

type Loop<'p> = EventLoop<Linux<'p>, 2, 8, 0, 4>;

fn new_loop(platform: Linux<'_>) -> Loop<'_> {
    let mut event_loop = Loop::new(1, platform);
    event_loop.open().unwrap();
    event_loop
}

#[test]
fn wakes_from_threads_resume_a_task_and_none_is_lost() {
    static PORT: Port<4> = Port::new();
    static WAKER: TaskWaker = TaskWaker::new(|source, value| PORT.raise(source, value));
    static CHANNEL: Channel<CriticalSectionRawMutex, u32, 2> = Channel::new();
    const EACH: u32 = 2000;
    let (mut event_loop, bridge) = (new_loop(Linux::with_port(&PORT)), Bridge::new());
    let sum = Cell::new(0);
    let receiver = pin!(async {
        for _ in 0..2 * EACH {
            sum.set(sum.get() + CHANNEL.receive().await);
        }
    });
    let mut tasks = [AsyncTask::with_waker(&bridge, &WAKER, receiver)];
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..EACH {
                    while CHANNEL.try_send(1).is_err() {
                        std::thread::yield_now();
                    }
                }
            });
        }
        event_loop.run(&mut tasks).unwrap();
    });
    assert_eq!((sum.get(), event_loop.counters().failed_tasks), (2 * EACH, 0));
}

#[test]
fn a_waker_outlives_its_loop() {
    static PORT: Port<4> = Port::new();
    static WAKER: TaskWaker = TaskWaker::new(|source, value| PORT.raise(source, value));
    let kept = RefCell::new(None::<Waker>);
    {
        let (mut event_loop, bridge) = (new_loop(Linux::with_port(&PORT)), Bridge::<Linux<'_>>::new());
        let future = pin!(core::future::poll_fn(|context: &mut Context<'_>| {
            kept.replace(Some(context.waker().clone()));
            Poll::<()>::Pending
        }));
        let mut tasks = [AsyncTask::with_waker(&bridge, &WAKER, future)];
        event_loop.turn_now(&mut tasks).unwrap();
        drop(event_loop);
        kept.borrow().as_ref().unwrap().wake_by_ref();
    }
    let waker = kept.take().unwrap();
    std::thread::spawn(move || waker.wake()).join().unwrap();
}

/// What a loop's sleeps are in tokio: it remembers that the descriptor was readable until it is told otherwise.
fn tokio_sleeper(linux: &Linux<'_>) -> LinuxSleeper<impl AsyncFnMut() -> Result<(), Error> + use<>> {
    let copy: OwnedFd = linux.as_fd().unwrap().try_clone_to_owned().unwrap();
    // SAFETY: an `OwnedFd` is one descriptor for all its life, and open until it is dropped.
    let watched = unsafe { AsyncFd::register_with_interest(copy, Interest::READABLE) }.unwrap();
    LinuxSleeper::new(async move || {
        loop {
            let mut guard = watched.readable().await.map_err(|_| Error::Network)?;
            let mut fds = [PollFd::new(watched.get_ref(), PollFlags::IN)];
            match poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
                Ok(0) => guard.clear_ready(),
                _ => return Ok(()),
            }
        }
    })
}

fn in_tokio<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(std::time::Duration::from_secs(30), future).await.unwrap() })
}

/// Echoes `rounds` messages, then ends.
#[derive(Default)]
struct Asker {
    pt: PtTimed,
    server: Option<SocketAddr>,
    socket: TcpSocket,
    buffer: Buffer<64>,
    rounds: u32,
}

impl<P: Platform> Protothread<P> for Asker {
    type Output = Result<u32, Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<u32, Error> {
        self.socket = wait!(cx.connect(self.server.ok_or(Error::InvalidArgument)?))?;
        while self.rounds < 100 {
            self.rounds += 1;
            self.buffer.put_slice(b"hello")?;
            wait!(cx.send_all(self.socket, &mut self.buffer))?;
            wait!(cx.recv_exact(self.socket, &mut self.buffer, 5), timeout = Duration::from_secs(10))??;
            self.buffer.clear();
            if self.rounds == 50 {
                wait!(sleep!(Duration::from_millis(2)));
            }
        }
        Ok(self.rounds)
    }
}

/// A server in tokio that echoes one connection.
async fn tokio_echo(listener: tokio::net::TcpListener) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut buffer = [0; 64];
    loop {
        stream.readable().await.unwrap();
        match stream.try_read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => assert_eq!(stream.try_write(&buffer[..count]).unwrap(), count),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_protothread_is_awaited_in_tokio() {
    let mut event_loop = new_loop(Linux::new());
    in_tokio(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut asker = Asker { server: Some(listener.local_addr().unwrap()), ..Asker::default() };
        let mut sleeper = tokio_sleeper(event_loop.platform());
        let ask = run_to_end(&mut event_loop, &mut asker, &mut sleeper);
        let (rounds, ()) = tokio::join!(ask, tokio_echo(listener));
        assert_eq!(rounds, Ok(Ok(100)));
    });
    assert_eq!(event_loop.tables().sockets.used, 0);
}

#[test]
fn operations_are_awaited_in_tokio_one_after_the_other() {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap();
    let peer = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.write_all(b"welcome").unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
    });
    let mut event_loop = new_loop(Linux::new());
    in_tokio(async {
        let mut sleeper = tokio_sleeper(event_loop.platform());
        let connect = |cx: &mut Cx<'_, Linux<'_>>| {
            let socket = ready!(cx.connect(server))?;
            cx.detach(socket)?;
            Poll::Ready(Ok::<_, Error>(socket))
        };
        let socket = run_operation(&mut event_loop, connect, &mut sleeper).await.unwrap().unwrap();
        let mut buffer = Buffer::<16>::new();
        let receive = |cx: &mut Cx<'_, Linux<'_>>| cx.recv_exact(socket, &mut buffer, 7);
        assert_eq!(run_operation(&mut event_loop, receive, &mut sleeper).await, Ok(Ok(())));
        assert_eq!(buffer.readable(), b"welcome");
        event_loop.cx().close(socket).unwrap();
    });
    peer.join().unwrap();
}

#[test]
fn a_protothread_that_tokio_gives_up_is_cancelled_and_the_loop_goes_on() {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let mut event_loop = new_loop(Linux::new());
    in_tokio(async {
        let mut asker = Asker { server: Some(listener.local_addr().unwrap()), ..Asker::default() };
        let mut sleeper = tokio_sleeper(event_loop.platform());
        let ask = run_to_end(&mut event_loop, &mut asker, &mut sleeper);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(20), ask).await.is_err());
        assert_eq!(event_loop.tables().sockets.used, 0, "closed");
        let mut turns = 0;
        let count = |_: &mut Cx<'_, Linux<'_>>| {
            turns += 1;
            Poll::Ready(turns)
        };
        assert_eq!(run_operation(&mut event_loop, count, &mut sleeper).await, Ok(1));
    });
}

#[test]
fn a_loop_with_a_running_task_awaits_no_other() {
    let mut event_loop = new_loop(Linux::new());
    event_loop.cx().start(1).unwrap();
    in_tokio(async {
        let mut sleeper = tokio_sleeper(event_loop.platform());
        let result = run_operation(&mut event_loop, |_: &mut Cx<'_, Linux<'_>>| Poll::Ready(()), &mut sleeper).await;
        assert_eq!(result, Err(Error::Busy));
    });
}

#[test]
fn futures_of_a_loop_run_in_tokio_and_raises_wake_it() {
    static PORT: Port<4> = Port::new();
    static WAKER: TaskWaker = TaskWaker::new(|source, value| PORT.raise(source, value));
    static CHANNEL: Channel<CriticalSectionRawMutex, u32, 2> = Channel::new();
    let (mut event_loop, bridge) = (new_loop(Linux::with_port(&PORT)), Bridge::new());
    let received = Cell::new(0);
    let future = pin!(async {
        bridge.sleep(Duration::from_millis(5)).await.unwrap();
        received.set(CHANNEL.receive().await);
    });
    let mut tasks = [AsyncTask::with_waker(&bridge, &WAKER, future)];
    in_tokio(async {
        let mut sleeper = tokio_sleeper(event_loop.platform());
        let send = async {
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
            std::thread::spawn(|| CHANNEL.try_send(7).unwrap()).join().unwrap();
        };
        let (driven, ()) = tokio::join!(drive(&mut event_loop, &mut tasks, &mut sleeper), send);
        driven.unwrap();
    });
    assert_eq!((received.get(), event_loop.counters().failed_tasks), (7, 0));
    assert!(event_loop.counters().turns < 30, "it sleeps: {:?}", event_loop.counters());
}

/// Does not sleep at all.
struct Awake;

impl Sleeper<Linux<'_>> for Awake {
    async fn sleep(&mut self, _: &mut Linux<'_>, _: Option<Instant>) -> Result<(), Error> {
        tokio::task::yield_now().await;
        Ok(())
    }
}

#[test]
fn a_loop_that_is_driven_can_be_moved_to_another_thread() {
    fn send<T: Send>(future: T) -> T {
        future
    }
    let mut event_loop = new_loop(Linux::new());
    let mut rounds = 0;
    let count = |_: &mut Cx<'_, Linux<'_>>| {
        rounds += 1;
        Poll::Ready(rounds)
    };
    let result = in_tokio(send(run_operation(&mut event_loop, count, &mut Awake)));
    assert_eq!(result, Ok(1));
}

#[test]
fn a_connection_reads_and_writes_on_linux() {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap();
    let peer = std::thread::spawn(move || {
        let mut stream: TcpStream = listener.accept().unwrap().0;
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        all.len()
    });
    let (mut event_loop, bridge) = (new_loop(Linux::new()), Bridge::<Linux<'_>>::new());
    let future = pin!(async {
        let mut connection = bridge.connect(server).await?;
        assert_eq!(bridge.timeout(Duration::from_millis(1), connection.read(&mut [0])).await, Err(Error::TimedOut));
        let chunk = vec![1; 1 << 16];
        for _ in 0..32 {
            connection.write_all(&chunk).await?;
        }
        connection.drain().await
    });
    let mut tasks = [AsyncTask::new(&bridge, future)];
    event_loop.run(&mut tasks).unwrap();
    assert_eq!((event_loop.counters().failed_tasks, peer.join().unwrap()), (0, 32 << 16));
}
