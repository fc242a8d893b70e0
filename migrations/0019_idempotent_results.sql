-- What a call answered, where the object that it was about does not tell: a repetition answers the same.
ALTER TABLE idempotency ADD COLUMN result jsonb;
