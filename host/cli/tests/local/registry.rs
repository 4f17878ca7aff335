//! Orbs of the registry and of URLs: fetched once, pinned, and used again without a server.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

use baton_testkit::servers::http::{Message, read_head, read_request_body};
use baton_testkit::servers::tls::{Authority, Server};
use serde_json::{Value, json};

use crate::laptop::Laptop;

/// The two shapes of answers: CircleCI's registry at `/graphql-unstable`, and files at their paths.
#[derive(Default)]
struct Shelf {
    /// The version and the source of each reference.
    orbs: BTreeMap<String, (String, String)>,
    /// The orbs that only this token may read.
    private: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
    /// The references and paths that were asked for.
    asked: Vec<String>,
}

struct Registry {
    address: SocketAddr,
    shelf: Arc<Mutex<Shelf>>,
}

impl Registry {
    /// Starts a registry, which ends with the test.
    fn start(tls: Option<Server>) -> Registry {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shelf: Arc<Mutex<Shelf>> = Arc::default();
        let shared = Arc::clone(&shelf);
        thread::spawn(move || {
            for socket in listener.incoming() {
                let socket = socket.unwrap();
                match &tls {
                    None => serve(socket, &shared),
                    Some(tls) => match tls.accept(socket) {
                        Ok(secured) => serve(secured, &shared),
                        Err(_) => continue,
                    },
                }
            }
        });
        Registry { address, shelf }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn has(&self, reference: &str, version: &str, source: &str) {
        let orb = (version.to_owned(), source.to_owned());
        self.shelf.lock().unwrap().orbs.insert(reference.to_owned(), orb);
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shelf.lock().unwrap().asked)
    }
}

/// Answers one request.
fn serve(mut socket: impl Read + Write, shelf: &Mutex<Shelf>) {
    let mut reader = BufReader::new(&mut socket);
    let Ok(Some(mut request)) = read_head(&mut reader) else {
        return;
    };
    read_request_body(&mut reader, &mut request).unwrap();
    let mut answer = answer(&request, &mut shelf.lock().unwrap()).with("connection", "close");
    answer.announce_body();
    let _ = socket.write_all(&answer.head());
    let _ = socket.write_all(&answer.body);
    let _ = socket.flush();
}

fn answer(request: &Message, shelf: &mut Shelf) -> Message {
    if request.method() == "GET" {
        shelf.asked.push(request.target().to_owned());
        return match shelf.files.get(request.target()) {
            Some(text) => Message::answer(200, text.clone()),
            None => Message::answer(404, ""),
        };
    }
    assert_eq!(request.target(), "/graphql-unstable");
    let asked: Value = serde_json::from_slice(&request.body).unwrap();
    let reference = asked["variables"]["ref"].as_str().unwrap().to_owned();
    assert!(
        asked["query"]
            .as_str()
            .unwrap()
            .contains("orbVersion(orbVersionRef: $ref)")
    );
    shelf.asked.push(reference.clone());
    let may = match shelf.private.get(&reference) {
        Some(token) => request.field("authorization") == Some(token),
        None => true,
    };
    let found = shelf.orbs.get(&reference).filter(|_| may);
    let orb = found.map(|(version, source)| json!({ "version": version, "source": source }));
    Message::answer(200, json!({ "data": { "orbVersion": orb } }).to_string())
}

