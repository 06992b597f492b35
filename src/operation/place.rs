//! Where a session keeps its active operation of one kind.

use crate::error::{CancellationReason, Error, Kind, Result};
use signpath_client::Cancellation;
use signpath_platform::lock::Mutex;

/// What can be active in an [`OperationPlace`], and how error messages name it.
pub trait Operation {
    /// The name of the operation, as in "a … is active in this session".
    const WHAT: &'static str;
    /// The function that begins it.
    const INIT: &'static str;
    /// The function that ends it.
    const END: &'static str;
}

/// Holds at most one operation.
///
/// A call takes the operation out while it works on it, so that no lock is held meanwhile, and the
/// place stays occupied. If the operation is cancelled in the meantime, it is not put back.
pub struct OperationPlace<T> {
    state: Mutex<Occupancy<T>>,
}

struct Occupancy<T> {
    content: Content<T>,
    /// The number of calls that have occupied the place, used to identify the current one.
    calls: u64,
}

enum Content<T> {
    Nothing,
    Operation(T),
    /// Taken by a call, which may be waiting for SignPath.
    InUse {
        call: u64,
        wait: Option<Cancellation>,
        /// Whether the operation ends with this call.
        ends: bool,
    },
}

/// An operation taken out by a call. It ends when this is dropped.
pub struct Taken<'a, T> {
    /// The operation.
    pub operation: T,
    /// The place to put it back.
    pub place: Occupied<'a, T>,
}

/// A place occupied by a call, until this is dropped.
pub struct Occupied<'a, T> {
    place: &'a OperationPlace<T>,
    call: u64,
}

impl<T> Default for OperationPlace<T> {
    fn default() -> Self {
        Self { state: Mutex::new(Occupancy { content: Content::Nothing, calls: 0 }) }
    }
}

impl<T: Operation> OperationPlace<T> {
    /// Begins the operation created by `make`, which may wait for SignPath.
    ///
    /// # Errors
    /// [`Kind::OperationActive`], [`Kind::FunctionCanceled`] if the operation was cancelled
    /// meanwhile, and those of `make`.
    pub fn start(&self, make: impl FnOnce(&Occupied<'_, T>) -> Result<T>) -> Result<()> {
        let mut state = self.state.lock();
        let place = match state.content {
            Content::Nothing => self.occupy(&mut state).1,
            _ => return Err(active::<T>()),
        };
        drop(state);
        let operation = make(&place)?;
        match place.put(operation) {
            true => Ok(()),
            false => Err(canceled()),
        }
    }

    /// Takes the operation, which ends unless it is [put back](Taken::keep).
    ///
    /// # Errors
    /// [`Kind::OperationNotInitialized`]; [`Kind::OperationActive`] while another call has it.
    pub fn take(&self) -> Result<Taken<'_, T>> {
        let mut state = self.state.lock();
        match state.content {
            Content::Operation(_) => {}
            Content::InUse { .. } => return Err(active::<T>()),
            // If the place were occupied even so, another thread could not begin an operation meanwhile.
            Content::Nothing => return Err(not_initialized::<T>()),
        }
        let (content, place) = self.occupy(&mut state);
        drop(state);
        match content {
            Content::Operation(operation) => Ok(Taken { operation, place }),
            _ => Err(not_initialized::<T>()),
        }
    }

    /// Runs `work` on the operation, which stays active.
    ///
    /// # Errors
    /// As for [`OperationPlace::take`].
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> Result<R> {
        let mut taken = self.take()?;
        let result = work(&mut taken.operation);
        taken.keep();
        Ok(result)
    }

    fn occupy(&self, state: &mut Occupancy<T>) -> (Content<T>, Occupied<'_, T>) {
        state.calls += 1;
        let call = state.calls;
        let in_use = Content::InUse { call, wait: None, ends: false };
        let content = std::mem::replace(&mut state.content, in_use);
        (content, Occupied { place: self, call })
    }
}

impl<T> OperationPlace<T> {
    /// Ends the operation, even while it waits for SignPath. Returns whether there was one.
    pub fn cancel(&self) -> bool {
        let content = std::mem::replace(&mut self.state.lock().content, Content::Nothing);
        if let Content::InUse { wait: Some(wait), .. } = &content {
            wait.cancel(CancellationReason(canceled()));
        }
        !matches!(content, Content::Nothing)
    }

    /// Ends the operation, but lets a request that has already been sent complete.
    pub fn cancel_after_attempt(&self) {
        let mut state = self.state.lock();
        match &mut state.content {
            Content::InUse { wait: Some(wait), ends, .. } => {
                wait.cancel_after_attempt(CancellationReason(logged_out()));
                *ends = true;
            }
            content => *content = Content::Nothing,
        }
    }

    /// Whether an operation is active.
    pub fn is_active(&self) -> bool {
        !matches!(self.state.lock().content, Content::Nothing)
    }
}

impl<T> Taken<'_, T> {
    /// Puts the operation back, unless it has been cancelled.
    pub fn keep(self) {
        self.place.put(self.operation);
    }
}

impl<T> Occupied<'_, T> {
    /// A cancellation for waits of this call: it is triggered by `whole`, and if the operation is
    /// cancelled.
    pub fn wait(&self, whole: &Cancellation) -> Cancellation {
        let part = whole.child();
        match &mut self.place.state.lock().content {
            Content::InUse { call, wait, .. } if *call == self.call => *wait = Some(part.clone()),
            _ => part.cancel(CancellationReason(canceled())),
        }
        part
    }

    /// Puts the operation back. Returns false if it has been cancelled.
    fn put(self, operation: T) -> bool {
        self.set(Content::Operation(operation))
    }

    fn set(&self, content: Content<T>) -> bool {
        let mut state = self.place.state.lock();
        match state.content {
            Content::InUse { call, ends, .. } if call == self.call => {
                state.content = if ends { Content::Nothing } else { content };
                !ends
            }
            _ => false,
        }
    }
}

impl<T> Drop for Occupied<'_, T> {
    fn drop(&mut self) {
        self.set(Content::Nothing);
    }
}

fn active<T: Operation>() -> Error {
    Error::new(
        Kind::OperationActive,
        format!("a {} is active in this session; end it with {}", T::WHAT, T::END),
    )
}

fn not_initialized<T: Operation>() -> Error {
    Error::new(
        Kind::OperationNotInitialized,
        format!("no {} is active in this session; call {} first", T::WHAT, T::INIT),
    )
}

fn logged_out() -> Error {
    Error::new(Kind::FunctionCanceled, "the user logged out during the operation")
}

fn canceled() -> Error {
    Error::new(Kind::FunctionCanceled, "the operation was cancelled")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Find;

    #[test]
    fn an_operation_cancelled_during_its_start_is_not_active() {
        let place = OperationPlace::default();
        let started = place.start(|_| {
            assert!(place.cancel());
            Ok(Find::new(Vec::new()))
        });
        assert_eq!(started.unwrap_err().kind, Kind::FunctionCanceled);
        assert!(!place.is_active());
    }

    #[test]
    fn an_operation_started_after_a_cancellation_is_kept() {
        let place = OperationPlace::default();
        let started = place.start(|_| {
            place.cancel();
            place.start(|_| Ok(Find::new(vec![2])))?;
            Ok(Find::new(vec![1]))
        });
        assert_eq!(started.unwrap_err().kind, Kind::FunctionCanceled);
        let found = place.with(|find| find.next(9, |_| true)).unwrap();
        assert_eq!(found, [2]);
    }
}
