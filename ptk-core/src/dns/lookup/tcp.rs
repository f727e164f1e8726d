//! Asking one server over TCP for what was too long for UDP.

use core::task::Poll;

use super::{Lookup, Status, TCP_MAX};
use crate::cx::Cx;
use crate::dns::message::{QUERY_MAX, write_query};
use crate::error::Error;
use crate::options::Options;
use crate::platform::Platform;
use crate::{protothread, wait};

impl Lookup {
    /// Takes the next query whose answer was too long for UDP.
    pub(super) fn take_truncated(&mut self) -> bool {
        while let Some(query) = self.queries.get(usize::from(self.again)) {
            self.again += 1;
            if query.status == Status::Truncated {
                return true;
            }
        }
        false
    }

    /// Asks again over TCP, where each message has its length in front (RFC 1035, 4.2.2).
    #[protothread(self.tcp_pt)]
    pub(super) fn exchange_tcp<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        self.tcp = cx.tcp_socket(&Options::DEFAULT)?;
        wait!(cx.connect_on(self.tcp, self.server))?;
        self.write_tcp_query()?;
        wait!(cx.send_all(self.tcp, &mut self.buffer))?;
        self.buffer.clear();
        wait!(cx.recv_exact(self.tcp, &mut self.buffer, 2))?;
        wait!(self.receive_tcp_answer(cx))?;
        self.take_tcp_answer();
        Ok(())
    }

    fn receive_tcp_answer<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Poll<Result<(), Error>> {
        let length = self.tcp_length().min(TCP_MAX);
        cx.recv_exact(self.tcp, &mut self.buffer, length)
    }

    fn asked_again(&self) -> usize {
        usize::from(self.again).saturating_sub(1)
    }

    fn write_tcp_query(&mut self) -> Result<(), Error> {
        let mut message = [0; QUERY_MAX];
        let question = self.question(self.asked_again()).ok_or(Error::InvalidArgument)?;
        let length = write_query(&question, &mut message);
        self.buffer.clear();
        self.buffer.put_slice(&(length as u16).to_be_bytes())?;
        self.buffer.put_slice(message.get(..length).unwrap_or(&[]))
    }

    /// The length of the message that is coming in, with the two bytes that say so.
    fn tcp_length(&self) -> usize {
        let length = self.buffer.readable().first_chunk().copied().unwrap_or([0; 2]);
        2 + usize::from(u16::from_be_bytes(length))
    }

    fn take_tcp_answer(&mut self) {
        let place = self.asked_again();
        let cut = self.tcp_length() > TCP_MAX;
        let received = core::mem::take(&mut self.buffer);
        let status = self.read(place, received.readable().get(2..).unwrap_or(&[]), cut);
        if matches!(status, Status::Asked | Status::Truncated) {
            self.set_status(place, Status::Garbage);
        }
    }
}
