//! The list of all behaviours, and how one is run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};

use crate::backend::Backend;

/// One behaviour on the backend `B`.
pub struct Behaviour<B> {
    /// Its number in the list of what every backend must do.
    pub number: u32,
    /// What must hold, as the name of the function.
    pub name: &'static str,
    play: fn(),
    backend: core::marker::PhantomData<B>,
}

/// Hands the list of all behaviours to a macro: `number: file::function`.
#[macro_export]
#[doc(hidden)]
macro_rules! with_behaviours {
    ($callback:path, $($argument:tt)*) => {
        $callback! { $($argument)*
            1: connecting::a_connect_that_succeeds_completes_exactly_once,
            2: connecting::a_refused_connect_is_told_once_to_who_waits,
            3: connecting::a_retry_after_a_refusal_works,
            4: connecting::a_connect_that_times_out_is_cancelled_for_good,
            5: connecting::a_close_while_connecting_is_told_and_ends_it,
            6: connecting::a_connection_to_itself_is_refused,
            7: connecting::an_unspecified_peer_is_an_invalid_argument,
            8: connecting::a_send_before_the_connection_is_up_is_refused,
            9: streaming::an_echo_is_byte_exact_at_every_size,
            10: streaming::partial_writes_resume_in_order,
            11: streaming::many_sends_keep_their_order,
            12: ending::data_and_end_together_are_data_then_the_end,
            13: ending::an_end_that_comes_later_is_told_once,
            14: ending::a_reset_comes_after_the_data_before_it,
            15: ending::a_send_to_a_closed_peer_is_an_error_and_no_signal,
            16: streaming::after_a_half_close_the_other_direction_works,
            17: streaming::a_shutdown_sends_what_is_queued_first,
            18: ending::a_second_shutdown_is_an_error,
            19: ending::a_simultaneous_shutdown_completes_on_both_sides,
            20: handlers::a_handler_removed_in_a_callback_hears_nothing_more,
            21: handlers::a_handler_set_again_loses_no_byte,
            22: streaming::a_fast_sender_cannot_starve_another_socket,
            23: streaming::urgent_data_do_not_make_the_loop_spin,
            24: ending::an_abort_resets_the_connection,
            25: listener::all_queued_connections_are_accepted,
            26: listener::a_late_accept_finds_the_connection_and_its_data,
            27: listener::bind_tells_what_is_wrong_with_the_address,
            28: listener::accepted_sockets_outlive_their_listener,
            29: listener::without_descriptors_accepting_pauses_and_recovers,
            30: listener::a_reset_before_the_accept_does_not_stop_the_listener,
            31: listener::a_full_table_holds_newcomers_back_and_goes_on,
            32: listener::waiting_protothreads_are_served_one_at_a_time_in_order,
            33: datagrams::a_datagram_comes_whole_and_tells_who_sent_it,
            34: datagrams::an_empty_datagram_is_delivered,
            35: datagrams::what_does_not_fit_is_lost_and_flagged,
            36: datagrams::an_oversize_datagram_is_refused,
            37: datagrams::a_refusal_is_told_once_and_the_socket_goes_on,
            38: datagrams::an_unreachable_peer_does_not_hurt_an_unconnected_socket,
            39: datagrams::a_burst_is_delivered_and_then_nothing_is_left,
            40: datagrams::a_connected_socket_hears_its_peer_only,
            41: datagrams::a_close_inside_a_receive_callback_is_safe,
            42: groups::broadcast_and_multicast_do_what_they_say,
            43: timers::a_timer_is_never_early,
            44: timers::equal_deadlines_fire_in_the_order_started,
            45: timers::a_zero_timeout_fires_in_the_next_turn,
            46: timers::a_timer_restarted_at_zero_does_not_starve_sockets,
            47: timers::stopping_suppresses_an_expiry_that_nobody_took,
            48: timers::a_restart_replaces_the_deadline,
            49: timers::a_repeating_timer_keeps_its_phase_and_counts_what_it_missed,
            50: timers::huge_and_tiny_timeouts_neither_overflow_nor_spin,
            51: events::a_raise_before_the_sleep_is_not_lost,
            52: events::raises_may_be_merged_but_their_count_is_kept,
            53: events::a_raise_during_its_own_delivery_is_delivered_again,
            54: events::what_was_written_before_a_raise_is_visible,
            55: events::a_raise_of_a_closed_source_touches_nothing,
            56: closing::what_is_closed_in_a_batch_hears_nothing_more_of_it,
            57: closing::a_slot_reused_in_a_batch_does_not_inherit_its_events,
            58: closing::a_stale_handle_is_refused_for_ever,
            59: timers::a_storm_of_signals_does_not_stretch_timeouts,
            60: handlers::an_error_of_one_handler_does_not_drop_the_rest,
        }
    };
}

