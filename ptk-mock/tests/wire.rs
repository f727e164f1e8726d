//! Connections and datagrams between two hosts.

mod puppet;

use std::net::{IpAddr, Ipv4Addr};

use ptk_core::{Duration, Error, Half, Instant, Keepalive};
use ptk_mock::{Link, World};
use puppet::{Done, Op, hosts, linked, log, results};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn at(time: Duration) -> Instant {
    Instant::ORIGIN + time
}

const DIAL: Op = Op::Dial(0);
const LISTEN: Op = Op::Listen(0, 0);

/// A world in which one connection is up, the left host's to the right one's, and what both do then.
fn connected(left: &[Op], right: &[Op]) -> World {
    let world = hosts(&[&[DIAL], left].concat(), &[&[LISTEN, Op::Accept], right].concat());
    up(world)
}

fn up(mut world: World) -> World {
    assert!(world.run_until(at(millis(10)), |world| !log(world, "left").is_empty() && log(world, "right").len() >= 2));
    assert_eq!(results(&world, "left")[0], Ok(0));
    world
}

fn run_to(world: &mut World, time: Duration) {
    let rest = at(time) - world.now();
    world.run_for(rest);
}

/// What came last of a host's operations, which must be the one at `place`.
fn last(world: &World, name: &str, place: usize) -> Done {
    let log = log(world, name);
    assert_eq!(log.len(), place + 1, "{log:?}");
    log[place]
}

/// No end of a connection, no port and no plan is left on any host.
#[track_caller]
fn assert_nothing_left(world: &World) {
    let text = format!("{world:?}");
    for empty in ["streams: Slab { entries: [], free: {} }", "agenda: Agenda([])"] {
        assert_eq!(text.matches(empty).count(), 2, "{empty}: {text}");
    }
    assert_eq!(world.in_flight(), 0);
}

#[track_caller]
fn has_streams(world: &World, name: &str) -> bool {
    let text = format!("{world:?}");
    let (left, right) = text.split_once("(\"right\"").expect("two nodes");
    !if name == "left" { left } else { right }.contains("streams: Slab { entries: [], free: {} }")
}

#[test]
fn a_host_without_a_listener_refuses_after_a_round_trip() {
    let mut world = hosts(&[DIAL], &[]);
    world.run_for(secs(1));
    assert_eq!(log(&world, "left"), [Done { at: at(millis(2)), result: Err(Error::ConnectionRefused) }]);
}

#[test]
fn a_connect_to_a_full_backlog_is_repeated_until_there_is_room() {
    let mut world = hosts(&[DIAL, DIAL, DIAL], &[Op::Listen(1, 0), Op::Sleep(secs(5)), Op::Accept]);
    run_to(&mut world, secs(6));
    assert_eq!(log(&world, "left").len(), 2, "a backlog of 1 holds 2");
    run_to(&mut world, secs(60));
    // It asks at 0, 1, 3 and 7 seconds.
    let third = last(&world, "left", 2);
    assert_eq!(third.result, Ok(0));
    assert!((at(secs(7))..at(millis(7_100))).contains(&third.at), "{third:?}");
}

#[test]
fn a_connect_to_a_backlog_that_stays_full_times_out_after_127_seconds() {
    let mut world = hosts(&[DIAL, DIAL, DIAL], &[Op::Listen(1, 0)]);
    run_to(&mut world, secs(126));
    assert_eq!(log(&world, "left").len(), 2);
    run_to(&mut world, secs(128));
    assert_eq!(last(&world, "left", 2).result, Err(Error::TimedOut));
}

#[test]
fn a_connect_to_a_host_that_is_down_times_out_after_127_seconds() {
    let mut world = hosts(&[DIAL], &[LISTEN]);
    world.crash("right");
    run_to(&mut world, millis(126_900));
    assert_eq!(log(&world, "left"), []);
    run_to(&mut world, millis(127_100));
    assert_eq!(last(&world, "left", 0).result, Err(Error::TimedOut));
    assert_eq!(world.in_flight(), 0);
}

#[test]
fn a_connect_to_a_host_that_comes_up_late_succeeds() {
    let mut world = hosts(&[DIAL], &[LISTEN]);
    world.crash("right");
    run_to(&mut world, secs(2));
    world.restart("right");
    run_to(&mut world, secs(4));
    assert_eq!(last(&world, "left", 0).result, Ok(0));
}

#[test]
fn data_and_end_together_are_data_then_the_end() {
    let mut world =
        connected(&[Op::Send(100), Op::Shutdown(Half::Write)], &[Op::Sleep(millis(50)), Op::Read, Op::Read]);
    world.run_for(secs(1));
    assert_eq!(results(&world, "right")[3..], [Ok(100), Ok(0)]);
}

