//! How often one client may ask.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::Problem;
use crate::access::Client;
use crate::site::Site;

/// After so many requests, clients that have not asked for long are forgotten.
const TIDY: u64 = 10_000;

/// Who asked how often. This machine itself may ask as often as it likes.
pub(super) struct Rate {
    asked: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
    requests: AtomicU64,
}

impl Rate {
    /// So many requests a second from one client, and twice as many at once.
    pub(super) fn new(per_second: NonZeroU32) -> Arc<Self> {
        let quota = Quota::per_second(per_second).allow_burst(per_second.saturating_mul(TWICE));
        Arc::new(Self {
            asked: RateLimiter::keyed(quota),
            clock: DefaultClock::default(),
            requests: AtomicU64::new(0),
        })
    }

    /// How long a client has to wait; nothing if it may go on.
    fn wait(&self, client: IpAddr) -> Option<Duration> {
        if client.is_loopback() {
            return None;
        }
        if self.requests.fetch_add(1, Ordering::Relaxed) % TIDY == TIDY - 1 {
            self.asked.retain_recent();
        }
        let refused = self.asked.check_key(&network(client)).err()?;
        Some(refused.wait_time_from(self.clock.now()))
    }
}

const TWICE: NonZeroU32 = NonZeroU32::new(2).unwrap();

/// Of IPv6, one client has a whole network of addresses.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let prefix = address.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(prefix))
        }
    }
}

/// Refuses what comes too often.
pub(super) async fn limited(
    State((site, rate)): State<(Site, Arc<Rate>)>,
    request: Request,
    next: Next,
) -> Response {
    let client = Client::of(&request, site.config()).address;
    let Some(wait) = rate.wait(client) else { return next.run(request).await };
    let seconds = wait.as_secs() + 1;
    let detail = format!("{client} asks too often; wait {seconds} s");
    let title = "Too many requests";
    let problem = Problem::other(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", title, detail);
    let mut response = problem.into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_runs_out_of_requests_and_others_do_not() {
        let rate = Rate::new(NonZeroU32::new(10).unwrap());
        let client: IpAddr = "2001:db8::1".parse().unwrap();
        let refused = (0..1000).find_map(|_| rate.wait(client));
        assert!(refused.is_some_and(|wait| wait <= Duration::from_millis(100)), "{refused:?}");
        assert!((0..20).all(|_| rate.wait("2001:db8:0:1::1".parse().unwrap()).is_none()));
        assert!((0..1000).all(|_| rate.wait("127.0.0.1".parse().unwrap()).is_none()));
    }

    #[test]
    fn the_addresses_of_one_network_are_one_client() {
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        assert_eq!(network(one), network("2001:db8::ffff:2".parse().unwrap()));
        assert_ne!(network(one), network("2001:db8:0:1::1".parse().unwrap()));
    }
}
