//! What happened in each minute and hour.

use std::time::Duration;

use action_scheduler::store::{Figure, FigureCounts, FiguresOf, FiguresQuery, Resolution};
use jiff::Timestamp;
use tokio::task::JoinSet;

use super::StoreUnderTest;
use super::scene::*;

/// Each count is another one.
fn counts(factor: u64) -> FigureCounts {
    let mut counts = FigureCounts {
        stored: factor,
        started: 2 * factor,
        complete: 3 * factor,
        failed: 4 * factor,
        retried: 5 * factor,
        timed_out: 6 * factor,
        crashed: 7 * factor,
        ..FigureCounts::default()
    };
    for _ in 0..factor {
        counts.ran.count(Duration::from_micros(1_234_567));
        counts.delay.count(Duration::from_secs(100_000));
    }
    counts
}

fn stored(count: u64) -> FigureCounts {
    FigureCounts { stored: count, ..FigureCounts::default() }
}

fn figure(
    resolution: Resolution,
    at: Timestamp,
    hook: Option<&str>,
    counts: FigureCounts,
) -> Figure {
    Figure { resolution, at, hook: hook.map(self::hook), counts }
}

impl StoreUnderTest {
    /// All figures of a resolution and of these hooks.
    async fn all_figures(&self, resolution: Resolution, of: FiguresOf) -> Vec<Figure> {
        let (from, to) = (Timestamp::UNIX_EPOCH, self.in_seconds(1_000_000));
        let query = FiguresQuery { resolution, from, to, of, limit: None };
        let mut figures = self.figures(query).await.unwrap();
        assert!(figures.is_sorted_by_key(|figure| figure.at), "in the order of dates");
        // Those of one date come in any order.
        figures.sort_by(|one, other| (one.at, &one.hook).cmp(&(other.at, &other.hook)));
        figures
    }
}

/// What is added is there, each by itself: of a hook, of all together, of a minute, of an hour.
pub async fn figures_are_kept_as_they_were_given(store: StoreUnderTest) {
    use Resolution::{Hour, Minute};
    let noon = store.now();
    let all = [
        figure(Minute, noon, None, counts(1)),
        figure(Minute, noon, Some("a"), counts(2)),
        figure(Minute, noon, Some("A"), counts(3)),
        figure(Hour, noon, None, counts(4)),
        figure(Hour, noon, Some("é\"'\\"), counts(5)),
    ];
    store.add_figures(all.to_vec()).await.unwrap();
    assert_eq!(store.all_figures(Minute, FiguresOf::Together).await, all[..1]);
    assert_eq!(store.all_figures(Minute, FiguresOf::Hook(hook("a"))).await, all[1..2]);
    assert_eq!(
        store.all_figures(Minute, FiguresOf::EachHook).await,
        [all[2].clone(), all[1].clone()]
    );
    assert_eq!(store.all_figures(Hour, FiguresOf::Together).await, all[3..4]);
    assert_eq!(store.all_figures(Hour, FiguresOf::EachHook).await, all[4..]);
    assert_eq!(store.all_figures(Hour, FiguresOf::Hook(hook("a"))).await, []);
    assert_eq!(store.all_figures(Hour, FiguresOf::Hook(hook("unknown"))).await, []);
}

/// What comes later is added to what is there, whenever in the period it happened.
pub async fn figures_add_up(store: StoreUnderTest) {
    use Resolution::Minute;
    let noon = store.now();
    store.add_figures(vec![figure(Minute, noon, None, counts(1))]).await.unwrap();
    let later = [
        figure(Minute, noon + seconds(59), None, counts(2)),
        figure(Minute, noon + seconds(60), None, counts(3)),
        figure(Minute, noon + seconds(1), None, counts(4)),
    ];
    store.add_figures(later.to_vec()).await.unwrap();
    store.add_figures(Vec::new()).await.unwrap();
    let expected = [
        figure(Minute, noon, None, counts(7)),
        figure(Minute, noon + seconds(60), None, counts(3)),
    ];
    assert_eq!(store.all_figures(Minute, FiguresOf::Together).await, expected);
}

