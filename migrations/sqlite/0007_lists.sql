-- Lists that are asked for by project, end, provider or kind find their rows without reading those between.
CREATE INDEX verifications_project ON verifications (project_id, id);
-- Most verifications are approved; those that ended otherwise are few, and looked for.
CREATE INDEX verifications_ended ON verifications (status, id) WHERE status NOT IN ('approved', 'pending');
CREATE INDEX verifications_project_ended ON verifications (project_id, status, id) WHERE status NOT IN ('approved', 'pending');
CREATE INDEX ledger_project ON ledger (project_id, at, id);
CREATE INDEX ledger_provider ON ledger (provider, at, id);
-- Top-ups and adjustments.
CREATE INDEX ledger_by_hand ON ledger (at, id) WHERE attempt_id IS NULL;

-- Sums are kept for more times than before: what was summed is summed anew at the next start.
UPDATE meta SET value = 'new' WHERE name = 'rollups' AND EXISTS (SELECT 1 FROM rollups);
