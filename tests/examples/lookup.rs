//! Looks names up on Linux, one after the other, and says what came of each: for tests with other people's servers.
//!
//! `lookup SERVER WHAT..`, where WHAT is a name to resolve, `NAME/PORT` to connect to, or `@MILLISECONDS` to sleep.

use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_linux::Linux;

struct Client {
    pt: PtTimed,
    wanted: Vec<String>,
    next: usize,
}

impl Client {
    fn name(&self) -> &str {
        self.wanted[self.next].split('/').next().unwrap_or("")
    }

    fn port(&self) -> Option<u16> {
        self.wanted[self.next].split_once('/').map(|(_, port)| port.parse().expect("a port"))
    }

    fn sleep(&self) -> Option<Duration> {
        let millis = self.wanted[self.next].strip_prefix('@')?;
        Some(Duration::from_millis(millis.parse().expect("milliseconds")))
    }

    fn tell<T: std::fmt::Debug>(&self, result: &Result<T, Error>) {
        match result {
            Ok(value) => println!("{} {value:?}", self.wanted[self.next]),
            Err(error) => println!("{} {error}", self.wanted[self.next]),
        }
    }
}

impl<P: Platform> Protothread<P> for Client {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while self.next < self.wanted.len() {
            if self.sleep().is_some() {
                wait!(sleep!(self.sleep().unwrap_or_default()));
            } else if self.port().is_some() {
                let connected = wait!(cx.connect_to(self.name(), self.port().unwrap_or(0)));
                self.tell(&connected.and_then(|socket| cx.peer_address(socket)));
            } else {
                let found = wait!(cx.resolve(self.name()));
                self.tell(&found);
            }
            self.next += 1;
        }
        Ok(())
    }
}

#[derive(TaskSet)]
struct App {
    client: Client,
}

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let server: SocketAddr = arguments.next().and_then(|server| server.parse().ok()).ok_or(Error::InvalidArgument)?;
    let mut event_loop = EventLoop::<_, 1, 16, 0, 0, 1>::new(1, Linux::new());
    event_loop.open()?;
    event_loop.cx().set_name_servers(&[server])?;
    let mut app = App { client: Client { pt: PtTimed::new(), wanted: arguments.collect(), next: 0 } };
    event_loop.run(&mut app)
}
