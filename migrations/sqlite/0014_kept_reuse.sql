-- A dialect finds the verification of a number, also one that has failed or is locked. Few rows are: ten million take seconds.
CREATE INDEX verifications_kept_reuse ON verifications (reuse_key) WHERE status IN ('failed', 'locked');
