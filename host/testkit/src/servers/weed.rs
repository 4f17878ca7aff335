//! SeaweedFS as a test runs it: on free ports of loopback, with credentials of its own, its data in a directory that goes
//! when the test process does. It verifies signatures, checksums, conditions, clocks and tokens.

use std::fs::{self, File};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::bucket::Bucket;
use super::http::{Message, exchange};
use super::issuer::{self, Issuer};
use super::{install, ports};

/// An identity that may access the server.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    pub key: &'static str,
    pub secret: &'static str,
}

/// May do everything.
pub const WRITER: Identity = Identity {
    key: "AKIAWRITERWRITER0001",
    secret: "secret/of+the/writer+0123456789abcdefABCD",
};
/// May read and list.
pub const READER: Identity = Identity {
    key: "AKIAREADERREADER0002",
    secret: "secret/of+the/reader+0123456789abcdefABCD",
};
pub const REGION: &str = "eu-west-7";

/// It takes 3.5 s on an idle machine.
const START_SECONDS_MAX: u64 = 90;
const STARTS_MAX: u32 = 3;
/// The services that it consists of. Each listens on a port, and on the next one for the other services.
const SERVICES: [&str; 4] = ["master", "volume", "filer", "s3"];
/// Starts the server, waits until the test process lets go of its standard input (it says `keep`, or ends in whatever
/// way), and ends the server. So no server outlives its tests, and none is ended that they did not start.
const GUARD: &str = r#"
dir=$1 sockets=$2; shift 2
"$@" >>"$dir/log" 2>&1 &
weed=$!
read -r word
kill -9 "$weed"
wait "$weed"
rm -f $sockets
[ "$word" = keep ] || rm -rf "$dir"
"#;

/// A server. Its ports stay the same when it is killed and started again.
pub struct Weed {
    dir: PathBuf,
    first_port: u16,
    guard: Mutex<Option<(Child, ChildStdin)>>,
}

