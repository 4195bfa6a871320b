-- What stands with a score is written once a window, read whole, and searched by nobody: kept as the text it was told in,
-- it costs the database half of what taking it apart did. Writes the table anew: half a minute a million scores.
alter table score
  alter column contributions type json using contributions::json,
  alter column fold_before type json using fold_before::json,
  alter column decision type json using decision::json;
