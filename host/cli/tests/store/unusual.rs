//! Servers that are not like Amazon's, and ways to them that are not straight.

use baton_host::ObjectStore;
use baton_host::store::{Key, PutMode, StoreError, StoreUse};

use crate::clouds;
use crate::files::{read, write};
use crate::place::Job;
use crate::scene::{Scene, fails};
use crate::servers::bucket::Bucket;
use crate::servers::fault::{Answer, Fault, Rule};
use crate::servers::http::Message;
use crate::servers::proxy::Proxy;
use crate::servers::weed::Weed;

const BUCKET: &str = "unusual";

/// Returns the key that a request by path is about.
fn key_of(request: &Message) -> &str {
    let path = request.target().split('?').next().unwrap();
    path.strip_prefix("/unusual/").unwrap()
}

/// A server that takes `If-None-Match: *` for no condition at all, as several do.
fn overwriting(bucket: &Bucket) -> Rule {
    let bucket = bucket.clone();
    let overwrite = move |request: &Message, answer: &mut Message| {
        if answer.status() == 412 {
            bucket.put(key_of(request), &request.body);
            *answer = Message::answer(200, "").with("ETag", "\"0123456789abcdef0123456789abcdef\"");
        }
    };
    Rule::new(Fault::rewrite(overwrite)).method("PUT")
}

/// A server that refuses the second of two, unless they come at once: whoever comes while another is on its way wins, too.
fn racy(bucket: &Bucket) -> Rule {
    let bucket = bucket.clone();
    let overwrite = move |request: &Message, answer: &mut Message| {
        if answer.status() == 412 && key_of(request).ends_with("/race") {
            bucket.put(key_of(request), &request.body);
            *answer = Message::answer(200, "").with("ETag", "\"0123456789abcdef0123456789abcdef\"");
        }
    };
    Rule::new(Fault::rewrite(overwrite)).method("PUT")
}

/// A job on a bucket of its own prefix, behind a proxy with this rule.
fn scene(prefix: &str, rule: impl FnOnce(&Bucket) -> Rule) -> (Scene, Job) {
    let bucket = Weed::shared().bucket(BUCKET);
    let scene = Scene::before(Weed::shared());
    scene.proxy.rule(rule(&bucket));
    let job = scene
        .job
        .clone()
        .set("BATON_STORE", format!("s3://{BUCKET}/{prefix}"));
    write(&job.path("tree/file"), "x");
    (scene, job)
}

#[test]
fn a_server_that_overwrites_holds_no_records() {
    for (prefix, rule) in [
        ("overwriting", overwriting as fn(&Bucket) -> Rule),
        ("racy", racy),
    ] {
        let (scene, job) = scene(prefix, rule);
        let error = fails(job.baton("persist tree --format json"), "store-not-atomic");
        assert!(error.to_string().contains(prefix), "{error:#}");
        fails(
            job.baton("promote build:1 production --format json"),
            "store-not-atomic",
        );
        let doctor = job.baton("doctor").ends(1);
        assert!(
            format!("{}{}", doctor.out, doctor.err).contains("not atomic"),
            "{}",
            doctor.out
        );
        let left: Vec<_> = Weed::shared().bucket(BUCKET).list(&format!("{prefix}/"));
        assert!(left.is_empty(), "nothing stays there: {left:?}");
        // The store is empty, and there is no other problem with reading.
        job.baton("latest").ends(3).tells("the store is empty");
        assert!(scene.proxy.faults() > 0);
        // A store that others wrote to, through a server that can, is read through one that cannot.
        let good = job.clone().set("BATON_ENDPOINT", Weed::shared().endpoint());
        good.baton("persist tree --number 1").succeeds();
        job.baton("latest").succeeds().prints(["build:1"]);
        job.baton("attach latest --at out --strict").succeeds();
        fails(
            job.baton("persist tree --number 2 --format json"),
            "store-not-atomic",
        );
        good.baton("latest").succeeds().prints(["build:1"]);
    }
}

#[test]
fn a_server_that_knows_no_conditions_says_so_and_is_refused() {
    let unknown = Answer::s3(
        501,
        "NotImplemented",
        "A header you provided implies functionality that is not implemented.",
    );
    let (_scene, job) = scene("conditions", |_| {
        Rule::new(Fault::Answer(unknown)).when(|request| request.field("if-none-match").is_some())
    });
    fails(job.baton("persist tree --format json"), "store-not-atomic");
}

/// A server that lists everything, backwards, wherever it is asked to start.
fn backwards(bucket: &Bucket) -> Rule {
    let bucket = bucket.clone();
    let list = move |request: &Message, answer: &mut Message| {
        let query = request.target().split_once('?').map_or("", |(_, query)| query);
        let prefix = query.split('&').find_map(|pair| pair.strip_prefix("prefix="));
        let prefix = prefix.unwrap_or_default().replace("%2F", "/").replace("%7E", "~");
        let inside = prefix.rsplit_once('/').map_or("", |(dir, _)| dir);
        let mut keys = bucket.list(&format!("{inside}/"));
        keys.retain(|(key, _)| key.starts_with(&prefix));
        keys.reverse();
        assert!(keys.len() <= 1000, "one page is enough");
        let contents: String = keys
            .iter()
            .map(|(key, size)| {
                format!(
                    "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00Z</LastModified><ETag>\"0\"</ETag>\
                     <Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
                )
            })
            .collect();
        answer.body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <Name>{BUCKET}</Name><Prefix>{prefix}</Prefix><KeyCount>{}</KeyCount><MaxKeys>1000</MaxKeys>\
             <IsTruncated>false</IsTruncated>{contents}</ListBucketResult>",
            keys.len()
        )
        .into_bytes();
    };
    Rule::new(Fault::rewrite(list)).path("list-type=2")
}

