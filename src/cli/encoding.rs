//! Options that say what outputs look like: what `[output]` says for the agent.

use clap::Args;

use super::{ExitCode, output};
use crate::config::{Compression, Format, Layout, OnUnfit, choose, key};
use crate::convert::{Encoding, Unfit, Wanted};

/// Options that say what columns become.
#[derive(Debug, Args)]
pub(super) struct FormatOptions {
    /// Format of the outputs: hdf5, feather or parquet [default: hdf5]
    #[arg(long, value_name = "FORMAT", value_parser = choose::<Format>)]
    format: Option<Format>,
    /// Layout in HDF5: fixed, as pandas has it; table, which pandas can query and append to; or plain, one dataset a
    /// column for other programs [default: fixed]
    #[arg(long, value_name = "LAYOUT", value_parser = choose::<Layout>)]
    layout: Option<Layout>,
    /// What a column does that the format has no type for: refuse refuses its file, text makes text of it [default:
    /// refuse]
    #[arg(long, value_name = "WHAT", value_parser = choose::<OnUnfit>)]
    on_unfit: Option<OnUnfit>,
}

/// Options of the verbs that write outputs.
#[derive(Debug, Args)]
pub(super) struct EncodingOptions {
    #[command(flatten)]
    format: FormatOptions,
    /// Key of the frame in HDF5 [default: /data]
    #[arg(long, value_parser = key)]
    key: Option<String>,
    /// Compression inside the outputs: none; zlib:1 to zlib:9 in HDF5; lz4 or zstd:1 to zstd:22 in Feather and Parquet
    /// [default: none]
    #[arg(long, value_name = "KIND", value_parser = Compression::choose)]
    compression: Option<Compression>,
}

impl FormatOptions {
    /// These options, and what the configuration says where there is none.
    pub(super) fn over(&self, configured: Encoding) -> Result<Encoding, ExitCode> {
        self.wanted().over(configured).map_err(refused)
    }

    fn wanted(&self) -> Wanted {
        Wanted { format: self.format, layout: self.layout, on_unfit: self.on_unfit, ..Wanted::default() }
    }
}

impl EncodingOptions {
    /// These options, and what the configuration says where there is none.
    pub(super) fn over(&self, configured: Encoding) -> Result<Encoding, ExitCode> {
        let wanted = Wanted { key: self.key.clone(), compression: self.compression, ..self.format.wanted() };
        wanted.over(configured).map_err(refused)
    }
}

fn refused(unfit: Unfit) -> ExitCode {
    output::error(&format!("--{}: {unfit}\n  hint: see `h5inbox convert --help`", unfit.option()));
    ExitCode::Usage
}
