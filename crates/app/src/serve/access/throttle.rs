//! Who asks too often: everybody has so many requests a second, and far fewer tries to sign in.

use super::super::App;
use super::super::problem::{Answer, Problem};
use super::caller::address;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

/// Tries to sign in at once, and seconds until there is one more.
const TRIES: NonZeroU32 = NonZeroU32::new(10).expect("Invariant: not zero");
const SECONDS_PER_TRY: u64 = 6;

/// Counts requests by caller.
pub struct Throttle {
    requests: DefaultKeyedRateLimiter<IpAddr>,
    tries_by_caller: DefaultKeyedRateLimiter<IpAddr>,
    tries_by_name: DefaultKeyedRateLimiter<String>,
}

impl Throttle {
    /// Allows each caller so many requests a second, twice as many for a moment.
    pub fn new(requests_per_second: u32) -> Self {
        let rate = NonZeroU32::new(requests_per_second).unwrap_or(NonZeroU32::MIN);
        let tries = Quota::with_period(Duration::from_secs(SECONDS_PER_TRY))
            .expect("Invariant: the period is not zero")
            .allow_burst(TRIES);
        Self {
            requests: RateLimiter::keyed(
                Quota::per_second(rate).allow_burst(rate.saturating_mul(NonZeroU32::MIN.saturating_add(1))),
            ),
            tries_by_caller: RateLimiter::keyed(tries),
            tries_by_name: RateLimiter::keyed(tries),
        }
    }

    /// Counts a try to sign in, by caller and by the account that is tried.
    pub fn sign_in(&self, caller: IpAddr, name: &str) -> Answer<()> {
        let name = name.to_lowercase();
        self.sign_in_elsewhere(caller).and_then(|()| allowed(self.tries_by_name.check_key(&name)))
    }

    /// Counts a try to sign in of somebody who gives no name here.
    pub fn sign_in_elsewhere(&self, caller: IpAddr) -> Answer<()> {
        allowed(self.tries_by_caller.check_key(&caller))
    }

    /// Forgets callers that were quiet for long enough.
    pub fn forget(&self) {
        self.requests.retain_recent();
        self.tries_by_caller.retain_recent();
        self.tries_by_name.retain_recent();
    }
}

/// Refuses requests beyond a caller's share.
pub async fn slow_down(State(app): State<App>, request: Request, next: Next) -> Response {
    let caller = address(&app.settings.trusted_proxies, request.headers(), request.extensions());
    match allowed(app.throttle.requests.check_key(&caller)) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn allowed(checked: Result<(), governor::NotUntil<<DefaultClock as Clock>::Instant>>) -> Answer<()> {
    checked.map_err(|until| Problem::too_many(until.wait_time_from(DefaultClock::default().now()).as_secs() + 1))
}
