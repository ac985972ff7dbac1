//! `/access`: what each may see and change there.

use action_scheduler_server::access::Role;
use reqwest::header::{LOCATION, SET_COOKIE};
use reqwest::{Method, StatusCode};

use crate::browser::{Browser, PASSWORD, accounts, add_user};
use crate::running::{Running, client_with};

async fn page(browser: &Browser) -> String {
    let response = browser.get("/access").await;
    assert_eq!(response.status(), StatusCode::OK);
    response.text().await.unwrap()
}

/// Posts a form that has to do what it says, and lead back to the page.
async fn done(browser: &Browser, path: &str, fields: &[(&str, &str)]) {
    let response = browser.post(path, fields).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER, "{path}: {:?}", response.text().await);
    assert_eq!(response.headers()[LOCATION], "/access");
}

#[tokio::test]
async fn an_admin_manages_users() {
    let server = Running::start().await;
    let admin = Browser::with_link(&server).await;
    let new = [("name", "Bob"), ("role", "operator"), ("new-password", PASSWORD)];
    done(&admin, "/access/users", &new).await;
    let again = admin.post("/access/users", &new).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    let again = again.text().await.unwrap();
    let problem = "id=\"new-user-problem\">there is a user &quot;bob&quot; already";
    assert!(again.contains(problem) && again.contains("value=\"Bob\""), "{again}");
    let short = [("name", "eve"), ("role", "viewer"), ("new-password", "short")];
    let refused = admin.post("/access/users", &short).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().await.unwrap().contains("at least 12 characters"));
    let mut bob = Browser::new(&server);
    let signed_in = bob.sign_in("bob", PASSWORD).await;
    bob.keep(&signed_in).await;
    assert!(!page(&bob).await.contains("API tokens"));
    done(&admin, "/access/users/bob/role", &[("role", "admin")]).await;
    assert!(page(&bob).await.contains("API tokens"), "at once");
    let shown = admin.get("/access/users/bob").await.text().await.unwrap();
    assert!(shown.contains("<option value=\"admin\" selected>"), "{shown}");
    done(&admin, "/access/users/bob/password", &[("password", "another horse")]).await;
    assert!(!bob.is_signed_in().await);
    let signed_in = bob.sign_in("bob", "another horse").await;
    assert_eq!(signed_in.status(), StatusCode::SEE_OTHER);
    done(&admin, "/access/users/bob/remove", &[]).await;
    assert_eq!(admin.get("/access/users/bob").await.status(), StatusCode::NOT_FOUND);
    assert!(accounts(&server).users().await.unwrap().is_empty());
    assert!(page(&admin).await.contains("user removed"));
}

