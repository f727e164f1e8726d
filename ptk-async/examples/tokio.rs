//! A PTK loop inside a tokio program: a protothread and an async block of PTK talk to a server of tokio, all in one thread.
//!
//! `cargo run -p ptk-async --example tokio`

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::pin::pin;

use embedded_io_async::{Read as _, Write as _};
use ptk_async::{AsyncTask, Bridge, LinuxSleeper, drive};
use ptk_core::prelude::*;
use ptk_linux::Linux;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpListener;

/// Watches the descriptor of a loop with tokio.
struct Watch(AsyncFd<OwnedFd>);

impl Watch {
    fn new(linux: &Linux<'_>) -> Result<Self, Box<dyn StdError>> {
        let copy = linux.as_fd()?.try_clone_to_owned()?;
        // SAFETY: an `OwnedFd` is one descriptor for all its life, and open until it is dropped.
        let watched = unsafe { AsyncFd::register_with_interest(copy, Interest::READABLE) };
        Ok(Watch(watched.map_err(|failed| failed.into_parts().1)?))
    }

    /// Tokio remembers that the descriptor was readable until it is told otherwise.
    async fn readable(&self) -> Result<(), Error> {
        loop {
            let mut guard = self.0.readable().await.map_err(|_| Error::Network)?;
            let mut fds = [PollFd::new(self.0.get_ref(), PollFlags::IN)];
            match poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
                Ok(0) => guard.clear_ready(),
                _ => return Ok(()),
            }
        }
    }
}

/// Sends a line and prints what comes back.
struct Asker {
    pt: PtTimed,
    server: SocketAddr,
    socket: TcpSocket,
    buffer: Buffer<64>,
}

impl<P: Platform> Protothread<P> for Asker {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        wait!(sleep!(Duration::from_millis(20)));
        self.socket = wait!(cx.connect(self.server), timeout = Duration::from_secs(3))??;
        self.buffer.put_slice(b"from a protothread\n")?;
        wait!(cx.send_all(self.socket, &mut self.buffer))?;
        let line = wait!(cx.recv_until(self.socket, &mut self.buffer, b"\n"))?;
        print!("{}", String::from_utf8_lossy(self.buffer.readable().get(..line).unwrap_or_default()));
        Ok(())
    }
}

/// The same as an async block of PTK.
async fn ask<P: Platform>(bridge: &Bridge<P>, server: SocketAddr) -> Result<(), Error> {
    let mut connection = bridge.timeout(Duration::from_secs(3), bridge.connect(server)).await??;
    connection.write_all(b"from an async block\n").await?;
    let mut line = [0; 20];
    connection.read_exact(&mut line).await.map_err(|_| Error::UnexpectedEnd)?;
    print!("{}", String::from_utf8_lossy(&line));
    Ok(())
}

/// Echoes two connections with tokio.
async fn serve(listener: TcpListener) -> std::io::Result<()> {
    for _ in 0..2 {
        let (stream, _) = listener.accept().await?;
        let mut buffer = [0; 64];
        loop {
            stream.readable().await?;
            match stream.try_read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => drop(stream.try_write(&buffer[..count])?),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

#[derive(TaskSet)]
#[task(platform = Linux<'static>)]
struct App<'a> {
    asker: Asker,
    future: AsyncTask<'a, Linux<'static>, dyn Future<Output = Result<(), Error>> + 'a>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn StdError>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let server = listener.local_addr()?;

    let mut event_loop = EventLoop::<Linux<'static>, 2, 2>::new(0, Linux::new());
    event_loop.open()?;
    let bridge = Bridge::new();
    let future = pin!(ask(&bridge, server));
    let asker = Asker { pt: PtTimed::new(), server, socket: TcpSocket::NONE, buffer: Buffer::new() };
    let mut app = App { asker, future: AsyncTask::new(&bridge, future) };

    let watch = Watch::new(event_loop.platform())?;
    let mut sleeper = LinuxSleeper::new(async || watch.readable().await);
    let (driven, served) = tokio::join!(drive(&mut event_loop, &mut app, &mut sleeper), serve(listener));
    driven?;
    served?;
    Ok(())
}
