-- The API key (or the user) that made it; NULL: the command line, or before this was recorded.
ALTER TABLE api_keys ADD COLUMN made_by UUID;
ALTER TABLE webhooks ADD COLUMN made_by UUID;
