-- Keys compare as bytes, as in the contract. A deleted entry leaves no row; the counter makes sure that its revision is
-- not used again.
CREATE TABLE entries (
    key      TEXT    NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL CHECK (revision > 0),
    value    BLOB    NOT NULL
) STRICT;

-- No revision above this one was ever given out. They are taken from it in blocks, not to write it with every commit.
CREATE TABLE counter (
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    reserved INTEGER NOT NULL CHECK (reserved >= 0)
) STRICT;

INSERT INTO counter (id, reserved) VALUES (1, 0);
