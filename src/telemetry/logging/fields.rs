//! One event as plain data, whatever it is written as.

use log::kv::{Error, Key, ToValue, Value, VisitSource, VisitValue};
use log::{Level, Record};
use serde_json::Value as Json;

/// One event.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) level: Level,
    /// The sentence.
    pub(super) message: String,
    /// What goes with it. An absent value is not there at all.
    pub(super) fields: Vec<(String, Json)>,
}

impl Entry {
    pub(super) fn of(record: &Record<'_>) -> Self {
        let mut fields = Fields::default();
        // Visiting a vector cannot fail.
        let _ = record.key_values().visit(&mut fields);
        Self { level: record.level(), message: record.args().to_string(), fields: fields.0 }
    }

    /// So many events called `event` were counted and not written.
    pub(super) fn of_repeats(event: &str, more: u64) -> Self {
        let fields = [("event", Json::from("log.repeats")), ("of", event.into()), ("more", more.into())];
        let fields = fields.map(|(key, value)| (key.to_owned(), value)).to_vec();
        Self { level: Level::Warn, message: format!("{more} more like this were not logged."), fields }
    }

    /// The stable name of what has happened; empty where a library speaks.
    pub(super) fn event(&self) -> &str {
        let event = self.fields.iter().find(|(key, _)| key == "event");
        event.and_then(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

#[derive(Default)]
struct Fields(Vec<(String, Json)>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let mut plain = Plain(Json::Null);
        value.visit(&mut plain)?;
        if !plain.0.is_null() {
            self.0.push((key.to_string(), plain.0));
        }
        Ok(())
    }
}

/// A value as JSON has it.
struct Plain(Json);

impl VisitValue<'_> for Plain {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        self.0 = value.to_value().to_string().into();
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), Error> {
        self.0 = Json::Null;
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        self.0 = value.into();
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        self.0 = value.into();
        Ok(())
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        self.0 = value.into();
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
        self.0 = value.into();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_kind_and_only_absent_ones_are_left_out() {
        let (none, some) = (None::<u64>, Some(7));
        let name = format_args!("{}", "None").to_string();
        let pairs: [(&str, Value<'_>); 6] = [
            ("event", "file.published".into()),
            ("line", none.to_value()),
            ("byte", some.to_value()),
            ("took_s", 0.5.into()),
            ("bom", false.into()),
            ("path", Value::from_display(&name)),
        ];
        let entry = Entry::of(&Record::builder().args(format_args!("Done.")).key_values(&pairs).build());
        let fields: Vec<String> = entry.fields.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(fields, ["event=\"file.published\"", "byte=7", "took_s=0.5", "bom=false", "path=\"None\""]);
        assert_eq!(entry.event(), "file.published");
    }
}
