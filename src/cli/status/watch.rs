//! `h5inbox status --watch`: the glance again and again.
//!
//! On a terminal it has the screen for itself, which is given back however it ends, also while it is stopped by Ctrl-Z.
//! Elsewhere each glance follows the one before.

use std::io::IsTerminal;
use std::thread;
use std::time::Duration;

use crossbeam_channel::Receiver;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::cli::{ExitCode, output};

/// The other screen, without a cursor and with long lines cut off; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";
/// From the top left on; what stood behind a shorter line, or below, is cleared.
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K\n";
const CLEAR_BELOW: &str = "\x1b[J";

/// Shows what `glance` gives, every so often, until somebody ends it or nobody reads it any more.
pub(super) fn watch(
    every: Duration,
    mut glance: impl FnMut() -> Result<String, ExitCode>,
) -> Result<ExitCode, ExitCode> {
    let signals = signals()?;
    let mut screen = Screen::enter()?;
    let shown = loop {
        let text = glance()?;
        screen.show(&text)?;
        match signals.recv_timeout(every) {
            Ok(SIGTSTP) => screen.away()?,
            Ok(SIGCONT | SIGWINCH) | Err(_) => {}
            Ok(_) => break text,
        }
    };
    if screen.leave() {
        // What was seen last stays.
        output::styled(&shown)?;
    }
    Ok(ExitCode::Success)
}

fn signals() -> Result<Receiver<i32>, ExitCode> {
    let failed = |error: std::io::Error| {
        output::error(&format!("cannot watch: {error}"));
        ExitCode::Internal
    };
    let all = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH];
    let mut signals = Signals::new(all).map_err(failed)?;
    let (sender, received) = crossbeam_channel::unbounded();
    let forward = move || signals.forever().map(|signal| sender.send(signal)).take_while(Result::is_ok).for_each(drop);
    thread::Builder::new().name("signals".to_owned()).spawn(forward).map_err(failed)?;
    Ok(received)
}

/// What is written on. Gives back the terminal when it is dropped.
struct Screen {
    is_terminal: bool,
    entered: bool,
}

impl Screen {
    fn enter() -> Result<Self, ExitCode> {
        let is_terminal = std::io::stdout().is_terminal();
        let mut screen = Self { is_terminal, entered: false };
        screen.take()?;
        Ok(screen)
    }

    fn take(&mut self) -> Result<(), ExitCode> {
        if self.is_terminal {
            self.entered = true;
            output::data(ENTER)?;
        }
        Ok(())
    }

    fn show(&self, text: &str) -> Result<(), ExitCode> {
        if !self.is_terminal {
            return output::styled(text);
        }
        output::data(HOME)?;
        output::styled(&text.replace('\n', CLEAR_LINE))?;
        output::data(CLEAR_BELOW)
    }

    /// Stopped by Ctrl-Z, until `fg`.
    fn away(&mut self) -> Result<(), ExitCode> {
        self.leave();
        let _ = emulate_default_handler(SIGTSTP);
        self.take()
    }

    /// Whether there was a terminal to give back.
    fn leave(&mut self) -> bool {
        let entered = std::mem::take(&mut self.entered);
        if entered {
            let _ = output::data(LEAVE);
        }
        entered
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
    }
}
