//! Manual pages and completions tell of the program that there is: every verb, every option, every key.

use super::harness::run;

fn printed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The commands that `help` lists.
fn commands_in(help: &str) -> Vec<String> {
    let listed = help.split("Commands:\n").nth(1).unwrap_or_default().lines().take_while(|line| !line.is_empty());
    let names = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.map(|line| line.split_whitespace().next().unwrap().to_owned());
    names.filter(|name| name != "help").collect()
}

/// The long options that `help` tells of.
fn options_in(help: &str) -> Vec<String> {
    let told = help.split("Options:\n").nth(1).unwrap_or_default().lines();
    let told = told.filter_map(|line| line.trim_start().trim_start_matches(|c| c != '-').split("--").nth(1));
    let told = told.map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect::<String>());
    told.filter(|name| !name.is_empty() && name != "help" && name != "version").collect()
}

/// Every command that does something, with its words, and its options.
fn verbs() -> Vec<(Vec<String>, Vec<String>)> {
    let (mut waiting, mut found) = (vec![Vec::new()], Vec::new());
    while let Some(words) = waiting.pop() {
        let mut call: Vec<&str> = words.iter().map(String::as_str).collect();
        call.push("--help");
        let help = printed(&call);
        let inside = commands_in(&help);
        if inside.is_empty() {
            found.push((words, options_in(&help)));
        } else {
            waiting.extend(inside.into_iter().map(|name| [words.clone(), vec![name]].concat()));
        }
    }
    found
}

#[test]
fn every_verb_and_every_option_is_in_the_manual_page_and_is_completed() {
    let page = printed(&["man"]).replace("\\-", "-");
    let scripts = ["bash", "zsh", "fish"].map(|shell| (shell, printed(&["completions", shell])));
    let verbs = verbs();
    assert!(verbs.len() > 12 && verbs.iter().any(|(words, _)| words.join(" ") == "ledger rebuild"), "{verbs:?}");
    for (words, options) in &verbs {
        let verb = words.join(" ");
        let entry =
            page.split(&format!(".SS \"h5inbox {verb}\"\n")).nth(1).unwrap_or_else(|| panic!("{verb}: no entry"));
        let entry = entry.split(".SS ").next().unwrap();
        for option in options {
            assert!(entry.contains(&format!("--{option}")), "{verb} --{option} is not in the page");
        }
        for (shell, script) in &scripts {
            words.iter().for_each(|word| assert!(script.contains(word.as_str()), "{verb} is not completed in {shell}"));
            options.iter().for_each(|option| {
                // fish has `-l option`.
                let told = [format!("--{option}"), format!("-l {option}")];
                assert!(told.iter().any(|told| script.contains(told)), "{verb} --{option} is not completed in {shell}");
            });
        }
    }
}

#[test]
fn every_key_of_the_configuration_is_in_its_manual_page_with_its_default() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let config = format!(
        "inbox.path = \"{}\"\noutput.path = \"{}\"\nledger.url = \"sqlite:{}\"\n",
        path("in"),
        path("out"),
        path("ledger")
    );
    std::fs::write(path("config.toml"), config).unwrap();
    let effective: toml::Table = printed(&["check-config", &path("config.toml")]).parse().unwrap();
    let page = printed(&["man", "--config"]);
    let mut count = 0;
    for (section, keys) in &effective {
        let Some(keys) = keys.as_table() else { continue };
        let told = page.split(&format!(".SH [{section}]\n")).nth(1).unwrap_or_else(|| panic!("no section [{section}]"));
        let told = told.split(".SH ").next().unwrap();
        for key in keys.keys() {
            count += 1;
            assert!(told.contains(&format!("\\fB{key}\\fR = \\fI")), "{section}.{key}");
        }
    }
    assert!(count > 40, "{count}");
}
