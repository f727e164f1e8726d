//! A recording as one HTML page that needs nothing else: its facts as text, its records as data, and a script that draws
//! them.

mod before;
mod json;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, Write};

use super::flights::Flights;
use super::{Record, Recording, TraceEvent};
use crate::packet::{Body, Packet};
use json::Object;

const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// How many packets a page holds at most, the last ones: more would make it slow to open.
const PACKETS: usize = 20_000;

/// How many records a page holds at most, whatever they are.
const RECORDS: usize = 200_000;

/// How many bytes of each packet a page holds.
const SHOWN_BYTES: usize = 64;

/// Nothing from elsewhere, whatever a recording holds.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

impl Recording {
    /// Writes a page for a browser: a lane for each node, time downwards, an arrow for each packet, where each protothread
    /// waits, and what went wrong. It is one file and loads nothing. A page holds the last 20,000 packets, and says so
    /// where there were more.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_page(&self, out: &mut impl Write) -> io::Result<()> {
        self.write_head(out)?;
        self.write_facts(out)?;
        out.write_all(BODY.as_bytes())?;
        writeln!(out, "<script type=\"application/json\" id=\"recording\">")?;
        self.write_data(out)?;
        writeln!(out, "</script>\n<script>\n{SCRIPT}</script>\n</body>\n</html>")
    }

    fn write_head(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
        writeln!(out, "<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">")?;
        writeln!(out, "<meta name=\"viewport\" content=\"width=device-width\">")?;
        writeln!(out, "<meta name=\"color-scheme\" content=\"light dark\">")?;
        writeln!(out, "<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>", Escaped(&self.title))
    }

    /// What must be readable even where no script runs.
    fn write_facts(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "<header>\n<h1>{}</h1>", Escaped(&self.title))?;
        if let Some((_, property)) = self.violation() {
            let (property, link) = (Escaped(property), "<a href=\"#violation\">see the end</a>");
            writeln!(out, "<p class=\"violated\"><b>Violated:</b> {property} <small>({link})</small></p>")?;
        }
        writeln!(out, "<dl>\n<dt>seed</dt><dd><code>{}</code></dd>", self.seed)?;
        writeln!(out, "<dt>run again</dt><dd><code class=\"command\">{}</code></dd>", Escaped(&self.command))?;
        writeln!(out, "<dt>trace hash</dt><dd><code>{}</code></dd>\n</dl>\n</header>", self.hash)
    }

    fn write_data(&self, out: &mut impl Write) -> io::Result<()> {
        let (skipped, shown) = self.records.split_at(self.first_shown());
        let before = before::still_holds(skipped, shown);
        let mut head = Object::new();
        head.texts("nodes", &self.nodes);
        head.number("skipped", skipped.iter().filter(|record| is_packet(record)).count());
        head.number("before", before.len());
        writeln!(out, "{{\"head\":{},\"records\":[", head.end())?;
        let flights = Flights::of(self);
        for (index, record) in before.into_iter().chain(shown).enumerate() {
            out.write_all(if index == 0 { b"" } else { b",\n" })?;
            out.write_all(object(record, &flights).end().as_bytes())?;
        }
        writeln!(out, "]}}")
    }

    /// The place of the first record that a page holds.
    fn first_shown(&self) -> usize {
        let packets = self.records.iter().enumerate().rev().filter(|(_, record)| is_packet(record));
        let first = packets.map(|(index, _)| index).nth(PACKETS - 1).unwrap_or(0);
        first.max(self.records.len().saturating_sub(RECORDS))
    }
}

fn is_packet(record: &Record) -> bool {
    matches!(record.event, TraceEvent::Sent { .. })
}

/// A record for the script. The keys are short, because there are many.
fn object(record: &Record, flights: &Flights<'_>) -> Object {
    let mut out = Object::new();
    out.number("t", record.at.as_nanos());
    match &record.event {
        TraceEvent::Started { node } => out.text("e", "started").number("n", node.0),
        TraceEvent::Crashed { node, lost_power } => {
            out.text("e", "crashed").number("n", node.0).flag("power", *lost_power)
        }
        TraceEvent::Paused { node, until } => out.text("e", "paused").number("n", node.0).instant("until", *until),
        TraceEvent::Sent { flight, from, to, packet, arrives } => {
            out.text("e", "sent").number("f", flight).number("n", from.0).number("to", to.0);
            out.instant("arrives", *arrives).flag("copy", flights.get(*flight).is_some_and(|flight| flight.copy));
            describe(packet, &mut out)
        }
        TraceEvent::Arrived { flight } => out.text("e", "arrived").number("f", flight),
        TraceEvent::Lost { flight, why } => out.text("e", "lost").number("f", flight).text("why", why.name()),
        TraceEvent::Chosen(choice) => {
            out.text("e", "chosen").number("n", choice.node.0).text("label", choice.label.name());
            out.number("nth", choice.nth).number("k", choice.k)
        }
        TraceEvent::LinkCut { from, to } => out.text("e", "cut").number("n", from.0).number("to", to.0),
        TraceEvent::LinkHealed { from, to } => out.text("e", "healed").number("n", from.0).number("to", to.0),
        TraceEvent::Waits { node, task, name, instance, file, line } => {
            out.text("e", "waits").number("n", node.0).number("task", task).text("name", name);
            out.number("instance", instance).text("file", file).number("line", line)
        }
        TraceEvent::Ended { node, task, name, instance } => {
            out.text("e", "ended").number("n", node.0).number("task", task).text("name", name);
            out.number("instance", instance)
        }
        TraceEvent::Violated { property } => out.text("e", "violated").text("property", property),
    };
    out
}

fn describe<'a>(packet: &Packet, out: &'a mut Object) -> &'a mut Object {
    let (body, bytes) = (&packet.body, packet.body.payload());
    out.text("kind", body.name()).text("src", &packet.from.to_string()).text("dst", &packet.to.to_string());
    match body {
        Body::Syn { window } | Body::SynAck { window } => out.number("room", window),
        Body::Ack { taken, room } => out.number("taken", taken).number("room", room),
        _ => out.number("len", bytes.len()).hex("bytes", bytes.get(..SHOWN_BYTES).unwrap_or(bytes)),
    }
}

/// Text in which nothing is markup.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                _ => write!(f, "{character}")?,
            }
        }
        Ok(())
    }
}

/// What the script finds in place.
const BODY: &str = r#"<noscript><p class="note">The picture below needs JavaScript; the page loads nothing from elsewhere.</p></noscript>
<ul id="legend"></ul>
<p id="shown" class="note"></p>
<main>
<div id="diagram"></div>
<aside id="panel"></aside>
</main>
"#;
