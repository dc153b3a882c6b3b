//! The concurrency limit and the circuit breaker of one host and port, and which answers count as faults (SEC-39). After repeated
//! faults the breaker opens for a few seconds: logins with that provider then fail at once and use no resources that other logins
//! need. After the cooldown one trial call decides whether the breaker closes.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::error::OutgoingError;
use super::message::Reply;

/// A host that stops answering occupies at most this many connections.
pub(super) const MAX_CONCURRENT_CALLS: usize = 128;
/// Consecutive faults that open the circuit breaker.
pub(super) const MAX_FAULTS: u32 = 10;
/// How long the circuit breaker stays open after the last fault.
pub(super) const COOLDOWN: Duration = Duration::from_secs(5);

/// Maximum number of endpoints of one host with a stored cooldown.
const MAX_COOLDOWNS: usize = 64;

pub(super) struct Host {
    pub(super) permits: Semaphore,
    breaker: Mutex<Breaker>,
    /// By path: the end of the pause that an endpoint asked for (`Retry-After`).
    cooldowns: Mutex<HashMap<String, Instant>>,
}

impl Default for Host {
    fn default() -> Self {
        Self { permits: Semaphore::new(MAX_CONCURRENT_CALLS), breaker: Mutex::default(), cooldowns: Mutex::default() }
    }
}

