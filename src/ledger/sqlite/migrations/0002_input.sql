-- What the source of an output turned out to be: the shape of its text (lines, array, object, objects) and how it was
-- compressed (none, gzip, zstd, xz, bzip2). NULL for outputs of older versions, which took plain lines only.
ALTER TABLE job ADD COLUMN input TEXT;
ALTER TABLE job ADD COLUMN compression TEXT;
