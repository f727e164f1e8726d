//! Fetching a page with `reqwless`.

use embedded_io_async::Read as _;
use ptk_async::Bridge;
use ptk_core::{Error, Platform};
use reqwless::client::HttpClient;
use reqwless::request::Method;

/// Fetches `url` and hands its body on piece by piece, until `take` says `false`. Gives the status, 200 if all is well.
///
/// Headers may have 2 KiB. Memory: this buffer, one of 512 bytes, and what the client keeps.
///
/// # Errors
///
/// [`Error::Network`] for what happens to the connection, [`Error::Protocol`] for everything else.
pub(crate) async fn get<P: Platform>(
    bridge: &Bridge<P>,
    url: &str,
    mut take: impl FnMut(&[u8]) -> bool,
) -> Result<u16, Error> {
    let mut client = HttpClient::new(bridge, bridge);
    let mut headers = [0; 2048];
    let mut request = client.request(Method::GET, url).await.map_err(translate)?;
    let response = request.send(&mut headers).await.map_err(translate)?;
    let status = response.status.0;
    let mut body = response.body().reader();
    let mut piece = [0; 512];
    loop {
        let count = body.read(&mut piece).await.map_err(translate)?;
        if count == 0 || !take(&piece[..count]) {
            return Ok(status);
        }
    }
}

fn translate(error: reqwless::Error) -> Error {
    match error {
        reqwless::Error::Network(_) => Error::Network,
        _ => Error::Protocol,
    }
}
