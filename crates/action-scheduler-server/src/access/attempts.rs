//! How often someone may try to sign in.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::accounts::UserName;

/// From one address: so many at once, and one more in this time.
const PER_ADDRESS: (u32, Duration) = (20, Duration::from_secs(3));
/// For one user: so many at once, and one more in this time.
const PER_USER: (u32, Duration) = (10, Duration::from_secs(10));
/// Records of failures: so many at once, and one more in this time. Whoever has many addresses must not fill the store.
const KEPT: (u32, Duration) = (100, Duration::from_secs(10));
/// How many addresses or users are remembered before those are forgotten that have all their attempts again.
const REMEMBERED: usize = 10_000;

type Limiter<K, C> = RateLimiter<K, DashMapStateStore<K>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// Counts attempts to sign in.
pub(crate) struct Attempts<C: Clock = DefaultClock> {
    clock: C,
    of_address: Limiter<IpAddr, C>,
    of_user: Limiter<UserName, C>,
    kept: RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>,
}

impl<C: Clock + Clone> Attempts<C> {
    pub(crate) fn new(clock: C) -> Self {
        Self {
            of_address: RateLimiter::new(
                quota(PER_ADDRESS),
                DashMapStateStore::default(),
                clock.clone(),
            ),
            kept: RateLimiter::direct_with_clock(quota(KEPT), clock.clone()),
            of_user: RateLimiter::new(quota(PER_USER), DashMapStateStore::default(), clock.clone()),
            clock,
        }
    }

    /// Counts an attempt from an address; else says how long to wait.
    pub(crate) fn from(&self, address: IpAddr) -> Result<(), Duration> {
        self.count(&self.of_address, &network_of(address))
    }

    /// Counts an attempt for a user, who need not exist; else says how long to wait.
    pub(crate) fn with_name(&self, user: &UserName) -> Result<(), Duration> {
        self.count(&self.of_user, user)
    }

    /// Whether one more failure is to be kept as a record.
    pub(crate) fn is_failure_kept(&self) -> bool {
        self.kept.check().is_ok()
    }

    fn count<K: Hash + Eq + Clone>(
        &self,
        limiter: &Limiter<K, C>,
        key: &K,
    ) -> Result<(), Duration> {
        if limiter.len() > REMEMBERED {
            limiter.retain_recent();
        }
        limiter.check_key(key).map_err(|until| until.wait_time_from(self.clock.now()))
    }
}

/// Whoever has one IPv6 address has all of a /64.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
        address => address,
    }
}

fn quota((burst, each): (u32, Duration)) -> Quota {
    let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
    // A time of nothing would be no limit; ours are constants above it.
    Quota::with_period(each).unwrap_or(Quota::per_hour(burst)).allow_burst(burst)
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn an_address_runs_out_of_attempts_and_gets_new_ones_with_time() {
        let clock = FakeRelativeClock::default();
        let attempts = Attempts::new(clock.clone());
        let address: IpAddr = "2001:db8::1".parse().unwrap();
        for _ in 0..20 {
            attempts.from(address).unwrap();
        }
        let wait = attempts.from("2001:db8::2".parse().unwrap()).unwrap_err();
        assert!(wait > Duration::from_secs(2) && wait <= Duration::from_secs(3), "{wait:?}");
        attempts.from("2001:db8:0:1::1".parse().unwrap()).unwrap();
        attempts.from("203.0.113.9".parse().unwrap()).unwrap();
        clock.advance(wait);
        attempts.from(address).unwrap();
        attempts.from(address).unwrap_err();
    }

    #[test]
    fn so_does_a_user_whatever_the_address() {
        let clock = FakeRelativeClock::default();
        let attempts = Attempts::new(clock.clone());
        let (ada, bob) = ("ada".parse().unwrap(), "bob".parse().unwrap());
        for _ in 0..10 {
            attempts.with_name(&ada).unwrap();
        }
        attempts.with_name(&ada).unwrap_err();
        attempts.with_name(&bob).unwrap();
        clock.advance(Duration::from_secs(10));
        attempts.with_name(&ada).unwrap();
    }

    #[test]
    fn a_flood_of_failures_fills_no_store() {
        let clock = FakeRelativeClock::default();
        let attempts = Attempts::new(clock.clone());
        assert_eq!((0..1000).filter(|_| attempts.is_failure_kept()).count(), 100);
        clock.advance(Duration::from_secs(10));
        assert!(attempts.is_failure_kept() && !attempts.is_failure_kept());
    }

    #[test]
    fn a_flood_of_addresses_is_forgotten_in_time() {
        let clock = FakeRelativeClock::default();
        let attempts = Attempts::new(clock.clone());
        for address in 0..20_000_u32 {
            attempts.from(IpAddr::V4(address.into())).unwrap();
        }
        clock.advance(Duration::from_secs(3600));
        attempts.from("203.0.113.9".parse().unwrap()).unwrap();
        assert!(attempts.of_address.len() <= 1, "{}", attempts.of_address.len());
    }
}
