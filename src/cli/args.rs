//! What can be typed. The doc comments are the words of the help.

#![expect(clippy::doc_markdown, reason = "the comments are printed as they are, so they hold no Markdown")]

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use super::exit::CODES;
use crate::access::Role;
use crate::load::Format;

/// Gives a small US health plan what the CMS interoperability rules ask of it, in one program.
#[derive(Debug, Parser)]
#[command(name = "ingle", version, after_help = CODES, infer_subcommands = false)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Global {
    /// Configuration file [default: ./fhir.toml, then /etc/ingle/fhir.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// What to log: error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL", env = "INGLE_LOG", hide_env_values = true)]
    pub(super) log: Option<String>,
    /// Print the result as JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Show no progress bar
    #[arg(long, global = true)]
    pub(super) no_progress: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a made-up plan with members, claims, a directory and a sample app
    #[command(after_help = "Examples:\n  ingle demo\n  ingle demo --port 9000 --fresh")]
    Demo(Demo),
    /// Write fhir.toml, the data folder and fresh keys
    #[command(
        after_help = "Examples:\n  ingle init\n  ingle init /srv/ingle --name \"Alder\" --url https://fhir.alder.example --yes"
    )]
    Init(Init),
    /// Run the server
    #[command(after_help = "Examples:\n  ingle serve\n  ingle --config /etc/ingle/fhir.toml serve")]
    Serve,
    /// Bring plan data in
    #[command(
        after_help = "Examples:\n  ingle load claims/ members.csv\n  ingle load claims.ndjson.gz --dry-run --json"
    )]
    Load(Load),
    /// Check store, history, audit chain and index in full
    #[command(after_help = "Examples:\n  ingle verify\n  ingle verify --json")]
    Verify,
    /// Rebuild the search index from the store
    #[command(after_help = "Examples:\n  ingle reindex\n  ingle reindex --json")]
    Reindex,
    /// People who may use the console
    Staff {
        #[command(subcommand)]
        command: Staff,
    },
    /// Third-party apps
    App {
        #[command(subcommand)]
        command: App,
    },
    /// Print completions for a shell
    #[command(
        after_help = "Examples:\n  ingle completions bash > /etc/bash_completion.d/ingle\n  ingle completions zsh"
    )]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one per command into a folder
    #[command(after_help = "Examples:\n  ingle man | man -l -\n  ingle man /usr/local/share/man/man1")]
    Man {
        /// Folder for one page per command
        folder: Option<PathBuf>,
    },
    /// Measure this machine on made-up data, one JSON line per figure
    #[command(after_help = "Examples:\n  ingle bench\n  ingle bench --members 10000")]
    Bench(Bench),
    /// Tools for working on Ingle itself
    #[command(hide = true)]
    Dev {
        #[command(subcommand)]
        command: Dev,
    },
}

