//! Whose a handle is: each task owns what it opened, and each handle knows the scope in which that was.

use crate::handle::{Handle, Kind};
use crate::scope::Scope;

/// Which table a handle's slot is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TableName {
    Sockets,
    Timers,
    Sources,
    Lookups,
}

impl TableName {
    pub(crate) const fn of(kind: Kind) -> Option<TableName> {
        match kind {
            Kind::TcpSocket | Kind::TcpListener | Kind::UdpSocket | Kind::Descriptor => Some(TableName::Sockets),
            Kind::Timer => Some(TableName::Timers),
            Kind::EventSource => Some(TableName::Sources),
            Kind::Lookup => Some(TableName::Lookups),
            Kind::Task => None,
        }
    }
}

/// The slot of a handle that somebody can own: a table and an index. Four bytes; zero is none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Link(u32);

impl Link {
    pub(crate) const NONE: Link = Link(0);

    pub(crate) const fn new(table: TableName, index: usize) -> Link {
        Link((index as u32) << 3 | (table as u32 + 1))
    }

    /// The slot of `handle`; `None` for tasks, which nobody owns.
    pub(crate) fn of(handle: Handle) -> Option<Link> {
        Some(Link::new(TableName::of(handle.kind())?, handle.index()))
    }

    pub(crate) const fn place(self) -> Option<(TableName, usize)> {
        let index = (self.0 >> 3) as usize;
        match self.0 & 7 {
            1 => Some((TableName::Sockets, index)),
            2 => Some((TableName::Timers, index)),
            3 => Some((TableName::Sources, index)),
            4 => Some((TableName::Lookups, index)),
            _ => None,
        }
    }

    pub(crate) const fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// What is kept beside every handle: its user data, its owner and its scope. Twelve bytes; zero bits are nobody's.
#[derive(Clone, Copy, Hash, Debug)]
pub(crate) struct Owner {
    pub(crate) user_data: u32,
    /// The next of the owner's handles.
    pub(crate) next: Link,
    /// The owning task's index, plus 1.
    task: u16,
    pub(crate) scope: Scope,
}

const _: () = assert!(size_of::<Owner>() == 12);

impl Owner {
    pub(crate) const NOBODY: Owner = Owner { user_data: 0, next: Link::NONE, task: 0, scope: Scope::ROOT };

    pub(crate) const fn task(&self) -> Option<usize> {
        (self.task as usize).checked_sub(1)
    }

    pub(crate) const fn set_task(&mut self, task: Option<usize>) {
        self.task = match task {
            Some(task) => task as u16 + 1,
            None => 0,
        };
    }
}

/// The owners of the handles of all tables.
pub(crate) struct Owners<'a> {
    pub(crate) sockets: &'a mut [Owner],
    pub(crate) timers: &'a mut [Owner],
    pub(crate) sources: &'a mut [Owner],
    #[cfg(feature = "dns")]
    pub(crate) lookups: &'a mut [Owner],
}

impl Owners<'_> {
    pub(crate) fn get(&mut self, link: Link) -> Option<&mut Owner> {
        let (table, index) = link.place()?;
        match table {
            TableName::Sockets => self.sockets.get_mut(index),
            TableName::Timers => self.timers.get_mut(index),
            TableName::Sources => self.sources.get_mut(index),
            #[cfg(feature = "dns")]
            TableName::Lookups => self.lookups.get_mut(index),
            #[cfg(not(feature = "dns"))]
            TableName::Lookups => None,
        }
    }

    /// The handle that follows `link` in its owner's list.
    pub(crate) fn next(&mut self, link: Link) -> Link {
        self.get(link).map_or(Link::NONE, |owner| owner.next)
    }
}
