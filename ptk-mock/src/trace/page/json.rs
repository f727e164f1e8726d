//! As much JSON as the page takes: flat objects, safe inside a script element.

use std::fmt::{Display, Write};

use ptk_core::Instant;

/// An object that is being written.
pub(super) struct Object(String);

impl Object {
    /// One without members.
    pub(super) fn new() -> Object {
        Object(String::from("{"))
    }

    /// Adds a number.
    pub(super) fn number(&mut self, key: &str, value: impl Display) -> &mut Object {
        self.key(key);
        write(&mut self.0, value);
        self
    }

    /// Adds a flag, if it is set.
    pub(super) fn flag(&mut self, key: &str, value: bool) -> &mut Object {
        if value { self.number(key, true) } else { self }
    }

    /// Adds nanoseconds; never is null.
    pub(super) fn instant(&mut self, key: &str, value: Instant) -> &mut Object {
        if value == Instant::MAX { self.number(key, "null") } else { self.number(key, value.as_nanos()) }
    }

    /// Adds a text.
    pub(super) fn text(&mut self, key: &str, value: &str) -> &mut Object {
        self.key(key);
        quote(&mut self.0, value);
        self
    }

    /// Adds texts.
    pub(super) fn texts(&mut self, key: &str, values: &[String]) -> &mut Object {
        self.key(key);
        for (index, value) in values.iter().enumerate() {
            self.0.push(if index == 0 { '[' } else { ',' });
            quote(&mut self.0, value);
        }
        self.0.push_str(if values.is_empty() { "[]" } else { "]" });
        self
    }

    /// Adds bytes as a text of two digits each.
    pub(super) fn hex(&mut self, key: &str, bytes: &[u8]) -> &mut Object {
        self.key(key);
        self.0.push('"');
        for byte in bytes {
            write(&mut self.0, format_args!("{byte:02x}"));
        }
        self.0.push('"');
        self
    }

    /// The whole object.
    pub(super) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        quote(&mut self.0, key);
        self.0.push(':');
    }
}

/// No `<` is left as it is: inside a script element it could begin the end tag.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '<' | '>' | '&' | '\0'..' ' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => {
                write(out, format_args!("\\u{:04x}", u32::from(character)));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// A string takes all that is written to it.
fn write(out: &mut String, value: impl Display) {
    let _ = write!(out, "{value}");
}

#[cfg(test)]
mod tests {
    use ptk_core::Instant;

    use super::Object;

    #[test]
    fn an_object_is_json() {
        let mut object = Object::new();
        object.number("a", 1).text("b", "say \"\\\"\n").flag("c", false).flag("d", true).hex("e", &[0, 255]);
        object.texts("f", &["x".into(), "y".into()]).texts("g", &[]).instant("h", Instant::MAX);
        let text = r#"{"a":1,"b":"say \"\\\"\u000a","d":true,"e":"00ff","f":["x","y"],"g":[],"h":null}"#;
        assert_eq!(object.end(), text);
    }

    #[test]
    fn no_text_ends_the_script_that_holds_it() {
        let mut object = Object::new();
        object.text("a", "</script><!--&\u{2028}");
        assert_eq!(object.end(), r#"{"a":"\u003c/script\u003e\u003c!--\u0026\u2028"}"#);
    }
}
