-- Moments are microseconds since 1970 UTC, ids made here are sixteen bytes, documents are JSON, words are the stable
-- words of the API. Numbers of people and rows are never used twice (AUTOINCREMENT): a gate may still hold an old one.

CREATE TABLE person (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    external_id TEXT NOT NULL UNIQUE,
    email_key TEXT,
    updated_at INTEGER NOT NULL,
    doc TEXT NOT NULL
) STRICT;
CREATE INDEX person_by_email ON person (email_key) WHERE email_key IS NOT NULL;

-- The words of people's names as they are looked for: in lower case, without accents.
CREATE TABLE person_word (
    word TEXT NOT NULL,
    person INTEGER NOT NULL,
    PRIMARY KEY (word, person)
) STRICT, WITHOUT ROWID;

-- Apart from the document: a gate reads documents and has no use for pictures. Its time stands before the picture, so
-- that who wants no more than that need not read on.
CREATE TABLE photo (
    person INTEGER PRIMARY KEY,
    taken_at INTEGER NOT NULL,
    jpeg_base64 TEXT NOT NULL
) STRICT;

-- One row for every written form of every credential, filed under its loose key.
CREATE TABLE credential (
    key TEXT NOT NULL,
    person INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (key, person, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE consumption (
    person INTEGER NOT NULL,
    membership TEXT NOT NULL,
    at INTEGER NOT NULL,
    visit BLOB NOT NULL,
    PRIMARY KEY (person, membership, at, visit)
) STRICT, WITHOUT ROWID;

CREATE TABLE visit (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    person INTEGER,
    started_at INTEGER NOT NULL,
    reader TEXT NOT NULL,
    gate TEXT NOT NULL,
    zone TEXT,
    club_day TEXT NOT NULL,
    clock TEXT NOT NULL,
    membership TEXT,
    class TEXT,
    entries_taken INTEGER NOT NULL CHECK (entries_taken >= 0),
    overdrawn INTEGER NOT NULL,
    ended_at INTEGER,
    ended_by TEXT,
    belated INTEGER NOT NULL DEFAULT 0 -- 1: a later visit of the person was written before this one
) STRICT;
CREATE UNIQUE INDEX one_open_visit_a_person ON visit (person) WHERE ended_at IS NULL AND person IS NOT NULL;
CREATE INDEX visit_by_person ON visit (person) WHERE person IS NOT NULL;
CREATE INDEX visit_by_start ON visit (started_at);

CREATE TABLE presence (
    person INTEGER PRIMARY KEY,
    zone TEXT NOT NULL,
    since INTEGER NOT NULL,
    over INTEGER NOT NULL DEFAULT 0 -- 1: counted no longer, and kept a while for readers that lead both ways
) STRICT;
CREATE TABLE occupancy (
    zone TEXT PRIMARY KEY,
    people INTEGER NOT NULL CHECK (people >= 0)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER presence_begins AFTER INSERT ON presence WHEN NOT NEW.over BEGIN
    INSERT INTO occupancy (zone, people) VALUES (NEW.zone, 1) ON CONFLICT (zone) DO UPDATE SET people = people + 1;
END;
CREATE TRIGGER presence_moves AFTER UPDATE OF zone, over ON presence
WHEN NEW.zone <> OLD.zone OR NEW.over <> OLD.over BEGIN
    UPDATE occupancy SET people = people - 1 WHERE zone = OLD.zone AND NOT OLD.over;
    INSERT INTO occupancy (zone, people) SELECT NEW.zone, 1 WHERE NOT NEW.over
        ON CONFLICT (zone) DO UPDATE SET people = people + 1;
END;
CREATE TRIGGER presence_ends AFTER DELETE ON presence WHEN NOT OLD.over BEGIN
    UPDATE occupancy SET people = people - 1 WHERE zone = OLD.zone;
END;

CREATE TABLE passage (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    clock TEXT NOT NULL,
    gate TEXT NOT NULL,
    reader TEXT,
    direction TEXT,
    way TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reasons TEXT NOT NULL,
    person INTEGER,
    unknown_badge TEXT,
    operator TEXT,
    note TEXT,
    visit BLOB,
    boot INTEGER,
    sequence INTEGER,
    offline INTEGER NOT NULL DEFAULT 0,
    trace TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX passage_once_a_controller ON passage (gate, boot, sequence) WHERE boot IS NOT NULL;
CREATE INDEX passage_by_time ON passage (at);
CREATE INDEX passage_by_person ON passage (person, at) WHERE person IS NOT NULL;
CREATE INDEX passage_by_unknown_badge ON passage (unknown_badge) WHERE unknown_badge IS NOT NULL;

-- Told by a gate controller (then its boot and the event's number name it for good) or found about it.
CREATE TABLE alarm (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    clock TEXT NOT NULL,
    gate TEXT NOT NULL,
    alarm TEXT NOT NULL,
    state TEXT NOT NULL,
    count INTEGER,
    boot INTEGER,
    number INTEGER
) STRICT;
CREATE UNIQUE INDEX alarm_once_a_controller ON alarm (gate, boot, number) WHERE boot IS NOT NULL;
CREATE INDEX alarm_by_time ON alarm (at);
CREATE INDEX alarm_of_gate ON alarm (gate, alarm);

-- The run of each gate's controller that was heard last.
CREATE TABLE controller (
    gate TEXT PRIMARY KEY,
    boot INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_outcome (
    id TEXT PRIMARY KEY,
    doc TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE crm_action_type (
    id TEXT PRIMARY KEY,
    doc TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE crm_action (
    id BLOB PRIMARY KEY,
    person INTEGER NOT NULL,
    action_type TEXT NOT NULL,
    operator TEXT NOT NULL,
    status TEXT NOT NULL,
    due_on TEXT,
    valid_until INTEGER,
    show_limit INTEGER,
    doc TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX crm_action_by_person ON crm_action (person, status);
CREATE TRIGGER crm_actions_cannot_be_deleted BEFORE DELETE ON crm_action
WHEN EXISTS (SELECT 1 FROM person WHERE id = OLD.person) BEGIN
    SELECT RAISE(ABORT, 'CRM actions cannot be deleted; they go only with their person');
END;
CREATE TABLE crm_shown (
    action BLOB NOT NULL,
    at INTEGER NOT NULL,
    passage BLOB NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (action, at, passage)
) STRICT, WITHOUT ROWID;

CREATE TABLE class_product (
    id TEXT PRIMARY KEY,
    mywellness_id TEXT,
    doc TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE class (
    id TEXT PRIMARY KEY,
    product TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    doc TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX class_by_start ON class (starts_at, id);
-- A booking repeats the start of its class, so that a gate finds those of the day in one range.
CREATE TABLE booking (
    class TEXT NOT NULL,
    person INTEGER NOT NULL,
    starts_at INTEGER NOT NULL,
    status TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (class, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX booking_by_person ON booking (person, starts_at);
-- When the newest news of Mywellness on a booking happened, or on the class itself (person 0): older news, overtaken on
-- the way, changes nothing.
CREATE TABLE class_news (
    class TEXT NOT NULL,
    person INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (class, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX class_news_by_person ON class_news (person) WHERE person <> 0;
CREATE TABLE attendance (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    class TEXT NOT NULL,
    person INTEGER,
    operator TEXT,
    passage BLOB,
    withdrawn_at INTEGER, -- a mistaken tick that was taken back; it stays on record
    doc TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX ticked_off_once ON attendance (class, person) WHERE person IS NOT NULL AND withdrawn_at IS NULL;
CREATE INDEX attendance_by_class ON attendance (class, row);
CREATE INDEX attendance_by_person ON attendance (person) WHERE person IS NOT NULL;

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lane TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    person INTEGER,
    state TEXT NOT NULL,
    held_for TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0, -- tries that failed at this very row
    lost_answer INTEGER NOT NULL DEFAULT 0, -- 1: an answer was lost; 2: and the row was sent again after that
    last_error TEXT,
    written_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    CHECK ((held_for IS NOT NULL) = (state = 'held'))
) STRICT;
-- Every row is in the one index of its kind of state: a lane reads what waits as one range, however many rows are
-- delivered, and its numbers are counted in the indexes alone. Counting by triggers cost more than the rows themselves,
-- and so did lists (`state IN (…)`) in these conditions: SQLite fills a table for each, every time.
CREATE INDEX outbox_waiting ON outbox (lane, id) WHERE (state = 'pending' OR state = 'in_flight' OR state = 'unsure');
CREATE INDEX outbox_in_flight ON outbox (lane, id) WHERE state = 'in_flight';
CREATE INDEX outbox_sent ON outbox (lane, id) WHERE state = 'sent';
CREATE INDEX outbox_held ON outbox (lane, id) WHERE state = 'held';
CREATE INDEX outbox_parked ON outbox (lane, id) WHERE state = 'parked';
CREATE INDEX outbox_delivered ON outbox (lane, changed_at) WHERE state = 'delivered';
CREATE INDEX outbox_given_up ON outbox (lane, changed_at) WHERE (state = 'suppressed' OR state = 'discarded' OR state = 'erased');
CREATE INDEX outbox_by_person ON outbox (person) WHERE person IS NOT NULL;
CREATE INDEX outbox_by_key ON outbox (key) WHERE body <> '';
-- Who made the agent do something by hand, why and when.
CREATE TABLE operator_command (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    operator TEXT,
    command TEXT NOT NULL,
    subject TEXT NOT NULL,
    reason TEXT
) STRICT;

-- What was answered to the central system's commands, under a hash of each one's source and id.
CREATE TABLE answer (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    command BLOB NOT NULL UNIQUE,
    person INTEGER,
    answer TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX answer_by_person ON answer (person) WHERE person IS NOT NULL;

CREATE TABLE token (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

-- Salted hashes of erased external ids. The salt differs in every store, so that no list of hashes made elsewhere fits.
CREATE TABLE tombstone (
    hash BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE TABLE tombstone_salt (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    salt BLOB NOT NULL
) STRICT;
INSERT INTO tombstone_salt (only, salt) VALUES (1, randomblob(32));

CREATE TABLE link (
    person INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL UNIQUE,
    facility_user_id TEXT NOT NULL UNIQUE,
    permanent_token TEXT,
    linked_at INTEGER NOT NULL
) STRICT;
CREATE INDEX link_by_token ON link (permanent_token) WHERE permanent_token IS NOT NULL;

-- How each person stands with Mywellness; there from the person's first put, whether or not the club uses it.
CREATE TABLE integration (
    person INTEGER PRIMARY KEY,
    state TEXT NOT NULL,
    cause TEXT,
    reason TEXT,
    since INTEGER NOT NULL,
    approval TEXT NOT NULL DEFAULT 'none',
    complete INTEGER NOT NULL DEFAULT 0, -- 1: everything is to be told anew
    due INTEGER NOT NULL DEFAULT 0 -- 1: to be planned; 2: planned, with marks in the outbox; 3: and those keep failing
) STRICT;
CREATE INDEX integration_by_state ON integration (state, person);
CREATE INDEX integration_by_cause ON integration (cause, person) WHERE cause IS NOT NULL;
CREATE INDEX integration_due ON integration (person) WHERE due = 1;
CREATE INDEX integration_planned ON integration (person) WHERE due = 2;
CREATE INDEX integration_set_aside ON integration (person) WHERE due = 3;
CREATE TABLE integration_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    person INTEGER NOT NULL,
    at INTEGER NOT NULL,
    what TEXT NOT NULL,
    outcome TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    operator TEXT
) STRICT;
CREATE INDEX integration_event_by_person ON integration_event (person, id);
CREATE INDEX integration_event_by_time ON integration_event (at, outcome);
-- What Mywellness acknowledged last, kind by kind.
CREATE TABLE told (
    person INTEGER NOT NULL,
    kind TEXT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (person, kind)
) STRICT, WITHOUT ROWID;
CREATE TABLE candidate (
    person INTEGER NOT NULL,
    facility_user_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    email TEXT,
    PRIMARY KEY (person, facility_user_id)
) STRICT, WITHOUT ROWID;
-- The digest of the configured rules by which everybody was last looked at.
CREATE TABLE planned_by (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    rules BLOB NOT NULL
) STRICT;
CREATE TABLE comparison (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    at INTEGER NOT NULL,
    compared INTEGER NOT NULL,
    differing INTEGER NOT NULL
) STRICT;

CREATE TABLE gate_mode (
    gate TEXT PRIMARY KEY,
    mode TEXT NOT NULL,
    operator TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
