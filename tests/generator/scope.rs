//! Which locals can be used: those that the current block bound.

/// A block of the taken-apart body, by number.
pub(crate) type Block = u32;

struct Local {
    name: String,
    block: Block,
}

/// A loop or labelled block around what is written.
pub(crate) struct Frame {
    /// Its label, if it has one.
    pub(crate) label: Option<String>,
    /// Whether `continue` finds it.
    pub(crate) is_loop: bool,
    /// Whether `break` takes a value.
    pub(crate) valued: bool,
    /// The blocks from which a `break` came.
    pub(crate) breaks: Vec<Block>,
}

/// Locals and frames.
pub(crate) struct Scope {
    locals: Vec<Local>,
    /// Innermost last.
    pub(crate) frames: Vec<Frame>,
    /// The block that is being written.
    pub(crate) block: Block,
    blocks: Block,
    names: u32,
    /// Whether the iterator in `self` is in use.
    pub(crate) iterating: bool,
}

impl Scope {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Scope { locals: Vec::new(), frames: Vec::new(), block: 0, blocks: 0, names: 0, iterating: false }
    }

    /// A wait, or a jump to a place of its own: what was bound is lost.
    pub(crate) fn begin_block(&mut self) {
        self.blocks += 1;
        self.block = self.blocks;
    }

    /// Where paths from the blocks `from` meet, after they parted in block `parted`: still that block if none waited.
    pub(crate) fn join(&mut self, parted: Block, from: &[Block]) {
        if from.iter().all(|block| *block == parted) {
            self.block = parted;
        } else {
            self.begin_block();
        }
    }

    /// A name that no other local has.
    pub(crate) fn new_name(&mut self) -> String {
        self.names += 1;
        format!("x{}", self.names)
    }

    /// Binds `name` in the current block.
    pub(crate) fn bind(&mut self, name: &str) {
        self.locals.push(Local { name: name.to_owned(), block: self.block });
    }

    /// The locals that can be used here.
    pub(crate) fn usable(&self) -> Vec<String> {
        let visible = |at: usize, local: &Local| !self.locals[at + 1..].iter().any(|later| later.name == local.name);
        let locals = self.locals.iter().enumerate();
        locals
            .filter(|(at, local)| local.block == self.block && visible(*at, local))
            .map(|(_, local)| local.name.clone())
            .collect()
    }

    /// Every name in scope, to be bound again.
    pub(crate) fn names(&self) -> Vec<String> {
        self.locals.iter().map(|local| local.name.clone()).collect()
    }

    /// Where the scope that begins now ends.
    pub(crate) fn enter(&self) -> usize {
        self.locals.len()
    }

    /// Forgets what was bound since.
    pub(crate) fn leave(&mut self, mark: usize) {
        self.locals.truncate(mark);
    }
}
