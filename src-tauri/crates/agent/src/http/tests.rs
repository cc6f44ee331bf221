use super::failure::holds;
use super::*;
use crate::address::Refused;
use mcp_login_oauth::http::Purpose;
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

fn request(method: &str, url: &str, purpose: Purpose, reach: Reach) -> Request {
    let inner = http::Request::builder().method(method).uri(url).body(Vec::new()).unwrap();
    Request { purpose, reach, inner }
}

/// Answers each connection with the next text, then closes it. Returns the address.
async fn serve(answers: Vec<String>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                let mut buffer = [0; 1024];
                match stream.read(&mut buffer).await.unwrap() {
                    0 => break,
                    read => head.extend_from_slice(&buffer[..read]),
                }
            }
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn moved(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

#[tokio::test]
async fn nobody_listening_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let answer = SystemHttp::new()
        .send(request("POST", &format!("http://{address}/token"), Purpose::Token, Reach::Private))
        .await;
    assert_eq!(answer.unwrap_err(), HttpFailure::NotSent(NotSent::Connect));
}

#[tokio::test]
async fn closed_after_the_request_is_unknown() {
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"access", "not http\r\n\r\n"] {
        let address = serve(vec![answer.to_owned()]).await;
        let answer = SystemHttp::new()
            .send(request("POST", &format!("http://{address}/token"), Purpose::Token, Reach::Private))
            .await;
        assert!(matches!(answer.unwrap_err(), HttpFailure::Unknown(_)));
    }
}

#[tokio::test]
async fn a_body_is_cut_off_at_its_bound() {
    let limit = Purpose::Metadata.max_body();
    let announced = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 1_u64 << 30);
    let endless = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", "x".repeat(limit + 1));
    let fits = ok(&"x".repeat(limit));
    for (answer, expected) in [(announced, None), (endless, None), (fits, Some(limit))] {
        let address = serve(vec![answer]).await;
        let answer = SystemHttp::new()
            .send(request("GET", &format!("http://{address}/x"), Purpose::Metadata, Reach::Private))
            .await;
        match expected {
            None => assert_eq!(answer.unwrap_err(), HttpFailure::TooLarge { limit }),
            Some(length) => assert_eq!(answer.unwrap().body().len(), length),
        }
    }
}

#[tokio::test]
async fn documents_follow_within_the_origin_only() {
    let http = SystemHttp::new();
    let inside = serve(vec![moved("/b"), ok("there")]).await;
    let url = format!("http://{inside}/a");
    let answer = http.send(request("GET", &url, Purpose::Metadata, Reach::Private)).await.unwrap();
    assert_eq!(answer.body(), b"there");

    let other = serve(vec![ok("stolen")]).await;
    let outside = serve(vec![moved(&format!("http://{other}/"))]).await;
    let url = format!("http://{outside}/a");
    let answer = http.send(request("GET", &url, Purpose::Metadata, Reach::Private)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FOUND);

    let credential = serve(vec![moved("/b"), ok("stolen")]).await;
    let url = format!("http://{credential}/a");
    let answer = http.send(request("POST", &url, Purpose::Token, Reach::Private)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FOUND);

    let round = serve(vec![moved("/a"); 5]).await;
    let url = format!("http://{round}/a");
    let answer = http.send(request("GET", &url, Purpose::Metadata, Reach::Private)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn addresses_that_a_document_named_are_checked() {
    let http = SystemHttp::new();
    for url in [
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://2130706433/x",
        "https://[::ffff:169.254.169.254]/x",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/x",
    ] {
        let answer = http.send(request("GET", url, Purpose::Metadata, Reach::Public)).await;
        assert_eq!(answer.unwrap_err(), HttpFailure::AddressRefused, "{url}");
    }
    for url in ["http://example.com/x", "ftp://example.com/", "https://user:pw@example.com/"] {
        let answer = http.send(request("GET", url, Purpose::Metadata, Reach::Public)).await;
        assert_eq!(answer.unwrap_err(), HttpFailure::NotSent(NotSent::Invalid), "{url}");
    }
}

#[test]
fn the_resolver_lets_through_what_it_checked() {
    let inside: SocketAddr = "192.168.1.1:0".parse().unwrap();
    let outside: SocketAddr = "1.1.1.1:0".parse().unwrap();
    let kept = Resolver::filter(Reach::Public, vec![inside, outside]).unwrap();
    assert_eq!(kept, [outside]);
    let refused = Resolver::filter(Reach::Public, vec![inside]).unwrap_err();
    assert!(holds::<Refused>(&*refused));
    assert!(holds::<Refused>(&io::Error::other(io::Error::other(Refused))), "found below io errors too");
    assert_eq!(Resolver::filter(Reach::Private, vec![inside]).unwrap(), [inside]);
    assert!(Resolver::filter(Reach::Private, vec![]).is_err());
}
