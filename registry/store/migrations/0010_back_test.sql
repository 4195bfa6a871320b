-- Back-tests: what became of one asset's alerts, and when a gate's evidence was frozen.

-- An alert that a raise joined, found by its asset and rule.
create index alert_by_asset on alert (asset_ref, rule_id, raised_at);

alter table gate add column evidence_at timestamptz;

-- Scores packed by asset, model and UTC day: what back-tests read. A copy of what `score` says, made after the fact by the
-- keeper and made anew whenever a day gets more; `score` stays the truth, so these rows may be changed and removed. Bytes are
-- those of int8send and float8send, one after the other: PostgreSQL packs them without a loop of ours, and sends them as they
-- are, which an array costs a call an element.
create table score_chunk (
  site_id           text not null,
  asset_ref         integer not null,
  model_version_ref integer not null,
  day               date not null,
  n                 integer not null,
  t_min             timestamptz not null,
  t_max             timestamptz not null,
  -- The newest commit number that any of its windows was computed from: an earlier as-of read takes the rows instead.
  max_commit        bigint not null,
  -- Window ends: evenly spaced, or micros since 1970 each.
  interval_us       bigint,
  ends              bytea,
  -- NaN where missing.
  scores            bytea not null,
  confidences       bytea not null,
  -- A byte a window; null where the machine was never out of service.
  suppressed        bytea,
  primary key (asset_ref, model_version_ref, day),
  check (num_nulls(interval_us, ends) = 1)
);
call protect('score_chunk', 'select, insert, update, delete');
alter table score_chunk
  alter column ends set storage external, alter column scores set storage external, alter column confidences set storage external, alter column suppressed set storage external,
  alter column ends set statistics 0, alter column scores set statistics 0, alter column confidences set statistics 0, alter column suppressed set statistics 0;

-- Every score of the asset up to this id is in its chunks.
create table score_chunked (
  site_id          text not null,
  asset_ref        integer primary key,
  through_score_id bigint not null
);
call protect('score_chunked', 'select, insert, update, delete');
