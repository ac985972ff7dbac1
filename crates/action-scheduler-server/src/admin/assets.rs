//! The files that pages need: style, script and icon. They are inside the binary, and their URLs change with what is in
//! them, so that browsers keep them for good.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use super::trouble::Trouble;
use crate::http::Problem;
use crate::site::Site;

/// The style of all pages.
pub(super) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("style", "css", "text/css", include_str!("assets/style.css")));

/// What makes pages live. All of them work without it.
pub(super) static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("admin", "js", "text/javascript", include_str!("assets/admin.js")));

/// The icon that browsers show in their tabs.
pub(super) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg")));

/// A file inside the binary.
pub(super) struct Asset {
    name: String,
    kind: &'static str,
    content: &'static str,
}

impl Asset {
    fn new(name: &str, extension: &str, kind: &'static str, content: &'static str) -> Self {
        let digest = Sha256::digest(content.as_bytes());
        let mark: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Self { name: format!("{name}.{mark}.{extension}"), kind, content }
    }

    /// Its path below the base path.
    pub(super) fn path(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

/// `/assets/…`, for everybody: the page where people sign in needs them too.
pub(super) fn routes() -> Router<Site> {
    Router::new().route("/assets/{name}", get(asset))
}

async fn asset(Path(name): Path<String>) -> Result<Response, Trouble> {
    let found = [&STYLE, &SCRIPT, &ICON].into_iter().find(|asset| asset.name == name);
    let asset = found.ok_or_else(|| {
        Problem::not_found("this file belongs to another version of the server; reload the page")
    })?;
    let headers = [
        (header::CONTENT_TYPE, format!("{}; charset=utf-8", asset.kind)),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable".to_owned()),
    ];
    Ok((headers, asset.content).into_response())
}
