//! What all tests use: a sink that remembers, waits that end, pairs of connections, and processes of their own.
#![allow(dead_code, unreachable_pub)]

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use ptk_core::prelude::*;
use ptk_core::{Handle, Readiness, Rest, Sink, Until};
use ptk_linux::{Linux, Socket};

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long a test waits for what must not come. Everything happens on this machine, mostly within one system call.
pub const SILENCE: Duration = Duration::from_millis(30);

/// Remembers what it was told.
#[derive(Debug, Default)]
pub struct Recorder {
    pub sockets: Vec<(Handle, Readiness)>,
    pub alarms: usize,
    pub raises: usize,
}

impl Sink for Recorder {
    fn socket(&mut self, token: Handle, readiness: Readiness) {
        self.sockets.push((token, readiness));
    }

    fn alarm(&mut self) {
        self.alarms += 1;
    }

    fn raised(&mut self) {
        self.raises += 1;
    }
}

impl Recorder {
    /// All that was told about a socket.
    pub fn readiness(&self, token: Handle) -> Readiness {
        let of_token = self.sockets.iter().filter(|(told, _)| *told == token);
        of_token.fold(Readiness::NONE, |all, (_, readiness)| all.with(*readiness))
    }
}

/// An open platform.
pub fn open<'p>(mut platform: Linux<'p>) -> Linux<'p> {
    // A wait that never ends must not hang whoever runs the tests: the signal ends the process.
    // SAFETY: no precondition.
    unsafe { libc::alarm(120) };
    platform.open().unwrap();
    platform
}

/// A loop whose calls are made from outside, beside a task that does nothing.
pub type Loop = EventLoop<Linux<'static>, 1, 8>;

/// Keeps a loop turning.
#[derive(Default)]
struct Idle {
    pt: Pt,
}

impl<P: Platform> Protothread<P> for Idle {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        wait!(cx.sleep_until(Instant::MAX));
        Ok(())
    }
}

/// Hears what happened.
pub fn turn(event_loop: &mut Loop) {
    assert_eq!(event_loop.turn_now(&mut [Idle::default()]), Ok(true));
}

/// An open one.
pub fn event_loop() -> Loop {
    let mut event_loop = Loop::new(0, Linux::new());
    // SAFETY: as in `open`.
    unsafe { libc::alarm(120) };
    event_loop.open().unwrap();
    event_loop
}

/// What `call` gives once it does not block. It is made again after each turn of the loop, and asks the
/// kernel only if something became ready.
pub fn until<T>(
    event_loop: &mut Loop,
    mut call: impl FnMut(&mut Cx<'_, Linux<'static>>) -> Result<T, Error>,
) -> Result<T, Error> {
    let limit = std::time::Instant::now() + PATIENCE.into();
    loop {
        match call(&mut event_loop.cx()) {
            Err(Error::WouldBlock) => turn(event_loop),
            done => return done,
        }
        assert!(std::time::Instant::now() < limit, "waited in vain");
    }
}

/// The handle of a socket.
pub fn token(index: u64) -> Handle {
    Handle::from_raw(1 << 60 | index << 32 | 1).unwrap()
}

/// Waits until `done`, and says what came on the way.
pub fn wait_until(platform: &mut Linux<'_>, mut done: impl FnMut(&Recorder) -> bool) -> Recorder {
    let mut recorder = Recorder::default();
    let limit = platform.now() + PATIENCE;
    while !done(&recorder) {
        platform.wait(Until::Deadline(limit), &mut recorder).unwrap();
        assert!(platform.now() < limit, "waited in vain; what came: {recorder:?}");
    }
    recorder
}

/// Waits until all of `readiness` was told about `token`.
pub fn wait_for(platform: &mut Linux<'_>, token: Handle, readiness: Readiness) -> Recorder {
    wait_until(platform, |recorder| recorder.readiness(token).has(readiness))
}

/// All that comes in a while, and after how many waits.
pub fn listen_for(platform: &mut Linux<'_>, time: Duration) -> (Recorder, usize) {
    let mut recorder = Recorder::default();
    let limit = platform.now() + time;
    let mut waits = 0;
    while platform.now() < limit {
        platform.wait(Until::Deadline(limit), &mut recorder).unwrap();
        waits += 1;
    }
    (recorder, waits)
}

/// What is there already.
pub fn take_events(platform: &mut Linux<'_>) -> Recorder {
    let mut recorder = Recorder::default();
    platform.wait(Until::Now, &mut recorder).unwrap();
    recorder
}

