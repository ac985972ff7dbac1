//! Sites where no plugin brings Action Scheduler: the bridge provides the functions, the classes and the tables.

mod copies;
mod fixtures;
mod functions;
mod queries;
mod runner;
mod source;
mod tables;

use std::sync::Arc;

use action_scheduler::{ActionId, Scheduler, Store};
use action_scheduler_wordpress::bridge;
use action_scheduler_wordpress::php::Php;
use action_scheduler_wordpress::site::{Installation, Site};
use serde::de::DeserializeOwned;
use testkit::servers::WordPress;

/// A site with the bridge and no other plugin.
struct Shop {
    wordpress: WordPress,
    site: Site,
}

impl Shop {
    async fn open() -> Self {
        let wordpress = WordPress::install().await;
        let installation = Installation::open(&wordpress.path(), &Php::default()).await.unwrap();
        bridge::install(&installation).unwrap();
        let site = installation.sites().await.unwrap().remove(0);
        Self { wordpress, site }
    }

    /// Gives what the body of a PHP function returns, in a request of its own.
    async fn ask<T: DeserializeOwned>(&self, body: &str) -> T {
        let output = self
            .wordpress
            .request(&format!(
                "echo \"\\n<answer>\", json_encode( ( function () {{ {body} }} )() );"
            ))
            .await;
        let answer = output.rsplit_once("<answer>").map(|(_, answer)| answer);
        answer
            .and_then(|answer| serde_json::from_str(answer).ok())
            .unwrap_or_else(|| panic!("an answer to {body}: {output}"))
    }

    /// The id of what PHP stored.
    async fn id(&self, body: &str) -> ActionId {
        let id: i64 = self.ask(body).await;
        ActionId::new(id).unwrap_or_else(|| panic!("an action: {body}"))
    }

    async fn store(&self) -> Arc<dyn Store> {
        self.site.store.open().await.unwrap()
    }

    async fn scheduler(&self) -> Scheduler {
        Scheduler::builder(self.store().await).build()
    }

    /// What PHP logs of an action.
    async fn log(&self, id: ActionId) -> Vec<String> {
        self.ask(&format!(
            "return array_map( function ( $entry ) {{ return $entry->get_message(); }}, ActionScheduler::logger()->get_logs( {id} ) );"
        ))
        .await
    }
}
