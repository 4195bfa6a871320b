-- Gateways that judge by releases of the platform: what judges there, what they are told, what came of it.

alter table gateway_report add column judging jsonb;

-- Orders of other kinds than recalls carry what they need as a document.
alter table gateway_command
  add column body jsonb not null default '{}',
  -- What the gateway is not told: what it is for, and where a file lies that it names.
  add column about jsonb not null default '{}',
  alter column tags drop not null, alter column from_at drop not null, alter column to_at drop not null,
  drop constraint gateway_command_kind_check,
  add constraint gateway_command_kind check (kind in ('recall', 'install-bundle', 'acknowledge')),
  add constraint gateway_command_recall check (kind <> 'recall' or (tags is not null and from_at is not null and to_at is not null));

alter table local_alarm
  -- What the release judged; null: a rule of the site file raised it.
  add column judgement jsonb,
  -- The platform's own episode of it.
  add column alert_id uuid references alert,
  -- When receivers were told of it, because the platform had not come to it yet.
  add column told_at timestamptz;
-- Those that the platform has not come to.
create index local_alarm_unmatched on local_alarm (site_id, asset_id, rule) where judgement is not null and alert_id is null;
create index local_alarm_by_alert on local_alarm (alert_id) where alert_id is not null;

-- Windows judged at a gateway, held against the platform's: how many, and where they first differed. One row a machine and bundle.
create table local_judgement (
  site_id        text not null references site,
  gateway_id     text not null,
  asset_id       text not null,
  release_digest text not null,
  release_id     text not null,
  issue          bigint not null,
  -- Agreeing; differing; judged by another release on the platform; not judged there at all.
  agreeing       bigint not null default 0,
  differing      bigint not null default 0,
  other_release  bigint not null default 0,
  absent         bigint not null default 0,
  first_end      timestamptz not null,
  last_end       timestamptz not null,
  -- Largest difference of a score, relative to it.
  largest        double precision not null default 0,
  -- The window, what differed, both figures.
  first_difference jsonb,
  compared_at    timestamptz not null,
  primary key (site_id, gateway_id, asset_id, release_digest, issue),
  foreign key (site_id, gateway_id) references gateway
);
call protect('local_judgement', 'select, insert, update');
