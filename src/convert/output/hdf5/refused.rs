//! What the HDF5 library says when it refuses a call: its own words, and the system's, if the system was the reason.

use std::io;

/// A call that the library refused.
#[derive(Debug)]
pub(super) struct Refused {
    /// The call, in words.
    pub(super) action: &'static str,
    /// What the library said.
    pub(super) detail: String,
    /// What the system said to the library.
    pub(super) system: Option<io::Error>,
}

impl Refused {
    /// A refusal of `action` that has nothing to do with the system.
    pub(super) fn because(action: &'static str, detail: impl Into<String>) -> Self {
        Self { action, detail: detail.into(), system: None }
    }

    /// The refusal of the call made last. To be asked before any other call, which would forget it.
    pub(super) fn of_last_call(action: &'static str) -> Self {
        let (Ok(error) | Err(error)) = hdf5::Error::query();
        let Some(stack) = error.stack() else { return Self::because(action, error.to_string()) };
        // The innermost frame is the cause; those around it say what the library was about to do.
        let code = stack.iter().rev().find_map(|frame| errno_in(frame.desc()));
        Self { action, detail: stack.description().to_owned(), system: code.map(io::Error::from_raw_os_error) }
    }
}

/// The system's error number in a description. The library promises this form to those who look for it.
fn errno_in(description: &str) -> Option<i32> {
    let (_, behind) = description.split_once("errno = ")?;
    let digits = behind.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().filter(|code| *code > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_number_is_taken_from_what_the_library_says() {
        let write = "file write failed: time = Mon Jan  1 00:00:00 2024\n, filename = 'a', file descriptor = 7, errno = 28, \
                     error message = 'No space left on device', buf = 0x1, total write size = 96";
        assert_eq!(errno_in(write), Some(28));
        assert_eq!(errno_in("unable to extend file properly, errno = 122, error message = 'x'"), Some(122));
        for other in ["unable to flush", "errno = 0, error message = 'Success'", "errno = ", "errno = x"] {
            assert_eq!(errno_in(other), None, "{other}");
        }
    }
}