/// Makes every behaviour a test of the backend.
///
/// ```ignore
/// ptk_tests::conformance!(MyBackend);
/// ```
#[macro_export]
macro_rules! conformance {
    ($backend:ty) => {
        $crate::with_behaviours! { $crate::conformance_tests, $backend; }
    };
}

/// The tests of [`conformance!`].
#[macro_export]
#[doc(hidden)]
macro_rules! conformance_tests {
    ($backend:ty; $($number:literal: $file:ident::$name:ident,)*) => {
        $(
            #[test]
            fn $name() {
                $crate::run::<$backend>($number, stringify!($name));
            }
        )*

        #[test]
        fn the_list_of_behaviours_is_complete() {
            let expected: Vec<u32> = (1..=60).collect();
            let listed: Vec<u32> = $crate::all::<$backend>().iter().map(|behaviour| behaviour.number).collect();
            assert_eq!(listed, expected);
        }

        #[test]
        fn exceptions_name_behaviours_and_reasons() {
            for exception in <$backend as $crate::Backend>::EXCEPTIONS {
                let known = $crate::all::<$backend>().iter().any(|behaviour| behaviour.number == exception.number);
                assert!(known && !exception.reason.is_empty(), "{exception:?}");
            }
        }
    };
}

macro_rules! table {
    ($backend:ty; $($number:literal: $file:ident::$name:ident,)*) => {
        vec![$(
            Behaviour {
                number: $number,
                name: stringify!($name),
                play: crate::$file::$name::<$backend>,
                backend: core::marker::PhantomData,
            },
        )*]
    };
}

/// All behaviours, by number. A function of the suite that is not in it does not compile without a warning.
pub fn all<B: Backend>() -> Vec<Behaviour<B>> {
    with_behaviours! { table, B; }
}

/// How long a behaviour may take before the process is ended: longer than any watchdog in a loop.
const END: std::time::Duration = std::time::Duration::from_secs(100);

/// Runs one behaviour; the test that does so has its name.
///
/// # Panics
///
/// If the behaviour does not hold; or if it does, and the backend has an exception for it.
pub fn run<B: Backend>(number: u32, name: &str) {
    let behaviours = all::<B>();
    let behaviour = behaviours.iter().find(|behaviour| behaviour.number == number).expect("it is in the list");
    assert_eq!(behaviour.name, name, "each test has the name of its behaviour");
    let exception = B::EXCEPTIONS.iter().find(|exception| exception.number == number);
    bounded(name, || match exception {
        None => (behaviour.play)(),
        Some(exception) => {
            let failed = catch_unwind(AssertUnwindSafe(behaviour.play)).is_err();
            assert!(failed, "{} can do it now: its exception says {:?}", B::NAME, exception.reason);
        }
    });
}

/// Ends the process if `body` does not end: its loop may sleep for ever, and no watchdog in it bites.
pub fn bounded(name: &str, body: impl FnOnce()) {
    let (ended, wait) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if wait.recv_timeout(END) == Err(RecvTimeoutError::Timeout) {
                eprintln!("{name}: the loop neither works nor ends");
                std::process::abort();
            }
        });
        let _ended = ended;
        body();
    });
}
