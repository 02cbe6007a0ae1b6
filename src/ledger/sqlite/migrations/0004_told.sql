-- Whether a byte order mark was stripped from the source; NULL for outputs of older versions.
ALTER TABLE job ADD COLUMN bom INTEGER;

-- The totals count records that were left out, too.
ALTER TABLE tally ADD COLUMN bad_records INTEGER NOT NULL DEFAULT 0;
UPDATE tally SET bad_records = (SELECT coalesce(sum(bad_records), 0) FROM job WHERE job.state = tally.state);

DROP TRIGGER job_added;
DROP TRIGGER job_removed;
DROP TRIGGER job_moved;

CREATE TRIGGER job_added AFTER INSERT ON job BEGIN
  UPDATE tally SET files = files + 1, rows = rows + coalesce(new.rows, 0),
    bad_records = bad_records + coalesce(new.bad_records, 0),
    bytes_in = bytes_in + new.size, bytes_out = bytes_out + coalesce(new.output_bytes, 0) WHERE state = new.state;
END;

CREATE TRIGGER job_removed AFTER DELETE ON job BEGIN
  UPDATE tally SET files = files - 1, rows = rows - coalesce(old.rows, 0),
    bad_records = bad_records - coalesce(old.bad_records, 0),
    bytes_in = bytes_in - old.size, bytes_out = bytes_out - coalesce(old.output_bytes, 0) WHERE state = old.state;
END;

CREATE TRIGGER job_moved AFTER UPDATE OF state, size, rows, bad_records, output_bytes ON job BEGIN
  UPDATE tally SET files = files - 1, rows = rows - coalesce(old.rows, 0),
    bad_records = bad_records - coalesce(old.bad_records, 0),
    bytes_in = bytes_in - old.size, bytes_out = bytes_out - coalesce(old.output_bytes, 0) WHERE state = old.state;
  UPDATE tally SET files = files + 1, rows = rows + coalesce(new.rows, 0),
    bad_records = bad_records + coalesce(new.bad_records, 0),
    bytes_in = bytes_in + new.size, bytes_out = bytes_out + coalesce(new.output_bytes, 0) WHERE state = new.state;
END;
