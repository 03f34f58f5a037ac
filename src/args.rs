//! The command line, as `clap` reads it.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Compiles verified XDP programs into packet-processing hardware, and shows that the hardware does what the program does.
#[derive(Debug, Parser)]
#[command(name = "beeline", version, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Verify a program, and say whether it has a hardware form
    Check(Check),
    /// Show a program in one of its forms
    Inspect(Inspect),
    /// Write the hardware form of a program to a directory
    Compile(Compile),
    /// Replay a capture on one engine
    Run(Run),
    /// Replay captures on several engines and compare packet by packet
    Equiv(Equiv),
    /// Estimate throughput, latency and area
    Estimate(Estimate),
}

/// Which program.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// ELF object made by clang for the BPF target
    #[arg(value_name = "OBJ")]
    pub(crate) object: PathBuf,
    /// Program (function) to take, if the object has several
    #[arg(long, value_name = "P")]
    pub(crate) program: Option<String>,
    /// Types of the kernel for CO-RE relocations: BTF, raw or in an ELF file [default: those of this machine's kernel,
    /// and only for what differs between kernels]
    #[arg(long, value_name = "FILE")]
    pub(crate) btf: Option<PathBuf>,
    /// Configuration of the kernel for `extern ... __kconfig` variables, plain or compressed [default: that of this
    /// machine's kernel, where the object has such variables]
    #[arg(long, value_name = "FILE")]
    pub(crate) kconfig: Option<PathBuf>,
    /// Resize a map; may be given several times
    #[arg(long, value_name = "NAME=N", value_parser = parse_map_entries)]
    pub(crate) map_entries: Vec<(String, u32)>,
    /// Map content before the first packet (JSON). Programs in PROG_ARRAY maps become part of the hardware
    #[arg(long, value_name = "FILE")]
    pub(crate) maps: Option<PathBuf>,
}

/// What to build for.
#[derive(Debug, Args)]
pub(crate) struct Device {
    /// Clock, instead of the device's own
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub(crate) clock_mhz: Option<u32>,
    /// Device description: a file, or the name of a built-in one
    #[arg(long, value_name = "FILE|NAME")]
    pub(crate) device: Option<String>,
}

/// What surrounds the packets.
#[derive(Debug, Args)]
pub(crate) struct Surroundings {
    /// ctx->ingress_ifindex
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) ifindex: u32,
    /// ctx->rx_queue_index
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) queue: u32,
    /// CPU number
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) cpu: u32,
    /// Seed of bpf_get_prandom_u32
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u32,
    /// Random input gaps and output back-pressure from this seed, for engines with a clock
    #[arg(long, value_name = "SEED")]
    pub(crate) pacing: Option<u64>,
}

/// Back ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// SystemVerilog for FPGAs
    Verilog,
    /// NFP microcode
    Nfp,
}

/// Forms that `inspect` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Emit {
    /// Size, maps, helpers
    Summary,
    /// Disassembly with C lines
    Disasm,
    /// Control-flow graph
    Cfg,
    /// SSA form after optimisation
    Ir,
    /// Predicated form
    Pipeline,
    /// Stages and registers
    Schedule,
}

/// How `inspect` shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For reading
    Text,
    /// For Graphviz
    Dot,
    /// For programs
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Also check that the program has a form for this target
    #[arg(long, value_enum)]
    pub(crate) target: Option<Target>,
    /// Print the verifier's walk: each instruction with the registers that it changes
    #[arg(short, long)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) device: Device,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Which form
    #[arg(long, value_enum, default_value_t = Emit::Summary)]
    pub(crate) emit: Emit,
    /// How
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Show the SSA form as it is after this pass ("lift" for before all)
    #[arg(long, value_name = "PASS")]
    pub(crate) print_after: Option<String>,
    #[command(flatten)]
    pub(crate) device: Device,
}

#[derive(Debug, Args)]
pub(crate) struct Compile {
    #[command(flatten)]
    pub(crate) source: Source,
    /// What to write
    #[arg(long, value_enum)]
    pub(crate) target: Target,
    /// Directory to write; it is replaced as a whole if an earlier run made it
    #[arg(short = 'o', value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Seed of bpf_get_prandom_u32
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u32,
    #[command(flatten)]
    pub(crate) device: Device,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Capture to replay (pcap or pcapng)
    #[arg(long, value_name = "IN")]
    pub(crate) pcap: PathBuf,
    /// Engine: interp, kernel, pipeline or rtl
    #[arg(long, value_name = "E", default_value = "interp")]
    pub(crate) engine: String,
    /// Write the packets that leave
    #[arg(long, value_name = "OUT.pcap")]
    pub(crate) out: Option<PathBuf>,
    /// One JSON object a line on stdout
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) surroundings: Surroundings,
    #[command(flatten)]
    pub(crate) device: Device,
}

#[derive(Debug, Args)]
pub(crate) struct Equiv {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Captures to replay (pcap or pcapng), each from the initial state
    #[arg(long, value_name = "IN", num_args = 1.., required = true)]
    pub(crate) pcap: Vec<PathBuf>,
    /// Engines to compare
    #[arg(
        long,
        value_name = "E,E,...",
        value_delimiter = ',',
        default_value = "interp,kernel,pipeline,rtl"
    )]
    pub(crate) engines: Vec<String>,
    /// Write a JUnit report
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// One JSON object for each capture on stdout
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) surroundings: Surroundings,
    #[command(flatten)]
    pub(crate) device: Device,
}

#[derive(Debug, Args)]
pub(crate) struct Estimate {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Capture to replay; without it, back-to-back 64-byte frames
    #[arg(long, value_name = "IN")]
    pub(crate) pcap: Option<PathBuf>,
    /// What to estimate for
    #[arg(long, value_enum, default_value_t = Target::Verilog)]
    pub(crate) target: Target,
    /// One JSON object on stdout
    #[arg(long)]
    pub(crate) json: bool,
    /// Area from a Yosys run instead of the model
    #[arg(long)]
    pub(crate) synth: bool,
    #[command(flatten)]
    pub(crate) surroundings: Surroundings,
    #[command(flatten)]
    pub(crate) device: Device,
}

fn parse_map_entries(text: &str) -> Result<(String, u32), String> {
    let (name, count) = text.split_once('=').ok_or("expected NAME=N")?;
    match count.parse() {
        Ok(n) if n > 0 => Ok((name.to_string(), n)),
        _ => Err(format!("`{count}` is not a number of entries (1 or more)")),
    }
}