/// An orb as `circleci orb pack` makes one, with a script in it and an orb of its own.
const DEPLOY: &str = "
version: 2.1
description: deploys
display: {home_url: https://example.org, source_url: https://example.org}
orbs: {tools: acme/tools@1.0}
commands:
  ship:
    description: ships
    parameters: {to: {type: string, default: prod, description: where to}}
    steps:
      - tools/install
      - run: {name: Ship, environment: {PARAM_TO: << parameters.to >>}, command: \"cat \\\\<< EOF\\nshipping VERSION\\nEOF\\n\"}
examples: {simple: {description: one, usage: {version: 2.1, workflows: {}}}}
";
const TOOLS: &str = "
version: 2.1
commands: {install: {steps: [run: {name: Install, command: install}]}}
";
const CONFIG: &str = "
version: 2.1
orbs: {deploy: acme/deploy@7, unused: acme/unused@1}
jobs: {j: {docker: [{image: a}], steps: [deploy/ship]}}
workflows: {w: {jobs: [j]}}
";

fn commands(plan: &Value) -> Vec<String> {
    let steps = plan["workflows"][0]["jobs"][0]["steps"].as_array().unwrap();
    steps
        .iter()
        .map(|step| step["command"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn orbs_are_fetched_once_and_pinned() {
    let registry = Registry::start(None);
    let laptop = Laptop::new();
    let api = registry.url("");
    let deploy = |version: &str| DEPLOY.replace("VERSION", version);
    registry.has("acme/deploy@7", "7.1.0", &deploy("7.1.0"));
    registry.has("acme/tools@1.0", "1.0.9", TOOLS);
    let dry = |arguments: &[&str]| {
        let all: Vec<&str> = ["--dry-run", "--api", &api]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        laptop.local(CONFIG, &all)
    };

    let first = dry(&[])
        .succeeds()
        .tells("note: the orb acme/deploy@7 is version 7.1.0");
    let expected = ["install", "cat << EOF\nshipping 7.1.0\nEOF\n"];
    assert_eq!(commands(&first.json), expected);
    // What the job does not use is not asked for.
    assert_eq!(registry.asked(), ["acme/deploy@7", "acme/tools@1.0"]);

    // A newer version is out, and the pinned one stays.
    registry.has("acme/deploy@7", "7.2.0", &deploy("7.2.0"));
    assert_eq!(commands(&dry(&[]).succeeds().json), expected);
    assert_eq!(commands(&dry(&["--offline"]).succeeds().json), expected);
    assert_eq!(registry.asked(), Vec::<String>::new());
    let lock = fs::read_to_string(laptop.path("state/orbs/lock.json")).unwrap();
    let lock: Value = serde_json::from_str(&lock).unwrap();
    assert_eq!(lock["orbs"]["acme/deploy@7"]["version"], "7.1.0");

    let updated = dry(&["--update-orbs"]).succeeds();
    assert_eq!(commands(&updated.json)[1], "cat << EOF\nshipping 7.2.0\nEOF\n");
    assert_eq!(registry.asked(), ["acme/deploy@7", "acme/tools@1.0"]);

    // A file that was changed is fetched again, in the version that is pinned.
    fs::write(laptop.path("state/orbs/acme~deploy@7.2.0.yml"), "version: 2.1").unwrap();
    registry.has("acme/deploy@7.2.0", "7.2.0", &deploy("7.2.0"));
    assert_eq!(
        commands(&dry(&[]).succeeds().json)[1],
        "cat << EOF\nshipping 7.2.0\nEOF\n"
    );
    assert_eq!(registry.asked(), ["acme/deploy@7.2.0"]);
}

#[test]
fn an_orb_that_cannot_be_had_says_so() {
    let registry = Registry::start(None);
    let laptop = Laptop::new();
    let api = registry.url("");
    let missing = laptop.local(CONFIG, &["--dry-run", "--offline"]).ends(1).tells(
        ".circleci/config.yml:3: orbs.deploy: the orb acme/deploy@7 is used and was neither given nor fetched",
    );
    assert_eq!(missing.json["error"]["code"], "orb-missing");
    let unknown = laptop
        .local(CONFIG, &["--dry-run", "--api", &api])
        .ends(1)
        .tells("orbs.deploy: cannot fetch the orb acme/deploy@7")
        .tells("the registry has no such orb");
    assert_eq!(unknown.json["error"]["code"], "orb-unavailable");
    // A file goes before the registry, for one version or for all.
    laptop.write("deploy.yml", &DEPLOY.replace("acme/tools@1.0", "acme/tools@2"));
    laptop.write("tools.yml", TOOLS);
    for name in ["acme/deploy", "acme/deploy@7"] {
        let given = format!("{name}=deploy.yml");
        laptop
            .local(
                CONFIG,
                &[
                    "--dry-run",
                    "--offline",
                    "--orb",
                    &given,
                    "--orb",
                    "acme/tools=tools.yml",
                ],
            )
            .succeeds();
    }
    laptop
        .local(
            CONFIG,
            &["--dry-run", "--offline", "--orb", "acme/deploy@6=deploy.yml"],
        )
        .ends(1);
    // A workflow that does not run is not checked, where its orb is not available.
    let off = CONFIG
        .replace("{w: {", "{on: {jobs: [k]}, w: {when: false, ")
        .replace(
            "jobs: {j:",
            "jobs: {k: {docker: [{image: a}], steps: [checkout]}, j:",
        );
    laptop
        .local(&off, &["--dry-run", "--offline"])
        .succeeds()
        .tells("the workflow w is not checked: the orb acme/deploy@7 is not available");
}

#[test]
fn a_private_orb_needs_the_token() {
    let registry = Registry::start(None);
    let laptop = Laptop::new();
    let api = registry.url("");
    registry.has(
        "acme/deploy@7",
        "7.0.0",
        &DEPLOY.replace("tools: acme/tools@1.0", ""),
    );
    registry.has(
        "acme/deploy@7",
        "7.0.0",
        "version: 2.1\ncommands: {ship: {steps: [run: private]}}\n",
    );
    let mut shelf = registry.shelf.lock().unwrap();
    shelf
        .private
        .insert("acme/deploy@7".to_owned(), "hunter2".to_owned());
    drop(shelf);
    let arguments = ["--dry-run", "--api", &api];
    laptop.local(CONFIG, &arguments).ends(1).tells("CIRCLE_TOKEN");
    let ran = laptop
        .local_with(CONFIG, &arguments, &[("CIRCLE_TOKEN", "hunter2")])
        .succeeds();
    assert_eq!(commands(&ran.json), ["private"]);
    assert!(!ran.err.contains("hunter2"));
}

#[test]
fn an_orb_at_a_url_is_fetched_over_tls() {
    let authority = Authority::new();
    let registry = Registry::start(Some(authority.server()));
    let laptop = Laptop::new();
    laptop.write("ca.pem", authority.pem());
    let url = format!("https://{}/team/orb.yml", registry.address);
    let config = CONFIG.replace("acme/deploy@7", &url);
    let orb = "version: 2.1\ncommands: {ship: {steps: [run: from a URL]}}\n";
    let mut shelf = registry.shelf.lock().unwrap();
    shelf.files.insert("/team/orb.yml".to_owned(), orb.to_owned());
    drop(shelf);
    laptop
        .local(&config, &["--dry-run"])
        .ends(1)
        .tells("cannot fetch the orb https://127.0.0.1");
    let ran = laptop
        .local(&config, &["--dry-run", "--ca-file", "ca.pem"])
        .succeeds();
    assert_eq!(commands(&ran.json), ["from a URL"]);
    registry.asked();
    laptop.local(&config, &["--dry-run", "--offline"]).succeeds();
    assert!(registry.asked().is_empty());
    let plain = CONFIG.replace("acme/deploy@7", &registry.url("/team/orb.yml"));
    laptop.local(&plain, &["--dry-run"]).ends(1).tells("names no orb");
}
