//! Linux as a backend: real sockets over loopback, real threads, limits and signals.

use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ptk_core::{Cx, Duration, Error, EventLoop, EventSource};
use ptk_linux::{Linux, Port};

use crate::backend::{Backend, Exception, Network, Raise, UrgentPeer};
use crate::stage::{EVENTS, Loop, Stage};

/// Marks a process that runs one test.
const OWN_PROCESS: &str = "PTK_CONFORMANCE_PROCESS";

/// Marks a process whose networks are its own.
const OWN_NETWORKS: &str = "PTK_CONFORMANCE_NETWORKS";

/// Makes two networks, each with this machine at one end of it and nobody at the other, and goes on with a program. A
/// loopback interface would not do: what is sent there comes back, whatever a socket asks for. Nothing is sent
/// elsewhere: there is no other way out.
const NETWORKS: &str = r#"
ip link set lo up
for number in 0 1; do
  ip link add near$number index 1$number type veth peer name far$number
  ip link set near$number up
  ip link set far$number up
  ip addr add 10.7.$number.1/24 brd + dev near$number
  ip -6 addr add fd07::$number:1/112 dev near$number nodad
done
ip route add 224.0.0.0/4 dev near0
exec "$0" "$@"
"#;

/// How many descriptors a process has that is about to run out of them.
const FEW: u64 = 256;

/// A world on Linux.
#[derive(Debug)]
pub struct LinuxBackend {
    port: &'static Port<EVENTS>,
    /// Descriptors that nobody else shall have.
    hoard: Vec<File>,
}

impl LinuxBackend {
    /// The port of the loop, which lives for ever.
    pub const fn port(&self) -> &'static Port<EVENTS> {
        self.port
    }

    /// Leaves the process `count` descriptors that it can still open, for as long as the backend lives.
    pub fn leave_descriptors(&mut self, count: usize) {
        let limit = libc::rlimit { rlim_cur: FEW, rlim_max: FEW };
        // SAFETY: a valid structure.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
        self.hoard.extend(std::iter::from_fn(|| File::open("/dev/null").ok()));
        self.hoard.truncate(self.hoard.len() - count);
    }
}

/// Runs `elsewhere` in a thread of its own, where it raises through `port`, while `here` runs in this one.
pub fn in_two_threads(port: &'static Port<EVENTS>, elsewhere: impl FnOnce(&dyn Raise) + Send, here: impl FnOnce()) {
    std::thread::scope(|scope| {
        scope.spawn(move || elsewhere(&port));
        here();
    });
}

impl Raise for &'static Port<EVENTS> {
    fn raise(&self, source: EventSource, value: u32) -> Result<(), Error> {
        Port::raise(self, source, value)
    }
}

impl Backend for LinuxBackend {
    type Platform = Linux<'static>;

    const NAME: &'static str = "linux";

    const EXCEPTIONS: &'static [Exception] = &[];

    // The kernel compares the group, and not the interface (net/ipv6/mcast.c, inet6_mc_check).
    const SEPARATES_IPV6_NETWORKS: bool = false;

    fn new() -> Self {
        // Threads may raise as long as they live, so the port of a test lives for ever.
        LinuxBackend { port: Box::leak(Box::default()), hoard: Vec::new() }
    }