#[test]
fn after_a_half_close_the_reply_comes() {
    let mut world = connected(
        &[Op::Send(10), Op::Shutdown(Half::Write), Op::ReadUpTo(usize::MAX), Op::Close],
        &[Op::ReadUpTo(usize::MAX), Op::Send(5_000), Op::Close],
    );
    world.run_for(secs(1));
    assert_eq!(results(&world, "right")[2..], [Ok(10), Ok(5_000), Ok(0)]);
    assert_eq!(results(&world, "left")[3..], [Ok(5_000), Ok(0)]);
    assert_nothing_left(&world);
}

#[test]
fn a_close_with_unread_data_resets_the_connection() {
    let mut world = connected(&[Op::Send(10), Op::Read], &[Op::Sleep(millis(50)), Op::Close]);
    world.run_for(secs(1));
    assert_eq!(last(&world, "left", 2).result, Err(Error::ConnectionReset));
}

#[test]
fn a_write_to_a_peer_that_never_reads_blocks_when_both_buffers_are_full() {
    let world = hosts(&[Op::Dial(5_000), Op::Fill], &[Op::Listen(0, 3_000), Op::Accept]);
    let mut world = up(world);
    world.run_for(secs(10));
    assert_eq!(last(&world, "left", 1).result, Ok(8_000));
}

#[test]
fn a_write_goes_on_when_the_peer_reads_after_all() {
    let left = [Op::Dial(5_000), Op::Send(60_000), Op::Shutdown(Half::Write)];
    let right = [Op::Listen(0, 3_000), Op::Accept, Op::Sleep(secs(5)), Op::ReadUpTo(usize::MAX)];
    let mut world = up(hosts(&left, &right));
    world.run_for(secs(4));
    assert_eq!(log(&world, "left").len(), 1, "it waits");
    world.run_for(secs(10));
    assert_eq!(last(&world, "right", 3).result, Ok(60_000));
}

#[test]
fn a_reset_comes_after_the_data_before_it() {
    let mut world = connected(&[Op::Send(10), Op::Abort], &[Op::Sleep(millis(50)), Op::Read, Op::Read, Op::Send(1)]);
    world.run_for(secs(1));
    assert_eq!(results(&world, "right")[3..5], [Ok(10), Err(Error::ConnectionReset)]);
    assert!(results(&world, "right")[5].is_err());
}

#[test]
fn a_partition_stalls_a_connection_and_loses_nothing() {
    let mut world = connected(
        &[Op::Send(50_000), Op::Sleep(secs(1)), Op::Send(50_000), Op::Shutdown(Half::Write)],
        &[Op::ReadUpTo(usize::MAX)],
    );
    world.run_for(millis(500));
    world.part("left", "right");
    world.run_for(secs(300));
    assert_eq!(log(&world, "right").len(), 2, "nothing comes through");
    world.join("left", "right");
    world.run_for(secs(10));
    assert_eq!(last(&world, "right", 2).result, Ok(100_000));
}

#[test]
fn a_partition_one_way_stalls_both() {
    let mut world = connected(&[Op::Sleep(secs(1)), Op::Send(10), Op::Read], &[Op::Read, Op::Send(20)]);
    world.part_one_way("right", "left");
    world.run_for(secs(30));
    assert_eq!((log(&world, "left").len(), log(&world, "right").len()), (3, 4), "the answer is on its way");
    world.join("left", "right");
    world.run_for(secs(1));
    assert_eq!(last(&world, "left", 3).result, Ok(20));
}

#[test]
fn what_goes_unanswered_for_too_long_times_out() {
    let mut world = connected(&[Op::Sleep(secs(1)), Op::Send(10), Op::Read], &[Op::Read]);
    world.part("left", "right");
    run_to(&mut world, secs(924));
    assert_eq!(log(&world, "left").len(), 3);
    run_to(&mut world, secs(926));
    assert_eq!(last(&world, "left", 3).result, Err(Error::TimedOut));
    // The other side knows of nothing, and waits.
    assert_eq!(log(&world, "right").len(), 2);
}

#[test]
fn what_arrives_and_is_not_acknowledged_times_out_too() {
    let mut world = connected(&[Op::Sleep(secs(1)), Op::Send(10), Op::Read], &[Op::Read, Op::Read]);
    world.part_one_way("right", "left");
    run_to(&mut world, secs(924));
    assert_eq!((log(&world, "left").len(), log(&world, "right").len()), (3, 3));
    run_to(&mut world, secs(2_000));
    assert_eq!(last(&world, "left", 3).result, Err(Error::TimedOut));
    assert_eq!(log(&world, "right").len(), 3, "who only receives waits on");
}

