//! Lists and objects to arrays: values are read piece by piece out of their pickles, and each goes where it belongs.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::{ArrowError, Field, Fields};

use super::super::super::frame::value::{Token, Tokens};
use super::array::{ArrayMaker, Values, Word, end_of, unlike};
use super::kind::Kind;

/// The members of objects.
pub(super) struct Members {
    names: Vec<String>,
    makers: Vec<ArrayMaker>,
    index: HashMap<Box<[u8]>, usize, foldhash::fast::RandomState>,
}

impl Members {
    /// Those of these names and kinds, with room for so many objects.
    pub(super) fn new(members: &[(String, Kind)], room: usize) -> Self {
        let numbered = members.iter().enumerate();
        Self {
            names: members.iter().map(|(name, _)| name.clone()).collect(),
            makers: members.iter().map(|(_, kind)| ArrayMaker::new(kind, room)).collect(),
            index: numbered.map(|(number, (name, _))| (name.as_bytes().into(), number)).collect(),
        }
    }

    /// Adds so many objects that are null.
    pub(super) fn push_nulls(&mut self, count: usize) {
        self.makers.iter_mut().for_each(|maker| maker.push_nulls(count));
    }

    /// The members as arrays.
    pub(super) fn finish(self) -> Result<(Fields, Vec<ArrayRef>), ArrowError> {
        let arrays = self.makers.into_iter().map(ArrayMaker::finish).collect::<Result<Vec<_>, _>>()?;
        let fields = self.names.iter().zip(&arrays);
        let fields = fields.map(|(name, array)| Arc::new(Field::new(name, array.data_type().clone(), true))).collect();
        Ok((fields, arrays))
    }

    /// The number of the member `name`, which is likely to be number `likely`.
    fn find(&self, name: &[u8], likely: usize) -> Result<usize, ArrowError> {
        if self.names.get(likely).is_some_and(|known| known.as_bytes() == name) {
            return Ok(likely);
        }
        self.index.get(name).copied().ok_or_else(unlike)
    }

    /// Adds the members of one object, which is number `object`; no key is there twice.
    fn push(&mut self, object: usize, tokens: &mut Tokens<'_>) -> Result<(), ArrowError> {
        let mut next = 0;
        loop {
            let name = match tokens.next() {
                Some(Token::End) => break,
                Some(Token::Text(name)) => name,
                _ => return Err(unlike()),
            };
            let member = self.find(name, next)?;
            next = member + 1;
            self.makers[member].push(tokens.next(), tokens)?;
        }
        self.fill(object + 1);
        Ok(())
    }

    /// Where a member was not in the object, it is null.
    fn fill(&mut self, objects: usize) {
        self.makers.iter_mut().filter(|maker| maker.len() < objects).for_each(|maker| maker.push_nulls(1));
    }
}

impl ArrayMaker {
    /// Adds a value given as a pickle.
    pub(super) fn push_nested(&mut self, pickle: &[u8]) -> Result<(), ArrowError> {
        let mut tokens = Tokens::of(pickle);
        self.push(tokens.next(), &mut tokens)
    }

    /// Adds the value that begins with `token`.
    fn push(&mut self, token: Option<Token<'_>>, tokens: &mut Tokens<'_>) -> Result<(), ArrowError> {
        let token = token.ok_or_else(unlike)?;
        if matches!(token, Token::Null) || matches!(token, Token::Float(value) if value.is_nan()) {
            self.push_nulls(1);
            return Ok(());
        }
        let object = self.len();
        match (&mut self.values, token) {
            (Values::Bool(values), Token::Bool(value)) => values.append(value),
            (Values::Words(words, word), Token::Int(value)) => words.push(word.of_int(value)),
            (Values::Words(words, word), Token::Uint(value)) => words.push(word.of_uint(value)),
            (Values::Words(words, Word::Float64), Token::Float(value)) => words.push(value.to_bits()),
            (Values::Text(ends, texts), Token::Text(text)) => {
                texts.extend_from_slice(text);
                ends.push(end_of(texts.len())?);
            }
            (Values::Json(ends, texts), Token::Object { empty: true }) => {
                texts.extend_from_slice(b"{}");
                ends.push(end_of(texts.len())?);
            }
            (Values::List(ends, items), Token::List { empty }) => {
                if !empty {
                    push_items(items, tokens)?;
                }
                ends.push(end_of(items.len())?);
            }
            (Values::Struct(members), Token::Object { empty: true }) => members.fill(object + 1),
            (Values::Struct(members), Token::Object { empty: false }) => members.push(object, tokens)?,
            _ => return Err(unlike()),
        }
        self.valid.append_non_null();
        Ok(())
    }
}

/// Adds all items of a list.
fn push_items(items: &mut ArrayMaker, tokens: &mut Tokens<'_>) -> Result<(), ArrowError> {
    loop {
        match tokens.next() {
            Some(Token::End) => return Ok(()),
            token => items.push(token, tokens)?,
        }
    }
}
