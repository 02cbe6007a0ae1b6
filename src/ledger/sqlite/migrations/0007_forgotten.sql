-- What the jobs amounted to that were removed for their age: the totals are those of all time.
CREATE TABLE forgotten(
  state TEXT PRIMARY KEY,
  files INTEGER NOT NULL DEFAULT 0,
  rows INTEGER NOT NULL DEFAULT 0,
  bad_records INTEGER NOT NULL DEFAULT 0,
  bytes_in INTEGER NOT NULL DEFAULT 0,
  bytes_out INTEGER NOT NULL DEFAULT 0,
  last_changed_at TEXT
) STRICT, WITHOUT ROWID;

-- States of which `status` tells how many there were, and not how many there are.
INSERT INTO forgotten(state) VALUES ('done'), ('duplicate');

CREATE TRIGGER job_forgotten AFTER DELETE ON job BEGIN
  UPDATE forgotten SET files = files + 1, rows = rows + coalesce(old.rows, 0),
    bad_records = bad_records + coalesce(old.bad_records, 0), bytes_in = bytes_in + old.size,
    bytes_out = bytes_out + coalesce(old.output_bytes, 0),
    last_changed_at = max(coalesce(last_changed_at, ''), old.changed_at) WHERE state = old.state;
END;
