-- What its owner calls an API key; NULL: nothing.
ALTER TABLE api_keys ADD COLUMN name TEXT;
