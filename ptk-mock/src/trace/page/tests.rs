use crate::trace::sample;
use crate::trace::{Record, Recording, TraceEvent};

fn page(recording: &Recording) -> String {
    let mut out = Vec::new();
    recording.write_page(&mut out).expect("a vector takes all");
    String::from_utf8(out).expect("text")
}

/// The lines with the records.
fn records(page: &str) -> Vec<&str> {
    let (_, data) = page.split_once("\"records\":[").expect("data");
    let (data, _) = data.split_once("]}\n</script>").expect("an end");
    data.split(",\n").collect()
}

#[test]
fn the_top_says_what_broke_and_how_to_see_it_again() {
    let page = page(&sample::recording());
    for text in [
        "<title>arq: in order</title>",
        "<b>Violated:</b> in order: the server has 13 behind 11 &lt;at last&gt;",
        "<code>4711</code>",
        "PTK_RUN=&#39;arq/4711/loss@0#7=1,",
        "<code>0123456789abcdef0011223344556677</code>",
    ] {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn nothing_in_a_recording_is_markup() {
    let mut recording = sample::recording();
    let evil = "</script><script>alert(1)</script><!-- \u{2028}\"'";
    let violated = TraceEvent::Violated { property: evil.into() };
    (recording.title, recording.command, recording.nodes) = (evil.into(), evil.into(), vec![evil.into(), evil.into()]);
    recording.records.iter_mut().last().expect("records").event = violated;
    let page = page(&recording);
    assert_eq!((page.matches("<script").count(), page.matches("</script").count()), (2, 2));
    assert!(!page.contains("alert(1)</") && !page.contains("<!-- "));
    assert!(page.contains(r"\u003c/script\u003e\u003cscript\u003ealert(1)"));
}

#[test]
fn nothing_comes_from_elsewhere() {
    let page = page(&sample::recording());
    for text in ["src=", "href=\"http", "@import", "url(", "<link", "fetch("] {
        assert!(!page.contains(text), "{text}");
    }
    let addresses = page.matches("://").count();
    assert_eq!((addresses, page.matches("http://www.w3.org/2000/svg").count()), (1, 1));
}

#[test]
fn each_record_is_there() {
    let recording = sample::recording();
    assert_eq!(records(&page(&recording)).len(), recording.records.len());
}

#[test]
fn a_packet_is_shown_with_its_first_bytes_and_its_addresses() {
    let page = page(&sample::recording());
    let lost = r#""kind":"datagram","src":"10.0.0.1:40000","dst":"10.0.0.2:40007","len":26,"bytes":"444154412034"#;
    let first = r#"{"t":0,"e":"sent","f":1,"n":0,"to":1,"arrives":500000,"kind":"datagram""#;
    assert!(page.contains(lost) && page.contains(first), "{page}");
    assert_eq!(page.matches("\"copy\":true").count(), 1);
    assert!(page.contains(r#""kind":"ACK","src":"10.0.0.2:80","dst":"10.0.0.1:49152","taken":18,"room":0}"#));
}

#[test]
fn of_a_long_run_the_end_is_there_and_the_page_says_how_much_is_not() {
    let recording = sample::long(12_000);
    let page = page(&recording);
    let records = records(&page);
    let packets = records.iter().filter(|record| record.contains("\"e\":\"sent\"")).count();
    assert!(page.contains("\"skipped\":4000,"));
    // What the nodes did before is told by the records in front: two starts and where the client waits.
    assert!(page.contains("\"before\":3}"));
    assert_eq!(packets, 20_000);
    assert!(records.last().is_some_and(|record| record.contains("violated")));
}

#[test]
fn many_records_without_packets_are_cut_short_too() {
    let mut recording = sample::long(1);
    let idle = recording.records.last().cloned().expect("records");
    recording.records.resize(300_000, Record { event: sample::sent(0, sample::CLIENT, sample::SERVER), ..idle });
    for record in recording.records.iter_mut().skip(100) {
        record.event = TraceEvent::Started { node: sample::CLIENT };
    }
    assert!(records(&page(&recording)).len() < 200_010);
}
