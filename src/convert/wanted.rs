//! What somebody wants of an output where the configuration says something else, or nothing.

use super::options::Encoding;
use crate::config::{Compression, Format, Layout, OnUnfit};

/// Wishes; what is none is as configured.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// See [`Encoding::format`].
    pub format: Option<Format>,
    /// See [`Encoding::layout`].
    pub layout: Option<Layout>,
    /// See [`Encoding::key`].
    pub key: Option<String>,
    /// See [`Encoding::compression`].
    pub compression: Option<Compression>,
    /// See [`Encoding::on_unfit`].
    pub on_unfit: Option<OnUnfit>,
}

/// Wishes that do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A layout for a format that has one only.
    #[error("is for HDF5")]
    Layout,
    /// A compression that not every reader of the format can undo.
    #[error("{0} is none that every reader of {name} knows", name = .1.name())]
    Compression(Compression, Format),
}

impl Unfit {
    /// The wish at fault.
    #[must_use]
    pub fn option(self) -> &'static str {
        match self {
            Self::Layout => "layout",
            Self::Compression(..) => "compression",
        }
    }
}

impl Wanted {
    /// These wishes, and what is `configured` where there is none.
    pub fn over(self, configured: Encoding) -> Result<Encoding, Unfit> {
        let format = self.format.unwrap_or(configured.format);
        // What a file says of one format is not meant for another.
        let same = format == configured.format;
        let encoding = Encoding {
            format,
            layout: self.layout.unwrap_or(if same { configured.layout } else { Layout::Fixed }),
            key: self.key.unwrap_or(configured.key),
            compression: self.compression.unwrap_or(if same { configured.compression } else { Compression::None }),
            on_unfit: self.on_unfit.unwrap_or(configured.on_unfit),
        };
        if format != Format::Hdf5 && encoding.layout != Layout::Fixed {
            return Err(Unfit::Layout);
        }
        let fits = encoding.compression.is_in(format);
        if fits { Ok(encoding) } else { Err(Unfit::Compression(encoding.compression, format)) }
    }
}
