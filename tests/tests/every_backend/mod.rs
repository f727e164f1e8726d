//! Tests of one program that run on each backend.

/// Makes each function, which is generic over the backend, a test on each.
macro_rules! on_every_backend {
    ($($name:ident,)*) => {
        mod linux {
            $(#[test]
            fn $name() {
                ptk_tests::bounded(stringify!($name), super::$name::<ptk_tests::linux::LinuxBackend>);
            })*
        }

        mod mock {
            $(#[test]
            fn $name() {
                ptk_tests::bounded(stringify!($name), super::$name::<ptk_tests::mock::MockBackend>);
            })*
        }
    };
}
