use super::*;

fn room() -> (Apps, Store, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store.redb")).unwrap();
    (open(&store), store, dir)
}

fn open(store: &Store) -> Apps {
    let settings = Settings {
        prefix: "app-",
        review: false,
        plan_names: vec!["Plan".into()],
        home: "https://plan.example".into(),
    };
    Apps::open(store.clone(), Chance::seeded(1), Clock::system(), settings).unwrap()
}

fn new_app(name: &str, kind: Kind, redirect: &str) -> NewApp {
    NewApp {
        name: name.into(),
        kind,
        redirects: vec![redirect.into()],
        scopes: "patient/*.rs".into(),
        homepage: String::new(),
        maker: Maker::default(),
        owner: "dev1".into(),
    }
}

#[tokio::test]
async fn secrets_are_shown_once_and_two_may_live() {
    let (apps, store, _dir) = room();
    let (app, first) = apps.register(new_app("Demo", Kind::Web, "https://a.example/cb")).await.unwrap();
    let first = first.unwrap();
    assert!(app.client_id.starts_with("app-") && app.has_secret(&first) && !app.has_secret("guess"));
    assert!(!serde_json::to_string(&app).unwrap().contains(&first));
    let second = apps.add_secret(&app.client_id).await.unwrap();
    assert!(matches!(apps.add_secret(&app.client_id).await, Err(Error::SecretCount)));
    let app = open(&store).find(&app.client_id).unwrap().unwrap();
    assert!(app.has_secret(&first) && app.has_secret(&second));
    apps.drop_oldest_secret(&app.client_id).await.unwrap();
    let app = apps.find(&app.client_id).unwrap().unwrap();
    assert!(!app.has_secret(&first) && app.has_secret(&second));
    assert!(matches!(apps.drop_oldest_secret(&app.client_id).await, Err(Error::SecretCount)));
}

#[tokio::test]
async fn public_apps_have_no_secret() {
    let (apps, _store, _dir) = room();
    let (app, secret) = apps.register(new_app("Demo", Kind::Native, "org.example.app:/cb")).await.unwrap();
    assert!(secret.is_none() && app.secrets.is_empty());
    assert!(matches!(apps.add_secret(&app.client_id).await, Err(Error::SecretCount)));
}

#[tokio::test]
async fn hostile_registrations_are_refused() {
    let (apps, _store, _dir) = room();
    let register = |name: &str, redirect: &str| apps.register(new_app(name, Kind::Browser, redirect));
    assert!(matches!(register("x", "javascript:alert(1)").await, Err(Error::Redirect { .. })));
    assert!(matches!(register("", "https://a.example/").await, Err(Error::Name)));
    assert!(matches!(register("<b>Plan</b>", "https://a.example/").await, Err(Error::Name)));
    assert!(matches!(register("nalP\u{202e}", "https://a.example/").await, Err(Error::Name)));
    assert!(matches!(register("x", " ").await, Err(Error::RedirectCount)));
}

#[tokio::test]
async fn a_suspended_app_is_barred_at_once_and_after_a_restart() {
    let (apps, store, _dir) = room();
    let (app, _) = apps.register(new_app("Demo", Kind::Web, "https://a.example/cb")).await.unwrap();
    assert!(apps.is_active(&app.client_id));
    apps.set_status(&app.client_id, Status::Suspended).await.unwrap();
    assert!(!apps.is_active(&app.client_id));
    assert!(!open(&store).is_active(&app.client_id));
}

#[tokio::test]
async fn an_app_belongs_to_its_developer() {
    let (apps, _store, _dir) = room();
    let (app, _) = apps.register(new_app("Demo", Kind::Web, "https://a.example/cb")).await.unwrap();
    assert_eq!(apps.get_owned("dev1", &app.client_id).unwrap(), app);
    assert!(matches!(apps.get_owned("dev2", &app.client_id), Err(Error::Unknown)));
    assert_eq!(apps.of_owner("dev1").unwrap(), [app]);
    assert!(apps.of_owner("dev").unwrap().is_empty());
}
