//! What the hardware would not allow. The simulator stops instead of making a value up.

/// A breach of the engine's rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// A register that nothing has written.
    #[error("{0} is read before anything has written it")]
    Undefined(String),
    /// A transfer register whose command has not been waited for.
    #[error("$xfer_{0} is read before the signal of its command was waited for")]
    EarlyRead(u8),
    /// A transfer register that a command may still fetch.
    #[error("$xfer_{0} is written before the signal of the command that sends it was waited for")]
    EarlyWrite(u8),
    /// Both sources of one word in the same file.
    #[error("a branch stands in a defer slot")]
    BranchInSlot,
    /// No condition codes since the context last ran.
    #[error("condition codes are tested that no instruction of this turn has set")]
    NoConditionCodes,
    /// No previous result since the context last ran.
    #[error("the previous instruction's result is used where there is none")]
    NoPrevious,
    /// A control register is read, and the next word does not take it.
    #[error("the word after a control register read must be immed[dst, 0]")]
    CsrNotTaken,
    /// A control register that is not modelled.
    #[error("control register {0} is not modelled")]
    Csr(u16),
    /// The pointer changes while a written value is on its way.
    #[error("local memory pointer {0} steps while a new value is on its way")]
    PointerInFlight(u8),
    /// A signal is asked for while a command with it is open.
    #[error("signal {0} is used for two commands at once")]
    SignalInUse(u8),
    /// A context waits for a signal that nothing will raise.
    #[error("the context waits for a signal that no command raises")]
    NeverWoken,
    /// Transfer registers past the last.
    #[error("a command moves more than the transfer registers from $xfer_{0} hold")]
    TransferRange(u8),
    /// A field of an indirect reference that is not modelled.
    #[error("the indirect reference {0:#x} overrides what is not modelled")]
    Indirect(u32),
    /// Multiplication steps out of order.
    #[error("multiplication steps out of order")]
    Multiply,
    /// An address outside of what the program may touch, or badly aligned.
    #[error("memory at {address:#x}: {reason}")]
    Memory {
        /// Address.
        address: u64,
        /// What is wrong.
        reason: String,
    },
    /// Waiting for any of several signals, and other forms that the generator does not use.
    #[error("{0} is not modelled")]
    NotModelled(&'static str),
    /// A service of the firmware was called wrongly.
    #[error("{0}")]
    Service(String),
    /// Too many instructions for one packet.
    #[error("the program does not end")]
    Endless,
}

/// A breach, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("word {pc} of context {context} on engine {engine}: {breach}")]
pub struct Fault {
    /// Engine.
    pub engine: usize,
    /// Context.
    pub context: usize,
    /// Address of the word.
    pub pc: u16,
    /// What is wrong.
    pub breach: Breach,
}
