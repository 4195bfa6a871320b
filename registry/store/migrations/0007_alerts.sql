-- Alert episodes: one lifecycle per asset and rule, not one row per sample (ISA-18.2 states).

create table alert (
  alert_id       uuid primary key default gen_random_uuid(),
  site_id        text not null references site,
  asset_ref      integer not null references asset,
  rule_id        text not null,
  -- active / returned-to-normal is the process side; acknowledged the people side.
  state          text not null default 'unacknowledged'
                 check (state in ('unacknowledged', 'acknowledged', 'returned-unacknowledged', 'closed')),
  severity       text not null check (severity in ('low', 'medium', 'high', 'urgent')),
  failure_mode   text,
  recommended_action text not null,
  release_ref    integer not null references release,
  -- The score whose decision raised it: the root of its lineage.
  raised_score_id bigint not null references score,
  raised_at      timestamptz not null,
  cleared_at     timestamptz,
  -- Wall clock of the same return to normal: automatic closing counts from here.
  returned_at    timestamptz,
  pages          boolean not null,
  -- Deadlines and escalation steps as the policy said when it was raised; they count, in wall time, from called_at.
  routing        jsonb not null,
  called_at      timestamptz not null,
  overdue_at     timestamptz,
  close_after_s  integer not null default 3600,
  created_at     timestamptz not null default now(),
  acknowledge_by timestamptz,
  acknowledged_at timestamptz,
  acknowledged_by text,
  escalation_level integer not null default 0,
  shelved_until  timestamptz,
  closed_at      timestamptz,
  workflow_id    text not null unique,
  unique (raised_score_id, rule_id)
);
-- A second raise of the same rule joins the open episode.
create unique index one_open_alert on alert (asset_ref, rule_id) where state <> 'closed';
create index alert_recent on alert (site_id, created_at desc);
call protect('alert', 'select, insert, update');

create table alert_event (
  alert_event_id bigint generated always as identity primary key,
  site_id   text not null references site,
  alert_id  uuid not null references alert,
  kind      text not null,
  actor_id  text not null,
  detail    jsonb not null default '{}',
  at        timestamptz not null default now()
);
create index alert_event_by_alert on alert_event (alert_id, alert_event_id);
call protect('alert_event', 'select, insert');
call append_only('alert_event');

create table work_order (
  work_order_id uuid primary key default gen_random_uuid(),
  site_id     text not null references site,
  number      text not null,
  alert_id    uuid references alert,
  asset_ref   integer not null references asset,
  title       text not null,
  state       text not null default 'open' check (state in ('open', 'in-progress', 'done', 'cancelled')),
  created_by  text not null,
  created_at  timestamptz not null default now(),
  closed_at   timestamptz,
  unique (site_id, number),
  unique (alert_id)
);
call protect('work_order', 'select, insert, update');

-- What was found: becomes a label once reviewed.
create table feedback (
  feedback_id uuid primary key default gen_random_uuid(),
  site_id     text not null references site,
  alert_id    uuid not null references alert,
  verdict     text not null check (verdict in ('confirmed', 'false-alarm', 'unclear')),
  failure_mode text,
  note        text not null default '',
  given_by    text not null,
  given_at    timestamptz not null default now(),
  unique (alert_id, given_by)
);
call protect('feedback', 'select, insert');

create table label (
  label_id    uuid primary key default gen_random_uuid(),
  site_id     text not null references site,
  asset_ref   integer not null references asset,
  during      tstzrange not null,
  value       text not null check (value in ('normal', 'faulty')),
  failure_mode text,
  source_kind text not null check (source_kind in ('feedback', 'maintenance', 'import')),
  source_id   text not null,
  state       text not null default 'proposed' check (state in ('proposed', 'accepted', 'rejected')),
  reviewed_by text,
  reviewed_at timestamptz,
  created_at  timestamptz not null default now(),
  unique (site_id, source_kind, source_id)
);
create index label_by_asset on label (asset_ref, lower(during));
call protect('label', 'select, insert, update');
