//! A sandbox for the steps of a node, by bubblewrap.
//!
//! A job sees the system directories of this machine, read-only, and its own directory. Its root directory and `/tmp` are
//! directories below its own, so any other path is the job's own, too. It has process, IPC and host name namespaces of its
//! own, and no capability that could undo this.
//!
//! Each step is a sandbox of its own. A process that sleeps until the end of the job holds their common process namespace, so
//! that a step finds the processes that an earlier one started in the background.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::directories::NodeDirectories;
use super::inside::{Inside, OwnRoot};
use super::invocation::Invocation;
use super::options::RunOptions;

/// The directories of this machine that jobs see, if they exist.
const SYSTEM: [&str; 11] = [
    "usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "opt", "nix", "snap",
];
/// Files and directories with secrets of this machine, which jobs see empty.
const HIDDEN_FILES: [&str; 4] = ["/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-"];
const HIDDEN_DIRECTORIES: [&str; 3] = ["/etc/ssl/private", "/etc/ssh", "/etc/sudoers.d"];
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
/// The capabilities of jobs that run as root, to unpack archives and to change users. None reaches beyond the sandbox.
const CAPABILITIES: [&str; 7] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
];
/// Starts bubblewrap with the namespaces to join as descriptors 8 and 9, and its options from standard input.
const JOIN: &str = r#"
pid=$1 user=$2; shift 2
if [ -n "$user" ]; then exec "$@" 3<&0 </dev/null 9<"$pid" 8<"$user"; fi
exec "$@" 3<&0 </dev/null 9<"$pid"
"#;
/// The options of bubblewrap that join these namespaces.
const JOIN_PID: [&str; 2] = ["--pidns", "9"];
const JOIN_USER: [&str; 2] = ["--userns", "8"];
/// Reports that the namespaces are complete, and holds them.
const HOLD: &str = "echo ready; exec sleep infinity";

/// A sandbox.
#[derive(Debug)]
pub(super) struct Sandbox {
    program: PathBuf,
    /// Ends the processes of the job when it ends.
    holder: Child,
    /// The process in the namespaces, as this machine counts.
    process: u32,
    options: Vec<OsString>,
    is_root: bool,
    /// Where something is mounted.
    mount_points: Vec<PathBuf>,
    inside: Inside,
}

impl Sandbox {
    /// Returns the part of this machine's files that a job in a sandbox sees.
    pub(super) fn inside(directories: &NodeDirectories, writable: &[PathBuf]) -> Inside {
        let system = SYSTEM.iter().map(|name| Path::new("/").join(name));
        let visible = system.chain(writable.iter().cloned());
        Inside {
            own_root: Some(OwnRoot {
                root: directories.directory.join("root"),
                shared: visible.filter(|path| path.exists()).collect(),
            }),
            ..directories.inside()
        }
    }

    /// Creates the namespaces.
    pub(super) fn start(
        program: &Path,
        directories: &NodeDirectories,
        run: &RunOptions,
    ) -> io::Result<Sandbox> {
        let inside = Sandbox::inside(directories, &run.writable);
        let is_root = rustix::process::geteuid().is_root();
        let mut mounts = Mounts::default();
        mounts.all(&inside, directories, &run.binary)?;
        for directory in &run.writable {
            mounts.add("--bind", directory, directory);
        }
        let mut options: Vec<OsString> = ["--unshare-ipc", "--unshare-uts", "--die-with-parent"]
            .map(OsString::from)
            .to_vec();
        if !run.network {
            options.push("--unshare-net".into());
        }
        if is_root {
            options.extend(["--cap-drop", "ALL"].map(OsString::from));
            for capability in CAPABILITIES {
                options.extend(["--cap-add", capability].map(OsString::from));
            }
        }
        options.extend(mounts.options);
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", r#"exec "$@" 3>&1"#, "sh"])
            .arg(program)
            .args(["--info-fd", "3", "--unshare-pid"])
            .args((!is_root).then_some("--unshare-user"))
            .args(&options)
            .args(["--", "/bin/sh", "-c", HOLD])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut holder = command.spawn()?;
        match ready(&mut holder) {
            Ok(process) => Ok(Sandbox {
                program: program.to_owned(),
                holder,
                process,
                options,
                is_root,
                mount_points: mounts.points,
                inside,
            }),
            Err(error) => {
                // It may have ended by itself; the error says why.
                let _ = holder.kill();
                let _ = holder.wait();
                Err(error)
            }
        }
    }

    /// Returns the command that starts a program in the sandbox, and what it reads from its standard input. Variables of the
    /// job are not in the environment of any process outside.
    pub(super) fn command(&self, invocation: &Invocation<'_>) -> io::Result<(Command, Vec<u8>)> {
        self.check_mount_points()?;
        let namespace = |name: &str| format!("/proc/{}/ns/{name}", self.process);
        let user = if self.is_root {
            String::new()
        } else {
            namespace("user")
        };
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", JOIN, "sh", &namespace("pid"), &user])
            .arg(&self.program)
            .args(["--args", "3", "--", invocation.program])
            .args(invocation.arguments)
            .env_clear();
        let mut options: Vec<&OsStr> = JOIN_PID.map(OsStr::new).to_vec();
        if !self.is_root {
            options.extend(JOIN_USER.map(OsStr::new));
        }
        options.extend(self.options.iter().map(OsString::as_os_str));
        options.push("--clearenv".as_ref());
        for (name, value) in invocation.variables {
            options.extend([OsStr::new("--setenv"), name.as_ref(), value]);
        }
        options.extend([OsStr::new("--chdir"), invocation.directory.as_ref()]);
        let mut bytes = Vec::new();
        for option in options {
            bytes.extend_from_slice(option.as_bytes());
            bytes.push(0);
        }
        Ok((command, bytes))
    }

