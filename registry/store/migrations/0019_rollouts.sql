-- How a release comes into force step by step: shadow, canary, champion, watched by guards.

-- The plan a gate was asked with; null: at once.
alter table gate add column rollout jsonb;

-- A canary's machines: the scope of an assignment, narrower than a line and wider than one asset. Named by its rollout.
alter table assignment drop constraint assignment_scope_kind_check;
alter table assignment add constraint assignment_scope_kind_check check (scope_kind in ('family', 'line', 'asset', 'slice'));

create table rollout (
  rollout_id  uuid primary key references gate,
  site_id     text not null references site,
  family_id   text not null,
  release_ref integer not null references release,
  -- The champion it begins beside and goes back to; null: there was none.
  former_release_ref integer references release,
  scope_kind  text not null,
  scope_id    text not null,
  plan        jsonb not null,
  stage       text not null check (stage in ('shadow', 'canary', 'champion')),
  state       text not null check (state in ('running', 'completed', 'stopped', 'rolled-back', 'superseded')),
  started_at  timestamptz not null,
  stage_since timestamptz not null,
  -- Where the store stood when the stage began: what it is judged by came after.
  stage_after_score  bigint not null,
  stage_after_window timestamptz not null,
  ready_at    timestamptz,
  ended_at    timestamptz,
  ended_by    text,
  ended_because text,
  -- Makes a stop idempotent within the site.
  stop_request text,
  check ((state = 'running') = (ended_at is null)),
  unique (site_id, stop_request)
);
create unique index one_running_rollout on rollout (site_id, family_id) where state = 'running';
create index rollout_recent on rollout (site_id, started_at desc);
call protect('rollout', 'select, insert, update');

create table slice_asset (
  slice_id text not null,
  site_id  text not null references site,
  asset_id text not null,
  primary key (slice_id, asset_id)
);
call protect('slice_asset', 'select, insert');
call append_only('slice_asset');

-- What the guards saw, at most some hundred times a stage: a later look in the same part of it takes the former's place.
create table rollout_check (
  rollout_id uuid not null references rollout,
  site_id    text not null references site,
  stage      text not null,
  part       integer not null,
  checked_at timestamptz not null,
  windows    integer not null,
  readings   jsonb not null,
  primary key (rollout_id, stage, part)
);
call protect('rollout_check', 'select, insert, update');
