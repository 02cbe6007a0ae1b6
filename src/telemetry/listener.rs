//! Where `h5inbox status` asks: a Unix socket that only ever answers, one connection at a time, a second for each.

use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Makes the answer: the status as JSON.
pub type Answer = Arc<dyn Fn() -> String + Send + Sync>;

/// How long one connection may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Serves `answer` on the Unix socket `path` until the process ends. A socket left by an earlier agent is replaced: the
/// ledger's lock has shown that it is gone.
pub fn serve_socket(path: &Path, answer: Answer) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = with_short_path(path, |short| {
        let listener = UnixListener::bind(short)?;
        // Whoever may enter the folder may ask, whatever the umask is: only to connect takes the right to write.
        fs::set_permissions(short, Permissions::from_mode(0o666))?;
        Ok(listener)
    })?;
    let serve = move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.set_write_timeout(Some(PATIENCE));
            let _ = stream.write_all(answer().as_bytes());
        }
    };
    thread::Builder::new().name("status-socket".to_owned()).spawn(serve).map(drop)
}

/// Asks the agent that serves `path`. An error means that no agent answers there.
pub fn ask(path: &Path) -> io::Result<String> {
    let mut stream = with_short_path(path, |short| UnixStream::connect(short))?;
    stream.set_read_timeout(Some(5 * PATIENCE))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Socket addresses hold 108 bytes; a longer path is reached through an open descriptor of its folder.
fn with_short_path<T>(path: &Path, work: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    use std::os::fd::AsRawFd;
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let open = fs::File::open(folder)?;
    work(&Path::new(&format!("/proc/self/fd/{}", open.as_raw_fd())).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_answers_even_at_a_path_longer_than_a_socket_address() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("x".repeat(200));
        fs::create_dir(&deep).unwrap();
        let path = deep.join("ledger.sqlite.sock");
        assert!(ask(&path).is_err());
        serve_socket(&path, Arc::new(|| "{}".to_owned())).unwrap();
        assert_eq!(ask(&path).unwrap(), "{}");
        assert_eq!(ask(&path).unwrap(), "{}");
    }
}
