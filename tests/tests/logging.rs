//! What the core writes to the log. Needs the feature `log`.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use log::{Level, LevelFilter, Log, Metadata, Record};
use ptk_core::middleware::Traced;
use ptk_core::prelude::*;
use ptk_mock::Mock;

const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);
const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7);

thread_local! {
    /// What this thread's test has written.
    static LINES: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

struct Collector;

impl Log for Collector {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        LINES.with_borrow_mut(|lines| lines.push((record.level(), record.args().to_string())));
    }

    fn flush(&self) {}
}

/// Collects what `body` writes on this thread.
fn lines_of(body: impl FnOnce()) -> Vec<(Level, String)> {
    // Fails from the second test on: then it is set.
    let _ = log::set_logger(&Collector);
    log::set_max_level(LevelFilter::Trace);
    LINES.take();
    body();
    LINES.take()
}

/// The only line that has `text` in it, at this level.
#[track_caller]
fn line<'a>(lines: &'a [(Level, String)], level: Level, text: &str) -> &'a str {
    let found: Vec<_> = lines.iter().filter(|(_, line)| line.contains(text)).collect();
    let [(found_level, line)] = found[..] else { panic!("{} lines with {text:?} in {lines:#?}", found.len()) };
    assert_eq!(*found_level, level, "{line}");
    line
}

fn run<P: Platform, S: TaskSet<P>, const TASKS: usize, const SOCKETS: usize, const TIMERS: usize>(
    mut event_loop: EventLoop<P, TASKS, SOCKETS, TIMERS>,
    set: &mut S,
) {
    event_loop.open().unwrap();
    // A deadlock ends the mock's worlds in which somebody waits for ever.
    match event_loop.run(set) {
        Ok(()) | Err(Error::Deadlock) => {}
        Err(error) => panic!("{error}"),
    }
}

/// Pauses, and is refused.
#[derive(Default)]
struct Caller {
    pt: PtTimed,
    waited_at: u32,
}

impl<P: Platform> Protothread<P> for Caller {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        wait!(sleep!(Duration::from_millis(1)));
        self.waited_at = line!() + 1;
        wait!(cx.connect(NOBODY))?;
        Ok(())
    }
}

#[derive(Default, TaskSet)]
struct Callers {
    callers: [Caller; 2],
}

#[test]
fn a_task_that_failed_is_logged_with_its_error_and_the_line_of_its_wait() {
    let mut set = Callers::default();
    let lines = lines_of(|| run(EventLoop::<Mock, 2, 2>::new(0, Mock::new()), &mut set));
    for (index, caller) in set.callers.iter().enumerate() {
        let text = line(&lines, Level::Warn, &format!("task {index}, "));
        let place = format!("connection refused; it was resumed at {}:{}", file!(), caller.waited_at);
        assert!(text.contains(&format!("callers[{index}]")) && text.ends_with(&place), "{text}: {place}");
    }
}

#[test]
fn a_socket_is_logged_from_its_opening_to_its_end() {
    let lines = lines_of(|| run(EventLoop::<Mock, 1, 1>::new(3, Mock::new()), &mut [Caller::default()]));
    let steps = [
        (Level::Debug, "TcpSocket 3.0#0 opened"),
        (Level::Debug, "TcpSocket 3.0#0 connects to 127.0.0.1:9"),
        (Level::Info, "TcpSocket 3.0#0 failed to connect: connection refused"),
        (Level::Debug, "TcpSocket 3.0#0 closed"),
    ];
    let order = steps.map(|(level, text)| {
        let text = line(&lines, level, text);
        lines.iter().position(|(_, line)| line == text)
    });
    assert!(order.is_sorted(), "{lines:#?}");
}

/// Listens, asks for more than there is, and waits for more than it can.
#[derive(Default)]
struct Greedy {
    pt: Pt,
    refused: u32,
}

impl<P: Platform> Protothread<P> for Greedy {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        cx.listen(SERVER)?;
        self.refused += u32::from(cx.timer().is_err());
        for port in 1..=ptk_core::WAIT_NODES as u16 + 1 {
            let listener = cx.listen(SocketAddr::new(SERVER.ip(), 100 + port))?;
            if let Poll::Ready(Err(error)) = cx.accept(listener) {
                return Err(error);
            }
        }
        Ok(())
    }
}

#[test]
fn what_is_used_up_is_logged() {
    let lines = lines_of(|| run(EventLoop::<Mock, 1, 16>::new(0, Mock::new()), &mut [Greedy::default()]));
    line(&lines, Level::Info, "TcpListener 0.0#0 listens at 127.0.0.1:7");
    line(&lines, Level::Warn, "timer table full (0 of 0): raise TIMERS");
    line(&lines, Level::Warn, &format!("task 0 waits for more than {} things at once", ptk_core::WAIT_NODES));
}

#[test]
fn a_loop_that_cannot_wait_is_an_error() {
    let waits_for_ever = &mut [Waits::default()];
    let lines = lines_of(|| run(EventLoop::<Mock, 1, 1>::new(5, Mock::new()), waits_for_ever));
    line(&lines, Level::Error, "loop 5 cannot wait: every task waits for something that cannot happen");
}

/// Waits for somebody to come.
#[derive(Default)]
struct Waits {
    pt: Pt,
    listener: TcpListener,
}

impl<P: Platform> Protothread<P> for Waits {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.listener = cx.listen(SERVER)?;
        wait!(cx.accept(self.listener))?;
        Ok(())
    }
}

#[test]
fn the_calls_of_a_platform_are_logged_by_middleware() {
    let platform = Traced::new(Mock::new(), ptk_core::middleware::Log);
    let lines = lines_of(|| run(EventLoop::<_, 1, 1>::new(0, platform), &mut [Caller::default()]));
    line(&lines, Level::Trace, "open_stream TcpSocket 0.0#0 127.0.0.1:9");
    line(&lines, Level::Debug, "finish_connect TcpSocket 0.0#0 -> connection refused");
}
