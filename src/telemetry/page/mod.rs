//! The page at `/`: one file that needs nothing else, for people who want to know how the agent is.
//!
//! It is the same for everybody; what it shows it asks for every two seconds, as long as somebody looks. Names of files and
//! what is wrong with them are hostile: they are given to the browser as text only, and its policy lets it run no script but
//! the one that stands in the page, and ask nobody but the agent.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::http::Reply;

const FRAME: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

static PAGE: LazyLock<Reply> = LazyLock::new(|| {
    let page = FRAME.replace("/*style*/", STYLE).replace("/*script*/", SCRIPT);
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        hash_of(SCRIPT),
        hash_of(STYLE)
    );
    Reply { policy, ..Reply::ok("text/html; charset=utf-8", page) }
});

/// The page.
#[must_use]
pub fn reply() -> Reply {
    PAGE.clone()
}

/// How a policy names what may stand in the page.
fn hash_of(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_and_asks_nobody_else() {
        let page = reply();
        assert!(page.body.len() < 100_000, "{}", page.body.len());
        for foreign in ["http://", "https://", "src=", "@import", "url("] {
            let stripped = page.body.replace("http://www.w3.org/2000/svg", "");
            assert!(!stripped.contains(foreign), "{foreign}");
        }
        assert!(page.body.contains(STYLE) && page.body.contains(SCRIPT));
    }
}