#[test]
fn a_server_that_lists_in_its_own_order_gives_the_right_answers() {
    let (scene, job) = scene("backwards", backwards);
    for number in [2, 300, 10, 299] {
        write(&job.path("tree/file"), number.to_string());
        job.baton(&format!("persist tree --number {number}")).succeeds();
    }
    job.baton("latest").succeeds().prints(["build:300"]);
    job.baton("builds --limit 3").succeeds();
    let builds = job.json("builds");
    let numbers: Vec<u64> = builds["builds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|build| build["number"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [300, 299, 10, 2]);
    for number in [2, 10, 300] {
        job.baton(&format!("promote build:{number} production"))
            .succeeds();
        job.baton("attach channel:production --at out").succeeds();
        assert_eq!(read(&job.path("out/tree/file")), number.to_string());
    }
    job.baton("verify --all --data").succeeds();
    job.baton("prune --keep-last 1 --keep-within 0s --grace 0s --no-other-writers")
        .succeeds();
    job.baton("latest").succeeds().prints(["build:300"]);
    let doctor = job.baton("doctor").succeeds();
    assert!(doctor.out.contains("in no known order"), "{}", doctor.out);
    assert!(scene.proxy.faults() > 0);
}

#[test]
fn a_server_that_breaks_its_own_order_later_is_not_believed() {
    let bucket = Weed::shared().bucket(BUCKET);
    let scene = Scene::before(Weed::shared());
    let store = clouds::open(&scene.proxy.endpoint(), BUCKET, "breaks", StoreUse::Write).unwrap();
    let keys: Vec<String> = (0..30).map(|number| format!("v1/n/{number:02}")).collect();
    for key in &keys {
        store
            .put(Key::parse(key).unwrap(), b"x", PutMode::Create)
            .unwrap();
    }
    assert_eq!(store.list("v1/n/", None, 1).unwrap(), keys[..1]);
    scene.proxy.rule(backwards(&bucket));
    assert_eq!(store.list("v1/n/", None, 5).unwrap(), keys[..5]);
    assert_eq!(store.list("v1/n/", Some("v1/n/20"), 5).unwrap(), keys[21..26]);
    assert_eq!(store.list("v1/n/", None, 100).unwrap(), keys);
}

#[test]
fn what_was_found_of_a_server_is_remembered_of_that_server_only() {
    let (scene, job) = scene("remembered", |_| {
        Rule::new(Fault::Answer(Answer::status(500))).path("nothing of this name")
    });
    let creates = |job: &Job, number: u64| {
        scene.proxy.reset();
        job.baton(&format!("persist tree --number {number}")).succeeds();
        let requests = scene.proxy.requests();
        let probing = requests
            .iter()
            .filter(|(_, request)| request.target().contains("/.probe/"));
        probing.filter(|(_, request)| request.method() == "PUT").count()
    };
    assert!(creates(&job, 1) >= 10, "the first persist tries the server out");
    assert_eq!(creates(&job, 2), 0, "the second one remembers");
    // Another address may be another server.
    let other = Proxy::before(Weed::shared().address());
    other.rule(overwriting(&Weed::shared().bucket(BUCKET)));
    let elsewhere = job.clone().set("BATON_ENDPOINT", other.endpoint());
    fails(
        elsewhere.baton("persist tree --number 3 --format json"),
        "store-not-atomic",
    );
    // Whatever lies in the place of what is remembered is no promise.
    let bucket = Weed::shared().bucket(BUCKET);
    for harm in ["", "{}", "not json"] {
        bucket.put("remembered/.probe/found.json", harm.as_bytes());
        assert!(creates(&job, 1) >= 10, "{harm:?}");
    }
}

#[test]
fn a_proxy_of_the_environment_is_used_and_a_bucket_may_be_in_the_hosts_name() {
    let scene = Scene::new();
    let far = scene
        .direct
        .clone()
        // Nobody knows this name but the proxy, which stands for any.
        .set("BATON_ENDPOINT", "http://s3.baton.test")
        .set("HTTP_PROXY", scene.proxy.endpoint());
    for (addressing, host, number) in [
        ("path", "s3.baton.test", 2),
        ("virtual-host", "tests.s3.baton.test", 3),
    ] {
        let job = far.clone().set("BATON_ADDRESSING", addressing);
        scene.proxy.reset();
        scene.write_tree(number);
        job.baton(&format!("persist tree --number {number}")).succeeds();
        job.baton("latest").succeeds().prints([format!("build:{number}")]);
        let requests = scene.proxy.requests();
        assert!(!requests.is_empty());
        for (_, request) in requests {
            assert_eq!(request.field("host"), Some(host), "{addressing}");
        }
        scene.arrives(number);
    }
    // Hosts that are to be asked directly are.
    scene.proxy.reset();
    let near = scene.direct.clone().set("HTTP_PROXY", scene.proxy.endpoint());
    near.set("NO_PROXY", "localhost,127.0.0.1")
        .baton("latest")
        .succeeds();
    assert!(scene.proxy.requests().is_empty());
}

#[test]
fn whoever_reads_only_needs_no_probe_and_leaves_nothing() {
    let weed = Weed::shared();
    let bucket = weed.bucket(BUCKET);
    let store = clouds::open(&weed.endpoint(), BUCKET, "reading", StoreUse::Read).unwrap();
    assert!(store.list("", None, 10).unwrap().is_empty());
    assert_eq!(store.get(Key::parse("v1/store").unwrap(), None).unwrap(), None);
    assert!(bucket.list("reading/").is_empty());
    let missing = clouds::open(&weed.endpoint(), "no-such-bucket", "x", StoreUse::Write);
    assert!(matches!(missing, Err(StoreError::Remote { .. })), "{missing:?}");
}
