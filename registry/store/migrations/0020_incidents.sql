-- What was found broken and stays open until somebody closes it: for now, that a stored decision does not replay.
create table incident (
  incident_id uuid primary key default gen_random_uuid(),
  site_id     text not null references site,
  kind        text not null check (kind in ('replay-failed')),
  -- One trouble, however many windows show it: of it one incident is open at a time.
  cause       text not null,
  -- Null: the trouble lies in the release, whichever machine shows it.
  asset_ref   integer references asset,
  release_ref integer not null references release,
  -- Score, window, what is stored and what comes out, in which runtime; of the first replay that showed it.
  first_difference jsonb not null,
  state       text not null default 'open' check (state in ('open', 'acknowledged', 'closed')),
  opened_at   timestamptz not null,
  opened_by   text not null,
  last_seen_at timestamptz not null,
  -- Replays that showed it.
  times_seen  integer not null default 1,
  acknowledged_at timestamptz,
  acknowledged_by text,
  acknowledged_comment text,
  closed_at   timestamptz,
  closed_by   text,
  -- What was found.
  closed_comment text,
  check ((state = 'closed') = (closed_at is not null and closed_by is not null and closed_comment is not null)),
  check (state <> 'acknowledged' or (acknowledged_at is not null and acknowledged_by is not null))
);
create unique index one_open_incident on incident (site_id, kind, cause) where state <> 'closed';
create index incident_recent on incident (site_id, opened_at desc, incident_id desc);
call protect('incident', 'select, insert, update');

-- The windows that show it, each once; good_at: when it was replayed last, it came out well.
create table incident_window (
  incident_id uuid not null references incident,
  site_id     text not null references site,
  score_id    bigint not null references score,
  what        text not null,
  failed_at   timestamptz not null,
  good_at     timestamptz,
  primary key (incident_id, score_id)
);
create index incident_window_by_score on incident_window (score_id);
call protect('incident_window', 'select, insert, update');
