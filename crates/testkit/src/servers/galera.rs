//! A MariaDB Galera cluster.

use mysql_async::prelude::Queryable;

use super::folder::Folder;
use super::instance::until;
use super::mariadb::{self, MariaDb};
use super::port::free_port;
use super::shared::Server;

/// How many nodes it has: with one gone, the others are the majority, and go on.
const NODES: usize = 3;

/// Three MariaDB servers with the same data, each of which may be written to.
#[derive(Debug)]
pub struct Galera {
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    server: MariaDb,
    /// Where it speaks with the others.
    group_address: String,
}

impl Galera {
    /// Starts the nodes one after another, which is as fast as all together, and waits until they are in sync.
    pub async fn start() -> Self {
        let mut cluster = Self { nodes: (0..NODES).map(|_| Node::new()).collect() };
        cluster.node_mut(0).install().await;
        for node in 0..NODES {
            if node > 0 {
                cluster.node_mut(node).make_data_folder().await;
            }
            let address = cluster.address_of_others(node);
            cluster.node_mut(node).run_with(&[address]).await;
            cluster.until_synced().await;
        }
        cluster
    }

    /// One of the nodes: 0, 1 or 2.
    pub fn node(&self, node: usize) -> &MariaDb {
        &self.nodes[node].server
    }

    /// Kills a node, as a loss of power does. The others notice after 2 s; until then commits wait.
    pub async fn kill(&mut self, node: usize) {
        self.node_mut(node).kill().await;
    }

    /// Starts a killed node again, and waits until all that run are in sync.
    pub async fn rejoin(&mut self, node: usize) {
        let address = self.address_of_others(node);
        let server = self.node_mut(node);
        // Where its own data ends; without it all data would be copied, instead of what it missed.
        let position = server.recovered_position(&address).await;
        let position = format!("--wsrep-start-position={position}");
        server.run_with(&[address, position]).await;
        self.until_synced().await;
    }

    /// Waits until every node that runs has all the others, and what they have.
    pub async fn until_synced(&self) {
        let running: Vec<&MariaDb> = self.running().map(|node| &node.server).collect();
        let expected = (running.len().to_string(), "Synced".to_owned());
        until("the nodes are in sync", async || {
            for server in &running {
                if status(server).await.as_ref() != Some(&expected) {
                    return false;
                }
            }
            true
        })
        .await;
    }

    fn node_mut(&mut self, node: usize) -> &mut MariaDb {
        &mut self.nodes[node].server
    }

    fn running(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.server.is_running())
    }

    /// Where a node that is not running finds the cluster; the first finds none, and begins one.
    fn address_of_others(&self, node: usize) -> String {
        assert!(!self.node(node).is_running(), "node {node} is running already");
        let others: Vec<&str> = self.running().map(|other| other.group_address.as_str()).collect();
        format!("--wsrep-cluster-address=gcomm://{}", others.join(","))
    }
}

impl Node {
    fn new() -> Self {
        let [group, incremental, copy] = std::array::from_fn(|_| free_port());
        let mut server = MariaDb::new(Folder::new("galera"), free_port());
        let provider_options = [
            "base_host=127.0.0.1".to_owned(),
            format!("base_port={group}"),
            format!("gmcast.listen_addr=tcp://127.0.0.1:{group}"),
            format!("ist.recv_addr=127.0.0.1:{incremental}"),
            // A dead node is noticed after this, instead of 5 s.
            "evs.suspect_timeout=PT2S".to_owned(),
            "evs.keepalive_period=PT0.2S".to_owned(),
            "evs.inactive_check_period=PT0.2S".to_owned(),
        ];
        server.add_settings([
            "--wsrep-on=ON".to_owned(),
            "--wsrep-provider=/usr/lib/galera/libgalera_smm.so".to_owned(),
            format!("--wsrep-provider-options={}", provider_options.join(";")),
            "--wsrep-node-address=127.0.0.1".to_owned(),
            "--wsrep-sst-method=rsync".to_owned(),
            format!("--wsrep-sst-receive-address=127.0.0.1:{copy}"),
            // What Galera demands.
            "--binlog-format=ROW".to_owned(),
            "--innodb-autoinc-lock-mode=2".to_owned(),
            // Less to copy.
            "--innodb-log-file-size=16M".to_owned(),
        ]);
        Self { server, group_address: format!("127.0.0.1:{group}") }
    }
}

/// How many nodes this one sees, itself included, and what state it is in; nothing if it does not answer.
async fn status(server: &MariaDb) -> Option<(String, String)> {
    let mut connection = mariadb::try_connect(&server.url()).await.ok()?;
    let question =
        "SHOW STATUS WHERE variable_name IN ('wsrep_cluster_size', 'wsrep_local_state_comment')";
    let rows: Vec<(String, String)> = connection.query(question).await.ok()?;
    let value = |name| rows.iter().find(|row| row.0 == name).map(|row| row.1.clone());
    Some((value("wsrep_cluster_size")?, value("wsrep_local_state_comment")?))
}
