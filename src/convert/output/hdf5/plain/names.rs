//! Labels as names of links.
//!
//! HDF5 has no name with a `/` in it, no empty one, and none that is only a dot. What cannot stand is written as `%` and
//! two hexadecimal digits, and so is `%` itself; an empty label is `%`. So no two labels get the same name.

/// What is behind the name of a column whose missing values are told apart.
pub(super) const MISSING: &str = "__missing";

/// The name of the link for `label`.
pub(super) fn link(label: &str) -> String {
    match label {
        "" => "%".to_owned(),
        "." => "%2E".to_owned(),
        _ => {
            let name = label.replace('%', "%25").replace('/', "%2F");
            // It must not be taken for what tells of another column.
            name.strip_suffix(MISSING).map_or(name.clone(), |column| format!("{column}%5F%5Fmissing"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_label_stays_what_it_is_where_hdf5_lets_it() {
        for label in ["a", "b c", "é", "a.b", "..", "__missing_", "1"] {
            assert_eq!(link(label), label);
        }
    }

    #[test]
    fn no_two_labels_get_the_same_name_or_one_that_hdf5_has_not() {
        let labels =
            ["", ".", "/", "%", "%2F", "%2E", "a/b", "a%2Fb", "a__missing", "a%5F%5Fmissing", "a", "__missing", "%25"];
        let names: HashSet<String> = labels.iter().map(|label| link(label)).collect();
        assert_eq!(names.len(), labels.len());
        for name in &names {
            assert!(!name.is_empty() && name != "." && !name.contains('/') && !name.ends_with(MISSING), "{name}");
        }
    }
}
