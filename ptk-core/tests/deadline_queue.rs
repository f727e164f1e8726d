//! The deadline queue against a sorted list.

use proptest::prelude::*;
use ptk_core::Instant;
use ptk_core::deadlines::{Deadline, DeadlineQueue, DeadlineQueueView, Positions, is_before};

const OWNERS: usize = 40;

struct Places([u32; OWNERS]);

impl Positions for Places {
    fn position(&self, index: usize) -> u32 {
        self.0[index]
    }

    fn set_position(&mut self, index: usize, position: u32) {
        self.0[index] = position;
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Set(usize, u64),
    Remove(usize),
    Pop,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    prop::collection::vec(
        prop_oneof![
            // Few instants, so that many are equal.
            5 => (0..OWNERS, 0..30u64).prop_map(|(owner, at)| Operation::Set(owner, at)),
            2 => (0..OWNERS).prop_map(Operation::Remove),
            3 => Just(Operation::Pop),
        ],
        0..2000,
    )
}

fn run(operations: &[Operation], mut order: u32) {
    let mut queue = DeadlineQueue::<OWNERS>::new();
    let queue: &mut DeadlineQueueView = &mut queue;
    let mut places = Places([0; OWNERS]);
    let mut model: Vec<(Deadline, usize)> = Vec::new();
    for operation in operations {
        match *operation {
            Operation::Set(owner, at) => {
                let deadline = Deadline { at: Instant::from_nanos(at), order };
                order = order.wrapping_add(1);
                queue.set(owner, deadline, &mut places);
                model.retain(|entry| entry.1 != owner);
                let place = model.iter().position(|entry| is_before(deadline, entry.0)).unwrap_or(model.len());
                model.insert(place, (deadline, owner));
            }
            Operation::Remove(owner) => {
                queue.remove(owner, &mut places);
                model.retain(|entry| entry.1 != owner);
            }
            Operation::Pop => {
                let first = queue.first().map(|entry| (entry.deadline(), entry.index()));
                assert_eq!(first, model.first().copied());
                if let Some((_, owner)) = first {
                    queue.remove(owner, &mut places);
                    model.remove(0);
                }
            }
        }
        assert_eq!(queue.len(), model.len());
    }
    for owner in 0..OWNERS {
        let expected = model.iter().find(|entry| entry.1 == owner).map(|entry| entry.0);
        assert_eq!(queue.get(owner, &places), expected);
    }
    for (deadline, owner) in model {
        assert_eq!(queue.first().map(|entry| (entry.deadline(), entry.index())), Some((deadline, owner)));
        queue.remove(owner, &mut places);
    }
    assert!(queue.is_empty() && places.0 == [0; OWNERS]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn deadlines_come_out_in_order_and_equal_ones_as_they_were_armed(operations in operations()) {
        run(&operations, 0);
        // The order counter wraps in the middle.
        run(&operations, u32::MAX - 500);
    }
}

#[test]
fn a_full_queue_takes_no_owner_that_it_does_not_know() {
    let mut queue = DeadlineQueue::<1>::new();
    let queue: &mut DeadlineQueueView = &mut queue;
    let mut places = Places([0; OWNERS]);
    let deadline = |at| Deadline { at: Instant::from_nanos(at), order: 0 };
    queue.set(3, deadline(5), &mut places);
    queue.set(4, deadline(1), &mut places);
    assert_eq!((queue.len(), places.position(4)), (1, 0));
    queue.set(3, deadline(2), &mut places);
    assert_eq!(queue.get(3, &places), Some(deadline(2)));
}
