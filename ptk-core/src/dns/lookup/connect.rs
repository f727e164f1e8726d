//! Connecting to what was found, an address after the other.

use core::net::SocketAddr;

use super::{Failure, Lookup};
use crate::cx::Cx;
use crate::error::Error;
use crate::handle::TcpSocket;
use crate::options::Options;
use crate::platform::Platform;
use crate::protothread::TimedOut;
use crate::time::Duration;
use crate::{protothread, wait};

/// How long one address has to be connected to, while others are left: time for a second SYN (RFC 6298, 2.1).
const CONNECT_TIME: Duration = Duration::from_secs(2);

impl Lookup {
    /// Connects to the addresses of `host`, one after the other; then to those of the family whose answer was missing.
    #[protothread(self.connect_pt)]
    pub(crate) fn connect<P: Platform>(
        &mut self,
        cx: &mut Cx<'_, P>,
        host: &str,
        port: u16,
        options: &Options,
    ) -> Result<TcpSocket, Error> {
        match cx.known_addresses(host)? {
            Some(known) => self.addresses = known,
            None => self.addresses = wait!(self.search(cx, host))?,
        }
        self.next_address = 0;
        loop {
            while let Some(address) = self.addresses.get(usize::from(self.next_address)) {
                self.server = SocketAddr::new(*address, port);
                self.next_address += 1;
                self.tcp = cx.tcp_socket(options)?;
                match wait!(cx.connect_on(self.tcp, self.server), timeout = self.connect_time()) {
                    Ok(Ok(())) => return Ok(core::mem::take(&mut self.tcp)),
                    Ok(Err(error)) => self.verdict = Failure::Known(error),
                    Err(TimedOut) => self.verdict = Failure::Silence,
                }
                self.close_sockets(cx);
            }
            if !self.is_missing_one() {
                return Err(self.verdict.into());
            }
            self.turn_to_missing();
            match wait!(self.find(cx)) {
                Ok(true) => self.next_address = 0,
                Ok(false) | Err(_) => self.step_back(),
            }
        }
    }

    /// The last address has as much time as the author gives it.
    fn connect_time(&self) -> Duration {
        let is_last = usize::from(self.next_address) >= self.addresses.len() && !self.is_missing_one();
        if is_last { Duration::MAX } else { CONNECT_TIME }
    }

    /// Whether the servers were asked, and did not say everything about one family. It is asked for once more only.
    fn is_missing_one(&self) -> bool {
        !self.service.servers.is_empty() && self.skipped == [false; 2] && !self.is_complete()
    }

    /// From now on only the family that is missing is asked for, each server once.
    fn turn_to_missing(&mut self) {
        for (skipped, query) in self.skipped.iter_mut().zip(&self.queries) {
            *skipped = query.status.is_final();
        }
        self.service.attempts = 1;
    }

    /// No more addresses came: if the last one hung, it gets all the time after all.
    fn step_back(&mut self) {
        if self.verdict == Failure::Silence {
            self.next_address = self.next_address.saturating_sub(1);
        }
    }
}