    fn platform(&mut self) -> Linux<'static> {
        Linux::with_port(self.port)
    }

    fn open_scarce<const SOCKETS: usize>(&mut self, sockets: usize) -> Box<Loop<Self, SOCKETS>> {
        let mut event_loop = Box::new(EventLoop::new(1, self.platform()));
        event_loop.open().expect("the platform opens");
        self.leave_descriptors(sockets);
        event_loop
    }

    fn alongside<const SOCKETS: usize>(
        stage: &mut Stage<Self, SOCKETS>,
        elsewhere: impl FnOnce(&dyn Raise) + Send,
        here: impl FnOnce(&mut Stage<Self, SOCKETS>),
    ) {
        in_two_threads(stage.backend.port, elsewhere, || here(stage));
    }

    fn stall(_: &mut Cx<'_, Linux<'static>>, time: Duration) {
        std::thread::sleep(time.into());
    }

    fn isolated(test: &str, body: impl FnOnce()) {
        if std::env::var_os(OWN_PROCESS).is_some() {
            return body();
        }
        run_again(Command::new(this_program()), test);
    }

    fn networked(test: &str, body: impl FnOnce(&[Network])) {
        if std::env::var_os(OWN_NETWORKS).is_some() {
            return body(&[0, 1].map(|number| Network {
                v4: Ipv4Addr::new(10, 7, number, 1),
                v6: Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, number.into(), 1),
                broadcast: Ipv4Addr::new(10, 7, number, 255),
                index: 10 + u32::from(number),
            }));
        }
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net", "sh", "-ec", NETWORKS]).arg(this_program());
        command.env(OWN_NETWORKS, "1");
        run_again(command, test);
    }

    fn flood(address: SocketAddr) -> bool {
        let mut stream = TcpStream::connect(address).expect("somebody listens");
        std::thread::spawn(move || while stream.write_all(&[0; 4096]).is_ok() {});
        true
    }

    fn urgent_peer(_: &mut Linux<'static>, address: SocketAddr) -> Box<dyn UrgentPeer<Linux<'static>>> {
        Box::new(TcpStream::connect(address).expect("somebody listens"))
    }

    fn storm<const SOCKETS: usize>(
        stage: &mut Stage<Self, SOCKETS>,
        body: impl FnOnce(&mut Stage<Self, SOCKETS>),
    ) -> usize {
        signals_during(|| body(stage))
    }

    fn broken_pipes() -> usize {
        static BROKEN: AtomicUsize = AtomicUsize::new(0);
        static ONCE: Once = Once::new();
        extern "C" fn broken(_: libc::c_int) {
            BROKEN.fetch_add(1, Ordering::Relaxed);
        }
        // The standard library ignores the signal, which would hide it.
        ONCE.call_once(|| on_signal(libc::SIGPIPE, broken));
        BROKEN.load(Ordering::Relaxed)
    }
}

/// Sends this thread signals without a pause while `body` runs; how many came.
pub fn signals_during(body: impl FnOnce()) -> usize {
    static HITS: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn hit(_: libc::c_int) {
        HITS.fetch_add(1, Ordering::Relaxed);
    }
    /// Ends the storm, also when the body panics.
    struct Calm<'a>(&'a AtomicBool);
    impl Drop for Calm<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    on_signal(libc::SIGUSR2, hit);
    let before = HITS.load(Ordering::Relaxed);
    let calm = AtomicBool::new(false);
    // SAFETY: no precondition.
    let target = unsafe { libc::pthread_self() } as usize;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !calm.load(Ordering::Relaxed) {
                // SAFETY: the scope's thread outlives this one.
                unsafe { libc::pthread_kill(target as libc::pthread_t, libc::SIGUSR2) };
                std::thread::sleep(std::time::Duration::from_micros(50));
            }
        });
        let _calm = Calm(&calm);
        body();
    });
    HITS.load(Ordering::Relaxed) - before
}

fn this_program() -> PathBuf {
    std::env::current_exe().expect("the program knows itself")
}

/// Runs one test in another process, that of `command`.
fn run_again(mut command: Command, test: &str) {
    let output = command
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(OWN_PROCESS, "1")
        .output()
        .expect("the program runs again");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{test} failed in its own process:\n{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(text.contains("1 passed"), "{test} is not the name of a test:\n{text}");
}

/// Installs a handler that does not restart what it interrupts.
fn on_signal(signal: libc::c_int, handler: extern "C" fn(libc::c_int)) {
    // SAFETY: all zero bits are an action without flags and with an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as libc::sighandler_t;
    // SAFETY: the handlers here only count, which is safe at any time.
    assert_eq!(unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) }, 0);
}

impl<P> UrgentPeer<P> for TcpStream {
    fn send(&mut self, _: &mut P, data: &[u8]) {
        self.write_all(data).expect("the connection is up");
    }

    fn send_urgent(&mut self, _: &mut P, byte: u8) {
        let fd = self.as_raw_fd();
        // SAFETY: one byte that lives through the call, and a descriptor that is open.
        let sent = unsafe { libc::send(fd, (&raw const byte).cast(), 1, libc::MSG_OOB | libc::MSG_NOSIGNAL) };
        assert_eq!(sent, 1, "urgent data are sent");
    }
}
