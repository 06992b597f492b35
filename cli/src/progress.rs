//! Progress messages for users on a terminal.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use signpath_platform::escape::escaped;

/// Shorter waits are not shown.
const DELAY: Duration = Duration::from_millis(300);

/// A line on stderr that says what is being waited for, and for how long, until this is dropped. Nothing is shown if
/// stderr is not a terminal.
pub struct Progress {
    running: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Starts to show that the program is waiting for `what`.
    pub fn start(what: impl Into<String>) -> Self {
        let what = escaped(&what.into()).into_owned();
        let is_shown = std::io::stderr().is_terminal();
        Self {
            running: is_shown.then(|| {
                let (stop, stopped) = channel();
                let thread = thread::spawn(move || {
                    let started = Instant::now();
                    let mut wait = DELAY;
                    while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                        // The cursor returns to the start, so that the next line overwrites this one.
                        show(&format!("{what} ... {} s\r", started.elapsed().as_secs()));
                        wait = Duration::from_secs(1);
                    }
                    if started.elapsed() >= DELAY {
                        show("");
                    }
                });
                (stop, thread)
            }),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            // A thread that panicked has nothing more to show.
            let _ = thread.join();
        }
    }
}

fn show(text: &str) {
    const ERASE_LINE: &str = "\x1b[2K\r";
    // Failing to show progress is not an error.
    let _ = write!(std::io::stderr(), "{ERASE_LINE}{text}");
}
