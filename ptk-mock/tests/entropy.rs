//! Bytes that look random and repeat with their seed.

mod harness;

use harness::*;
use ptk_core::Platform;
use ptk_mock::Mock;

fn draw<const N: usize>(mock: &mut Mock) -> [u8; N] {
    let mut bytes = [0; N];
    assert_eq!(mock.entropy(&mut bytes), Ok(()));
    bytes
}

#[test]
fn the_bytes_repeat_with_the_seed_and_only_with_it() {
    let first = |seed| draw::<32>(&mut Mock::with_seed(seed));
    assert_eq!(first(1), first(1));
    assert_ne!(first(1), first(2));
    assert_eq!(first(0), draw(&mut Mock::new()));
}

#[test]
fn each_call_gives_other_bytes() {
    let mut mock = Mock::new();
    let seen: std::collections::BTreeSet<[u8; 3]> = (0..1_000).map(|_| draw(&mut mock)).collect();
    assert!(seen.len() > 990);
    assert_eq!(draw(&mut mock), [0_u8; 0]);
}

#[test]
fn every_byte_of_the_buffer_is_drawn() {
    let mut mock = Mock::new();
    let mut ones = [0_u32; 21];
    for _ in 0..1_000 {
        ones.iter_mut().zip(draw::<21>(&mut mock)).for_each(|(ones, byte)| *ones += byte.count_ones());
    }
    assert!(ones.iter().all(|ones| (3_700..4_300).contains(ones)), "half of the bits are set: {ones:?}");
}

#[test]
fn what_was_drawn_is_part_of_the_state() {
    let mut mock = Mock::new();
    let mut clone = mock.clone();
    let bytes: [u8; 8] = draw(&mut mock);
    assert_ne!(hash(&mock), hash(&clone));
    assert_eq!(draw(&mut clone), bytes);
    assert_eq!(hash(&mock), hash(&clone));
}

#[test]
fn the_ports_that_the_kernel_chooses_do_not_depend_on_what_was_drawn() {
    let mut mock = opened(Mock::with_seed(3));
    let mut other = mock.clone();
    let _: [u8; 8] = draw(&mut other);
    assert_eq!(datagram(&mut mock, "127.0.0.1:0", 1).1, datagram(&mut other, "127.0.0.1:0", 1).1);
}
