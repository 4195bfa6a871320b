-- Windows, scores and decisions. A feature window is claimed once per revision; each release in force scores it.

create table asset_lane (
  site_id        text not null references site,
  asset_ref      integer not null references asset,
  feature_set_ref integer not null references feature_set,
  lane           text not null check (lane in ('live', 'backfill')),
  -- Every window ending at or before this is closed; windows close in order under this row's lock.
  closed_through timestamptz not null,
  -- The newest commit number whose effect on the watermark is in closed_through, and how far each source had come then.
  closed_commit  bigint not null default 0,
  -- The batch the lane began with: it reaches back behind the first whole window, yet nothing was closed before it.
  opened_commit  bigint not null default 0,
  sources        jsonb not null default '{}',
  -- The decision fold's state after the last window of the lane (small JSON).
  fold_state     jsonb not null default '{}',
  primary key (asset_ref, feature_set_ref, lane)
);
call protect('asset_lane', 'select, insert, update');

-- Late readings noted while storing; the revision is made after a quiet period, then the row goes.
create table late_window (
  site_id    text not null references site,
  asset_ref  integer not null references asset,
  feature_set_ref integer not null references feature_set,
  lane       text not null,
  window_end timestamptz not null,
  noted_at   timestamptz not null default now(),
  primary key (asset_ref, feature_set_ref, lane, window_end)
);
call protect('late_window', 'select, insert, update, delete');

-- No foreign keys in the two tables that get a row a window: five checks for each would find nothing. What they name
-- stands in asset_lane, whose row is locked while windows close, and in release; the application may delete neither.
create table feature_window (
  window_id     bigint generated always as identity,
  site_id       text not null,
  asset_ref     integer not null,
  feature_set_ref integer not null,
  window_end    timestamptz not null,
  revision      smallint not null,
  lane          text not null check (lane in ('live', 'backfill')),
  mode          text not null check (mode in ('live', 'backfill', 'simulation')),
  window_start  timestamptz not null,
  -- What was known when the window was computed.
  commit_number bigint not null,
  source_time   timestamptz not null,
  ingest_time   timestamptz not null,
  feature_values double precision[] not null,
  good_fraction real not null,
  trace_id      text not null,
  closed_at     timestamptz not null default now(),
  primary key (asset_ref, feature_set_ref, window_end, revision)
);
create unique index feature_window_by_id on feature_window (window_id);
call protect('feature_window', 'select, insert');
-- No query is planned by what stands inside, and ANALYZE would count every element.
alter table feature_window alter column feature_values set statistics 0;

create table score (
  score_id      bigint generated always as identity primary key,
  site_id       text not null,
  asset_ref     integer not null,
  window_id     bigint not null,
  window_end    timestamptz not null,
  revision      smallint not null,
  lane          text not null,
  release_ref   integer not null,
  role          text not null,
  score         double precision,
  confidence    double precision,
  -- Feature and share, largest first: why the score is what it is.
  contributions jsonb,
  -- Champion only: the fold's state before this window (null = initial) and the decision it made.
  fold_before   jsonb,
  decision      jsonb,
  -- The machine was out of service by plan (ISA-18.2 11.7): the window was scored and decided nothing.
  suppressed    boolean not null default false,
  runtime_digest text not null,
  scored_at     timestamptz not null default now(),
  unique (window_id, release_ref)
);
-- Trends of one asset, back-tests and replays of a release.
create index score_by_asset on score (asset_ref, window_end desc);
call protect('score', 'select, insert');
alter table score alter column contributions set statistics 0, alter column fold_before set statistics 0, alter column decision set statistics 0;

create table drift_report (
  drift_report_id uuid primary key default gen_random_uuid(),
  site_id       text not null references site,
  family_id     text not null,
  release_ref   integer not null references release,
  commit_number bigint not null,
  during        tstzrange not null,
  verdict       text not null check (verdict in ('drift', 'none', 'insufficient_data')),
  features      jsonb not null,
  -- Thresholds in force, rows compared, features that drifted.
  detail        jsonb not null default '{}',
  started_retraining text,
  run_id        text not null,
  created_at    timestamptz not null default now(),
  unique (site_id, run_id)
);
create index drift_recent on drift_report (site_id, family_id, created_at desc);
call protect('drift_report', 'select, insert, update');
