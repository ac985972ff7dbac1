//! Many sites with empty queues in one daemon.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use serde::Serialize;

use crate::program::Served;
use crate::queue::Queue;

const SITES: u32 = 500;
/// All sites are attached, looked at once, and have gone to sleep after this.
const SETTLING: Duration = Duration::from_secs(60);
const MEASURED: Duration = Duration::from_secs(60);

#[derive(Debug, Serialize)]
pub struct Figures {
    sites: u32,
    /// Of one processor.
    processor_percent: f64,
    /// At the end.
    memory_mib: f64,
    /// Processes that it had started and that were still there at the end.
    php_processes: usize,
}

pub async fn measure() -> Figures {
    let queue = Queue::new().await;
    let config = fs::read_to_string(queue.site.path().join("wp-config.php")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut connection = queue.site.connect().await;
    for number in 0..SITES {
        let prefix = format!("s{number}_");
        let place = folder.path().join(&prefix);
        fs::create_dir(&place).unwrap();
        fs::write(place.join("wp-load.php"), "<?php").unwrap();
        let config = config.replace("'wp_'", &format!("'{prefix}'"));
        let file = place.join("wp-config.php");
        fs::write(&file, config).unwrap();
        own_by_nobody(&file);
        let tables =
            ["actions", "claims", "groups", "logs"].map(|table| format!("actionscheduler_{table}"));
        for table in tables.iter().map(String::as_str).chain(["options"]) {
            let create = format!("CREATE TABLE {prefix}{table} LIKE wp_{table}");
            connection.query_drop(create).await.unwrap();
        }
        let copy = format!("INSERT INTO {prefix}options SELECT * FROM wp_options");
        connection.query_drop(copy).await.unwrap();
    }
    let served = Served::start(&folder.path().join("*"), &[]).await;
    tokio::time::sleep(SETTLING).await;
    let before = processor_seconds(served.id());
    tokio::time::sleep(MEASURED).await;
    let used = processor_seconds(served.id()) - before;
    Figures {
        sites: SITES,
        processor_percent: 100.0 * used / MEASURED.as_secs_f64(),
        memory_mib: resident_mib(served.id()),
        php_processes: children(served.id()),
    }
}

/// PHP runs as the owner of this file, and never as root.
fn own_by_nobody(file: &Path) {
    const NOBODY: u32 = 65534;
    if rustix::process::geteuid().is_root() {
        chown(file, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

fn processor_seconds(process: u32) -> f64 {
    // proc(5): the 14th and 15th fields; the second may hold spaces, and ends with the last bracket.
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks: u64 = fields[11..=12].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

fn resident_mib(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

fn children(process: u32) -> usize {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let children =
        tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    children.map(|children| children.split_whitespace().count()).sum()
}
