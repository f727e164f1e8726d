//! Random bodies with waits in every control flow, each a correct protothread and correct plain code.
//!
//! The generator keeps count of what the macro does: each wait begins a block, and a local can be used only in the block
//! that bound it. Every loop burns fuel, so every body ends.

mod random;
mod scope;
mod statements;
mod values;

pub(crate) use random::Random;

use scope::Scope;

/// A body.
pub(crate) struct Program {
    /// The method's name.
    pub(crate) name: String,
    /// Its output type.
    pub(crate) output: &'static str,
    /// Its statements.
    pub(crate) body: String,
}

impl Program {
    /// Program `number`.
    pub(crate) fn random(number: usize, random: &mut Random) -> Self {
        let output = *random.pick(&["i64", "Option<i64>", "Result<i64, i64>"]);
        let mut writer = Writer { random, output, scope: Scope::new(), ids: 0, depth: 0, quiet: 0, indent: 1 };
        let statements = writer.random.below(4) + 2;
        let mut body = String::new();
        let ended = writer.statements(statements, &mut body);
        if !ended {
            let value = writer.value();
            let tail = writer.output_of(&value);
            writer.line(&mut body, &tail);
        }
        Program { name: format!("program_{number}"), output, body }
    }
}

/// What writes one body.
pub(crate) struct Writer<'r> {
    random: &'r mut Random,
    output: &'static str,
    scope: Scope,
    /// Numbers each operation and note, so that the logs tell them apart.
    ids: u32,
    /// How deep control flow is nested.
    depth: u32,
    /// In code that must not wait.
    quiet: u32,
    indent: usize,
}

impl Writer<'_> {
    fn id(&mut self) -> u32 {
        self.ids += 1;
        self.ids
    }

    fn may_wait(&self) -> bool {
        self.quiet == 0
    }

    /// `value` as the body's output.
    fn output_of(&self, value: &str) -> String {
        match self.output {
            "Option<i64>" => format!("Some({value})"),
            "Result<i64, i64>" => format!("Ok({value})"),
            _ => value.to_owned(),
        }
    }

    fn line(&self, body: &mut String, text: &str) {
        body.push_str(&"    ".repeat(self.indent));
        body.push_str(text);
        body.push('\n');
    }
}
