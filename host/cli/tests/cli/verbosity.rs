//! `--quiet` and `--verbose`: standard error has less or more, and standard output is the same.

use crate::files::write_all;
use crate::place::Place;

#[test]
fn quiet_leaves_data_errors_and_warnings() {
    let place = Place::new();
    let job = place.job("work").number(1);
    write_all(job.dir(), &[("dist/app", "1")]);
    let ran = job.baton("persist dist -q").succeeds().prints(["build:1"]);
    assert_eq!(ran.err, "");
    for (words, data) in [
        ("latest --quiet", "build:1\n"),
        ("attach latest --at out -q", ""),
        ("promote latest production -q", "build:1\n"),
        ("builds --branch none -q", ""),
        ("verify --all --data -q", ""),
    ] {
        let ran = job.baton(words).succeeds();
        assert_eq!((ran.out.as_str(), ran.err.as_str()), (data, ""), "{words}");
    }
    // A warning stays, and so does an error with its hint.
    let ran = job.baton("persist dist missing --if-no-files warn -q").succeeds();
    assert!(
        ran.err.starts_with("warning: ") && ran.err.lines().count() == 1,
        "{}",
        ran.err
    );
    job.baton("attach build:7 --at out -q")
        .ends(3)
        .tells("error: ")
        .tells("hint: ");
    job.baton("latest -q -v").ends(2);
}

#[test]
fn verbose_says_what_baton_decides() {
    let place = Place::new();
    let job = place.job("work").number(1);
    write_all(job.dir(), &[("dist/app", "1"), ("baton.toml", "workers = 3")]);
    let quiet = job.baton("persist dist --dry-run").succeeds();
    let ran = job.baton("persist dist --dry-run --verbose").succeeds();
    assert_eq!(ran.out, quiet.out);
    for line in [
        "config: ",
        "baton.toml\n",
        "(from --store or BATON_STORE)\n",
        "component: built in\n",
        "limits: 3 workers",
        "context: number is 1 (from BATON_NUMBER)\n",
        "store: list v1/",
    ] {
        assert!(ran.err.contains(line), "{line}\n{}", ran.err);
    }
    assert!(!quiet.err.contains("context: "), "{}", quiet.err);
    job.baton("persist dist -v")
        .succeeds()
        .tells("store: put v1/packs/")
        .tells("store: put v1/");
    // In JSON, too, and in any place of the command line.
    let ran = job
        .baton("-v latest --format json")
        .succeeds()
        .tells("store: get v1/");
    assert!(ran.out.starts_with('{'), "{}", ran.out);
}

#[test]
fn verbose_shows_no_secret() {
    let place = Place::new();
    let job = place
        .job("work")
        .set("AWS_SECRET_ACCESS_KEY", "hush-hush-1")
        .set("CIRCLE_TOKEN", "hush-hush-2")
        .set("BATON_URL", "https://user:hush-hush-3@ci.example.com/1");
    let ran = job.baton("latest -v --store circleci:gh/acme/shop --api http://127.0.0.1:9 --allow-http --store-timeout-seconds 1");
    assert!(ran.err.contains("context: project"), "{}", ran.err);
    assert!(
        !ran.err.contains("hush-hush-1") && !ran.err.contains("hush-hush-2"),
        "{}",
        ran.err
    );
}
