-- Verifications whose code the host made and has said nothing of: whether it was entered is not known.
ALTER TABLE rollups ADD COLUMN verifications_unchecked BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN attempts_unchecked BIGINT NOT NULL DEFAULT 0;
