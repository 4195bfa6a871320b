-- Who takes OpenLineage gets the bare run event, and may ask to be shown a token.
alter table webhook
  add column format text not null default 'event' check (format in ('event', 'openlineage')),
  add column bearer text;