#[test]
fn a_connect_whose_answer_gets_lost_times_out_after_127_seconds() {
    let mut world = hosts(&[DIAL], &[LISTEN, Op::Accept, Op::Read]);
    world.part_one_way("right", "left");
    run_to(&mut world, millis(126_900));
    assert_eq!(log(&world, "left"), []);
    run_to(&mut world, millis(127_100));
    assert_eq!(last(&world, "left", 0).result, Err(Error::TimedOut));
}

#[test]
fn who_only_receives_does_not_miss_a_host_that_is_down() {
    let mut world = connected(&[Op::Sleep(millis(100)), Op::Send(10)], &[Op::Read, Op::Read]);
    world.run_until(at(secs(1)), |world| log(world, "right").len() == 3);
    world.crash("left");
    world.run_for(secs(10_000));
    assert_eq!(log(&world, "right").len(), 3);
    assert_eq!(world.in_flight(), 0);
}

#[test]
fn a_user_timeout_shortens_that() {
    let mut world = connected(&[Op::UserTimeout(secs(5)), Op::Sleep(secs(1)), Op::Send(10), Op::Read], &[Op::Read]);
    world.part("left", "right");
    world.run_for(secs(20));
    let told = last(&world, "left", 4);
    assert_eq!(told.result, Err(Error::TimedOut));
    assert!((at(secs(6))..at(millis(6_100))).contains(&told.at), "{told:?}");
}

#[test]
fn an_idle_connection_survives_a_partition() {
    let mut world = connected(&[Op::Sleep(secs(2_000)), Op::Send(10)], &[Op::Read]);
    world.part("left", "right");
    world.run_for(secs(1_900));
    world.join("left", "right");
    world.run_for(secs(200));
    assert_eq!(last(&world, "right", 2).result, Ok(10));
}

const KEEPALIVE: Keepalive = Keepalive { idle: secs(10), interval: secs(1), probes: 3 };

#[test]
fn keepalive_finds_a_host_that_is_down() {
    let mut world = connected(&[Op::Keepalive(KEEPALIVE), Op::Read], &[]);
    world.run_for(secs(100));
    assert_eq!(log(&world, "left").len(), 2, "while the other host is there, nothing happens");
    world.crash("right");
    world.run_for(secs(14));
    assert_eq!(last(&world, "left", 2).result, Err(Error::TimedOut));
}

#[test]
fn without_keepalive_nobody_misses_a_host_that_is_down() {
    let mut world = connected(&[Op::Read], &[]);
    world.crash("right");
    world.run_for(secs(100_000));
    assert_eq!(log(&world, "left").len(), 1);
}

#[test]
fn a_host_that_lost_its_power_resets_what_it_does_not_know() {
    let mut world = connected(&[Op::Sleep(secs(2)), Op::Send(10), Op::Read], &[]);
    world.crash("right");
    world.run_for(secs(1));
    world.restart("right");
    world.run_for(secs(5));
    assert_eq!(last(&world, "left", 3).result, Err(Error::ConnectionReset));
}

#[test]
fn keepalive_finds_a_host_that_lost_its_power_and_came_back() {
    let mut world = connected(&[Op::Keepalive(KEEPALIVE), Op::Read], &[]);
    world.crash("right");
    world.restart("right");
    world.run_for(secs(11));
    assert_eq!(last(&world, "left", 2).result, Err(Error::ConnectionReset));
}

#[test]
fn the_system_of_a_process_that_is_killed_ends_its_connections() {
    let mut world = connected(&[Op::Read, Op::Send(1), Op::Sleep(secs(1)), Op::Send(1)], &[]);
    world.kill("right");
    world.run_for(secs(1));
    assert_eq!(results(&world, "left")[1], Ok(0));
    // Its host is up, and answers that nobody is there.
    world.run_for(secs(2));
    assert_eq!(last(&world, "left", 4).result, Err(Error::ConnectionReset));
}

#[test]
fn the_host_of_a_process_that_is_killed_refuses() {
    let mut world = hosts(&[DIAL, Op::Bind(0), Op::ConnectUdp(9), Op::SendDatagram(1), Op::Hear], &[LISTEN]);
    world.kill("right");
    world.run_for(secs(1));
    assert_eq!(results(&world, "left")[0], Err(Error::ConnectionRefused));
    assert_eq!(last(&world, "left", 4).result, Err(Error::ConnectionRefused));
}

