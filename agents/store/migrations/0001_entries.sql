-- Keys compare as bytes, as in the contract. A deleted entry leaves no row; the counter remembers its revision.
CREATE TABLE entries (
    key      TEXT    NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL CHECK (revision > 0),
    value    BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

-- The last revision that was given out, in the one row.
CREATE TABLE counter (
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL CHECK (revision >= 0)
) STRICT;

INSERT INTO counter (id, revision) VALUES (1, 0);
