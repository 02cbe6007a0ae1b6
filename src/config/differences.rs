//! In which keys two configurations differ.

use toml::Table;

use super::Config;

impl Config {
    /// The keys (`workers`, `inbox.settle_ms`) whose values are others in `other`, sorted.
    ///
    /// # Panics
    /// As [`Config::to_toml`].
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let (ours, theirs) = (values(self), values(other));
        let mut keys: Vec<String> = ours.keys().chain(theirs.keys()).cloned().collect();
        keys.retain(|key| ours.get(key) != theirs.get(key));
        keys.sort();
        keys.dedup();
        keys
    }
}

/// The value of each key, whose name begins with its section's.
fn values(config: &Config) -> Table {
    let whole = Table::try_from(config).expect("a parsed configuration holds only what TOML can write");
    let of_section = |(name, value): (String, toml::Value)| match value {
        toml::Value::Table(section) => {
            section.into_iter().map(|(key, value)| (format!("{name}.{key}"), value)).collect()
        }
        value => vec![(name, value)],
    };
    whole.into_iter().flat_map(of_section).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_that_differs_is_named_once_whatever_its_kind() {
        let text = |more: &str| format!("{more}\ninbox.path = '/d/in'\noutput.path = '/d/out'\n");
        let parsed = |more: &str| Config::parse(&text(more)).unwrap();
        let plain = parsed("");
        assert!(plain.differences(&parsed("workers = 0")).is_empty(), "the default");
        let other =
            parsed("workers = 3\nlog.level = 'debug'\nrecords.types = { a = 'float64' }\ninbox.exclude = ['x']");
        let keys = ["inbox.exclude", "log.level", "records.types", "workers"];
        assert_eq!(plain.differences(&other), keys);
        assert_eq!(other.differences(&plain), keys);
    }
}
