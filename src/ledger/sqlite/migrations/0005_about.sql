-- Which ledger this is. An outbox is marked with it, so that another ledger, or an empty one in its place, is noticed.
CREATE TABLE about(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO about VALUES ('id', lower(hex(randomblob(16))));