impl Weed {
    /// Returns the server of this test process, which is started at the first call.
    pub fn shared() -> &'static Weed {
        static SHARED: OnceLock<Weed> = OnceLock::new();
        SHARED.get_or_init(|| Weed::start(&std::env::temp_dir()))
    }

    /// Starts a server with its data in a new directory below `parent`.
    pub fn start(parent: &Path) -> Weed {
        let dir = tempfile::Builder::new()
            .prefix("baton-weed-")
            .tempdir_in(parent)
            .unwrap();
        let mut weed = Weed {
            dir: dir.keep(),
            first_port: 0,
            guard: Mutex::new(None),
        };
        let issuer = Issuer::shared();
        fs::create_dir(weed.dir.join("data")).unwrap();
        weed.write("s3.json", identities().to_string());
        weed.write("iam.json", issuer::trust(issuer).to_string());
        for start in 1..=STARTS_MAX {
            weed.first_port = ports::free_in_a_row(8);
            weed.launch();
            match weed.wait() {
                Ok(()) => return weed,
                // Somebody took one of its ports just now.
                Err(why) if start == STARTS_MAX => panic!("SeaweedFS does not start: {why}"),
                Err(_) => weed.kill(),
            }
        }
        weed
    }

    fn write(&self, name: &str, text: String) {
        fs::write(self.dir.join(name), text).unwrap();
    }

    /// Returns the address of the interface that asks for no signature.
    pub fn filer(&self) -> SocketAddr {
        self.port(4)
    }

    /// Returns the address of the S3 server.
    pub fn address(&self) -> SocketAddr {
        self.port(6)
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    fn port(&self, offset: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.first_port + offset).into()
    }

    /// Creates a bucket if it does not exist.
    pub fn bucket(&self, name: &str) -> Bucket {
        Bucket::make(self.filer(), name)
    }

    /// Ends the server as a crash does. Its data stays.
    pub fn kill(&self) {
        if let Some((mut guard, mut words)) = self.guard.lock().unwrap().take() {
            words.write_all(b"keep\n").unwrap();
            drop(words);
            guard.wait().unwrap();
        }
    }

    /// Starts the server that was killed again.
    pub fn restart(&self) {
        self.launch();
        self.wait()
            .unwrap_or_else(|why| panic!("SeaweedFS does not start again: {why}"));
    }

    fn launch(&self) {
        File::create(self.dir.join("log")).unwrap();
        // It puts these there, wherever its other files are.
        let sockets: String = SERVICES
            .iter()
            .zip((self.first_port + 1..).step_by(2))
            .map(|(name, port)| format!("/tmp/seaweedfs-{name}-grpc-{port}.sock "))
            .collect();
        let mut command = Command::new("sh");
        command
            .args(["-c", GUARD, "guard"])
            .arg(&self.dir)
            .arg(sockets)
            .arg(install::weed())
            .args(self.options())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut guard = command.spawn().unwrap();
        let words = guard.stdin.take().unwrap();
        *self.guard.lock().unwrap() = Some((guard, words));
    }

    fn options(&self) -> Vec<String> {
        let file = |name: &str| self.dir.join(name).display().to_string();
        let mut options = vec!["server".to_owned(), "-s3".to_owned()];
        for (name, port) in SERVICES.iter().zip((self.first_port..).step_by(2)) {
            options.push(format!("-{name}.port={port}"));
            options.push(format!("-{name}.port.grpc={}", port + 1));
        }
        options.extend([
            format!("-dir={}", file("data")),
            format!("-s3.config={}", file("s3.json")),
            format!("-s3.iam.config={}", file("iam.json")),
            format!("-filer.localSocket={}", file("filer.sock")),
            format!("-s3.localSocket={}", file("s3.sock")),
        ]);
        let fixed = [
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-master.telemetry=false",
            "-volume.max=2000",
            "-volume.preStopSeconds=0",
            // 10 s otherwise, and twice that after a crash.
            "-master.electionTimeout=1s",
            "-master.heartbeatInterval=100ms",
            // A bucket that is missing is an error, as it is elsewhere.
            "-s3.autoCreateBucket=false",
            "-s3.domainName=s3.baton.test",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
        ];
        options.extend(fixed.map(str::to_owned));
        options
    }

    /// Waits until the server stores and answers. It says that it is well before it can.
    fn wait(&self) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        let is_well = || {
            exchange(self.address(), Message::request("GET", "/healthz", ""))
                .is_ok_and(|answer| answer.status() == 200)
        };
        let stores = || {
            exchange(self.filer(), Message::request("PUT", "/ready", "ready"))
                .is_ok_and(|answer| answer.status() == 201)
        };
        while !(is_well() && stores()) {
            let log =
                String::from_utf8_lossy(&fs::read(self.dir.join("log")).unwrap_or_default()).into_owned();
            // In its log, fatal errors begin with F.
            let fatal = log.lines().find(|line| line.starts_with('F'));
            if let Some(fatal) = fatal {
                return Err(fatal.to_owned());
            }
            if Instant::now() > deadline {
                let end: Vec<&str> = log.lines().rev().take(10).collect();
                return Err(format!("not ready after {START_SECONDS_MAX} s: {end:#?}"));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Weed {
    /// The guard ends the server, and removes its directory. Without a guard, which is so between an end and a new start,
    /// nobody else removes it.
    fn drop(&mut self) {
        let guard = self.guard.get_mut().map(Option::take);
        if let Ok(Some((mut guard, words))) = guard {
            drop(words);
            let _ = guard.wait();
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn identities() -> serde_json::Value {
    let identity = |name: &str, who: Identity, actions: &[&str]| {
        json!({
            "name": name,
            "credentials": [{ "accessKey": who.key, "secretKey": who.secret }],
            "actions": actions,
        })
    };
    json!({ "identities": [
        identity("writer", WRITER, &["Admin", "Read", "Write", "List"]),
        identity("reader", READER, &["Read", "List"]),
    ]})
}