#[test]
fn an_end_that_nobody_holds_is_forgotten_a_minute_later() {
    let mut world =
        connected(&[Op::Close], &[Op::Sleep(secs(65)), Op::Read, Op::Send(1), Op::Sleep(secs(1)), Op::Send(1)]);
    run_to(&mut world, secs(59));
    assert!(has_streams(&world, "left"));
    run_to(&mut world, secs(61));
    assert!(!has_streams(&world, "left"));
    run_to(&mut world, secs(70));
    // The end came; what is sent then is answered with a reset.
    assert_eq!(results(&world, "right")[3..], [Ok(0), Ok(1), Ok(0), Err(Error::ConnectionReset)]);
}

#[test]
fn when_both_have_closed_nothing_is_left() {
    let ends = [
        (vec![Op::Close], vec![Op::Read, Op::Close]),
        (vec![Op::Send(100_000 - 30_001), Op::Close], vec![Op::ReadUpTo(usize::MAX), Op::Close]),
        (vec![Op::Close], vec![Op::Close]),
        (vec![Op::Abort], vec![Op::Read, Op::Close]),
        (vec![Op::Send(10), Op::Close], vec![Op::Sleep(millis(50)), Op::Close]),
        (vec![Op::Shutdown(Half::Write), Op::Read, Op::Close], vec![Op::Shutdown(Half::Write), Op::Read, Op::Close]),
        (vec![Op::Keepalive(KEEPALIVE), Op::Close], vec![Op::Read, Op::Close]),
    ];
    for (left, right) in ends {
        for (left, right) in [(&left, &right), (&right, &left)] {
            let mut world = connected(left, right);
            world.run_for(secs(2));
            assert_nothing_left(&world);
        }
    }
}

#[test]
fn an_end_that_nobody_holds_and_nobody_answers_is_given_up() {
    let mut world = connected(&[Op::Send(10), Op::Close], &[]);
    world.crash("right");
    world.run_for(secs(1_000));
    assert!(!has_streams(&world, "left"));
    assert_eq!(world.in_flight(), 0);
}

const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(239, 1, 1, 1));

#[test]
fn a_group_is_heard_on_other_hosts_by_its_members() {
    let send = Op::SendTo((GROUP, 9).into(), 10);
    let mut world = hosts(
        &[Op::Bind(9), Op::Sleep(millis(10)), send, Op::Sleep(millis(10)), send],
        &[Op::Bind(9), Op::Sleep(millis(15)), Op::Join(GROUP), Op::Hear, Op::Hear],
    );
    world.run_for(secs(1));
    assert_eq!(results(&world, "right")[3..], [Ok(10)], "only what came after it joined");
}

#[test]
fn a_broadcast_is_heard_on_other_hosts() {
    let all = (Ipv4Addr::new(10, 255, 255, 255), 9).into();
    let mut world = hosts(
        &[Op::Bind(8), Op::SendTo(all, 10), Op::Broadcast, Op::Sleep(millis(10)), Op::SendTo(all, 20)],
        &[Op::Bind(9), Op::Hear, Op::Hear],
    );
    world.run_for(secs(1));
    assert_eq!(results(&world, "left")[1], Err(Error::PermissionDenied));
    assert_eq!(results(&world, "right")[1..], [Ok(20)]);
}

#[test]
fn a_connected_datagram_socket_hears_that_another_host_refuses() {
    let mut world = hosts(&[Op::Bind(0), Op::ConnectUdp(9), Op::SendDatagram(1), Op::Hear], &[]);
    world.run_for(secs(1));
    assert_eq!(last(&world, "left", 3), Done { at: at(millis(2)), result: Err(Error::ConnectionRefused) });
}

#[test]
fn a_datagram_is_not_larger_than_ip_allows() {
    let to = (Ipv4Addr::new(10, 0, 0, 2), 9).into();
    let mut world = hosts(&[Op::Bind(0), Op::SendTo(to, 70_000), Op::SendTo(to, 65_507)], &[Op::Bind(9), Op::Hear]);
    world.run_for(secs(1));
    assert_eq!(results(&world, "left")[1..], [Err(Error::MessageTooLarge), Ok(65_507)]);
    assert_eq!(last(&world, "right", 1).result, Ok(65_507));
}

#[test]
fn a_narrow_link_takes_its_time() {
    let link = Link::fixed(millis(1)).bandwidth(800_000);
    let left = [DIAL, Op::Send(50_000), Op::Send(50_000), Op::Shutdown(Half::Write)];
    let mut world = linked(&left, &[LISTEN, Op::Accept, Op::ReadUpTo(usize::MAX)], link);
    world.run_for(secs(10));
    let done = last(&world, "right", 2);
    assert_eq!(done.result, Ok(100_000));
    assert!((at(secs(1))..at(millis(1_200))).contains(&done.at), "{done:?}");
}
