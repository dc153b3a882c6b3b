//! One host and port: how many calls it may have at a time, and whether it is asked at all (SEC-39). A host that fails
//! again and again is left alone for a few seconds: its logins then fail at once and cost nobody else anything; one call
//! is the trial that shows whether it is back.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::{OutgoingError, Reply};

/// Most calls to one host at a time: a provider that falls silent holds no more sockets than these.
pub(super) const CALLS: usize = 128;
/// Faults in a row, with no answer between them, after which a host is left alone.
pub(super) const FAULTS: u32 = 10;
/// How long it is left alone after the latest fault.
pub(super) const REST: Duration = Duration::from_secs(5);

/// Endpoints of one host that are remembered as paused.
const PAUSES: usize = 64;

pub(super) struct Host {
    pub(super) turns: Semaphore,
    breaker: Mutex<Breaker>,
    /// By path: endpoints that asked for a pause (`Retry-After`), and when it ends.
    pauses: Mutex<HashMap<String, Instant>>,
}

impl Default for Host {
    fn default() -> Self {
        Self { turns: Semaphore::new(CALLS), breaker: Mutex::default(), pauses: Mutex::default() }
    }
}

impl Host {
    /// Whether a call may be made now, else how long not; `patience`: how long one call may take.
    pub(super) fn admits(&self, path: &str, now: Instant, patience: Duration) -> Result<(), Duration> {
        let paused = self.pauses.lock().unwrap_or_else(PoisonError::into_inner).get(path).copied();
        if let Some(until) = paused.filter(|until| now < *until) {
            return Err(until - now);
        }
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner).admits(now, patience)
    }

    pub(super) fn pause(&self, path: &str, now: Instant, span: Duration) {
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.retain(|_, until| now < *until);
        if pauses.len() < PAUSES || pauses.contains_key(path) {
            pauses.insert(path.to_owned(), now + span);
        }
    }

    /// What became of a call. A refusal (4xx) is an answer; what this server would not send says nothing of the host.
    pub(super) fn heard(&self, result: &Result<Reply, OutgoingError>, now: Instant) {
        use OutgoingError::{Broken, Forbidden, Resting, Timeout, TooLarge, Unreachable, Unsendable};
        let fault = match result {
            Ok(reply) => (502..=504).contains(&reply.status),
            Err(Timeout | Unreachable { .. } | Broken(_)) => true,
            Err(TooLarge) => false,
            Err(Forbidden { .. } | Unsendable(_) | Resting { .. }) => return,
        };
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner).heard(fault, now);
    }

    /// Whether something of it must be remembered.
    pub(super) fn rests(&self, now: Instant) -> bool {
        let is_paused = self.pauses.lock().unwrap_or_else(PoisonError::into_inner).values().any(|until| now < *until);
        is_paused || self.breaker.lock().unwrap_or_else(PoisonError::into_inner).until.is_some_and(|until| now < until)
    }
}

#[derive(Default)]
struct Breaker {
    /// In a row.
    faults: u32,
    /// While it is open: when the next trial may be made.
    until: Option<Instant>,
}

impl Breaker {
    fn admits(&mut self, now: Instant, patience: Duration) -> Result<(), Duration> {
        match self.until {
            Some(until) if now < until => Err(until - now),
            // The trial; should nothing be heard of it, there is another one after the time that a call may take.
            Some(_) => {
                self.until = Some(now + patience);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn heard(&mut self, fault: bool, now: Instant) {
        self.faults = if fault { self.faults.saturating_add(1) } else { 0 };
        self.until = (self.faults >= FAULTS).then_some(now + REST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn sec_39_ten_faults_in_a_row_open_the_breaker_and_one_answer_between_them_does_not() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..3 {
            (1..FAULTS).for_each(|_| breaker.heard(true, now));
            assert!(breaker.admits(now, PATIENCE).is_ok());
            breaker.heard(false, now);
        }
        (0..FAULTS).for_each(|_| breaker.heard(true, now));
        assert!(breaker.admits(now, PATIENCE).is_err());
        assert!(breaker.admits(now + REST - Duration::from_millis(1), PATIENCE).is_err());
    }

    #[test]
    fn sec_39_after_its_rest_a_host_has_one_trial_which_decides() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        (0..FAULTS).for_each(|_| breaker.heard(true, now));
        let later = now + REST;
        assert!(breaker.admits(later, PATIENCE).is_ok());
        assert!(breaker.admits(later, PATIENCE).is_err(), "the others wait for the trial");
        breaker.heard(true, later);
        assert!(breaker.admits(later + REST / 2, PATIENCE).is_err());
        assert!(breaker.admits(later + REST, PATIENCE).is_ok());
        breaker.heard(false, later + REST);
        assert!((0..50).all(|_| breaker.admits(later + REST, PATIENCE).is_ok()));
    }

    #[test]
    fn sec_39_a_trial_that_is_never_heard_of_does_not_close_a_host_for_good() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        (0..FAULTS).for_each(|_| breaker.heard(true, now));
        assert!(breaker.admits(now + REST, PATIENCE).is_ok());
        assert!(breaker.admits(now + PATIENCE, PATIENCE).is_err());
        assert!(breaker.admits(now + REST + PATIENCE, PATIENCE).is_ok());
    }

    #[test]
    fn sec_39_refusals_and_what_was_never_sent_are_no_faults() {
        let (host, now) = (Host::default(), Instant::now());
        let answer = |status| Ok(Reply { status, headers: Default::default(), body: Vec::new() });
        for _ in 0..2 * FAULTS {
            host.heard(&answer(400), now);
            host.heard(&answer(429), now);
            host.heard(&Err(OutgoingError::Forbidden { host: "h".to_owned(), reason: "r" }), now);
        }
        assert!(host.admits("/", now, PATIENCE).is_ok() && !host.rests(now));
        (0..FAULTS).for_each(|_| host.heard(&answer(503), now));
        assert!(host.admits("/", now, PATIENCE).is_err());
    }

    #[test]
    fn fault_d2_an_endpoint_that_asks_for_a_pause_gets_it_and_the_others_of_its_host_are_called() {
        let (host, now) = (Host::default(), Instant::now());
        let second = Duration::from_secs(1);
        host.pause("/token", now, 7 * second);
        assert_eq!(host.admits("/token", now + second, PATIENCE), Err(6 * second));
        assert!(host.admits("/userinfo", now, PATIENCE).is_ok() && host.rests(now));
        assert!(host.admits("/token", now + 7 * second, PATIENCE).is_ok() && !host.rests(now + 7 * second));
        (0..2 * PAUSES).for_each(|n| host.pause(&n.to_string(), now, second));
        assert_eq!(host.pauses.lock().expect("no panic").len(), PAUSES);
    }
}