impl Host {
    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cooldowns(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.cooldowns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a call may be made now.
    ///
    /// Errors: the time until one may. `call_timeout` is the time limit of one call.
    pub(super) fn check_admission(&self, path: &str, now: Instant, call_timeout: Duration) -> Result<(), Duration> {
        let cooling_down = self.cooldowns().get(path).copied();
        if let Some(until) = cooling_down.filter(|until| now < *until) {
            return Err(until - now);
        }
        self.breaker().check_admission(now, call_timeout)
    }

    pub(super) fn cool_down(&self, path: &str, now: Instant, span: Duration) {
        let mut cooldowns = self.cooldowns();
        cooldowns.retain(|_, until| now < *until);
        if cooldowns.len() < MAX_COOLDOWNS || cooldowns.contains_key(path) {
            cooldowns.insert(path.to_owned(), now + span);
        }
    }

    /// Records the result of a call. A status such as 4xx is not a fault, and a request that was not sent has no result.
    pub(super) fn record(&self, result: &Result<Reply, OutgoingError>, now: Instant) {
        use OutgoingError::{Broken, CircuitOpen, Forbidden, InvalidRequest, Timeout, TooLarge, Unreachable};
        let fault = match result {
            Ok(reply) => (502..=504).contains(&reply.status),
            Err(Timeout | Unreachable { .. } | Broken(_)) => true,
            Err(TooLarge) => false,
            Err(Forbidden { .. } | InvalidRequest(_) | CircuitOpen { .. }) => return,
        };
        self.breaker().record(fault, now);
    }

    /// Whether the breaker is open, which it is until a trial call succeeds.
    pub(super) fn has_open_breaker(&self) -> bool {
        self.breaker().until.is_some()
    }

    /// Whether the breaker is open or an endpoint has a cooldown.
    pub(super) fn has_cooldown(&self, now: Instant) -> bool {
        let is_cooling_down = self.cooldowns().values().any(|until| now < *until);
        is_cooling_down || self.breaker().until.is_some_and(|until| now < until)
    }
}

#[derive(Default)]
struct Breaker {
    /// Consecutive.
    faults: u32,
    /// While the breaker is open: when the next trial call may be made.
    until: Option<Instant>,
}

impl Breaker {
    fn check_admission(&mut self, now: Instant, call_timeout: Duration) -> Result<(), Duration> {
        match self.until {
            Some(until) if now < until => Err(until - now),
            // The trial call. If its result is never recorded, another one is allowed after the time limit of a call.
            Some(_) => {
                self.until = Some(now + call_timeout);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn record(&mut self, fault: bool, now: Instant) {
        self.faults = if fault { self.faults.saturating_add(1) } else { 0 };
        self.until = (self.faults >= MAX_FAULTS).then_some(now + COOLDOWN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL_TIMEOUT: Duration = Duration::from_secs(10);

    #[test]
    fn sec_39_only_consecutive_faults_open_the_breaker() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..3 {
            (1..MAX_FAULTS).for_each(|_| breaker.record(true, now));
            assert!(breaker.check_admission(now, CALL_TIMEOUT).is_ok());
            breaker.record(false, now);
        }
        (0..MAX_FAULTS).for_each(|_| breaker.record(true, now));
        assert!(breaker.check_admission(now, CALL_TIMEOUT).is_err());
        assert!(breaker.check_admission(now + COOLDOWN - Duration::from_millis(1), CALL_TIMEOUT).is_err());
    }

    #[test]
    fn sec_39_one_trial_call_after_the_cooldown_closes_or_opens_the_breaker() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        (0..MAX_FAULTS).for_each(|_| breaker.record(true, now));
        let later = now + COOLDOWN;
        assert!(breaker.check_admission(later, CALL_TIMEOUT).is_ok());
        assert!(breaker.check_admission(later, CALL_TIMEOUT).is_err(), "the others wait for the trial");
        breaker.record(true, later);
        assert!(breaker.check_admission(later + COOLDOWN / 2, CALL_TIMEOUT).is_err());
        assert!(breaker.check_admission(later + COOLDOWN, CALL_TIMEOUT).is_ok());
        breaker.record(false, later + COOLDOWN);
        assert!((0..50).all(|_| breaker.check_admission(later + COOLDOWN, CALL_TIMEOUT).is_ok()));
    }

    #[test]
    fn sec_39_a_trial_without_a_result_is_followed_by_another() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        (0..MAX_FAULTS).for_each(|_| breaker.record(true, now));
        assert!(breaker.check_admission(now + COOLDOWN, CALL_TIMEOUT).is_ok());
        assert!(breaker.check_admission(now + CALL_TIMEOUT, CALL_TIMEOUT).is_err());
        assert!(breaker.check_admission(now + COOLDOWN + CALL_TIMEOUT, CALL_TIMEOUT).is_ok());
    }

    #[test]
    fn sec_39_refusals_and_unsent_requests_are_not_faults() {
        let (host, now) = (Host::default(), Instant::now());
        let answer = |status| Ok(Reply { status, headers: Default::default(), body: Vec::new() });
        for _ in 0..2 * MAX_FAULTS {
            host.record(&answer(400), now);
            host.record(&answer(429), now);
            host.record(&Err(OutgoingError::Forbidden { host: "h".to_owned(), reason: "r" }), now);
        }
        assert!(host.check_admission("/", now, CALL_TIMEOUT).is_ok() && !host.has_cooldown(now));
        (0..MAX_FAULTS).for_each(|_| host.record(&answer(503), now));
        assert!(host.check_admission("/", now, CALL_TIMEOUT).is_err());
    }

    #[test]
    fn fault_d2_retry_after_pauses_only_its_endpoint() {
        let (host, now) = (Host::default(), Instant::now());
        let second = Duration::from_secs(1);
        host.cool_down("/token", now, 7 * second);
        assert_eq!(host.check_admission("/token", now + second, CALL_TIMEOUT), Err(6 * second));
        assert!(host.check_admission("/userinfo", now, CALL_TIMEOUT).is_ok() && host.has_cooldown(now));
        assert!(
            host.check_admission("/token", now + 7 * second, CALL_TIMEOUT).is_ok()
                && !host.has_cooldown(now + 7 * second)
        );
        (0..2 * MAX_COOLDOWNS).for_each(|n| host.cool_down(&n.to_string(), now, second));
        assert_eq!(host.cooldowns.lock().expect("no panic").len(), MAX_COOLDOWNS);
    }
}
