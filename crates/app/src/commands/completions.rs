//! `endcap completions`: completion scripts for shells.

use crate::console::Ending;
use clap::CommandFactory;
use clap_complete::Shell;

/// Print the completion script of a shell.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  endcap completions bash > ~/.local/share/bash-completion/completions/endcap")]
pub struct Args {
    /// The shell.
    shell: Shell,
}

/// Prints the script of `C`.
pub fn run<C: CommandFactory>(args: &Args) -> anyhow::Result<Ending> {
    clap_complete::generate(args.shell, &mut C::command(), "endcap", &mut std::io::stdout());
    Ok(Ending::Done)
}