#[tokio::test]
async fn a_token_is_shown_once_and_is_worthless_once_revoked() {
    let server = Running::start().await;
    let admin = Browser::with_link(&server).await;
    let form = [("name", "deploy"), ("read", "yes"), ("work", "yes"), ("days", "30")];
    let made = admin.post("/access/tokens", &form).await;
    assert_eq!(made.status(), StatusCode::OK);
    let shown = made.text().await.unwrap();
    let at = shown.find("ast_").unwrap();
    let secret = &shown[at..at + 47];
    let url = format!("http://{}/access", server.address);
    let client = client_with(secret);
    assert_eq!(client.get(&url).send().await.unwrap().status(), StatusCode::OK);
    let list = page(&admin).await;
    assert!(list.contains("read, work") && !list.contains(secret));
    done(&admin, "/access/tokens/deploy/revoke", &[]).await;
    assert_eq!(client.get(&url).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    for bad in [
        &[("name", "x")][..],
        &[("name", "x y"), ("read", "yes")],
        &[("name", "x"), ("read", "yes"), ("days", "-1")],
    ] {
        let refused = admin.post("/access/tokens", bad).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{bad:?}");
    }
    assert_eq!(accounts(&server).tokens().await.unwrap().len(), 1, "that of the test");
}

#[tokio::test]
async fn a_field_that_is_missing_is_said_at_the_field_and_what_was_typed_is_kept() {
    let server = Running::start().await;
    let admin = Browser::with_link(&server).await;
    add_user(&server, "ada", "viewer").await;
    for (path, fields, problem) in [
        ("/access/users", &[][..], "new-user-problem"),
        ("/access/users", &[("name", "bob")], "new-role-problem"),
        ("/access/users", &[("name", "bob"), ("role", "viewer")], "new-password-problem"),
        ("/access/users", &[("name", "b b"), ("role", "viewer")], "new-user-problem"),
        ("/access/tokens", &[("read", "yes")], "new-token-problem"),
        ("/access/tokens", &[("name", "bob")], "scopes-problem"),
        ("/access/tokens", &[("name", "bob"), ("read", "yes"), ("days", "0")], "days-problem"),
        ("/access/users/ada/role", &[], "role-problem"),
        ("/access/users/ada/role", &[("role", "king")], "role-problem"),
        ("/access/users/ada/password", &[], "password-problem"),
        ("/access/users/ada/password", &[("password", "short")], "password-problem"),
    ] {
        let refused = admin.post(path, fields).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{path} {fields:?}");
        let text = refused.text().await.unwrap();
        assert!(text.contains(&format!("id=\"{problem}\"")), "{path} {fields:?}: {text}");
        assert!(!fields.contains(&("name", "bob")) || text.contains("value=\"bob\""), "{text}");
        assert!(!text.contains("value=\"short\""), "a password is never shown");
    }
    let ada = Browser::with_role(&server, "eve", "viewer").await;
    let refused = ada.post("/access/password", &[("password", "another horse")]).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().await.unwrap().contains("id=\"current-problem\""));
}

#[tokio::test]
async fn what_takes_access_away_is_asked_first() {
    let server = Running::start().await;
    let admin = Browser::with_link(&server).await;
    let ada = Browser::with_role(&server, "ada", "operator").await;
    let sessions = accounts(&server).sessions().await.unwrap();
    let session = sessions.iter().find(|it| it.owner.to_string() == "user ada").unwrap();
    let session = format!("/access/sessions/{}/end", session.id);
    let token = format!("/access/tokens/{}/revoke", server.token_name);
    let list = page(&admin).await;
    for (path, says) in [
        ("/access/users/ada/remove", "all their sessions end"),
        (token.as_str(), "worthless"),
        (session.as_str(), "sign in again"),
    ] {
        let on_page = if path.contains("users") {
            admin.get("/access/users/ada").await.text().await.unwrap()
        } else {
            list.clone()
        };
        assert!(on_page.contains(&format!("href=\"{path}\"")), "{path}: {on_page}");
        let question = admin.get(path).await;
        assert_eq!(question.status(), StatusCode::OK, "{path}");
        let question = question.text().await.unwrap();
        assert!(question.contains(says) && question.contains("Do not"), "{path}: {question}");
        assert!(question.contains(&format!("action=\"{path}\"")), "{path}: {question}");
    }
    assert!(ada.is_signed_in().await, "nothing is done yet");
    let own = ada.get(&session).await.text().await.unwrap();
    assert!(own.contains("you are signed out"), "{own}");
    for path in ["/access/users/nobody/remove", "/access/tokens/none/revoke"] {
        assert_eq!(admin.get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn everyone_changes_their_own_password_and_stays_signed_in() {
    let server = Running::start().await;
    let mut ada = Browser::with_role(&server, "ada", "viewer").await;
    let mut elsewhere = Browser::new(&server);
    let signed_in = elsewhere.sign_in("ada", PASSWORD).await;
    elsewhere.keep(&signed_in).await;
    let wrong = [("current", "wrong horse 1"), ("password", "another horse")];
    let refused = ada.post("/access/password", &wrong).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.headers().get(SET_COOKIE).is_none());
    let right = [("current", PASSWORD), ("password", "another horse")];
    let changed = ada.post("/access/password", &right).await;
    assert_eq!(changed.status(), StatusCode::SEE_OTHER);
    assert!(!elsewhere.is_signed_in().await);
    assert!(!ada.is_signed_in().await, "with the old cookie");
    let cookies =
        changed.headers().get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap());
    let session =
        cookies.into_iter().find(|cookie| cookie.starts_with("action-scheduler-")).unwrap();
    ada.cookie = session.split(';').next().unwrap().to_owned();
    assert!(ada.is_signed_in().await, "with the new one");
}

#[tokio::test]
async fn sessions_are_ended_by_their_owner_or_an_admin() {
    let server = Running::start().await;
    let admin = Browser::with_link(&server).await;
    let ada = Browser::with_role(&server, "ada", "operator").await;
    let sessions = accounts(&server).sessions().await.unwrap();
    let path_of = |who: &str| {
        let session = sessions.iter().find(|session| session.owner.to_string() == who).unwrap();
        format!("/access/sessions/{}/end", session.id)
    };
    let seen = page(&ada).await;
    assert!(seen.contains(&path_of("user ada")) && !seen.contains(&path_of("admin")));
    assert_eq!(ada.post(&path_of("admin"), &[]).await.status(), StatusCode::NOT_FOUND);
    assert!(admin.is_signed_in().await);
    assert_eq!(
        ada.post("/access/sessions/nonsense/end", &[]).await.status(),
        StatusCode::NOT_FOUND
    );
    done(&admin, &path_of("user ada"), &[]).await;
    assert!(!ada.is_signed_in().await);
    done(&admin, &path_of("admin"), &[]).await;
    assert!(!admin.is_signed_in().await);
}

#[tokio::test]
async fn what_browsers_say_they_are_is_shown_as_text() {
    let server = Running::start().await;
    add_user(&server, "ada", "viewer").await;
    let admin = Browser::with_link(&server).await;
    let sent = Browser::new(&server)
        .request(Method::POST, "/sign-in")
        .header("user-agent", "<script>alert(1)</script>")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("user=ada&password={}", PASSWORD.replace(' ', "+")));
    assert_eq!(sent.send().await.unwrap().status(), StatusCode::SEE_OTHER);
    let seen = page(&admin).await;
    assert!(seen.contains("&lt;script&gt;") && !seen.contains("<script>alert"), "{seen}");
}

