-- Rescoring: stored windows judged anew, as further revisions beside what was decided then.

-- Long work that may wait; kinds that can say so themselves.
alter table operation add column paused_at timestamptz, add column paused_by text;

create table rescore (
  rescore_ref  integer generated always as identity primary key,
  site_id      text not null references site,
  operation_id uuid not null unique references operation,
  -- { family, line, assets }, as far as it was narrowed.
  scope        jsonb not null,
  -- Ends of windows, (after_end, through_end].
  after_end    timestamptz not null,
  through_end  timestamptz not null check (through_end > after_end),
  -- Named by whoever asked; null: for each machine what was in force when it was asked for.
  release_ref  integer references release,
  reason       text not null,
  requested_by text not null,
  -- The roll back that it follows.
  assignment_id uuid references assignment,
  request_id   text not null,
  asked_at     timestamptz not null default now(),
  -- The same request is the same rescore.
  unique (site_id, request_id)
);
call protect('rescore', 'select, insert');
call append_only('rescore');

-- One machine of it. Its row's lock is the right to go on with it: a slice of windows and how far it came are one transaction.
create table rescore_part (
  rescore_ref  integer not null references rescore,
  site_id      text not null references site,
  asset_ref    integer not null references asset,
  release_ref  integer not null references release,
  -- Windows that end here or earlier are done.
  done_through timestamptz not null,
  -- Windows there are to look at (null: not counted yet), looked at, and written.
  windows      integer,
  looked_at    integer not null default 0,
  written      integer not null default 0,
  -- Where the rules stand, by lane: what the next window goes on from.
  fold         jsonb not null default '{}',
  ended        boolean not null default false,
  primary key (rescore_ref, asset_ref)
);
create index rescore_part_open on rescore_part (rescore_ref, asset_ref) where not ended;
call protect('rescore_part', 'select, insert, update');

-- Which rescore wrote a revision; null: it was closed, or came of late readings.
alter table feature_window add column rescore_ref integer;
alter table score add column rescore_ref integer;