pub const V4: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
pub const V6: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::LOCALHOST), 0);

/// A connection of the platform, up, under `token`; and the peer's end of it.
pub fn connection(platform: &mut Linux<'_>, token: Handle) -> (Socket, TcpStream) {
    connection_with(platform, token, &Options::DEFAULT)
}

/// The same with options.
pub fn connection_with(platform: &mut Linux<'_>, token: Handle, options: &Options) -> (Socket, TcpStream) {
    let listener = TcpListener::bind(V4).unwrap();
    let socket = connect(platform, listener.local_addr().unwrap(), token, options);
    let (peer, _) = listener.accept().unwrap();
    (socket, peer)
}

/// A connection of the platform to `peer`, up, under `token`.
pub fn connect(platform: &mut Linux<'_>, peer: SocketAddr, token: Handle, options: &Options) -> Socket {
    let mut socket = platform.open_stream(peer, options, token).unwrap();
    wait_for(platform, token, Readiness::WRITE);
    platform.finish_connect(&mut socket).unwrap();
    socket
}

/// Waits for a connection in the listener's backlog and takes it.
pub fn accept(platform: &mut Linux<'_>, listener: &mut Socket, token: Handle) -> Socket {
    let limit = platform.now() + PATIENCE;
    loop {
        match platform.accept(listener, &Options::DEFAULT, token) {
            Err(Error::WouldBlock) => {
                assert!(platform.now() < limit, "no connection came");
                platform.wait(Until::Deadline(limit), &mut Recorder::default()).unwrap();
            }
            accepted => return accepted.unwrap(),
        }
    }
}

/// One receive.
pub fn receive(platform: &mut Linux<'_>, socket: &mut Socket) -> Result<(Vec<u8>, Rest), Error> {
    let mut buffer = [0; 100];
    platform.receive(socket, &mut buffer).map(|got| (buffer[..got.count].to_vec(), got.rest))
}

/// Lets the kernel reset the connection when the stream is dropped.
pub fn reset(stream: TcpStream) {
    use rustix::net::sockopt::set_socket_linger;
    set_socket_linger(borrow(&stream), Some(core::time::Duration::ZERO)).unwrap();
}

/// A descriptor of the standard library for rustix, whose types are others when it is built without it.
pub fn borrow(fd: &impl std::os::fd::AsRawFd) -> rustix::fd::BorrowedFd<'_> {
    // SAFETY: open as long as `fd` is borrowed.
    unsafe { rustix::fd::BorrowedFd::borrow_raw(fd.as_raw_fd()) }
}

/// Runs the test `name` in a process of its own, where limits, signals and descriptors are nobody else's.
pub fn in_process_of_its_own(name: &str, test: impl FnOnce()) {
    const MARK: &str = "PTK_LINUX_TEST_PROCESS";
    if std::env::var_os(MARK).is_some() {
        return test();
    }
    let status = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(MARK, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{name} failed in its own process: {status}");
}

/// Gives this process a network of its own, in which nothing is up.
pub fn network_of_its_own() {
    // SAFETY: no pointers.
    let unshared = unsafe {
        libc::unshare(libc::CLONE_NEWNET) == 0 || libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET) == 0
    };
    assert!(unshared, "this test needs a network namespace: run it as root or where users may have namespaces");
}

/// Changes the network of this process with `ip(8)`.
pub fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status();
    assert!(status.expect("this test needs ip(8)").success(), "ip {arguments}");
}

/// The open descriptors of this process, found without opening one.
pub fn descriptors() -> Vec<i32> {
    // SAFETY: no pointers.
    (0..256).filter(|&fd| unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0).collect()
}

/// Opens files until the process, limited to few descriptors, has none left.
pub fn fill_descriptors() -> Vec<std::fs::File> {
    let limit = libc::rlimit { rlim_cur: 64, rlim_max: 4096 };
    // SAFETY: a valid structure.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
    std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect()
}

/// The only eventfd of this process.
pub fn eventfd() -> i32 {
    let is_eventfd =
        |fd: &i32| std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap().ends_with("anon_inode:[eventfd]");
    let found: Vec<i32> = descriptors().into_iter().filter(is_eventfd).collect();
    assert_eq!(found.len(), 1, "one port is open");
    found[0]
}

/// How much was written to an eventfd that nobody reads.
pub fn eventfd_count(fd: i32) -> u64 {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap();
    let count = info.lines().find_map(|line| line.strip_prefix("eventfd-count:")).unwrap();
    u64::from_str_radix(count.trim(), 16).unwrap()
}
