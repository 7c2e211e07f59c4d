//! The control socket: a server that runs owns the store, so `ingle app`, `staff`, `load` and `verify` are carried out by it.
//! The command goes to `control.sock` in the data folder as it was typed and is read by the same parser and done by the
//! same function as without a server; what it would have printed comes back.
//!
//! Invariant: the socket is its owner's only (mode 0600, in a folder of mode 0700), and who connects is the same user or
//! root. HTTP/1.1 with JSON: `POST /command`, `{"arguments": […], "folder": "…"}` to `{"code", "data", "talk"}`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::net::{UnixListener, UnixStream};

use super::args::{Args, Command};
use super::exit::{self, Code};
use super::{app, install, load, staff, verify};
use crate::config::Config;
use crate::realm::{Outside, Realm, RealmKind};

/// Name of the socket in the data folder.
const SOCKET: &str = "control.sock";
/// Bytes of a command, and of what it says.
const LARGEST: usize = 1 << 20;
/// Commands that run at the same time; more wait.
const AT_ONCE: usize = 4;

/// Wait after a connection that could not be taken.
const PAUSE: Duration = Duration::from_millis(100);

/// What a command says: data for programs and pipes, talk for people.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) data: String,
    pub(super) talk: String,
}

impl Said {
    /// A line of data.
    pub(super) fn line(&mut self, line: impl std::fmt::Display) {
        self.data.extend([line.to_string(), "\n".to_owned()]);
    }

    /// A line of talk.
    pub(super) fn say(&mut self, line: impl std::fmt::Display) {
        self.talk.extend([line.to_string(), "\n".to_owned()]);
    }

    /// Prints it all.
    pub(super) fn print(&self) {
        eprint!("{}", self.talk);
        print!("{}", self.data);
    }
}

#[derive(Serialize, Deserialize)]
struct Asked {
    arguments: Vec<String>,
    /// Where they were typed: paths among them are meant from there.
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Answered {
    code: u8,
    data: String,
    talk: String,
}

/// What a running server carries commands out on.
#[derive(Clone)]
pub(super) struct Running {
    pub(super) config: Arc<Config>,
    pub(super) outside: Outside,
    pub(super) realms: Vec<Arc<Realm>>,
    /// Held while something is loaded: two loads side by side would each take what the other stores for its own past.
    pub(super) loading: Arc<Mutex<()>>,
}

impl Running {
    fn realm(&self, kind: RealmKind) -> anyhow::Result<&Arc<Realm>> {
        self.realms.iter().find(|realm| realm.kind == kind).context("this server has no sandbox")
    }

    /// Carries out one command.
    fn act(&self, args: &Args, folder: &Path, said: &mut Said) -> anyhow::Result<Code> {
        let global = &args.global;
        match &args.command {
            Command::App { command } => app::act(global, command, self.realm(app::realm_of(command))?, folder, said),
            Command::Staff { command } => staff::act(global, command, self.realm(RealmKind::Plan)?, said),
            Command::Verify => verify::of_running(global, &self.realms, &self.outside, said),
            Command::Load(own) => {
                let realm = self.realm(RealmKind::Plan)?;
                let _alone = self.loading.lock();
                load::beside(global, &own.from(folder), realm, said)
            }
            _ => bail!("a running server does not do this"),
        }
    }
}

/// Takes commands until the task is dropped.
pub(super) async fn serve(running: Running) -> anyhow::Result<()> {
    let path = path(&running.config)?;
    // The store is locked by us, so a socket that is there is left over from a crash.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let listener = UnixListener::bind(&path).with_context(|| format!("{} cannot be made", path.display()))?;
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    let places = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // Too many open files, for example: the next command may find a place again.
            Err(error) => {
                tracing::warn!(%error, "a command could not connect");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        if !is_owner(&stream) {
            continue;
        }
        let (running, places) = (running.clone(), Arc::clone(&places));
        tokio::spawn(async move {
            let Ok(_place) = places.acquire().await else { return };
            let service = service_fn(move |request| answer(running.clone(), request));
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a command broke off");
            }
        });
    }
}

/// Root, or who runs the server.
fn is_owner(stream: &UnixStream) -> bool {
    use std::os::unix::fs::MetadataExt;
    let own = std::fs::metadata("/proc/self").map(|about| about.uid());
    stream.peer_cred().is_ok_and(|peer| peer.uid() == 0 || own.is_ok_and(|own| own == peer.uid()))
}

async fn answer(running: Running, request: Request<Incoming>) -> anyhow::Result<Response<Full<Bytes>>> {
    let refused = |status| {
        let mut response = Response::new(Full::default());
        *response.status_mut() = status;
        Ok(response)
    };
    if request.uri().path() != "/command" || request.method() != hyper::Method::POST {
        return refused(StatusCode::NOT_FOUND);
    }
    let Ok(body) = Limited::new(request.into_body(), LARGEST).collect().await else {
        return refused(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let Ok(asked) = serde_json::from_slice::<Asked>(&body.to_bytes()) else {
        return refused(StatusCode::BAD_REQUEST);
    };
    let answered = tokio::task::spawn_blocking(move || carry_out(&running, &asked)).await?;
    Ok(Response::new(Full::new(serde_json::to_vec(&answered)?.into())))
}

fn carry_out(running: &Running, asked: &Asked) -> Answered {
    let mut said = Said::default();
    let typed = std::iter::once("ingle".to_owned()).chain(asked.arguments.iter().cloned());
    let done = Args::try_parse_from(typed)
        .map_err(anyhow::Error::from)
        .and_then(|args| running.act(&args, &asked.folder, &mut said));
    let code = done.unwrap_or_else(|error| {
        said.say(format_args!("ingle: {error:#}"));
        exit::code_of(&error)
    });
    Answered { code: code as u8, data: said.data, talk: said.talk }
}

/// Has a running server carry out what was typed. Nothing if none runs.
pub(super) fn ask(args: &Args) -> anyhow::Result<Option<Code>> {
    if !is_for_a_server(&args.command) {
        return Ok(None);
    }
    let socket = path(&*install::config(&args.global)?)?;
    let arguments: Option<Vec<String>> = std::env::args_os().skip(1).map(|word| word.into_string().ok()).collect();
    let (true, Some(arguments)) = (socket.exists(), arguments) else { return Ok(None) };
    let asked = Asked { arguments, folder: std::env::current_dir()? };
    let answered = super::runtime()?.block_on(async {
        // A socket that nobody listens on is left over.
        let Ok(stream) = UnixStream::connect(&socket).await else { return anyhow::Ok(None) };
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let body = Full::new(Bytes::from(serde_json::to_vec(&asked)?));
        let request = Request::post("/command").header("host", "ingle").body(body)?;
        let response = sender.send_request(request).await.context("the running server did not answer; see its log")?;
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Some(serde_json::from_slice::<Answered>(&body).context("the running server is of another version")?))
    })?;
    let Some(Answered { code, data, talk }) = answered else { return Ok(None) };
    Said { data, talk }.print();
    Ok(Some(Code::from_number(code)))
}

const fn is_for_a_server(command: &Command) -> bool {
    match command {
        Command::App { .. } | Command::Staff { .. } | Command::Verify => true,
        Command::Load(own) => own.suggest_map.is_none() && !own.map_names,
        _ => false,
    }
}

fn path(config: &Config) -> anyhow::Result<PathBuf> {
    Ok(std::path::absolute(&config.storage.path)?.join(SOCKET))
}