#[derive(Debug, ClapArgs)]
pub(super) struct Demo {
    /// Port of the plan's server; the sample app takes the next one
    #[arg(long, default_value_t = 8080)]
    pub(super) port: u16,
    /// Folder for the demo's data
    #[arg(long, default_value = "demo", value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// Begin anew: remove what an earlier demo left in the folder
    #[arg(long)]
    pub(super) fresh: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Bench {
    /// Members of the made-up plan; each has 145 resources
    #[arg(long, default_value_t = 1_000)]
    pub(super) members: usize,
    /// Milliseconds of each slice of a measure
    #[arg(long, default_value_t = 1_000)]
    pub(super) millis: u64,
    /// Measure loads instead: so many claims with their payments, and as many rows of the provider registry
    #[arg(long, value_name = "CLAIMS")]
    pub(super) claims: Option<usize>,
    /// Only the load and the measures over HTTP with this in their name
    #[arg(long, value_name = "TEXT")]
    pub(super) only: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Init {
    /// Where to put fhir.toml and the data folder
    #[arg(default_value = ".", value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// The plan's name
    #[arg(long)]
    pub(super) name: Option<String>,
    // Not as doc comments: rustdoc would want these addresses to be links.
    #[arg(long, help = "The public address, such as https://fhir.example.org")]
    pub(super) url: Option<String>,
    #[arg(long, help = "Mail transport: smtps://user:password@host or file:FOLDER")]
    pub(super) mail: Option<String>,
    /// Sender of the plan's mail
    #[arg(long)]
    pub(super) from: Option<String>,
    /// The number that members who are stuck can call
    #[arg(long)]
    pub(super) phone: Option<String>,
    /// The address that members who are stuck can write to
    #[arg(long)]
    pub(super) email: Option<String>,
    /// Ask nothing: take the examples for what is not given, and no contact for members
    #[arg(long)]
    pub(super) yes: bool,
}

impl Load {
    /// The same with paths that were typed in a folder.
    pub(super) fn from(&self, folder: &Path) -> Self {
        let at = |path: &Option<PathBuf>| path.as_ref().map(|path| folder.join(path));
        Self {
            paths: self.paths.iter().map(|path| folder.join(path)).collect(),
            map: at(&self.map),
            report: at(&self.report),
            suggest_map: at(&self.suggest_map),
            ..self.clone()
        }
    }
}

#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Load {
    /// Files and folders
    #[arg(required_unless_present_any = ["undo", "suggest_map", "map_names"], value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// Take back what the last load changed, while no other load has begun
    #[arg(long, conflicts_with_all = ["paths", "format", "map", "dry_run", "report"])]
    pub(super) undo: bool,
    /// Take every file as this kind instead of looking: fhir, members, 834, 837, 835, 278, claims, providers, nppes, qhp,
    /// formulary, hl7v2, ccda or representatives
    #[arg(long = "as", value_name = "KIND", value_parser = format)]
    pub(super) format: Option<Format>,
    /// Column names of the plan's own (TOML: member_id = "MBR NO")
    #[arg(long, value_name = "FILE")]
    pub(super) map: Option<PathBuf>,
    /// Propose a mapping for the table in this file, print it, and load nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "undo", "format", "map", "dry_run", "report"])]
    pub(super) suggest_map: Option<PathBuf>,
    /// List the names that a mapping file may use, by kind of table, and load nothing
    #[arg(long, conflicts_with_all = ["paths", "undo", "format", "map", "suggest_map", "dry_run", "report"])]
    pub(super) map_names: bool,
    /// Read, check and count everything, and keep nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Where rejected records are written [default: reports/load-TIME.ndjson in the data folder]
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,
}

fn format(name: &str) -> Result<Format, String> {
    Format::parse(name).ok_or_else(|| {
        let names: Vec<&str> = Format::ALL.into_iter().map(Format::name).collect();
        format!("the kinds are {}", names.join(", "))
    })
}

#[derive(Debug, Subcommand)]
pub(super) enum Staff {
    /// Let a person use the console
    Add {
        /// Where her sign-in codes go
        email: String,
        /// What she may do
        #[arg(long)]
        role: RoleName,
    },
    /// List the people
    List,
    /// Take a person's access away; her sessions end
    Remove {
        /// Her address
        email: String,
    },
}

/// Roles as they are typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum RoleName {
    /// Everything
    Admin,
    /// Vets apps
    Reviewer,
    /// Helps members
    Support,
    /// Reads reports
    Analyst,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Admin => Self::Admin,
            RoleName::Reviewer => Self::Reviewer,
            RoleName::Support => Self::Support,
            RoleName::Analyst => Self::Analyst,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum App {
    /// Register a back-end system of the plan, which signs with a key of its own
    #[command(
        after_help = "Example:\n  ingle app add 'Claims system' --scopes 'system/*.cruds' --jwks public-keys.json"
    )]
    Add {
        /// What to call it
        name: String,
        /// What it may do, such as 'system/*.rs' to read everything
        #[arg(long)]
        scopes: String,
        /// File with its public keys as a JWK set
        #[arg(long, value_name = "FILE")]
        jwks: PathBuf,
        /// In the sandbox instead of the plan
        #[arg(long)]
        sandbox: bool,
    },
    /// List the apps
    List {
        /// The sandbox's apps instead of the plan's
        #[arg(long)]
        sandbox: bool,
    },
    /// Show one app
    Show {
        /// Its client id
        client_id: String,
    },
    /// Let members use an app that waits or was suspended
    Approve {
        /// Its client id
        client_id: String,
    },
    /// Stop an app: its tokens are refused from now on
    Suspend {
        /// Its client id
        client_id: String,
    },
    /// Give an app a new secret, shown once; the one before it works until the next rotation
    RotateSecret {
        /// Its client id
        client_id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Dev {
    /// Print the shipped fhir.toml, written from the configuration's doc comments
    FhirToml,
    /// Write the tables of structures and codes from a folder of FHIR packages
    Definitions {
        /// Folder with the guides' .tgz files
        packages: PathBuf,
    },
}
