-- What a conversion warned of, as a JSON list of objects with code, column, line and message.
ALTER TABLE job ADD COLUMN warnings TEXT;
