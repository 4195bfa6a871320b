-- Updates of the gateways' program on their way over a site, stage after stage.

create table gateway_update (
  update_id   uuid primary key default gen_random_uuid(),
  site_id     text not null references site,
  version     text not null,
  -- What a gateway says that it runs when it has it: version and digest.
  program     text not null,
  -- The file, which gateways fetch by its digest.
  file_digest text not null,
  file_bytes  bigint not null,
  file_key    text not null,
  state       text not null check (state in ('running', 'completed', 'stopped', 'failed')),
  stage       integer not null,
  stage_since timestamptz not null,
  settle_seconds integer not null,
  within_seconds integer not null,
  reason      text not null,
  started_by  text not null,
  started_at  timestamptz not null,
  ended_at    timestamptz,
  ended_by    text,
  ended_because text,
  check ((state = 'running') = (ended_at is null))
);
create unique index one_running_gateway_update on gateway_update (site_id) where state = 'running';
create index gateway_update_recent on gateway_update (site_id, started_at desc, update_id);
call protect('gateway_update', 'select, insert, update');

create table gateway_update_target (
  update_id  uuid not null references gateway_update,
  site_id    text not null references site,
  gateway_id text not null,
  stage      integer not null,
  state      text not null check (state in ('waiting', 'ordered', 'well', 'done', 'failed')),
  command_id uuid references gateway_command,
  ordered_at timestamptz,
  well_since timestamptz,
  detail     text,
  primary key (update_id, gateway_id),
  foreign key (site_id, gateway_id) references gateway
);
call protect('gateway_update_target', 'select, insert, update');

alter table gateway_command
  drop constraint gateway_command_kind,
  add constraint gateway_command_kind check (kind in ('recall', 'install-bundle', 'acknowledge', 'update'));
