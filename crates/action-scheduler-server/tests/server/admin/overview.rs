//! The overview: what has happened lately, as its charts and lists tell it.

use std::time::Duration;

use action_scheduler::Hook;
use action_scheduler::store::{Figure, FigureCounts, Resolution};

use super::page;
use crate::running::Running;

const HOUR: u64 = 3600;

/// What a hook did so long ago: attempts that ran so long, some of which failed.
async fn did(server: &Running, hook: &str, ago: u64, complete: u64, failed: u64, ran: Duration) {
    let mut counts = FigureCounts { complete, failed, ..FigureCounts::default() };
    (0..complete + failed).for_each(|_| counts.ran.count(ran));
    let at = server.scheduler.now() - Duration::from_secs(ago);
    let hooks = [None, Some(Hook::new(hook).unwrap())];
    let figures = hooks.into_iter().flat_map(|hook| {
        Resolution::ALL.map(|resolution| Figure {
            resolution,
            at,
            hook: hook.clone(),
            counts: counts.clone(),
        })
    });
    server.scheduler.store().add_figures(figures.collect()).await.unwrap();
}

/// The part of a page between the heading with this id and the end of its section.
fn section<'a>(page: &'a str, id: &str) -> &'a str {
    let (_, rest) =
        page.split_once(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("{id}: {page}"));
    rest.split("</section>").next().unwrap()
}

#[tokio::test]
async fn each_span_of_time_shows_what_happened_in_it() {
    let server = Running::start().await;
    did(&server, "mail", 600, 3, 1, Duration::from_secs(2)).await;
    did(&server, "pay", 5 * HOUR, 10, 0, Duration::from_secs(40)).await;
    did(&server, "report", 50 * HOUR, 100, 20, Duration::from_millis(3)).await;
    for (path, sums, slow) in [
        ("/", "In all 3 complete, 1 failed", &["mail"][..]),
        ("/?over=day", "In all 13 complete, 1 failed", &["pay", "mail"]),
        ("/?over=week", "In all 113 complete, 21 failed", &["pay", "mail", "report"]),
        ("/?over=nonsense", "In all 3 complete, 1 failed", &["mail"]),
    ] {
        let text = page(&server, path).await;
        assert!(section(&text, "throughput-title").contains(sums), "{path}: {text}");
        let ranking = section(&text, "slowest");
        let places: Vec<Option<usize>> = ["pay", "mail", "report"]
            .iter()
            .filter(|hook| slow.contains(hook))
            .map(|hook| ranking.find(&format!(">{hook}</span>")))
            .collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{path}: {ranking}");
        let others = ["pay", "mail", "report"].iter().filter(|hook| !slow.contains(hook));
        for hook in others {
            assert!(!ranking.contains(&format!(">{hook}</span>")), "{path}: {ranking}");
        }
    }
}

#[tokio::test]
async fn the_hooks_that_fail_most_come_first_with_their_share() {
    let server = Running::start().await;
    did(&server, "mail", 600, 3, 1, Duration::from_secs(2)).await;
    did(&server, "pay", 600, 900, 2, Duration::from_secs(2)).await;
    did(&server, "fine", 600, 9, 0, Duration::from_secs(2)).await;
    let text = page(&server, "/").await;
    let failing = section(&text, "failing");
    let (pay, mail) = (failing.find(">pay</span>"), failing.find(">mail</span>"));
    assert!(pay.is_some() && pay < mail && !failing.contains("fine"), "{failing}");
    assert!(failing.contains("of 902, 0.2 %") && failing.contains("of 4, 25 %"), "{failing}");
}

#[tokio::test]
async fn the_queue_is_drawn_as_it_was_looked_at() {
    let server = Running::start().await;
    let due = server.scheduler.now() - Duration::from_secs(60);
    server.scheduler.schedule_single(due, "task", ()).await.unwrap();
    // The server looks for the first time when it begins, which may be before.
    let text = page(&server, "/").await;
    assert!(section(&text, "queue-title").contains("Looked at once a minute"), "{text}");
    assert!(text.contains("the oldest since") && text.contains("Past-due"), "{text}");
}