/// Periods that begin from one date on and before another, at most so many.
pub async fn a_span_of_figures_can_be_asked_for(store: StoreUnderTest) {
    let at = |minute: i64| store.in_seconds(60 * minute);
    let mut all = Vec::new();
    for minute in 0..10 {
        all.push(figure(Resolution::Minute, at(minute), None, stored(1)));
        all.push(figure(Resolution::Minute, at(minute), Some("a"), stored(1)));
        all.push(figure(Resolution::Minute, at(minute), Some("b"), stored(1)));
    }
    store.add_figures(all).await.unwrap();
    let minutes = async |from, to, of, limit| {
        let resolution = Resolution::Minute;
        let query = FiguresQuery { resolution, from: at(from), to: at(to), of, limit };
        let figures = store.figures(query).await.unwrap();
        figures
            .iter()
            .map(|figure| figure.at.duration_since(at(0)).as_secs() / 60)
            .collect::<Vec<_>>()
    };
    assert_eq!(minutes(3, 6, FiguresOf::Together, None).await, [3, 4, 5]);
    assert_eq!(minutes(3, 6, FiguresOf::Hook(hook("a")), None).await, [3, 4, 5]);
    assert_eq!(minutes(3, 6, FiguresOf::EachHook, None).await, [3, 3, 4, 4, 5, 5]);
    assert_eq!(minutes(3, 100, FiguresOf::Together, Some(2)).await, [3, 4]);
    assert_eq!(minutes(3, 100, FiguresOf::EachHook, Some(3)).await, [3, 3, 4]);
    assert_eq!(minutes(3, 3, FiguresOf::Together, None).await, [0_i64; 0]);
    assert_eq!(minutes(6, 3, FiguresOf::Together, None).await, [0_i64; 0]);
}

/// What is added at once, in any order, is all added.
pub async fn figures_added_at_once_are_all_counted(store: StoreUnderTest) {
    let mut tasks = JoinSet::new();
    for number in 0..8_usize {
        let store = store.share();
        tasks.spawn(async move {
            let noon = store.clock().now();
            for round in 0..4 {
                let hook = |place: usize| ["a", "b", "c", "d"][(place + number + round) % 4];
                let one = |place| figure(Resolution::Minute, noon, Some(hook(place)), counts(1));
                store.add_figures((0..4).map(one).collect()).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let figures = store.all_figures(Resolution::Minute, FiguresOf::EachHook).await;
    let noon = store.now();
    let expected =
        ["a", "b", "c", "d"].map(|name| figure(Resolution::Minute, noon, Some(name), counts(32)));
    assert_eq!(figures, expected);
}

/// Minutes are kept for 26 hours and hours for 100 days; then they go, a batch at a time.
pub async fn old_figures_go(store: StoreUnderTest) {
    use Resolution::{Hour, Minute};
    let noon = store.now();
    let at_noon = |resolution| {
        [None, Some("a"), Some("b")].map(|hook| figure(resolution, noon, hook, stored(1)))
    };
    store.add_figures([at_noon(Minute), at_noon(Hour)].concat()).await.unwrap();
    let left = async || {
        let mut left = Vec::new();
        for resolution in [Minute, Hour] {
            let each = store.all_figures(resolution, FiguresOf::EachHook).await.len();
            left.push(each + store.all_figures(resolution, FiguresOf::Together).await.len());
        }
        left
    };
    store.clock().advance(seconds(26 * 3600));
    assert_eq!(store.clean_orphans(10).await.unwrap(), 0);
    assert_eq!(left().await, [3, 3]);
    store.clock().advance(seconds(60));
    assert_eq!(store.clean_orphans(2).await.unwrap(), 2);
    assert_eq!(store.clean_orphans(2).await.unwrap(), 1);
    assert_eq!(left().await, [0, 3]);
    store.clock().advance(seconds(99 * 24 * 3600));
    assert_eq!(store.clean_orphans(10).await.unwrap(), 3);
    assert_eq!(left().await, [0, 0]);
}
