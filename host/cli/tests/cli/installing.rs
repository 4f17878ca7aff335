//! `baton completions` and `baton man`.

use std::fs;

use crate::place::Place;

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    let place = Place::new();
    // Neither needs a store, nor a config that can be read.
    let job = place
        .bare("work")
        .without("BATON_STORE")
        .set("BATON_CONFIG", "missing.toml");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = job.baton(&format!("completions {shell}")).succeeds().out;
        for word in ["persist", "rollback", "--at", "--store"] {
            let word = if shell == "fish" {
                word.trim_start_matches('-')
            } else {
                word
            };
            assert!(script.contains(word), "{shell} has no {word}");
        }
    }
    job.baton("completions").ends(2);
    job.baton("completions tcsh").ends(2);
}

#[test]
fn bash_completes_with_the_script() {
    let place = Place::new();
    let job = place.bare("work");
    let ran = job.bash(
        "source <(baton completions bash)
         COMP_WORDS=(baton roll); COMP_CWORD=1; _baton baton roll baton; echo \"${COMPREPLY[*]}\"
         COMP_WORDS=(baton attach --str); COMP_CWORD=2; _baton baton --str attach; echo \"${COMPREPLY[*]}\"",
    );
    ran.succeeds().prints(["rollback", "--strip --strict"]);
}

#[test]
fn every_command_has_a_man_page() {
    let place = Place::new();
    let job = place.bare("work");
    let page = job.baton("man").succeeds().out;
    assert!(
        page.contains(".TH baton 1") && page.contains("baton\\-persist(1)"),
        "{page}"
    );
    let page = job.baton("man latest set").succeeds().out;
    assert!(page.contains("LATEST_BUILD_NUM"), "{page}");
    job.baton("man --dir share/man1")
        .succeeds()
        .tells("man pages to share/man1");
    let mut names: Vec<String> = fs::read_dir(job.path("share/man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let help = job.baton("--help").succeeds().out;
    let commands = help.split("Commands:\n").nth(1).unwrap();
    let commands = commands.lines().take_while(|line| !line.is_empty());
    for name in commands
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
    {
        assert!(names.contains(&format!("baton-{name}.1")), "{names:?}");
    }
    assert!(names.contains(&"baton.1".to_owned()) && names.contains(&"baton-latest-set.1".to_owned()));
    job.baton("man nothing")
        .ends(1)
        .tells("baton has no command nothing");
}
