//! Figures over time, which `run` and `serve` keep.

use action_scheduler::store::{self, FigureCounts, FiguresOf, FiguresQuery, Resolution};

use crate::sandbox::Sandbox;

const CONFIG: &str = r#"
[[handler]]
hook = "works"
command = ["/bin/true"]

[[handler]]
hook = "fails"
command = ["/bin/false"]
"#;

/// What the store of a sandbox has counted of all hooks together, in all hours.
pub fn counted(sandbox: &Sandbox) -> FigureCounts {
    let url = format!("sqlite:{}", sandbox.path("action-scheduler.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = store::open(&url).await.unwrap();
        let query = FiguresQuery {
            resolution: Resolution::Hour,
            from: jiff::Timestamp::UNIX_EPOCH,
            to: jiff::Timestamp::MAX,
            of: FiguresOf::Together,
            limit: None,
        };
        let mut sum = FigureCounts::default();
        for figure in store.figures(query).await.unwrap() {
            sum.add(&figure.counts);
        }
        sum
    })
}

#[test]
fn runs_keep_figures_that_add_up() {
    let sandbox = Sandbox::with_config(CONFIG);
    for _ in 0..2 {
        sandbox.ok(&["schedule", "async", "works"]);
        sandbox.ok(&["schedule", "async", "fails"]);
        sandbox.ok(&["run"]);
    }
    let counts = counted(&sandbox);
    assert_eq!((counts.started, counts.complete, counts.failed), (4, 2, 2));
    assert_eq!((counts.ran.total(), counts.delay.total()), (4, 4));
}
