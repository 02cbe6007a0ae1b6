//! The options with which an output was made, as it tells them.

use serde::{Deserialize, Serialize};

use super::super::options::{Encoding, Options};
use crate::config::{Compression, Format, Input, Layout, Nested, OnBadRecord, OnUnfit, Records, TypeHint};

/// The options that decide what is in an output, named as in the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// `output.format`
    pub format: String,
    /// `output.layout`, for HDF5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// `output.key`, for HDF5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `output.compression`
    pub compression: String,
    /// `output.on_unfit`
    pub on_unfit: String,
    /// `records.input`
    pub input: String,
    /// `records.on_bad_record`
    pub on_bad_record: String,
    /// `records.nested`
    pub nested: String,
    /// `records.types`: names and dtypes in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<(String, String)>,
    /// `output.gather_source_column`, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gather_source_column: Option<String>,
}

impl Told {
    pub(super) fn of(options: &Options) -> Self {
        let Encoding { format, layout, key, compression, on_unfit } = &options.encoding;
        let Records { input, on_bad_record, nested, types } = &options.records;
        let hdf5 = *format == Format::Hdf5;
        Self {
            format: format.as_str().to_owned(),
            layout: hdf5.then(|| layout.as_str().to_owned()),
            key: hdf5.then(|| key.clone()),
            compression: compression.to_string(),
            on_unfit: on_unfit.as_str().to_owned(),
            input: input.as_str().to_owned(),
            on_bad_record: on_bad_record.as_str().to_owned(),
            nested: nested.as_str().to_owned(),
            types: types.iter().map(|(name, hint)| (name.clone(), hint.to_string())).collect(),
            gather_source_column: None,
        }
    }

    /// `options` with these instead; `None` if they name something that this version does not know.
    pub(in super::super) fn over(&self, options: &Options) -> Option<Options> {
        let types = self.types.iter().map(|(name, hint)| Some((name.clone(), TypeHint::parse(hint)?)));
        let encoding = Encoding {
            format: Format::parse(&self.format)?,
            layout: self.layout.as_deref().map_or(Some(Layout::Fixed), Layout::parse)?,
            key: self.key.clone().unwrap_or_else(|| options.encoding.key.clone()),
            compression: Compression::parse(&self.compression)?,
            on_unfit: OnUnfit::parse(&self.on_unfit)?,
        };
        let records = Records {
            input: Input::parse(&self.input)?,
            on_bad_record: OnBadRecord::parse(&self.on_bad_record)?,
            nested: Nested::parse(&self.nested)?,
            types: types.collect::<Option<_>>()?,
        };
        Some(Options { encoding, records, ..options.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn options_that_are_told_are_those_that_were_used() {
        let mut options = Options::from_config(&Config::new("/i".into(), "/o".into()), 1);
        for (format, layout, compression) in [
            (Format::Hdf5, Layout::Table, Compression::Zlib(7)),
            (Format::Parquet, Layout::Fixed, Compression::Zstd(3)),
        ] {
            options.encoding.format = format;
            options.encoding.layout = layout;
            options.encoding.compression = compression;
            options.encoding.on_unfit = OnUnfit::Text;
            options.records.nested = Nested::Flatten;
            options.records.types = vec![("*_at".to_owned(), TypeHint::parse("datetime:%d.%m.%Y").unwrap())];
            let told = Told::of(&options);
            let other = Options::from_config(&Config::new("/i".into(), "/o".into()), 3);
            let again = told.over(&other).unwrap();
            assert_eq!((&again.encoding, &again.records), (&options.encoding, &options.records));
            assert_eq!(Told::of(&again), told);
        }
        assert!(Told { format: "avro".to_owned(), ..Told::of(&options) }.over(&options).is_none());
    }
}
