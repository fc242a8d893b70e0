-- A held run that was canceled because its task's next run takes its place ends with that reason.
ALTER TABLE lease ADD COLUMN superseded boolean NOT NULL DEFAULT false;
