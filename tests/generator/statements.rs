//! Statements and control flow.

use super::Writer;
use super::scope::{Block, Frame};

/// Nesting that is deep enough.
const DEEPEST: u32 = 4;

/// How the paths through some control flow end: where those that come out were.
type Exits = Vec<Block>;

impl Writer<'_> {
    /// Up to `count` statements; whether the last one leads elsewhere.
    pub(crate) fn statements(&mut self, count: u64, body: &mut String) -> bool {
        (0..count).any(|_| self.statement(body))
    }

    fn statement(&mut self, body: &mut String) -> bool {
        let deep = self.depth >= DEEPEST;
        match self.random.below(if deep { 9 } else { 20 }) {
            0 => self.note(body),
            1 | 2 => self.assign(body),
            3 | 4 => self.bind(body),
            5 => self.let_else(body),
            6 if self.may_wait() => {
                self.scope.begin_block();
                self.line(body, "yield_now!();");
            }
            7 => self.borrow(body),
            8 => return self.jump(body),
            9..=11 => return self.branch(body, None),
            12 | 13 => return self.select(body, None),
            14 | 15 => self.while_loop(body),
            16 => self.for_loop(body),
            17 => self.bind_flow(body),
            18 => self.labelled(body),
            _ => self.endless(body),
        }
        false
    }

    fn note(&mut self, body: &mut String) {
        let id = self.id();
        let locals = self.scope.usable();
        let text = match locals.last() {
            Some(name) if self.random.percent(50) => format!("cx.text({id}, &format!(\"{{{name}}} {{}}\", {name}));"),
            _ => format!("let noted = {}; cx.note({id}, noted);", self.value()),
        };
        self.line(body, &text);
    }

    fn assign(&mut self, body: &mut String) {
        let operator = *self.random.pick(&["=", "+=", "="]);
        let field = *self.random.pick(&["a", "b", "c"]);
        let value = self.any_value();
        let text = match operator {
            "=" => format!("self.{field} = {value} % 1009;"),
            _ => format!("self.{field} += {value} % 100;"),
        };
        self.line(body, &text);
    }

    fn name(&mut self) -> String {
        let names = self.scope.names();
        if !names.is_empty() && self.random.percent(30) {
            self.random.pick(&names).clone()
        } else {
            self.scope.new_name()
        }
    }

    fn bind(&mut self, body: &mut String) {
        let value = self.any_value();
        let name = self.name();
        self.scope.bind(&name);
        self.line(body, &format!("let {name} = {value};"));
    }

    fn let_else(&mut self, body: &mut String) {
        let low = self.random.below(3);
        let value = self.any_value();
        let mut otherwise = String::new();
        self.nested(&mut otherwise, |this, body| {
            this.statements_then_leave(body);
        });
        let name = self.name();
        self.scope.bind(&name);
        self.line(body, &format!("let {name} @ {low}.. = {value} else {{"));
        body.push_str(&otherwise);
        self.line(body, "};");
    }

    /// Statements that end elsewhere, after which the block that was being written goes on.
    fn statements_then_leave(&mut self, body: &mut String) {
        let block = self.scope.block;
        let count = self.random.below(3);
        if !self.statements(count, body) {
            let value = self.value();
            let text = format!("return {};", self.output_of(&value));
            self.line(body, &text);
        }
        self.scope.block = block;
    }

    /// A local that borrows from `self` until the next wait.
    fn borrow(&mut self, body: &mut String) {
        let field = *self.random.pick(&["a", "b", "c"]);
        let name = self.scope.new_name();
        let number = self.random.below(9);
        if self.may_wait() {
            let operation = self.operation();
            self.line(body, &format!("let {name} = (&mut self.{field}, wait!({operation}));"));
            self.line(body, &format!("*{name}.0 = {name}.1 + {number};"));
        } else {
            self.line(body, &format!("let {name} = &mut self.{field};"));
            self.line(body, &format!("*{name} = {number};"));
        }
    }

    /// `return`, or `break` or `continue` with what is around; `false` if it writes none.
    fn jump(&mut self, body: &mut String) -> bool {
        if self.depth == 0 {
            return false;
        }
        let frames = self.scope.frames.len() as u64;
        let choice = self.random.below(frames + 1) as usize;
        let block = self.scope.block;
        if self.scope.frames.get(choice).is_none() {
            let value = self.any_value();
            let text = format!("return {};", self.output_of(&value));
            self.line(body, &text);
            return true;
        }
        let innermost = choice + 1 == self.scope.frames.len();
        let frame = &self.scope.frames[choice];
        let (label, is_loop, valued) = (frame.label.clone(), frame.is_loop, frame.valued);
        let label = match label {
            Some(label) if !is_loop || !innermost || self.random.percent(50) => format!(" {label}"),
            _ if is_loop && innermost => String::new(),
            _ => return false,
        };
        if is_loop && self.random.percent(40) {
            self.line(body, &format!("continue{label};"));
            return true;
        }
        let value = if valued { format!(" {}", self.value()) } else { String::new() };
        self.scope.frames[choice].breaks.push(block);
        self.line(body, &format!("break{label}{value};"));
        true
    }

    /// Writes one level deeper.
    fn nested<T>(&mut self, body: &mut String, write: impl FnOnce(&mut Self, &mut String) -> T) -> T {
        let mark = self.scope.enter();
        self.depth += 1;
        self.indent += 1;
        let result = write(self, body);
        self.indent -= 1;
        self.depth -= 1;
        self.scope.leave(mark);
        result
    }

    /// A branch from block `parted`: statements, then a value if `valued`. Notes in `exits` where it comes out.
    fn arm(&mut self, body: &mut String, parted: Block, valued: bool, exits: &mut Exits, bound: Option<&str>) {
        self.scope.block = parted;
        self.nested(body, |this, body| {
            if let Some(name) = bound {
                this.scope.bind(name);
            }
            let count = this.random.below(3);
            if this.statements(count, body) {
                return;
            }
            if valued {
                let value = this.any_value();
                this.line(body, &value);
            }
            exits.push(this.scope.block);
        });
    }

    /// The last branch of control flow whose value is wanted must come out.
    fn last_arm(&mut self, body: &mut String, parted: Block, exits: &mut Exits) {
        self.scope.block = parted;
        self.nested(body, |this, body| {
            let value = this.any_value();
            this.line(body, &value);
            exits.push(this.scope.block);
        });
    }

    /// Behind control flow; whether nothing comes out.
    fn meet(&mut self, parted: Block, exits: &Exits) -> bool {
        self.scope.join(parted, exits);
        exits.is_empty()
    }

    /// `if`, as a statement, or behind `let = ` if `bound`.
    fn branch(&mut self, body: &mut String, bound: Option<&str>) -> bool {
        let mark = self.scope.enter();
        let (head, name) = self.branch_head();
        let parted = self.scope.block;
        let mut exits = Exits::new();
        let before = bound.map_or(String::new(), |name| format!("let {name} = "));
        self.line(body, &format!("{before}{head} {{"));
        self.arm(body, parted, bound.is_some(), &mut exits, name.as_deref());
        self.scope.leave(mark);
        if bound.is_some() {
            self.line(body, "} else {");
            self.last_arm(body, parted, &mut exits);
        } else if self.random.percent(50) {
            self.line(body, "} else {");
            self.arm(body, parted, false, &mut exits, None);
        } else {
            exits.push(parted);
        }
        self.line(body, if bound.is_some() { "};" } else { "}" });
        self.meet(parted, &exits)
    }

    fn branch_head(&mut self) -> (String, Option<String>) {
        if self.random.percent(60) {
            return (format!("if {}", self.condition()), None);
        }
        let low = self.random.below(4);
        let value = self.any_value();
        let name = self.scope.new_name();
        let chained = if self.random.percent(40) { format!(" && {name} < 5") } else { String::new() };
        (format!("if let {name} @ {low}.. = {value}{chained}"), Some(name))
    }

    fn select(&mut self, body: &mut String, bound: Option<&str>) -> bool {
        let value = self.any_value();
        let parted = self.scope.block;
        let mut exits = Exits::new();
        let before = bound.map_or(String::new(), |name| format!("let {name} = "));
        self.line(body, &format!("{before}match {value} {{"));
        self.indent += 1;
        for number in 0..self.random.below(3) {
            let guard =
                if self.random.percent(30) { format!(" if {} > 1", self.value_in(parted)) } else { String::new() };
            self.line(body, &format!("{number}{guard} => {{"));
            self.arm(body, parted, bound.is_some(), &mut exits, None);
            self.line(body, "}");
        }
        let name = self.scope.new_name();
        self.line(body, &format!("{name} => {{"));
        match bound {
            Some(_) => self.last_arm(body, parted, &mut exits),
            None => self.arm(body, parted, false, &mut exits, Some(&name)),
        }
        self.line(body, "}");
        self.indent -= 1;
        self.line(body, if bound.is_some() { "};" } else { "}" });
        self.meet(parted, &exits)
    }

    fn value_in(&mut self, block: Block) -> String {
        self.scope.block = block;
        self.value()
    }

    fn bind_flow(&mut self, body: &mut String) {
        let name = self.name();
        match self.random.below(4) {
            0 | 1 => drop(self.branch(body, Some(&name))),
            2 => drop(self.select(body, Some(&name))),
            _ => self.loop_with_value(body, &name),
        }
        self.scope.bind(&name);
    }

    /// A frame around `write`; gives back where its `break`s were.
    fn framed(&mut self, frame: Frame, write: impl FnOnce(&mut Self)) -> Vec<Block> {
        self.scope.frames.push(frame);
        write(self);
        self.scope.frames.pop().map_or(Vec::new(), |frame| frame.breaks)
    }

    fn loop_frame(&mut self, valued: bool) -> Frame {
        let label = self.random.percent(50).then(|| format!("'l{}", self.id()));
        Frame { label, is_loop: true, valued, breaks: Vec::new() }
    }

    /// Writes a loop, waiting or not: a waiting one begins blocks for its head and for what follows.
    fn cycle(&mut self, body: &mut String, valued: bool, write: impl FnOnce(&mut Self, &mut String, &str)) {
        let waits = self.may_wait() && self.random.percent(80);
        let frame = self.loop_frame(valued);
        let label = frame.label.as_ref().map_or(String::new(), |label| format!("{label}: "));
        if waits {
            self.scope.begin_block();
        } else {
            self.quiet += 1;
        }
        self.framed(frame, |this| write(this, body, &label));
        if waits {
            self.scope.begin_block();
        } else {
            self.quiet -= 1;
        }
    }

    fn loop_body(&mut self, body: &mut String, bound: Option<&str>) {
        let block = self.scope.block;
        self.nested(body, |this, body| {
            if let Some(name) = bound {
                this.scope.bind(name);
            }
            let count = this.random.below(3) + 1;
            this.statements(count, body);
        });
        if self.quiet > 0 {
            self.scope.block = block;
        }
    }

    fn while_loop(&mut self, body: &mut String) {
        self.cycle(body, false, |this, body, label| {
            let bound = this.may_wait().then(|| this.scope.new_name());
            let head = match &bound {
                Some(name) if this.random.percent(50) => {
                    let operation = this.operation();
                    format!("while let {name} @ 1.. = wait!({operation}) && cx.fuel()")
                }
                _ => {
                    let condition = this.condition();
                    format!("while cx.fuel() && ({condition})")
                }
            };
            let bound = bound.filter(|_| head.starts_with("while let"));
            this.line(body, &format!("{label}{head} {{"));
            this.loop_body(body, bound.as_deref());
            this.line(body, "}");
        });
    }

    fn for_loop(&mut self, body: &mut String) {
        let count = self.random.below(4);
        let name = self.scope.new_name();
        if self.scope.iterating || !self.may_wait() {
            self.quiet += 1;
            self.line(body, &format!("for {name} in 0..{count}_i64 {{"));
            let frame = Frame { label: None, is_loop: true, valued: false, breaks: Vec::new() };
            self.framed(frame, |this| this.loop_body(body, Some(&name)));
            self.line(body, "}");
            self.quiet -= 1;
            return;
        }
        self.line(body, &format!("self.iterator = Countdown({count});"));
        self.scope.iterating = true;
        self.scope.begin_block();
        let frame = self.loop_frame(false);
        let label = frame.label.as_ref().map_or(String::new(), |label| format!("{label}: "));
        self.line(body, &format!("{label}for {name} in &mut self.iterator {{"));
        self.framed(frame, |this| this.loop_body(body, Some(&name)));
        self.line(body, "}");
        self.scope.begin_block();
        self.scope.iterating = false;
    }

    /// A `loop` that ends when the fuel does.
    fn endless(&mut self, body: &mut String) {
        self.cycle(body, false, |this, body, label| {
            this.line(body, &format!("{label}loop {{"));
            this.line(body, "    if !cx.fuel() { break; }");
            this.loop_body(body, None);
            this.line(body, "}");
        });
    }

    fn loop_with_value(&mut self, body: &mut String, name: &str) {
        self.cycle(body, true, |this, body, label| {
            let value = this.random.below(9);
            this.line(body, &format!("let {name} = {label}loop {{"));
            this.line(body, &format!("    if !cx.fuel() {{ break {value}_i64; }}"));
            this.loop_body(body, None);
            this.line(body, "};");
        });
    }

    fn labelled(&mut self, body: &mut String) {
        let label = format!("'b{}", self.id());
        let parted = self.scope.block;
        self.line(body, &format!("{label}: {{"));
        let frame = Frame { label: Some(label), is_loop: false, valued: false, breaks: Vec::new() };
        let mut exits = Exits::new();
        let breaks = self.framed(frame, |this| this.arm(body, parted, false, &mut exits, None));
        exits.extend(breaks);
        self.line(body, "}");
        if self.meet(parted, &exits) {
            // Nothing comes out, but what follows is written all the same: nothing bound before is sure to be there.
            self.scope.begin_block();
        }
    }
}
