//! Handle tables against a model, and at the end of their generations.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use ptk_core::table::{HandleTable, HandleTableView, Vacant};
use ptk_core::{Descriptor, EventSource, Handle, Kind, Task, TcpListener, TcpSocket, Timer, TypedHandle, UdpSocket};

#[derive(Clone, Debug, PartialEq, Eq)]
struct Value(u32);

impl Vacant for Value {
    const VACANT: Self = Value(0);
}

fn value(n: u32) -> Value {
    Value(n)
}

#[derive(Clone, Debug)]
enum Operation {
    Insert(u32),
    Remove(usize),
    RemoveStale(usize),
    Age(usize, u32),
    RetireNext,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let age = prop_oneof![0..4u32, u32::MAX - 3..=u32::MAX];
    prop::collection::vec(
        prop_oneof![
            8 => any::<u32>().prop_map(Operation::Insert),
            6 => any::<usize>().prop_map(Operation::Remove),
            2 => any::<usize>().prop_map(Operation::RemoveStale),
            1 => (0..12usize, age).prop_map(|(index, age)| Operation::Age(index, age)),
            1 => Just(Operation::RetireNext),
        ],
        0..2000,
    )
}

/// What the table must do, in the obvious way.
#[derive(Default)]
struct Model {
    live: HashMap<Handle, u32>,
    dead: Vec<Handle>,
    ever: HashSet<Handle>,
}

impl Model {
    fn insert(&mut self, handle: Handle, n: u32) {
        assert!(self.ever.insert(handle), "{handle} was valid before");
        self.live.insert(handle, n);
    }

    fn nth_live(&self, n: usize) -> Option<Handle> {
        let mut live: Vec<Handle> = self.live.keys().copied().collect();
        live.sort();
        live.get(n % live.len().max(1)).copied()
    }

    fn remove(&mut self, handle: Handle) -> u32 {
        self.dead.push(handle);
        self.live.remove(&handle).expect("it was live")
    }

    fn check(&self, table: &HandleTableView<Value>) {
        assert_eq!(table.len(), self.live.len());
        for (handle, n) in &self.live {
            assert_eq!(table.get(*handle), Some(&value(*n)));
        }
        assert!(self.dead.iter().all(|handle| table.get(*handle).is_none()));
        assert_eq!(table.handles().collect::<HashSet<_>>(), self.live.keys().copied().collect());
    }
}

fn run(table: &mut HandleTableView<Value>, operations: &[Operation]) {
    let mut model = Model::default();
    for operation in operations {
        match operation {
            Operation::Insert(n) => {
                let expected = table.next_handle(Kind::Timer, 7);
                assert_eq!(expected.is_none(), table.is_full());
                match table.insert(Kind::Timer, 7, value(*n)) {
                    Ok(handle) => {
                        assert_eq!(Some(handle), expected);
                        model.insert(handle, *n);
                    }
                    Err(given_back) => {
                        assert_eq!((expected, given_back), (None, value(*n)));
                    }
                }
            }
            Operation::Remove(n) => {
                if let Some(handle) = model.nth_live(*n) {
                    let n = model.remove(handle);
                    assert_eq!(table.remove(handle), Some(value(n)));
                }
            }
            Operation::RemoveStale(n) => {
                if let Some(handle) = model.dead.get(n % model.dead.len().max(1)) {
                    assert_eq!(table.remove(*handle), None);
                }
            }
            Operation::Age(index, generation) => table.advance_generation(*index, *generation),
            Operation::RetireNext => {
                let next = table.next_index();
                table.retire_next();
                assert!(next.is_none() || table.next_index() != next);
            }
        }
    }
    model.check(table);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_table_does_what_a_map_with_unique_keys_does(operations in operations()) {
        run(&mut HandleTable::<Value, 12>::new(), &operations);
        run(&mut HandleTable::<Value, 1>::new(), &operations);
        run(&mut HandleTable::<Value, 0>::new(), &operations);
    }
}

#[test]
fn a_slot_at_the_end_of_its_generations_retires_and_its_last_handle_dies() {
    let mut table = HandleTable::<Value, 1>::new();
    let table: &mut HandleTableView<Value> = &mut table;
    table.advance_generation(0, u32::MAX);
    let last = table.insert(Kind::Timer, 0, value(1)).unwrap();
    assert_eq!(last.generation(), u32::MAX);
    assert_eq!(table.remove(last), Some(value(1)));
    assert!(table.get(last).is_none() && table.is_full() && table.is_empty());
    assert_eq!(table.insert(Kind::Timer, 0, value(2)), Err(value(2)));
}

#[test]
fn a_handle_of_another_loop_kind_or_generation_is_refused() {
    let mut table = HandleTable::<Value, 4>::new();
    let table: &mut HandleTableView<Value> = &mut table;
    let handle = table.insert(Kind::TcpSocket, 3, value(5)).unwrap();
    for bit in 0..64 {
        let forged = Handle::from_raw(handle.raw() ^ 1 << bit);
        assert!(forged.is_none_or(|forged| table.get(forged).is_none()), "bit {bit}");
        assert!(forged.is_none_or(|forged| table.remove(forged).is_none()), "bit {bit}");
    }
    assert_eq!(table.get(handle), Some(&value(5)));
}

#[test]
fn a_large_static_table_is_const_and_full_tables_give_the_value_back() {
    static TABLE: HandleTable<Value, 1000> = HandleTable::new();
    assert!(TABLE.view().is_empty());
    let mut table = TABLE.clone();
    let table: &mut HandleTableView<Value> = &mut table;
    for n in 0..1000 {
        assert_eq!(table.insert(Kind::Timer, 0, value(n)).unwrap().index(), n as usize);
    }
    assert_eq!(table.insert(Kind::Timer, 0, value(7)), Err(value(7)));
    assert_eq!((table.len(), table.high_water(), table.capacity()), (1000, 1000, 1000));
}

#[test]
fn handles_keep_their_parts_and_their_kinds_apart() {
    let mut table = HandleTable::<Value, 4>::new();
    let handle = {
        let table: &mut HandleTableView<Value> = &mut table;
        table.insert(Kind::TcpSocket, 250, value(0)).unwrap()
    };
    assert_eq!((handle.kind(), handle.loop_id(), handle.index(), handle.generation()), (Kind::TcpSocket, 250, 0, 0));
    assert_eq!(handle.to_string(), "TcpSocket 250.0#0");
    assert_eq!(TcpSocket::from_handle(handle).unwrap().handle(), Some(handle));
    assert!(TcpListener::from_handle(handle).is_none() && UdpSocket::from_handle(handle).is_none());
    assert!(Timer::from_handle(handle).is_none() && Task::from_handle(handle).is_none());
    assert!(EventSource::from_handle(handle).is_none() && Descriptor::from_handle(handle).is_none());
    assert_eq!(TcpSocket::default(), TcpSocket::NONE);
    assert_eq!(format!("{:?}", TcpSocket::NONE), "TcpSocket none");
    assert_eq!((Handle::from_raw(0), Handle::from_raw(0xf << 60), Handle::from_raw(u64::MAX)), (None, None, None));
}
