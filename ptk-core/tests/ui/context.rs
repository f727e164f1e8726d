// A context in which nothing happens.

use ptk_core::Duration;
use ptk_core::__rt::{Context, Control, Deadline, Scope};

pub struct Nothing;

impl Context for Nothing {
    fn control(&mut self) -> Control {
        Control::root(true)
    }
    fn set_control(&mut self, _: Control) {}
    fn close_scope(&mut self, _: Scope) {}
    fn merge_scope(&mut self, _: Scope, _: Scope) {}
    fn arm(&mut self, _: Duration) -> Deadline {
        Deadline { at: ptk_core::Instant::ORIGIN, order: 0 }
    }
    fn expired(&mut self, _: Deadline) -> bool {
        false
    }
    fn yield_now(&mut self) {}
}
