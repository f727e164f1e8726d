//! A bridge as the network stack of `embedded-nal-async`: connections and names. Datagrams stand in `datagram.rs`.

use core::net::{IpAddr, SocketAddr};

use embedded_nal_async::{AddrType, Dns, TcpConnect};
use ptk_core::{Error, Platform};

use crate::bridge::Bridge;
use crate::stream::TcpConnection;

impl<P: Platform> TcpConnect for Bridge<P> {
    type Error = Error;
    type Connection<'a>
        = TcpConnection<'a, P>
    where
        Self: 'a;

    async fn connect<'a>(&'a self, remote: SocketAddr) -> Result<TcpConnection<'a, P>, Error> {
        Bridge::connect(self, remote).await
    }
}

/// A name that is an address in text is that address. Others are looked up, as [`Cx::resolve`](ptk_core::Cx) does with
/// the feature `dns`; without it they fail with [`Error::NotSupported`]. So does the way back, from an address to a name.
/// Where there is no address of the wanted family, that is [`Error::InvalidArgument`].
impl<P: Platform> Dns for Bridge<P> {
    type Error = Error;

    async fn get_host_by_name(&self, host: &str, wanted: AddrType) -> Result<IpAddr, Error> {
        // An IPv6 address in a URL stands in brackets (RFC 3986, 3.2.2).
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = literal.parse() {
            return if is_of(address, &wanted) { Ok(address) } else { Err(Error::InvalidArgument) };
        }
        self.look_up(host, &wanted).await
    }

    async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> Result<usize, Error> {
        Err(Error::NotSupported)
    }
}

#[cfg(feature = "dns")]
impl<P: Platform> Bridge<P> {
    /// Connects to a host by its name. See [`Cx::connect_to`](ptk_core::Cx::connect_to).
    ///
    /// Dropped before it is ready, the lookup ends, and the connection that it was making is closed.
    ///
    /// # Errors
    ///
    /// As [`Cx::connect_to`](ptk_core::Cx::connect_to) and [`run`](Self::run).
    pub async fn connect_to(&self, host: &str, port: u16) -> Result<TcpConnection<'_, P>, Error> {
        let socket = self.run(|cx| cx.connect_to(host, port)).await?;
        Ok(TcpConnection::new(self, socket))
    }

    async fn look_up(&self, host: &str, wanted: &AddrType) -> Result<IpAddr, Error> {
        let addresses = self.run(|cx| cx.resolve(host)).await?;
        let address = addresses.iter().copied().find(|address| is_of(*address, wanted));
        address.ok_or(Error::InvalidArgument)
    }
}

#[cfg(not(feature = "dns"))]
impl<P: Platform> Bridge<P> {
    async fn look_up(&self, _: &str, _: &AddrType) -> Result<IpAddr, Error> {
        Err(Error::NotSupported)
    }
}

const fn is_of(address: IpAddr, wanted: &AddrType) -> bool {
    match wanted {
        AddrType::IPv4 => address.is_ipv4(),
        AddrType::IPv6 => address.is_ipv6(),
        AddrType::Either => true,
    }
}
