-- Where in the archive a source is, relative to it, as which file, and since when. NULL for what is not there, is not known
-- to be there any more, or was moved there by an older version.
ALTER TABLE job ADD COLUMN disposed_at TEXT;
ALTER TABLE job ADD COLUMN archived BLOB;
ALTER TABLE job ADD COLUMN archived_inode INTEGER;
CREATE INDEX job_archived ON job(disposed_at) WHERE archived IS NOT NULL;
