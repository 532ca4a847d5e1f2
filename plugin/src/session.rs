//! What the kernels of one session share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use crate::ops::Router;
use crate::profile::Profile;
use crate::sys::Arena;

/// Why a call runs on the CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FallbackCause {
    /// No adapter is usable.
    NoAdapter,
    /// The device cannot answer a call of this kind.
    Refused,
    /// The device failed while it answered.
    DeviceError,
}

/// State shared by the kernels of one session.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// A bit for each cause.
    warned: AtomicU8,
    /// Where its options ask for one. Reports when the session's last kernel is gone.
    profile: Option<Profile>,
    /// What `route=auto` has measured.
    router: Router,
    /// Temporary tensors of its CPU kernels.
    arena: Mutex<Option<Arc<Arena>>>,
}

/// The sessions that have kernels, by the identity of their logger. An entry outlives no session: ONNX Runtime destroys
/// a session's kernels before its logger, whose address may then be used again.
static SESSIONS: LazyLock<Mutex<HashMap<usize, Weak<Session>>>> = LazyLock::new(Mutex::default);

impl Session {
    /// The session with a logger of this identity; `profile` makes its profile if this is the first kernel.
    ///
    /// # Errors
    /// As `profile`.
    pub(crate) fn of<E>(
        logger: Option<usize>,
        profile: impl FnOnce() -> Result<Option<Profile>, E>,
    ) -> Result<Arc<Session>, E> {
        let new = || Ok(Arc::new(Session { profile: profile()?, ..Session::default() }));
        let Some(logger) = logger else { return new() };
        let mut sessions = SESSIONS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = sessions.get(&logger).and_then(Weak::upgrade) {
            return Ok(session);
        }
        sessions.retain(|_, session| session.strong_count() > 0);
        let session = new()?;
        sessions.insert(logger, Arc::downgrade(&session));
        Ok(session)
    }

    /// What `route=auto` has measured.
    pub(crate) fn router(&self) -> &Router {
        &self.router
    }

    /// Memory for temporary tensors; the first kernel that asks makes it.
    ///
    /// # Errors
    /// As `arena`.
    pub(crate) fn arena<E>(&self, arena: impl FnOnce() -> Result<Arena, E>) -> Result<Arc<Arena>, E> {
        let mut shared = self.arena.lock().unwrap_or_else(PoisonError::into_inner);
        let made = match shared.take() {
            Some(known) => known,
            None => Arc::new(arena()?),
        };
        Ok(Arc::clone(shared.insert(made)))
    }

    /// Where its calls are recorded, if anywhere.
    pub(crate) fn profile(&self) -> Option<&Profile> {
        self.profile.as_ref()
    }

    /// Whether this is the session's first fallback for this cause, so that each cause is warned of once.
    pub(crate) fn first_fallback(&self, cause: FallbackCause) -> bool {
        let bit = 1 << cause as u8;
        self.warned.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(logger: usize) -> Arc<Session> {
        Session::of(Some(logger), || Ok::<_, ()>(None)).unwrap()
    }

    #[test]
    fn kernels_of_one_session_warn_once() {
        let (first, second) = (session(0x10), session(0x10));
        assert!(first.first_fallback(FallbackCause::NoAdapter));
        assert!(!second.first_fallback(FallbackCause::NoAdapter));
        assert!(second.first_fallback(FallbackCause::Refused));
        let other = session(0x20);
        assert!(other.first_fallback(FallbackCause::NoAdapter));
    }

    #[test]
    fn a_later_session_at_the_same_address_warns_again() {
        let first = session(0x30);
        assert!(first.first_fallback(FallbackCause::NoAdapter));
        drop(first);
        assert!(session(0x30).first_fallback(FallbackCause::NoAdapter));
    }
}
