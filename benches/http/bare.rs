//! The server to compare with: what hyper and the runtimes cost by themselves.

use std::{convert::Infallible, net::SocketAddr, thread};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Builder,
    sync::mpsc,
    task::{LocalSet, spawn_local},
};

/// `HTTP/1.1 200 OK`, content type, length (of four digits) and date.
const HEAD_BYTES: usize = 17 + 32 + 22 + 37 + 2;

/// Serves until it is killed; each answer has so many bytes, head included.
pub(crate) fn serve(bytes: usize) -> ! {
    let answer = Bytes::from(vec![b'x'; bytes - HEAD_BYTES]);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let workers: Vec<_> = (0..workers)
        .map(|_| {
            let (sockets, mut arriving) = mpsc::unbounded_channel::<std::net::TcpStream>();
            let answer = answer.clone();
            thread::spawn(move || {
                let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
                LocalSet::new().block_on(&runtime, async move {
                    while let Some(socket) = arriving.recv().await {
                        spawn_local(connection(TcpStream::from_std(socket).expect("a socket"), answer.clone()));
                    }
                });
            });
            sockets
        })
        .collect();
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
        eprintln!("listening on http://{}", listener.local_addr().expect("an address"));
        for worker in workers.iter().cycle() {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("a socket takes options");
            worker.send(stream.into_std().expect("a socket")).expect("the worker lives");
        }
    });
    unreachable!("the loop above has no end")
}

async fn connection(stream: TcpStream, answer: Bytes) {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = answer.clone();
        async move {
            let _ = request.into_body().collect().await;
            let mut response = Response::new(Full::new(answer));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Ok::<_, Infallible>(response)
        }
    });
    let _ = http1::Builder::new().half_close(true).serve_connection(TokioIo::new(stream), service).await;
}