    /// Refuses a link that the job put in place of a mount point: bubblewrap would follow it.
    fn check_mount_points(&self) -> io::Result<()> {
        let Some(own) = &self.inside.own_root else {
            return Ok(());
        };
        for point in &self.mount_points {
            let from = |start: &Path| point.strip_prefix(start).ok();
            let directory = &self.inside.directory;
            let (base, rest) = match (from(directory), from(Path::new("/tmp"))) {
                (Some(rest), _) if !rest.as_os_str().is_empty() => (directory, rest),
                (_, Some(rest)) => (&self.inside.temporary, rest),
                _ => (&own.root, point.strip_prefix("/").unwrap_or(point)),
            };
            let mut path = base.clone();
            for part in rest.components() {
                path.push(part);
                if path.is_symlink() {
                    return Err(io::Error::other(format!(
                        "a step replaced {} by a link",
                        point.display()
                    )));
                }
            }
        }
        Ok(())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // The kernel ends all processes of the namespace with its first one. A process that ended can be waited for.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Waits for the holder. Returns the process in the namespaces.
fn ready(holder: &mut Child) -> io::Result<u32> {
    let mut text = Vec::new();
    let mut byte = [0];
    if let Some(output) = &mut holder.stdout {
        while !text.ends_with(b"ready\n") && output.read(&mut byte)? == 1 {
            text.extend(byte);
        }
    }
    let text = String::from_utf8_lossy(&text);
    let process = text
        .split_once("\"child-pid\":")
        .map(|(_, after)| after.trim_start())
        .and_then(|after| after.split(|c: char| !c.is_ascii_digit()).next())
        .and_then(|number| number.parse().ok());
    match process {
        Some(process) if text.ends_with("ready\n") => Ok(process),
        _ => {
            let mut message = String::new();
            if let Some(mut errors) = holder.stderr.take() {
                errors.read_to_string(&mut message)?;
            }
            Err(io::Error::other(message.trim().to_owned()))
        }
    }
}

/// The options of bubblewrap for the file system.
#[derive(Default)]
struct Mounts {
    options: Vec<OsString>,
    points: Vec<PathBuf>,
}

impl Mounts {
    fn add(&mut self, option: &str, from: &Path, at: &Path) {
        self.options.extend([option.into(), from.into(), at.into()]);
        self.points.push(at.to_owned());
    }

    fn add_empty(&mut self, option: &str, at: &str) {
        self.options.extend([option.into(), at.into()]);
        self.points.push(at.into());
    }

    fn all(&mut self, inside: &Inside, directories: &NodeDirectories, binary: &Path) -> io::Result<()> {
        let root = directories.directory.join("root");
        fs::create_dir_all(&root)?;
        let directory = &directories.directory;
        self.options
            .extend(["--bind".into(), root.clone().into(), "/".into()]);
        for name in SYSTEM {
            let path = Path::new("/").join(name);
            match path.symlink_metadata() {
                // For example /bin on a system whose programs are all in /usr/bin.
                Ok(metadata) if metadata.is_symlink() => symlink(fs::read_link(&path)?, root.join(name))?,
                Ok(metadata) if metadata.is_dir() => self.add("--ro-bind", &path, &path),
                _ => {}
            }
        }
        // The file often is a link to one below /run.
        let resolver = Path::new("/etc/resolv.conf");
        if let Ok(real) = resolver.canonicalize()
            && !real.starts_with("/etc")
        {
            self.add("--ro-bind", &real, &real);
        }
        for file in HIDDEN_FILES.iter().filter(|file| Path::new(file).exists()) {
            self.options
                .extend(["--ro-bind".into(), "/dev/null".into(), OsString::from(*file)]);
        }
        for hidden in HIDDEN_DIRECTORIES.iter().filter(|it| Path::new(it).is_dir()) {
            self.options.extend(["--tmpfs".into(), OsString::from(*hidden)]);
        }
        self.add("--bind", &inside.temporary, Path::new("/tmp"));
        self.add("--bind", directory, directory);
        let baton = directories.programs.join("baton");
        self.add("--ro-bind", binary, &baton);
        self.add_empty("--proc", "/proc");
        self.add_empty("--tmpfs", "/dev");
        for name in DEVICES {
            let device = OsString::from(format!("/dev/{name}"));
            self.options.extend(["--dev-bind".into(), device.clone(), device]);
        }
        for (target, link) in [
            ("/proc/self/fd", "/dev/fd"),
            ("/proc/self/fd/0", "/dev/stdin"),
            ("/proc/self/fd/1", "/dev/stdout"),
            ("/proc/self/fd/2", "/dev/stderr"),
        ] {
            self.options
                .extend(["--symlink", target, link].map(OsString::from));
        }
        self.options.extend(["--dir", "/dev/shm"].map(OsString::from));
        Ok(())
    }
}

/// Returns why bubblewrap cannot create a sandbox here, if it cannot.
pub fn check_sandbox(program: &Path) -> Result<(), String> {
    let user = (!rustix::process::geteuid().is_root()).then_some("--unshare-user");
    let output = Command::new(program)
        .args([
            "--unshare-pid",
            "--unshare-ipc",
            "--unshare-uts",
            "--ro-bind",
            "/",
            "/",
        ])
        .args(["--proc", "/proc", "--dev-bind", "/dev/null", "/dev/null"])
        .args(user)
        .args(["--", "/bin/sh", "-c", "exit 0"])
        .env_clear()
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
