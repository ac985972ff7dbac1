//! The examples of the library print what they are meant to.

use crate::program::run_example;

fn printed(name: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    run_example(name, folder.path())
}

#[test]
fn hello() {
    assert_eq!(printed("hello"), "Hello, Ada!\n1 complete\n");
}

#[test]
fn recurring() {
    let expected = "\
At 02:30, every day (Europe/Berlin):
  Sat 02:30 CET
  Sun 03:00 CEST
  Mon 02:30 CEST
two days:
  sync_stock of Fri 18:00 CET
  backup of Sat 02:30 CET
  sync_stock of Sat 06:00 CET
  sync_stock of Sat 18:00 CET
  backup of Sun 03:00 CEST
  sync_stock of Sun 07:00 CEST
next sync_stock: Sun 19:00 CEST
next backup: Mon 02:30 CEST
paused: next sync_stock is None
  backup of Mon 02:30 CEST
resumed: next sync_stock is Mon 19:00 CEST
unscheduled: 1 backup
";
    assert_eq!(printed("recurring"), expected);
}

#[test]
fn retries() {
    let expected = "\
payment_due is complete after attempt 3
    action created
    action started via library
    asking the bank about order 42
    action to be retried via library: the bank does not answer (attempt 2 of 5 follows in 0 s)
    action started via library
    asking the bank about order 42
    action to be retried via library: the bank does not answer (attempt 3 of 5 follows in 0 s)
    action started via library
    asking the bank about order 42
    action complete via library
payment_refund is failed after attempt 1
    action created
    action started via library
    action failed via library: order 43 was never paid
slow_report is failed after attempt 1
    action created
    action started via library
    action marked as failed via library: it ran longer than 0.1 s; it becomes complete if its handler succeeds after all
    action failed via library: killed after 0.2 s
";
    assert_eq!(printed("retries"), expected);
}

#[test]
fn observers() {
    let expected = r#"greet: action 1 stored
count_sales: action 2 stored
sync_stock: action 3 stored
farewell: action 4 stored
BatchClaimed { claim: ClaimId(1), actions: 3 }
greet: action 1 started, attempt 1
greet: action 1 complete at attempt 1
count_sales: action 2 started, attempt 1
count_sales: action 2 complete at attempt 1
count_sales: action 5 comes next
sync_stock: action 3 started, attempt 1
sync_stock: action 3 failed: no connection
sync_stock: chain 3 paused
BatchDone { claim: ClaimId(1) }
Canceled { actions: [ActionId(4)] }
Deleted { actions: [ActionId(4)] }
"#;
    let printed = printed("observers");
    let place = |line: &str| printed.lines().position(|other| other == line);
    let places: Option<Vec<usize>> = expected.lines().map(place).collect();
    let places = places.unwrap_or_else(|| panic!("{printed}"));
    assert_eq!(printed.lines().count(), places.len(), "{printed}");
    // The end of an action and the start of the one after it may become known in any order.
    let of_hook = |hook: &str| -> Vec<usize> {
        let lines = expected.lines().zip(&places);
        lines.filter(|(line, _)| line.contains(hook)).map(|(_, place)| *place).collect()
    };
    for hook in ["greet", "count_sales", "sync_stock"] {
        assert!(of_hook(hook).is_sorted(), "{hook}:\n{printed}");
    }
}
