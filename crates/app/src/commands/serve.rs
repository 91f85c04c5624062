//! `endcap serve`: the planner's desk, pages and API on one port.

use crate::console::{Console, Ending};
use crate::serve::{self, Network, Settings, Site, sign_in};
use crate::{commands::ingest, example};
use anyhow::{Context, ensure};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::net::TcpListener;

/// Serve the planner's desk: pages and API on one port, from this one program.
///
/// Without accounts it prints an address at which the first one is made. People can sign in at an OpenID Connect
/// provider instead, where desk.toml in the project's folder names one. It listens on this machine only unless --listen
/// says otherwise; put a server that speaks TLS before it and tell its address with --site.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap serve shop\n  endcap serve --demo\n  endcap serve shop --listen 0.0.0.0:8484 --site https://desk.example.com"
)]
pub struct Args {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Show the shipped example, in a folder of its own, to whoever is at this machine; no account is needed.
    #[arg(long)]
    demo: bool,
    /// Address and port to listen on; port 0 takes any that is free.
    #[arg(long, default_value = "127.0.0.1:8484")]
    listen: SocketAddr,
    /// Address that people type, where it is another than the one listened on.
    #[arg(long, value_parser = Site::parse)]
    site: Option<Site>,
    /// Requests that one caller may make per second, twice as many for a moment.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    requests_per_second: u32,
    /// Largest file that people may bring in, in MB.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=65_536))]
    upload_max: u64,
    /// Server before the desk whose X-Forwarded-For (or Forwarded) is believed when callers are told apart: an address or
    /// a network such as 10.0.0.0/8; several with commas.
    #[arg(long = "trusted-proxy", value_name = "ADDRESS", value_delimiter = ',')]
    trusted_proxies: Vec<Network>,
    /// Print the description of the API (OpenAPI 3.1) and end.
    #[arg(long)]
    openapi: bool,
    /// Print the description of live events and of sales that are sent (AsyncAPI 3) and end.
    #[arg(long, conflicts_with = "openapi")]
    asyncapi: bool,
    /// Write the log as JSON, a line each.
    #[arg(long)]
    log_json: bool,
    /// Send traces to the OpenTelemetry collector at this address, such as http://127.0.0.1:4318 (OTLP over HTTP);
    /// OTEL_EXPORTER_OTLP_ENDPOINT does the same. Needs a program that was built with the feature `otel`.
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    if args.openapi {
        console.text(&serve::document().to_pretty_json()?)?;
        return Ok(Ending::Done);
    }
    if args.asyncapi {
        console.text(&serde_json::to_string_pretty(&serve::messages())?)?;
        return Ok(Ending::Done);
    }
    ensure!(
        !args.demo || args.listen.ip().is_loopback(),
        "--demo lets everybody in without a password: it listens on this machine only (127.0.0.1)"
    );
    let folder = if args.demo { demo_folder(args, console)? } else { args.folder.clone() };
    ensure!(folder.is_dir(), "{} is no folder: make a project with `endcap init {0}`", folder.display());
    let provider = if args.demo { None } else { sign_in::read(&folder)? };
    let provider = provider.map(|chosen| chosen.with_secret(&folder, |name| std::env::var(name).ok())).transpose()?;
    let audit_keys = sign_in::read_audit_keys(&folder)?;
    let runtime = runtime()?;
    let traces = {
        let _inside = runtime.enter();
        serve::telemetry(args.log_json, args.otlp.as_deref())?
    };
    let served = runtime.block_on(async {
        let listener = TcpListener::bind(args.listen).await.with_context(|| {
            format!("{} cannot be listened on: is the desk running already? Choose another with --listen", args.listen)
        })?;
        let local = format!("http://{}", listener.local_addr()?);
        let site = args.site.clone().map_or_else(|| Site::parse(&local), Ok).map_err(anyhow::Error::msg)?;
        console.note(format!("Endcap is at {site} (stop with Ctrl-C)"));
        let settings = Settings {
            folder,
            demo: args.demo,
            site,
            requests_per_second: args.requests_per_second,
            upload_max: args.upload_max * 1_000_000,
            trusted_proxies: args.trusted_proxies.clone(),
            sign_in: provider,
            audit_keys,
        };
        serve::serve(settings, listener, interrupted()?).await
    });
    if let Some(traces) = traces {
        traces.end();
    }
    served.map(|()| Ending::Done)
}

/// What runs tasks.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// The example's folder, made and filled where it is not there yet.
fn demo_folder(args: &Args, console: &Console) -> anyhow::Result<PathBuf> {
    let folder = if args.folder.as_os_str() == "." { PathBuf::from("endcap-demo") } else { args.folder.clone() };
    if !folder.exists() {
        example::write(&folder)?;
        ingest::load(&folder, example::AS_OF.parse().context("the example's date")?, console)?;
    }
    Ok(folder)
}

/// Completes when somebody stops the program: Ctrl-C, or the signal that service managers send.
fn interrupted() -> anyhow::Result<impl Future<Output = ()>> {
    let (told, stopped) = tokio::sync::watch::channel(());
    ctrlc::set_handler(move || {
        let _ = told.send(());
    })?;
    let mut stopped = stopped;
    Ok(async move {
        let _ = stopped.changed().await;
    })
}
