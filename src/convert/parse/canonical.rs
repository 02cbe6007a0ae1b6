//! Lists and objects as text, in one form for each value: what Python's
//! `json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)` gives, but for lone surrogates, which
//! stay escaped, because no UTF-8 holds them.

use super::super::defect::Defect;
use super::super::frame::{json, pickled};
use super::tape::{Node, Tape};

/// A container that is open.
enum Open {
    /// A list, and how many of its items are to come.
    List(usize),
    /// An object: how many of its members are to come, those that are finished, and the key of the one at hand.
    Object(usize, Vec<(Vec<u8>, Vec<u8>)>, Vec<u8>),
}

/// The text of the container at node `at`, and the node behind it. The record around it is the first level of depth.
pub(super) fn text(tape: &impl Tape, mut at: usize, depth_limit: usize) -> Result<(Vec<u8>, usize), Defect> {
    // The text of each open container so far; the innermost is last.
    let mut open: Vec<(Open, Vec<u8>)> = Vec::new();
    loop {
        let node = tape.node(at);
        at += 1;
        let mut value = match node {
            Node::List(_) | Node::Object(_) if open.len() + 2 > depth_limit => {
                return Err(Defect::too_deep(depth_limit));
            }
            Node::List(0) => b"[]".to_vec(),
            Node::Object(0) => b"{}".to_vec(),
            Node::List(items) => {
                open.push((Open::List(items), b"[".to_vec()));
                continue;
            }
            Node::Object(members) => {
                open.push((Open::Object(members, Vec::new(), key(tape, &mut at)), Vec::new()));
                continue;
            }
            leaf => leaf_text(leaf),
        };
        loop {
            let Some((container, written)) = open.last_mut() else { return Ok((value, at)) };
            if container.takes(written, value, tape, &mut at) {
                break;
            }
            value = open.pop().map(|(container, written)| container.close(written)).unwrap_or_default();
        }
    }
}

impl Open {
    /// Takes a finished item or member; true if more are to come.
    fn takes(&mut self, written: &mut Vec<u8>, value: Vec<u8>, tape: &impl Tape, at: &mut usize) -> bool {
        match self {
            Self::List(left) => {
                written.extend_from_slice(&value);
                *left -= 1;
                written.push(if *left == 0 { b']' } else { b',' });
                *left > 0
            }
            Self::Object(left, members, name) => {
                members.push((std::mem::take(name), value));
                *left -= 1;
                if *left > 0 {
                    *name = key(tape, at);
                }
                *left > 0
            }
        }
    }

    fn close(self, written: Vec<u8>) -> Vec<u8> {
        let Self::Object(_, mut members, _) = self else { return written };
        // Of equal keys the last one counts. Bytes of UTF-8 sort as their characters do.
        members.reverse();
        members.sort_by(|(a, _), (b, _)| a.cmp(b));
        members.dedup_by(|(later, _), (first, _)| later == first);
        let mut out = b"{".to_vec();
        for (name, value) in members {
            if out.len() > 1 {
                out.push(b',');
            }
            json::write_text(&mut out, &name);
            out.push(b':');
            out.extend_from_slice(&value);
        }
        out.push(b'}');
        out
    }
}

fn key(tape: &impl Tape, at: &mut usize) -> Vec<u8> {
    *at += 1;
    match tape.node(*at - 1) {
        Node::Text(key) | Node::WildText(key) => key.to_vec(),
        other => unreachable!("a tape has a key here, not {other:?}"),
    }
}

fn leaf_text(leaf: Node<'_>) -> Vec<u8> {
    match leaf {
        Node::Null => b"null".to_vec(),
        Node::Bool(value) => value.to_string().into_bytes(),
        Node::Int(value) => value.to_string().into_bytes(),
        Node::Uint(value) => value.to_string().into_bytes(),
        Node::BigInt(decimal) => decimal.to_vec(),
        Node::Float(value) => pickled::float_text(value).into_bytes(),
        Node::Text(text) | Node::WildText(text) => {
            let mut out = Vec::with_capacity(text.len() + 2);
            json::write_text(&mut out, text);
            out
        }
        Node::List(_) | Node::Object(_) => unreachable!("containers are opened, not leaves"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::exact;
    use super::*;

    fn canonical(json: &str) -> String {
        let tape = exact::parse(json.as_bytes(), 512).unwrap();
        let (text, end) = text(&tape, 0, 512).unwrap();
        assert_eq!(end, tape.len());
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn one_value_has_one_text() {
        for (json, expected) in [
            ("[ ]", "[]"),
            ("{ \"b\" : [1, 2.0, {}], \"a\": null }", "{\"a\":null,\"b\":[1,2.0,{}]}"),
            ("{\"a\": 1, \"b\": {\"x\": [[]]}, \"a\": 3}", "{\"a\":3,\"b\":{\"x\":[[]]}}"),
            ("[\"\\u00e9\\n\\u0001\\/\\\"\", true, NaN]", "[\"é\\n\\u0001/\\\"\",true,NaN]"),
            ("[\"\\ud800\", \"\\uD83D\\uDE00\", 1e400]", "[\"\\ud800\",\"😀\",Infinity]"),
            ("[[1,[2]],3]", "[[1,[2]],3]"),
        ] {
            assert_eq!(canonical(json), expected);
        }
    }

    #[test]
    fn depth_is_limited_and_counts_the_record() {
        let tape = exact::parse(b"[[[]]]", 512).unwrap();
        assert!(text(&tape, 0, 4).is_ok());
        assert!(text(&tape, 0, 3).is_err());
    }
}
