//! Locks that outlive a panic: what they guard here is replaced whole, so a thread that died leaves nothing half-done.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn read<T: Clone>(lock: &RwLock<T>) -> T {
    lock.read().unwrap_or_else(PoisonError::into_inner).clone()
}

pub(crate) fn replace<T>(lock: &RwLock<T>, with: T) {
    let before = std::mem::replace(&mut *lock.write().unwrap_or_else(PoisonError::into_inner), with);
    // Letting go of it may take a while.
    drop(before);
}
