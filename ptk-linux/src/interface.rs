//! Network interfaces by name.

use ptk_core::Error;
use rustix::io::Errno;
use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::errno;

/// The number of the network interface called `name` (`netdevice(7)`, `SIOCGIFINDEX`), for
/// [`Interface::Index`](ptk_core::Interface::Index) and for the scope of an IPv6 address. The number stays the same as
/// long as the interface is there. Three system calls.
///
/// # Errors
///
/// [`Error::InvalidArgument`] if there is no such interface; [`Error::TooManyDescriptors`], because it takes a socket to
/// ask; what else the system says.
pub fn interface_index(name: &str) -> Result<u32, Error> {
    find(name).map_err(|errno| match errno {
        Errno::NODEV => Error::InvalidArgument,
        errno => errno::error(errno),
    })
}

fn find(name: &str) -> Result<u32, Errno> {
    // The kernel would read as far as a NUL, and find the interface of a shorter name.
    if name.is_empty() || name.contains('\0') {
        return Err(Errno::NODEV);
    }
    // Any socket will do, and this family is always there.
    let asker = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    name_to_index(asker, name)
}
