//! Log sites, through whichever facade the build has switched on; nothing when none is.

/// `note!(warn, "text {}", value)`: to `log` with the feature of that name, to defmt with `defmt-log`.
macro_rules! note {
    ($level:ident, $($text:tt)*) => {{
        #[cfg(feature = "log")]
        log::$level!($($text)*);
        #[cfg(feature = "defmt-log")]
        defmt::$level!($($text)*);
    }};
}
