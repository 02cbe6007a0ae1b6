-- Where the rows of a source begin in an output that it shares with others; NULL where it has its own.
ALTER TABLE job ADD COLUMN first_row INTEGER;
-- Whether the source is to have an output of its own, because something went wrong when it was read with others.
ALTER TABLE job ADD COLUMN alone INTEGER NOT NULL DEFAULT 0;
