//! How the program ends: a contract with scripts and with systemd.

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// All well.
    Success = 0,
    /// Some file failed.
    Failed = 1,
    /// The call makes no sense.
    Usage = 2,
    /// The ledger cannot be used.
    Ledger = 69,
    /// An error of this program, or of the system under it.
    Internal = 70,
    /// The configuration is wrong; starting again will not help.
    Configuration = 78,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
