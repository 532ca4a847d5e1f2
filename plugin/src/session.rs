//! What the kernels of one session share.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

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
    warned: Mutex<HashSet<FallbackCause>>,
}

/// The sessions that have kernels, by the identity of their logger. An entry outlives no session: ONNX Runtime destroys
/// a session's kernels before its logger, whose address may then be used again.
static SESSIONS: LazyLock<Mutex<HashMap<usize, Weak<Session>>>> = LazyLock::new(Mutex::default);

impl Session {
    /// The session with a logger of this identity.
    pub(crate) fn of(logger: Option<usize>) -> Arc<Session> {
        let Some(logger) = logger else { return Arc::default() };
        let mut sessions = SESSIONS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = sessions.get(&logger).and_then(Weak::upgrade) {
            return session;
        }
        sessions.retain(|_, session| session.strong_count() > 0);
        let session = Arc::default();
        sessions.insert(logger, Arc::downgrade(&session));
        session
    }

    /// Whether this is the session's first fallback for this cause, so that each cause is warned of once.
    pub(crate) fn first_fallback(&self, cause: FallbackCause) -> bool {
        self.warned.lock().unwrap_or_else(PoisonError::into_inner).insert(cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_of_one_session_warn_once() {
        let (first, second) = (Session::of(Some(0x10)), Session::of(Some(0x10)));
        assert!(first.first_fallback(FallbackCause::NoAdapter));
        assert!(!second.first_fallback(FallbackCause::NoAdapter));
        assert!(second.first_fallback(FallbackCause::Refused));
        let other = Session::of(Some(0x20));
        assert!(other.first_fallback(FallbackCause::NoAdapter));
    }

    #[test]
    fn a_later_session_at_the_same_address_warns_again() {
        let first = Session::of(Some(0x30));
        assert!(first.first_fallback(FallbackCause::NoAdapter));
        drop(first);
        assert!(Session::of(Some(0x30)).first_fallback(FallbackCause::NoAdapter));
    }
}
