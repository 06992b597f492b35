//! What a user on a terminal sees while the program waits.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use signpath_platform::escape::escaped;

/// What is over sooner is not worth a word.
const PATIENCE: Duration = Duration::from_millis(300);

/// A line on stderr that says what is waited for, and how long already, until this is dropped.
/// Where stderr is no terminal there is none.
pub struct Progress {
    running: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Begins to wait for `what`.
    pub fn start(what: impl Into<String>) -> Self {
        let what = escaped(&what.into()).into_owned();
        let is_shown = std::io::stderr().is_terminal();
        Self {
            running: is_shown.then(|| {
                let (stop, stopped) = channel();
                let thread = thread::spawn(move || {
                    let started = Instant::now();
                    let mut wait = PATIENCE;
                    while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                        // The cursor stays at the start, so that another line overwrites this one.
                        show(&format!("{what} ... {} s\r", started.elapsed().as_secs()));
                        wait = Duration::from_secs(1);
                    }
                    if started.elapsed() >= PATIENCE {
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
            // A thread that failed has nothing more to show.
            let _ = thread.join();
        }
    }
}

fn show(text: &str) {
    const ERASE_LINE: &str = "\x1b[2K\r";
    // Progress that cannot be shown is not missed.
    let _ = write!(std::io::stderr(), "{ERASE_LINE}{text}");
}
