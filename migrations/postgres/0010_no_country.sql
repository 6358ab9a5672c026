-- Networks that belong to no country are 001 from now on.
UPDATE ledger SET country = '001' WHERE country = 'ZZ';
UPDATE tallies SET country = '001' WHERE country = 'ZZ';
UPDATE rollups SET country = '001' WHERE country = 'ZZ';
UPDATE rollup_times SET country = '001' WHERE country = 'ZZ';
