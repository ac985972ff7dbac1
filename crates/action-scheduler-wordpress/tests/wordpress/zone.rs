//! A site in another time zone than the server, the daemon and UTC.

use std::time::Duration;

use action_scheduler::schedule::{Cadence, Interval};
use mysql_async::prelude::Queryable;
use testkit::servers::WordPress;

use crate::scene::{Scene, Setting};

const TELLER: (&str, &str) = (
    "teller",
    "<?php add_action( 'tell', function () {
        echo date_default_timezone_get(), ' ', wp_timezone_string();
        date_default_timezone_set( 'Asia/Tokyo' );
    } );",
);

/// How far local dates are from UTC, in minutes: those of an action, and the least and most of its log.
type Offsets = (String, i64, i64, i64);

async fn offsets(site: &WordPress) -> Vec<Offsets> {
    let offset = |date: &str| format!("TIMESTAMPDIFF(MINUTE, {date}_gmt, {date}_local)");
    let (scheduled, logged) = (offset("a.scheduled_date"), offset("l.log_date"));
    let sql = format!(
        "SELECT a.status, {scheduled}, MIN({logged}), MAX({logged})
         FROM wp_actionscheduler_actions a JOIN wp_actionscheduler_logs l ON l.action_id = a.action_id
         GROUP BY a.action_id ORDER BY a.action_id"
    );
    site.connect().await.query(sql).await.unwrap()
}

#[tokio::test]
async fn local_dates_are_the_sites_and_callbacks_see_what_wordpress_sets() {
    for (option, value, minutes) in
        [("timezone_string", "Asia/Kolkata", 330), ("gmt_offset", "-3.5", -210)]
    {
        let site = WordPress::install().await;
        site.request(&format!("update_option( '{option}', '{value}' );")).await;
        let scene = Scene::on(site, &[TELLER], Setting::default()).await;
        let name = match option {
            "timezone_string" => value,
            _ => "-03:30",
        };
        let told = [format!("UTC {name}"), "action complete via test".to_owned()];
        assert_eq!(scene.run("tell", [1]).await, told);
        assert_eq!(scene.run("tell", [2]).await, told, "as if there had been none before");

        let hourly = Interval::new(Duration::from_secs(3600), Cadence::AfterRun).unwrap();
        let first = scene.scheduler.now() - jiff::SignedDuration::from_secs(60);
        scene.scheduler.schedule_recurring(first, hourly, "tell", [3]).await.unwrap().unwrap();
        scene.drain().await;
        let complete = || ("complete".to_owned(), minutes, minutes, minutes);
        let pending = ("pending".to_owned(), minutes, minutes, minutes);
        assert_eq!(
            offsets(&scene.wordpress).await,
            [complete(), complete(), complete(), pending],
            "{value}"
        );
    }
}
