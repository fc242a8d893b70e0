-- What verify holds the ledger against: with which nominal time the times of a version begin, as it was decided
-- when the version was made (NULL: with none, or nobody wrote it down), and since when stored times follow the
-- release of the time zones that is on record.
ALTER TABLE task_version ADD COLUMN first_at timestamptz;
ALTER TABLE fact ADD COLUMN at timestamptz NOT NULL DEFAULT clock_timestamp();
