//! Options that say what outputs look like: what `[output]` says for the agent.

use clap::Args;

use super::{ExitCode, output};
use crate::config::{Compression, Format, Layout, OnUnfit, refuse_key};
use crate::convert::Encoding;

/// Options that say what columns become.
#[derive(Debug, Args)]
pub(super) struct FormatOptions {
    /// Format of the outputs: hdf5, feather or parquet [default: hdf5]
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    format: Option<Format>,
    /// Layout in HDF5: fixed, as pandas has it; table, which pandas can query and append to; or plain, one dataset a
    /// column for other programs [default: fixed]
    #[arg(long, value_name = "LAYOUT", value_parser = layout)]
    layout: Option<Layout>,
    /// What a column does that the format has no type for: refuse refuses its file, text makes text of it [default:
    /// refuse]
    #[arg(long, value_name = "WHAT", value_parser = on_unfit)]
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
    #[arg(long, value_name = "KIND", value_parser = compression)]
    compression: Option<Compression>,
}

impl FormatOptions {
    /// These options, and what the configuration says where there is none.
    pub(super) fn over(&self, configured: Encoding) -> Result<Encoding, ExitCode> {
        let format = self.format.unwrap_or(configured.format);
        // What a file says of one format is not meant for another.
        let same = format == configured.format;
        let encoding = Encoding {
            format,
            layout: self.layout.unwrap_or(if same { configured.layout } else { Layout::Fixed }),
            compression: if same { configured.compression } else { Compression::None },
            on_unfit: self.on_unfit.unwrap_or(configured.on_unfit),
            ..configured
        };
        if format != Format::Hdf5 && encoding.layout != Layout::Fixed {
            return Err(refused("--layout", "is for HDF5"));
        }
        Ok(encoding)
    }
}

impl EncodingOptions {
    /// These options, and what the configuration says where there is none.
    pub(super) fn over(&self, configured: Encoding) -> Result<Encoding, ExitCode> {
        let encoding = self.format.over(configured)?;
        let (format, compression) = (encoding.format, self.compression.unwrap_or(encoding.compression));
        if !compression.is_in(format) {
            let what = format!("{compression} is none that every reader of {} knows", format.name());
            return Err(refused("--compression", &what));
        }
        Ok(Encoding { key: self.key.clone().unwrap_or(encoding.key), compression, ..encoding })
    }
}

fn refused(option: &str, what: &str) -> ExitCode {
    output::error(&format!("{option}: {what}\n  hint: see `h5inbox convert --help`"));
    ExitCode::Usage
}

fn format(word: &str) -> Result<Format, String> {
    Format::parse(word).ok_or_else(|| "write hdf5, feather or parquet".to_owned())
}

fn layout(word: &str) -> Result<Layout, String> {
    Layout::parse(word).ok_or_else(|| "write fixed, table or plain".to_owned())
}

/// `data` is `/data`, as pandas has it.
fn key(text: &str) -> Result<String, String> {
    let key = format!("/{}", text.strip_prefix('/').unwrap_or(text));
    refuse_key(&key).map_or(Ok(key), |(what, hint)| Err(format!("it {what}; {hint}")))
}

fn compression(text: &str) -> Result<Compression, String> {
    Compression::parse(text).ok_or_else(|| format!("write {}", Compression::WRITTEN.replace('"', "")))
}

fn on_unfit(word: &str) -> Result<OnUnfit, String> {
    OnUnfit::parse(word).ok_or_else(|| "write refuse or text".to_owned())
}
