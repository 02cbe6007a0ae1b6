//! The url of a database that agents share. It may hold a password, which is never repeated.

use super::problem::Complaint;

/// How it is written.
pub(super) const EXAMPLE: &str = "\"postgres://h5inbox@db.example.org/h5inbox\"";

/// What stands in the place of a password.
const MASK: &str = "***";

/// Whether `url` may be one: what it holds in detail, the database's library says when it is opened.
pub(super) fn check(url: &str) -> Result<(), Complaint> {
    let fault = |what: &str, hint: &str| Err(Complaint::new(what, format!("{hint}, as {EXAMPLE}")));
    let Some((_, rest)) = url.split_once("://") else {
        return fault("has no // behind its scheme", "write it out");
    };
    if url.contains(|c: char| c.is_control() || c == ' ' || c == '#') {
        return fault("has a blank, a # or a control character in it", "write these as %20, %23 and so on");
    }
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (host, database) = place.rsplit_once('@').map_or(place, |(_, at)| at).split_once('/').unwrap_or((place, ""));
    if database.is_empty() || database.contains('/') {
        return fault("does not name a database", "end it with / and the database's name");
    }
    let by_option =
        |name: &str| options.split('&').any(|option| option.split_once('=').is_some_and(|(key, _)| key == name));
    if host.is_empty() && !by_option("host") {
        return fault("does not say where the database is", "name its host, or ?host=/run/postgresql");
    }
    if !place.contains('@') && !by_option("user") {
        return fault("does not say as which user", "put the user and @ before the host");
    }
    Ok(())
}

/// `url` as it may be shown: its password, where it has one, is not.
pub(super) fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| scheme.starts_with("postgres")) else {
        return url.to_owned();
    };
    let (place, options) = rest.split_once('?').map_or((rest, None), |(place, options)| (place, Some(options)));
    let place = match place.rsplit_once('@') {
        Some((user, at)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:{MASK}@{at}"),
            None => format!("{user}@{at}"),
        },
        None => place.to_owned(),
    };
    let hidden = |option: &str| match option.split_once('=') {
        Some((key, _)) if key.contains("pass") => format!("{key}={MASK}"),
        _ => option.to_owned(),
    };
    let options = options.map(|options| options.split('&').map(hidden).collect::<Vec<_>>().join("&"));
    format!("{scheme}://{place}{}", options.map(|options| format!("?{options}")).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let shown = [
            ("postgres://a:se@cr/et@db:5432/x", "postgres://a:***@db:5432/x"),
            ("postgresql://a@db/x?password=secret&sslmode=require", "postgresql://a@db/x?password=***&sslmode=require"),
            ("postgres://a@db/x", "postgres://a@db/x"),
            ("postgres:///x?host=/run/postgresql&user=a", "postgres:///x?host=/run/postgresql&user=a"),
            ("sqlite:/a:b@c", "sqlite:/a:b@c"),
        ];
        shown.into_iter().for_each(|(url, wanted)| assert_eq!(masked(url), wanted));
    }
}
