//! Idle connections: a request takes one, and puts it back for the next.
//!
//! Nothing here knows what a connection is, so that `fuzz/models` can try all orders of threads.

use std::time::Duration;

use signpath_platform::lock::{Condvar, Mutex};

/// The largest number of idle connections.
const MAX_IDLE: usize = 64;

pub trait Reusable {
    /// Whether another request can be sent.
    fn is_usable(&mut self) -> bool;

    /// The same after it has been idle.
    fn is_still_usable(&mut self) -> bool {
        self.is_usable()
    }
}

pub struct Pool<C> {
    idle: Mutex<Idle<C>>,
    /// Notified when a connection has been put back.
    returned: Condvar,
}

struct Idle<C> {
    connections: Vec<C>,
    /// How many calls wait for [`Pool::returned`].
    waiting: usize,
    /// Incremented by [`Pool::clear`].
    generation: u64,
}

impl<C> Default for Pool<C> {
    fn default() -> Self {
        Self {
            idle: Mutex::new(Idle { connections: Vec::new(), waiting: 0, generation: 0 }),
            returned: Condvar::new(),
        }
    }
}

impl<C: Reusable> Pool<C> {
    /// Has to be asked for before a request is sent: see [`Self::put_back`].
    pub fn generation(&self) -> u64 {
        self.idle.lock().generation
    }

    /// An idle connection that is usable.
    pub fn take(&self) -> Option<C> {
        loop {
            let connection = self.idle.lock().connections.pop();
            // Neither checking nor closing it needs the lock.
            let mut connection = connection?;
            if connection.is_still_usable() {
                return Some(connection);
            }
        }
    }

    /// Waits until another call puts a connection back, but no longer than `time`.
    pub fn wait(&self, time: Duration) {
        let mut idle = self.idle.lock();
        if idle.connections.is_empty() {
            idle.waiting += 1;
            idle = self.returned.wait_for(idle, time);
            idle.waiting -= 1;
        }
    }

    /// Keeps a connection, unless there are enough or the pool has been cleared since
    /// `generation`, when its last request was sent.
    pub fn put_back(&self, mut connection: C, generation: u64) {
        if !connection.is_usable() {
            return;
        }
        let mut idle = self.idle.lock();
        if idle.connections.len() < MAX_IDLE && idle.generation == generation {
            idle.connections.push(connection);
            // Even without a waiting call, this is a system call.
            if idle.waiting > 0 {
                self.returned.notify_one();
            }
        }
    }

    /// Closes all connections, those in use when they are put back.
    pub fn clear(&self) {
        let mut idle = self.idle.lock();
        idle.generation += 1;
        let connections = std::mem::take(&mut idle.connections);
        // Closing them does not need the lock.
        drop(idle);
        drop(connections);
    }
}
