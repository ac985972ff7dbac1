//! TLS, proxies, and a path that everything is below.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use action_scheduler_server::config::TlsFiles;
use action_scheduler_server::{Server, ServerConfig, ServerError};
use reqwest::header::{COOKIE, HOST, HeaderValue, LOCATION, SET_COOKIE};
use reqwest::{Certificate, Client, Method, StatusCode};

use crate::browser::{Browser, accounts, link};
use crate::running::Running;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server/tls").join(name)
}

/// Puts a certificate and its key where the server reads them; each file is whole at any time.
fn put(name: &str, files: &TlsFiles) {
    for (from, to) in
        [(format!("{name}.key.pem"), &files.key), (format!("{name}.pem"), &files.certificate)]
    {
        let new = to.with_extension("new");
        std::fs::copy(fixture(&from), &new).unwrap();
        std::fs::rename(&new, to).unwrap();
    }
}

/// A client that trusts one certificate, with a connection of its own.
fn trusting(name: &str) -> Client {
    let pem = std::fs::read(fixture(&format!("{name}.pem"))).unwrap();
    let certificate = Certificate::from_pem(&pem).unwrap();
    let builder = Client::builder().redirect(reqwest::redirect::Policy::none());
    builder.tls_certs_only([certificate]).build().unwrap()
}

async fn answers(name: &str, address: SocketAddr) -> bool {
    trusting(name).get(format!("https://{address}/sign-in")).send().await.is_ok()
}

#[tokio::test]
async fn it_speaks_tls_and_takes_a_new_certificate_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let files =
        TlsFiles { certificate: folder.path().join("c.pem"), key: folder.path().join("k.pem") };
    put("one", &files);
    let config = ServerConfig { tls: Some(files.clone()), ..ServerConfig::default() };
    let server = Running::with_config(config).await;
    let link = link(&server).await;
    let response = trusting("one")
        .get(format!("https://{}{link}", server.address))
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("__Host-action-scheduler="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    assert_eq!(response.headers()["strict-transport-security"], "max-age=31536000");
    assert!(!answers("other", server.address).await);
    put("other", &files);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !answers("other", server.address).await {
        assert!(Instant::now() < deadline, "the old certificate after a minute");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!answers("one", server.address).await);
}

#[tokio::test]
async fn what_is_no_certificate_is_told_with_its_file() {
    let running = Running::start().await;
    let refused = async |certificate: PathBuf, key: PathBuf| {
        let tls = Some(TlsFiles { certificate, key });
        let listen = "127.0.0.1:0".parse().unwrap();
        let config = ServerConfig { tls, listen, ..ServerConfig::default() };
        let error = Server::bind(running.scheduler.clone(), config).await.err().unwrap();
        assert!(matches!(error, ServerError::Tls(_)));
        error.to_string()
    };
    let (good, key) = (fixture("one.pem"), fixture("one.key.pem"));
    let message = refused("/no/such.pem".into(), key.clone()).await;
    assert!(message.contains("/no/such.pem") && message.contains("cannot be read"), "{message}");
    let message = refused(key.clone(), key.clone()).await;
    assert!(message.contains("one.key.pem") && message.contains("found none"), "{message}");
    let message = refused(good.clone(), good.clone()).await;
    assert!(message.contains("expected a private key"), "{message}");
    let message = refused(good, fixture("other.key.pem")).await;
    assert!(message.contains("one.pem") && message.contains("other.key.pem"), "{message}");
}

async fn session_through_a_proxy(config: ServerConfig) -> (String, String) {
    let server = Running::with_config(config).await;
    let request = Browser::new(&server).request(Method::POST, &link(&server).await);
    let response = request
        .header(HOST, "jobs.example.com")
        .header("origin", "https://jobs.example.com")
        .header("x-forwarded-for", "198.51.100.1, 203.0.113.9")
        .header("x-forwarded-proto", "https")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
    let name = cookie.split('=').next().unwrap().to_owned();
    let [session] = &accounts(&server).sessions().await.unwrap()[..] else { panic!("one session") };
    (name, session.address.to_string())
}

#[tokio::test]
async fn what_a_trusted_proxy_says_counts_and_what_others_say_does_not() {
    let public_url = Some("https://jobs.example.com".parse().unwrap());
    let trusted = ServerConfig {
        public_url: public_url.clone(),
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        ..ServerConfig::default()
    };
    let (cookie, address) = session_through_a_proxy(trusted).await;
    assert_eq!((cookie.as_str(), address.as_str()), ("__Host-action-scheduler", "203.0.113.9"));
    let stranger = ServerConfig {
        public_url,
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        ..ServerConfig::default()
    };
    let (cookie, address) = session_through_a_proxy(stranger).await;
    assert!(cookie.starts_with("action-scheduler-"), "{cookie}");
    assert_eq!(address, "127.0.0.1");
}

#[tokio::test]
async fn everything_is_below_the_base_path() {
    let config = ServerConfig { base_path: "/jobs".into(), ..ServerConfig::default() };
    let server = Running::with_config(config).await;
    let browser = Browser::new(&server);
    assert_eq!(browser.get("/sign-in").await.status(), StatusCode::NOT_FOUND);
    let page = browser.get("/jobs/sign-in").await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.unwrap().contains("action=\"/jobs/sign-in\""));
    let sent = browser.get("/jobs/access?a=b").await;
    assert_eq!(sent.status(), StatusCode::SEE_OTHER);
    assert_eq!(sent.headers()[LOCATION], "/jobs/sign-in?to=%2Fjobs%2Faccess%3Fa%3Db");
    let signed_in = browser.follow_link(&format!("/jobs{}", link(&server).await)).await;
    assert_eq!(signed_in.headers()[LOCATION], "/jobs/");
    let cookie = signed_in.headers()[SET_COOKIE].to_str().unwrap();
    assert!(cookie.contains("; Path=/jobs; "), "{cookie}");
    let cookie = HeaderValue::try_from(cookie.split(';').next().unwrap()).unwrap();
    for path in ["/jobs", "/jobs/", "/jobs/access"] {
        let page = browser.request(Method::GET, path).header(COOKIE, &cookie).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK, "{path}");
    }
    let problem = browser.get("/jobs/api/v1/actions").await;
    assert_eq!(problem.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(problem.headers()["content-type"], "application/problem+json");
}