/// Every form and page of access, and the least role it takes.
const ROUTES: [(&str, &str, Role); 14] = [
    ("GET", "/access", Role::Viewer),
    ("GET", "/access/sessions/any/end", Role::Viewer),
    ("POST", "/access/sessions/any/end", Role::Viewer),
    ("POST", "/access/password", Role::Viewer),
    ("GET", "/access/users/ada", Role::Admin),
    ("POST", "/access/users", Role::Admin),
    ("POST", "/access/users/ada/role", Role::Admin),
    ("POST", "/access/users/ada/password", Role::Admin),
    ("GET", "/access/users/ada/remove", Role::Admin),
    ("POST", "/access/users/ada/remove", Role::Admin),
    ("POST", "/access/tokens", Role::Admin),
    ("GET", "/access/tokens/test/revoke", Role::Admin),
    ("POST", "/access/tokens/test/revoke", Role::Admin),
    ("GET", "/", Role::Viewer),
];

#[tokio::test]
async fn each_role_may_do_what_it_may_and_no_more() {
    let server = Running::start().await;
    let stranger = Browser::new(&server);
    let browsers = [
        (Role::Viewer, Browser::with_role(&server, "vic", "viewer").await),
        (Role::Operator, Browser::with_role(&server, "oli", "operator").await),
    ];
    for (method, path, least) in ROUTES {
        let ask = async |browser: &Browser| match method {
            "GET" => browser.get(path).await.status(),
            _ => browser.post(path, &[]).await.status(),
        };
        assert_eq!(ask(&stranger).await, StatusCode::SEE_OTHER, "{path}: to sign in");
        for (role, browser) in &browsers {
            let status = ask(browser).await;
            assert_eq!(
                status == StatusCode::FORBIDDEN,
                *role < least,
                "{method} {path} as {role}: {status}"
            );
        }
    }
    let worker = client_with(&crate::running::token(&server.scheduler, "worker", "work").await);
    let page = worker.get(format!("http://{}/access", server.address)).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::FORBIDDEN, "a worker is no viewer");
}
