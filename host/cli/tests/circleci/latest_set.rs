//! The variable that says which build is the latest.

use std::io::{Read, Write};
use std::net::TcpListener;

use baton_local::api::JobStatus;

use crate::world::{PROJECT, TOKEN, World, refusal};

const VARIABLE: &str = "LATEST_BUILD_NUM";

fn value(world: &World) -> Option<String> {
    world.api.variable(PROJECT, VARIABLE)
}

#[test]
fn it_is_set_as_the_article_s_curl_does() {
    let world = World::new();
    let pipeline = world.pipeline("main");
    world.api.skip_to(PROJECT, 7);
    let workflow = world.api.add_workflow(&pipeline.id, "main").unwrap();
    let number = world.run_in(&workflow.id, "build", 1, JobStatus::Running);
    let job = world
        .job("build", number)
        .workflow(Box::leak(workflow.id.into_boxed_str()));
    job.baton("latest set")
        .succeeds()
        .prints(["build:7"])
        .omits("cannot tell whether");
    assert_eq!(value(&world).unwrap(), "7");
    // Whatever the store is, and under any name.
    let elsewhere = job.clone().set("BATON_STORE", world.place.path("store"));
    elsewhere
        .baton("latest set --var OTHER_NUM --value 12")
        .succeeds();
    assert_eq!(world.api.variable(PROJECT, "OTHER_NUM").unwrap(), "12");
    job.baton("latest set --var not-a-name")
        .ends(1)
        .tells("letters, digits");
    let report = job.json("latest set --value 8");
    assert_eq!(report["variable"], VARIABLE);
    assert_eq!(report["number"], 8);
    assert_eq!(report["before"], "xxxx7");
}

#[test]
fn it_does_not_move_backwards_where_that_can_be_known() {
    let world = World::new();
    let old = world.pipeline("main");
    let first = world.api.add_workflow(&old.id, "main").unwrap();
    let slow = world.run_in(&first.id, "build", 1, JobStatus::Running);
    let newer = world.build("main", "newer");
    // By the API: a newer pipeline's build has succeeded meanwhile.
    let job = world
        .job("build", slow)
        .workflow(Box::leak(first.id.clone().into_boxed_str()));
    job.baton("latest set")
        .ends(3)
        .tells("backwards")
        .tells(&format!("build:{newer}"));
    // A rerun of the old pipeline has a higher number, and is old all the same.
    let again = world.api.add_rerun(&first.id).unwrap();
    let rerun = world.run_in(&again.id, "build", 1, JobStatus::Running);
    assert!(rerun > newer);
    let job = world
        .job("build", rerun)
        .workflow(Box::leak(again.id.into_boxed_str()));
    job.baton("latest set").ends(3).tells("backwards");
    assert_eq!(value(&world), None);
    job.baton("latest set --force").succeeds();
    assert_eq!(value(&world).unwrap(), rerun.to_string());
}

#[test]
fn what_the_job_saw_and_what_the_api_shows_count() {
    let world = World::new();
    world.build("main", "x");
    let job = world.job("other", 50);
    job.clone()
        .set(VARIABLE, "60")
        .baton("latest set")
        .ends(3)
        .tells("it said 60");
    world.api.set_variable(PROJECT, VARIABLE, "99");
    job.baton("latest set").ends(3).tells("xxxx99");
    world.api.set_variable(PROJECT, VARIABLE, "40");
    job.baton("latest set").succeeds().omits("cannot tell whether");
    // Of a longer number only the end is shown.
    world.api.set_variable(PROJECT, VARIABLE, "123456");
    let late = world.job("other", 123_999);
    late.baton("latest set")
        .succeeds()
        .tells("xxxx3456")
        .tells("cannot tell whether");
    assert_eq!(value(&world).unwrap(), "123999");
}

#[test]
fn a_token_that_may_not_is_told_from_one_that_is_none() {
    let world = World::new();
    world.build("main", "x");
    let job = world.job("build", 50);
    let wrong = job.clone().set("CIRCLE_TOKEN", "a-project-token");
    wrong
        .baton("latest set --force")
        .ends(1)
        .tells("CIRCLE_TOKEN is not accepted")
        .tells("personal");
    job.clone()
        .without("CIRCLE_TOKEN")
        .baton("latest set --force")
        .ends(1)
        .tells("CIRCLE_TOKEN is not set");
    let named = job
        .clone()
        .without("CIRCLE_TOKEN")
        .set("MY_TOKEN", TOKEN)
        .set("BATON_TOKEN_VAR", "MY_TOKEN");
    named.baton("latest set --force").succeeds();
    world.trouble(|asked| (asked.method == "POST").then(|| refusal(403, "Permission denied")));
    job.baton("latest set --force")
        .ends(1)
        .tells("is not allowed to do that (403)")
        .tells("Permission denied");
}

/// A server that answers before it has read what is sent, and hangs up.
#[test]
fn an_answer_that_comes_before_the_body_was_read_is_not_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // Less than the request's head: the rest is never read.
        let mut first = [0; 16];
        stream.read_exact(&mut first).unwrap();
        let body = r#"{"message":"no write access"}"#;
        let answer = format!(
            "HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        // The client must get the answer before the reset that an unread request brings about.
        std::thread::sleep(std::time::Duration::from_millis(300));
    });
    let world = World::new();
    let job = world.job("build", 50).set("BATON_CIRCLECI_API", base);
    job.baton("latest set --force")
        .ends(1)
        .tells("(403)")
        .tells("no write access");
    answering.join().unwrap();
}
