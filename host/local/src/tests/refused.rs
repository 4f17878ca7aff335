//! Configs that are refused, and with which words.

use super::*;

/// Each error names the file and the way to the place.
#[test]
fn errors_say_where() {
    let job = |steps: &str| {
        format!("{HEAD}jobs: {{j: {{executor: e, steps: {steps}}}}}\nworkflows: {{w: {{jobs: [j]}}}}")
    };
    for (text, says) in [
        (
            job("[run: a, nothing]"),
            "config.yml:3: jobs.j.steps[1]: there is no command nothing (called from config.yml:4)",
        ),
        (
            job("[run: {name: a}]"),
            "config.yml:3: jobs.j.steps[0].run: command is missing",
        ),
        (job("[run: << parameters.x >>]"), "parameters.x is used"),
        (job("[a/b]"), "there is no command a/b"),
        (
            format!("{HEAD}workflows: {{w: {{jobs: [k]}}}}"),
            "config.yml:3: workflows.w.jobs[0].k: there is no job k",
        ),
        (
            format!("{HEAD}jobs: {{j: {{executor: f, steps: []}}}}\nworkflows: {{w: {{jobs: [j]}}}}"),
            "there is no executor f",
        ),
        (
            format!("{HEAD}jobs: {{j: {{steps: [checkout]}}}}\nworkflows: {{w: {{jobs: [j]}}}}"),
            "the job has no executor",
        ),
        (
            format!(
                "{HEAD}jobs: {{j: {{executor: e, steps: []}}}}\nworkflows: {{w: {{jobs: [j: {{requires: [k]}}]}}}}"
            ),
            "it requires k, and the workflow has no such job",
        ),
        (
            format!(
                "{HEAD}jobs: {{j: {{executor: e, steps: []}}}}\nworkflows: {{w: {{jobs: [j: {{name: a, requires: [b]}}, j: {{name: b, requires: [a]}}]}}}}"
            ),
            "these jobs wait for one another: a, b",
        ),
        (
            "version: 3\njobs: {}".to_owned(),
            "config.yml:1: version: the version 3 does not exist",
        ),
        (
            "version: 2.1\norbs: {x: acme/x@1}\nworkflows: {w: {jobs: [x/j]}}".to_owned(),
            "config.yml:2: orbs.x: the orb acme/x@1 is used and was neither given nor fetched",
        ),
        (
            format!(
                "{HEAD}commands: {{a: {{steps: [a]}}}}\njobs: {{j: {{executor: e, steps: [a]}}}}\nworkflows: {{w: {{jobs: [j]}}}}"
            ),
            "more than 32 deep",
        ),
    ] {
        let error = planned(&text).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn commands_that_multiply_and_come_to_nothing_have_a_limit() {
    let mut text = "version: 2.1\ncommands:\n  c20: {steps: []}\n".to_owned();
    for at in 0..20 {
        text.push_str(&format!(
            "  c{at}: {{steps: [c{next}, c{next}]}}\n",
            next = at + 1
        ));
    }
    text.push_str("jobs: {j: {docker: [{image: a}], steps: [c0]}}\nworkflows: {w: {jobs: [j]}}\n");
    let error = planned(&text).unwrap_err();
    assert!(error.contains("more than 10000 steps"), "{error}");
}

#[test]
fn a_plan_is_safe_to_show() {
    let text = "version: 2.1\njobs: {build: {docker: [{image: a}], steps: [run: {name: \"a\\e[2Jb\\nc\", command: x}]}}\n";
    let shown = planned(text).unwrap().to_string();
    assert!(
        !shown.contains('\u{1b}') && shown.contains("a\\u{1b}[2Jb\\nc"),
        "{shown}"
    );
}

/// Keys that nobody reads: each with its line, and with what was meant.
#[test]
fn keys_that_do_not_exist_are_errors() {
    let job = "docker: [{image: a}], steps: [checkout]";
    let workflows = "workflows: {w: {jobs: [j]}}";
    for (text, says) in [
        (
            format!("jobs:\n  j: {{{job}, enviroment: {{A: b}}}}\n{workflows}"),
            "config.yml:3: jobs.j.enviroment: unknown key; did you mean \"environment\"?",
        ),
        (
            format!(
                "jobs:\n  j:\n    docker: [{{image: a}}]\n    steps: [checkout]\n    paralelism: 2\n{workflows}"
            ),
            "config.yml:6: jobs.j.paralelism: unknown key; did you mean \"parallelism\"?",
        ),
        (
            format!("jobs: {{j: {{{job}}}}}\nworkflows:\n  w:\n    wen: false\n    jobs: [j]"),
            "config.yml:5: workflows.w.wen: unknown key; did you mean \"when\"?",
        ),
        (
            format!("jobs: {{j: {{{job}, machine: {{image: b}}}}}}\n{workflows}"),
            "config.yml:2: jobs.j.machine: docker is given, too",
        ),
        (
            format!(
                "executors: {{e: {{macos: {{xcode: 15}}, docker: [{{image: a}}]}}}}\njobs: {{j: {{executor: e, steps: []}}}}\n{workflows}"
            ),
            "executors.e.macos: docker is given, too",
        ),
        (
            format!(
                "jobs: {{j: {{{job}}}}}\nworkflows: {{w: {{jobs: [j: {{filters: {{branch: {{only: main}}}}}}]}}}}"
            ),
            "workflows.w.jobs[0].j.filters.branch: unknown key; did you mean \"branches\"?",
        ),
        (
            format!(
                "jobs: {{j: {{{job}}}}}\nworkflows: {{w: {{jobs: [j: {{filters: {{branches: {{olny: main}}}}}}]}}}}"
            ),
            "filters.branches.olny: unknown key; did you mean \"only\"?",
        ),
        (
            format!("jobs: {{j: {{{job}}}}}\nworkflows: {{w: {{jobs: [j: {{require: [k]}}]}}}}"),
            "workflows.w.jobs[0].j.require: unknown key; did you mean \"requires\"?",
        ),
        (
            format!(
                "jobs: {{j: {{{job}}}}}\nworkflows: {{w: {{jobs: [j: {{matrix: {{parameter: {{}}}}}}]}}}}"
            ),
            "matrix.parameter: unknown key; did you mean \"parameters\"?",
        ),
        (
            format!(
                "jobs: {{j: {{{job}}}}}\nworkflows: {{w: {{jobs: [j, hold: {{type: approval, requies: [j]}}]}}}}"
            ),
            "workflows.w.jobs[1].hold.requies: unknown key; did you mean \"requires\"?",
        ),
        (
            format!("jobs: {{j: {{{job}}}}}\nworkflows: {{w: {{jobs: [hold: {{type: aproval}}]}}}}"),
            "jobs[0].hold.type: the type \"aproval\" does not exist",
        ),
        (
            format!("jobs: {{j: {{docker: [{{imagee: a}}], steps: []}}}}\n{workflows}"),
            "jobs.j.docker[0].imagee: unknown key; did you mean \"image\"?",
        ),
        (
            format!("jobs: {{j: {{docker: [{{user: a}}], steps: []}}}}\n{workflows}"),
            "jobs.j.docker[0]: image is missing",
        ),
        (
            format!("commands: {{c: {{step: []}}}}\njobs: {{j: {{{job}}}}}\n{workflows}"),
            "commands.c.step: unknown key; did you mean \"steps\"?",
        ),
        (
            format!(
                "commands: {{c: {{steps: [], parameters: {{p: {{type: text}}}}}}}}\njobs: {{j: {{{job}}}}}\n{workflows}"
            ),
            "commands.c.parameters.p.type: the type \"text\" does not exist",
        ),
        (
            format!("jobs: {{j: {{{job}}}}}\nworkflow: {{w: {{jobs: [j]}}}}"),
            "config.yml:3: workflow: unknown key; did you mean \"workflows\"?",
        ),
        (
            format!("orbs: {{o: {{jobs: {{x: {{{job}, step: []}}}}}}}}\njobs: {{j: {{{job}}}}}\n{workflows}"),
            "orbs.o.jobs.x.step: unknown key; did you mean \"steps\"?",
        ),
        (
            format!(
                "jobs: {{j: {{docker: [{{image: a}}], steps: [run: {{command: a, enviroment: {{}}}}]}}}}\n{workflows}"
            ),
            "jobs.j.steps[0].run.enviroment: unknown key; did you mean \"environment\"?",
        ),
    ] {
        let error = planned(&format!("version: 2.1\n{text}")).unwrap_err();
        assert!(error.contains(says), "{text}\n{error}");
    }
    // Other keys at the top hold what anchors share.
    let shared = format!("version: 2.1\ndefaults: &d {{{job}}}\njobs: {{j: *d}}\n{workflows}");
    assert_eq!(jobs(&planned(&shared).unwrap()), ["j"]);
}
