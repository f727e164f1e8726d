//! Panics of what is tested, as values: said once, in the failure, and not at each of the runs that shrink it.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// The panic of the run on this thread: `None` outside of one, empty before it.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What `body` gives, or the text and the place of its panic.
pub(crate) fn quietly<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let is_ours = PANIC.with_borrow_mut(|panic| match panic {
                Some(text) => {
                    *text = info.to_string();
                    true
                }
                None => false,
            });
            if !is_ours {
                before(info);
            }
        }));
    });
    let outer = PANIC.replace(Some(String::new()));
    let result = catch_unwind(AssertUnwindSafe(body));
    let text = PANIC.replace(outer).unwrap_or_default();
    result.map_err(|_| text)
}
