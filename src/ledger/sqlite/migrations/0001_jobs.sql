-- One row is one version of one source. Times are RFC 3339 UTC text of one width, which sorts as time does; device,
-- inode and sizes are 64-bit patterns; `path_text` is `path` for people.
CREATE TABLE job(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  path BLOB NOT NULL,
  path_text TEXT NOT NULL,
  device INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  ctime_ns INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'ready',
  attempts INTEGER NOT NULL DEFAULT 0,
  crashes INTEGER NOT NULL DEFAULT 0,
  run_at TEXT NOT NULL,
  requeued INTEGER NOT NULL DEFAULT 0,
  source_hash BLOB,
  duplicate_of INTEGER,
  temporary BLOB,
  output BLOB,
  output_bytes INTEGER,
  rows INTEGER,
  columns INTEGER,
  bad_records INTEGER,
  disposition TEXT NOT NULL DEFAULT 'none',
  seen_at TEXT NOT NULL,
  started_at TEXT,
  finished_at TEXT,
  changed_at TEXT NOT NULL,
  wait_s REAL,
  convert_s REAL,
  publish_s REAL,
  error_code TEXT,
  error TEXT,
  line INTEGER,
  byte INTEGER,
  host TEXT NOT NULL,
  UNIQUE(path, size, mtime_ns, ctime_ns, inode)
) STRICT;

CREATE INDEX job_path ON job(path);
CREATE INDEX job_state ON job(state, changed_at);
CREATE INDEX job_changed ON job(changed_at);
CREATE INDEX job_waiting ON job(seen_at) WHERE state IN ('ready', 'failed');
CREATE INDEX job_disposition ON job(id) WHERE disposition = 'pending';
CREATE INDEX job_requeued ON job(id) WHERE requeued = 1;

-- The totals, kept exact by triggers whoever writes, so that `status` never counts a million rows.
CREATE TABLE tally(
  state TEXT PRIMARY KEY,
  files INTEGER NOT NULL DEFAULT 0,
  rows INTEGER NOT NULL DEFAULT 0,
  bytes_in INTEGER NOT NULL DEFAULT 0,
  bytes_out INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

INSERT INTO tally(state) VALUES
  ('ready'), ('running'), ('publishing'), ('done'), ('failed'), ('quarantined'), ('duplicate'), ('gone');

CREATE TRIGGER job_added AFTER INSERT ON job BEGIN
  UPDATE tally SET files = files + 1, rows = rows + coalesce(new.rows, 0),
    bytes_in = bytes_in + new.size, bytes_out = bytes_out + coalesce(new.output_bytes, 0) WHERE state = new.state;
END;

CREATE TRIGGER job_removed AFTER DELETE ON job BEGIN
  UPDATE tally SET files = files - 1, rows = rows - coalesce(old.rows, 0),
    bytes_in = bytes_in - old.size, bytes_out = bytes_out - coalesce(old.output_bytes, 0) WHERE state = old.state;
END;

CREATE TRIGGER job_moved AFTER UPDATE OF state, size, rows, output_bytes ON job BEGIN
  UPDATE tally SET files = files - 1, rows = rows - coalesce(old.rows, 0),
    bytes_in = bytes_in - old.size, bytes_out = bytes_out - coalesce(old.output_bytes, 0) WHERE state = old.state;
  UPDATE tally SET files = files + 1, rows = rows + coalesce(new.rows, 0),
    bytes_in = bytes_in + new.size, bytes_out = bytes_out + coalesce(new.output_bytes, 0) WHERE state = new.state;
END;
