-- What gateways tell beside their batches: how they are, what is missing and why, by which maps they read, what became of
-- the platform's orders. And what a tag's readings are held against beside its range.

-- The newest report of each gateway. Apart from `gateway`, whose row the landing of batches locks.
create table gateway_report (
  site_id     text not null references site,
  gateway_id  text not null,
  epoch       text not null,
  version     text not null,
  started_at  timestamptz not null,
  -- By the gateway's clock, and by ours.
  sent_at     timestamptz not null,
  reported_at timestamptz not null,
  status      jsonb not null,
  primary key (site_id, gateway_id),
  foreign key (site_id, gateway_id) references gateway
);
call protect('gateway_report', 'select, insert, update');

-- The same id with a higher revision is the same gap, further on. cause is text: a newer gateway may know causes that we do not.
create table gap (
  site_id           text not null references site,
  gateway_id        text not null,
  gap_id            text not null,
  revision          bigint not null,
  cause             text not null,
  -- Null: all that the source reads, or the whole gateway. By key, since a gateway may name a tag before it is imported.
  tag_key           text,
  source            text,
  from_at           timestamptz not null,
  -- Null while it goes on.
  to_at             timestamptz,
  lost              bigint,
  detail            text,
  first_reported_at timestamptz not null,
  last_reported_at  timestamptz not null,
  primary key (site_id, gateway_id, gap_id),
  foreign key (site_id, gateway_id) references gateway
);
-- The ledger newest first; a twin's tags (tag_key null: what befell whole gateways); what goes on, of a gateway.
create index gap_recent on gap (site_id, from_at desc);
create index gap_by_tag on gap (site_id, tag_key, from_at desc);
create index gap_open on gap (site_id, gateway_id) where to_at is null;
call protect('gap', 'select, insert, update');

-- The same two ways into what the platform itself set aside.
create index quarantine_by_time on quarantine (site_id, coalesce(first_time, at) desc);
create index quarantine_by_tag on quarantine (site_id, tag_key, coalesce(first_time, at) desc);

-- The gap ledger: what gateways told, and what the platform set aside, which needs no copy. What gateways tell of rows that
-- were set aside is left out: they know it from the platform, and less exactly.
create view gap_entry with (security_invoker = true) as
select site_id, gateway_id, gap_id as entry_id, revision, cause, tag_key, source, from_at, to_at, lost, detail, first_reported_at, last_reported_at
from gap where cause <> 'quarantined'
union all
select site_id, gateway_id, 'quarantine-' || quarantine_id, 1, 'quarantined', tag_key, null, coalesce(first_time, at), coalesce(last_time, at),
       row_count, code || ': ' || reason, at, at
from quarantine;
grant select on gap_entry to twinward_app;

-- The tag maps a gateway reads by, under the digest that its batches carry.
create table gateway_mapping (
  site_id       text not null references site,
  gateway_id    text not null,
  digest        text not null,
  document      jsonb not null,
  first_seen_at timestamptz not null,
  primary key (site_id, gateway_id, digest),
  foreign key (site_id, gateway_id) references gateway
);
call protect('gateway_mapping', 'select, insert');

-- Orders to a gateway, given in every reply until the gateway says that it is done with them.
create table gateway_command (
  command_id   uuid primary key default gen_random_uuid(),
  site_id      text not null references site,
  gateway_id   text not null,
  kind         text not null check (kind in ('recall')),
  tags         text[] not null,
  from_at      timestamptz not null,
  -- Exclusive, as everywhere here.
  to_at        timestamptz not null,
  state        text not null default 'pending' check (state in ('pending', 'accepted', 'done', 'refused')),
  row_count    bigint not null default 0,
  detail       text,
  requested_by text not null,
  requested_at timestamptz not null,
  updated_at   timestamptz not null,
  foreign key (site_id, gateway_id) references gateway
);
-- What goes into a reply, and the list of a gateway's orders.
create index gateway_command_open on gateway_command (site_id, gateway_id, requested_at) where state in ('pending', 'accepted');
create index gateway_command_recent on gateway_command (site_id, gateway_id, requested_at, command_id);
call protect('gateway_command', 'select, insert, update');

alter table tag_version add column checks jsonb;
