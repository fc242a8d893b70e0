-- A retry tells which run it retries.
ALTER TABLE run ADD COLUMN retry_of uuid;
