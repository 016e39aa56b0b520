//! JSON objects that nothing stands between.

use serde::de::IgnoredAny;

use crate::door::LINE_BYTES;

/// What is found in a stream of objects.
#[derive(Debug, PartialEq, Eq)]
pub enum Object {
    /// The bytes of one whole object. Its strings need not be UTF-8.
    Whole(Vec<u8>),
    /// Something that is no object; told once for all of it up to the next `{` or end of line.
    Broken,
    /// An object that is longer than [`LINE_BYTES`]. Where it ends cannot be told: nothing more
    /// comes.
    TooLong,
}

/// Takes objects out of a stream, wherever its pieces are cut. It keeps no more than one object
/// and the piece that was added last.
#[derive(Debug, Default)]
pub struct Objects {
    buffer: Vec<u8>,
    /// What comes is no object, and that was told.
    junk: bool,
    over: bool,
}

impl Objects {
    /// Adds what was read.
    pub fn add(&mut self, bytes: &[u8]) {
        if !self.over {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// What is left, for who reads on in another way.
    pub fn into_rest(self) -> Vec<u8> {
        self.buffer
    }

    /// The next object, if all of it is there.
    pub fn take(&mut self) -> Option<Object> {
        loop {
            let first = self.buffer.iter().position(|byte| !byte.is_ascii_whitespace());
            let blank = self.buffer.drain(..first.unwrap_or(self.buffer.len()));
            if blank.as_slice().contains(&b'\n') {
                self.junk = false;
            }
            drop(blank);
            if *self.buffer.first()? != b'{' {
                let ends = |byte: &u8| matches!(byte, b'{' | b'\n');
                let end = self.buffer.iter().position(ends).unwrap_or(self.buffer.len());
                self.buffer.drain(..end);
                if !std::mem::replace(&mut self.junk, true) {
                    return Some(Object::Broken);
                }
                continue;
            }
            self.junk = false;
            return self.take_object();
        }
    }

    /// The object at the beginning of the buffer.
    fn take_object(&mut self) -> Option<Object> {
        let mut values =
            serde_json::Deserializer::from_slice(&self.buffer).into_iter::<IgnoredAny>();
        let value = values.next()?;
        let end = values.byte_offset();
        match value {
            Ok(_) if end <= LINE_BYTES => Some(Object::Whole(self.buffer.drain(..end).collect())),
            Err(error) if !error.is_eof() => {
                // It may be the beginning of the next object that does not belong there.
                let wrong = position(&self.buffer, &error).max(1);
                if wrong > LINE_BYTES {
                    return Some(self.too_long());
                }
                self.buffer.drain(..wrong);
                self.junk = true;
                Some(Object::Broken)
            }
            Err(_) if self.buffer.len() <= LINE_BYTES => None,
            Ok(_) | Err(_) => Some(self.too_long()),
        }
    }

    fn too_long(&mut self) -> Object {
        self.over = true;
        self.buffer = Vec::new();
        Object::TooLong
    }
}

/// Where in `bytes` the error is: serde_json tells the line and the column behind it.
fn position(bytes: &[u8], error: &serde_json::Error) -> usize {
    let before = error.line().saturating_sub(1);
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').take(before);
    let start: usize = lines.map(<[u8]>::len).sum();
    (start + error.column().saturating_sub(1)).min(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that is found when the stream comes in these pieces.
    fn found(pieces: &[&[u8]]) -> Vec<Object> {
        let mut objects = Objects::default();
        let mut all = Vec::new();
        for piece in pieces {
            objects.add(piece);
            while let Some(object) = objects.take() {
                all.push(object);
            }
        }
        all
    }

    /// The same however the stream is cut in two, and byte by byte.
    fn everywhere(bytes: &[u8]) -> Vec<Object> {
        let whole = found(&[bytes]);
        for cut in 0..=bytes.len() {
            let (a, b) = bytes.split_at(cut);
            assert_eq!(found(&[a, b]), whole, "cut at {cut}");
        }
        assert_eq!(found(&bytes.chunks(1).collect::<Vec<_>>()), whole);
        whole
    }

    fn whole(text: &str) -> Object {
        Object::Whole(text.as_bytes().to_vec())
    }

    #[test]
    fn split_and_glued() {
        let (a, b) = (r#"{"type":"join","uname":"a}{\"","x":{"y":[{}]}}"#, r#"{"msg":"\\"}"#);
        assert_eq!(
            everywhere(format!("{a}{b} \r\n{a}").as_bytes()),
            [whole(a), whole(b), whole(a)]
        );
    }

    #[test]
    fn what_is_no_object_is_told_once() {
        let all = everywhere(b"hello there\n{\"a\":1}]]{\"b\":2}\nx\ny\n");
        assert_eq!(
            all,
            [
                Object::Broken,
                whole("{\"a\":1}"),
                Object::Broken,
                whole("{\"b\":2}"),
                Object::Broken,
                Object::Broken
            ]
        );
    }

    #[test]
    fn after_a_broken_object_the_next_is_found() {
        for broken in
            [r#"{"a":1"#, "{nope}", r#"{"a"}"#, "{'a':1}", "{\"a\":\n tru}", "{,}", r#"{"a":01}"#]
        {
            let all = everywhere(format!("{broken}{{\"b\":2}}").as_bytes());
            assert_eq!(all, [Object::Broken, whole("{\"b\":2}")], "{broken}");
        }
    }

    #[test]
    fn half_characters_and_deep_nesting_are_framed() {
        assert_eq!(everywhere(b"{\"a\":\"\xc3\"}"), [Object::Whole(b"{\"a\":\"\xc3\"}".to_vec())]);
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(1000), "]".repeat(1000));
        assert_eq!(found(&[deep.as_bytes()]), [whole(&deep)]);
    }

    #[test]
    fn what_never_ends_is_not_kept() {
        let endless = format!("{{\"a\":\"{}", "x".repeat(LINE_BYTES));
        assert_eq!(everywhere(endless.as_bytes()), [Object::TooLong]);
        let mut objects = Objects::default();
        let mut told = 0;
        for _ in 0..256 {
            objects.add(&[b'['; 4096]);
            told += usize::from(objects.take().is_some());
            assert!(objects.buffer.len() <= 2 * LINE_BYTES);
        }
        assert_eq!(told, 1);
        let fits = format!("{{\"a\":\"{}\"}}", "x".repeat(LINE_BYTES - 8));
        assert_eq!(found(&[fits.as_bytes()]), [whole(&fits)]);
        assert_eq!(
            found(&[format!("{fits} ").replace("x\"", "xx\"").as_bytes()]),
            [Object::TooLong]
        );
    }
}
