//! Expressions of type `i64` and `bool`.

use super::Writer;

impl Writer<'_> {
    /// An expression without a wait: locals, fields, numbers, sums.
    pub(crate) fn value(&mut self) -> String {
        match self.random.below(6) {
            0 => format!("{}_i64", self.random.below(9)),
            1 | 2 => self.random.pick(&["self.a", "self.b", "self.c"]).to_string(),
            3 => {
                let (left, right) = (self.atom(), self.atom());
                format!("{left}.wrapping_add({right})")
            }
            4 => format!("cx.note({}, {})", self.id(), self.random.below(9)),
            _ => self.atom(),
        }
    }

    fn atom(&mut self) -> String {
        let locals = self.scope.usable();
        if locals.is_empty() || self.random.percent(20) {
            return format!("{}_i64", self.random.below(9));
        }
        self.random.pick(&locals).clone()
    }

    /// A wait that gives an `i64`; what was bound before is lost.
    pub(crate) fn wait(&mut self) -> String {
        let (id, below) = (self.id(), self.random.below(6) + 2);
        let operation = format!("cx.op({id}, {below})");
        self.scope.begin_block();
        match self.random.below(12) {
            0 => format!("wait!({operation}, timeout = Duration::from_secs(1)).unwrap_or(0)"),
            1 => format!("either(wait!(first!(cx.never(), {operation})))"),
            2 if self.output == "Result<i64, i64>" => format!("wait!(cx.try_op({id}, {below}))?"),
            3 if self.output == "Option<i64>" => format!("wait!(cx.some_op({id}, {below}))?"),
            4 => format!("wait!({operation}).wrapping_mul({})", self.random.below(4)),
            5 => {
                let factor = self.random.below(4);
                format!("Some(wait!({operation})).map_or(0, |n| n * {factor})")
            }
            6 => format!("i64::max({}, wait!({operation}))", self.random.below(4)),
            7 => format!("({{ let (n, m) = ({}, wait!({operation})); n + m }})", self.random.below(4)),
            _ => format!("wait!({operation})"),
        }
    }

    /// A value, with a wait if one can be here and chance wants it.
    pub(crate) fn any_value(&mut self) -> String {
        if self.may_wait() && self.random.percent(50) { self.wait() } else { self.value() }
    }

    /// A condition.
    pub(crate) fn condition(&mut self) -> String {
        let number = self.random.below(5);
        match self.random.below(if self.may_wait() { 6 } else { 2 }) {
            0 => format!("{} > {number}", self.value()),
            1 => format!("{} % 2 == 0", self.value()),
            2 => format!("wait!({}) > {number}", self.operation()),
            3 => {
                let left = self.value();
                let operation = self.operation();
                format!("{left} > {number} && wait!({operation}) > 0")
            }
            4 => {
                let operation = self.operation();
                let right = self.value();
                format!("wait!({operation}) > {number} && {right} > 1")
            }
            _ => {
                let left = self.value();
                let operation = self.operation();
                format!("{left} > {number} || wait!({operation}) > 0")
            }
        }
    }

    /// The operation of a wait with which a statement begins.
    pub(crate) fn operation(&mut self) -> String {
        let (id, below) = (self.id(), self.random.below(6) + 2);
        self.scope.begin_block();
        format!("cx.op({id}, {below})")
    }
}
