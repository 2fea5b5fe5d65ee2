//! The server to compare with: what hyper and the runtimes cost by themselves.

use std::{convert::Infallible, hint::black_box, net::SocketAddr, rc::Rc, thread};

use countersign::keyring::{Signature, SigningKey};
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

use super::{MESSAGE, signing_key};

/// `HTTP/1.1 200 OK`, content type, length (of four digits) and date.
const HEAD_BYTES: usize = 17 + 32 + 22 + 37 + 2;

/// What a server does for each answer, beside answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Nothing,
    /// One signature.
    Signing,
    /// One check of a signature.
    Verifying,
}

impl Work {
    /// As an argument of this program.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "bare",
            Self::Signing => "signing",
            Self::Verifying => "verifying",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        [Self::Nothing, Self::Signing, Self::Verifying].into_iter().find(|work| work.name() == name)
    }
}

/// Serves until it is killed; each answer has so many bytes, head included.
pub(crate) fn serve(bytes: usize, work: Work) -> ! {
    let answer = Bytes::from(vec![b'x'; bytes - HEAD_BYTES]);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let workers: Vec<_> = (0..workers)
        .map(|_| {
            let (sockets, mut arriving) = mpsc::unbounded_channel::<std::net::TcpStream>();
            let answer = answer.clone();
            let key = signing_key();
            thread::spawn(move || {
                let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
                LocalSet::new().block_on(&runtime, async move {
                    let signature = key.sign(&MESSAGE);
                    let kit = Rc::new(Kit { work, key, signature });
                    while let Some(socket) = arriving.recv().await {
                        let socket = TcpStream::from_std(socket).expect("a socket");
                        spawn_local(connection(socket, answer.clone(), Rc::clone(&kit)));
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

/// What it works with.
struct Kit {
    work: Work,
    key: SigningKey,
    signature: Signature,
}

async fn connection(stream: TcpStream, answer: Bytes, kit: Rc<Kit>) {
    let service = service_fn(|request: Request<Incoming>| {
        let (answer, kit) = (answer.clone(), Rc::clone(&kit));
        async move {
            let _ = request.into_body().collect().await;
            match kit.work {
                Work::Nothing => {}
                Work::Signing => drop(black_box(kit.key.sign(black_box(&MESSAGE)))),
                Work::Verifying => assert!(kit.key.public().verify(black_box(&MESSAGE), black_box(kit.signature.as_ref()))),
            }
            let mut response = Response::new(Full::new(answer));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Ok::<_, Infallible>(response)
        }
    });
    let _ = http1::Builder::new().half_close(true).serve_connection(TokioIo::new(stream), service).await;
}
