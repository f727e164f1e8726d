//! Log sites, through whichever facade the build has switched on; nothing when none is. The crate's text tells what is
//! written at which level.

/// Whether there is a facade: for what is to be looked up only to be written.
pub(crate) const ON: bool = cfg!(any(feature = "log", feature = "defmt-log"));

/// `note!(warn, "text {}", value)`: to `log` with the feature of that name, to defmt with `defmt-log`. Without them the
/// values are checked to be printable, and never looked at.
macro_rules! note {
    ($level:ident, $($text:tt)*) => {{
        #[cfg(feature = "log")]
        log::$level!($($text)*);
        #[cfg(feature = "defmt-log")]
        defmt::$level!($($text)*);
        #[cfg(not(any(feature = "log", feature = "defmt-log")))]
        if false {
            let _ = core::format_args!($($text)*);
        }
    }};
}
