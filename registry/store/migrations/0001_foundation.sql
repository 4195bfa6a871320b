-- Sites, people, keys, audit, idempotency, and the two guards every later table uses: protect() and append_only().
-- Migrations run as the owner; the application connects with role twinward_app, which owns nothing.

create extension if not exists btree_gist;

-- The site a transaction acts for, set by the store with set_config(..., true). Unset means: nothing is visible.
-- '*' is for the platform's own loops (dispatcher, sealer, relay), which serve all sites.
create function site_visible(row_site text) returns boolean
language sql stable parallel safe
as $$ select coalesce(current_setting('twinward.site', true), '') in ('*', row_site) or (row_site = '_fleet' and coalesce(current_setting('twinward.site', true), '') <> '') $$;

create function site_writable(row_site text) returns boolean
language sql stable parallel safe
as $$ select coalesce(current_setting('twinward.site', true), '') in ('*', row_site) $$;

-- Row-level security and least privilege for one table. The owner only migrates; everything that serves runs as twinward_app.
create procedure protect(target regclass, privileges text)
language plpgsql as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('create policy by_site_read on %s for select to twinward_app using (site_visible(site_id))', target);
  execute format('create policy by_site_insert on %s for insert to twinward_app with check (site_writable(site_id))', target);
  execute format('create policy by_site_update on %s for update to twinward_app using (site_writable(site_id)) with check (site_writable(site_id))', target);
  execute format('create policy by_site_delete on %s for delete to twinward_app using (site_writable(site_id))', target);
  execute format('revoke all on %s from public', target);
  execute format('grant %s on %s to twinward_app', privileges, target);
end $$;

-- Rows that may never change, whoever asks: a second lock behind the missing privilege.
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'rows of % are append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;

create procedure append_only(target regclass)
language plpgsql as $$
begin
  execute format('create trigger refuse_row_change before update or delete on %s for each row execute function refuse_change()', target);
  execute format('create trigger refuse_truncate before truncate on %s for each statement execute function refuse_change()', target);
end $$;

create table site (
  site_id     text primary key check (site_id ~ '^[a-z0-9_][a-z0-9._-]{0,62}$'),
  name        text not null,
  time_zone   text not null default 'UTC',
  kind        text not null default 'plant' check (kind in ('plant', 'simulation', 'fleet')),
  settings    jsonb not null default '{}',
  -- The newest commit number. Taken last in a transaction and held to its end, so that numbers appear in order.
  last_commit bigint not null default 0,
  created_at  timestamptz not null default now()
);
call protect('site', 'select, insert, update');
insert into site (site_id, name, kind) values ('_fleet', 'Whole fleet', 'fleet');

create table actor (
  site_id    text not null references site,
  actor_id   text not null,
  name       text not null,
  kind       text not null default 'person' check (kind in ('person', 'service')),
  roles      text[] not null default '{}'
             check (roles <@ array['viewer', 'integrator', 'operator', 'ml-engineer', 'reliability-engineer', 'admin']),
  disabled_at timestamptz,
  created_at timestamptz not null default now(),
  primary key (site_id, actor_id)
);
call protect('actor', 'select, insert, update');

-- Keys are 256 random bits; a plain SHA-256 is enough, since there is nothing to guess. site_id '_fleet' = every site.
create table api_key (
  key_id     uuid primary key default gen_random_uuid(),
  site_id    text not null references site,
  actor_id   text not null,
  hash       bytea not null unique,
  label      text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  foreign key (site_id, actor_id) references actor
);
call protect('api_key', 'select, insert, update');

create table audit_entry (
  audit_id    bigint generated always as identity primary key,
  site_id     text not null references site,
  at          timestamptz not null default now(),
  actor_id    text not null,
  verb        text not null,
  subject     text not null,
  detail      jsonb not null default '{}',
  trace_id    text
);
create index audit_by_subject on audit_entry (site_id, subject, audit_id);
call protect('audit_entry', 'select, insert');
call append_only('audit_entry');

-- The stored answer of a POST with an Idempotency-Key; kept a day.
create table idempotency_record (
  site_id        text not null references site,
  actor_id       text not null,
  key            text not null,
  request_digest text not null,
  status         integer,
  response       jsonb,
  created_at     timestamptz not null default now(),
  primary key (site_id, actor_id, key)
);
create index idempotency_by_age on idempotency_record (created_at);
call protect('idempotency_record', 'select, insert, update, delete');

-- Events leave only from here, in the transaction that made them true.
create table outbox (
  outbox_id       bigint generated always as identity primary key,
  site_id         text not null references site,
  channel         text not null check (channel in ('bus', 'webhook', 'workflow')),
  kind            text not null,
  target          text,
  payload         jsonb not null,
  dedupe_key      text,
  created_at      timestamptz not null default now(),
  attempts        integer not null default 0,
  next_attempt_at timestamptz not null default now(),
  dispatched_at   timestamptz,
  dead_at         timestamptz,
  last_error      text,
  unique (site_id, channel, dedupe_key)
);
create index outbox_due on outbox (next_attempt_at, outbox_id) where dispatched_at is null and dead_at is null;
call protect('outbox', 'select, insert, update, delete');

create table webhook (
  webhook_id  uuid primary key default gen_random_uuid(),
  site_id     text not null references site,
  url         text not null,
  events      text[] not null,
  -- Signs the body (HMAC-SHA-256); shown once when made.
  secret      text not null,
  created_by  text not null,
  created_at  timestamptz not null default now(),
  disabled_at timestamptz
);
call protect('webhook', 'select, insert, update');

-- What people asked the platform to do; the reconciler restarts the workflows of rows that are not ended.
create table operation (
  operation_id uuid primary key default gen_random_uuid(),
  site_id      text not null references site,
  kind         text not null,
  workflow_id  text not null unique,
  request      jsonb not null,
  state        text not null default 'pending' check (state in ('pending', 'running', 'succeeded', 'failed', 'cancelled')),
  progress     jsonb not null default '{}',
  result       jsonb,
  error        jsonb,
  cancel_requested_at timestamptz,
  requested_by text not null,
  created_at   timestamptz not null default now(),
  updated_at   timestamptz not null default now(),
  ended_at     timestamptz
);
create index operation_open on operation (site_id, kind) where ended_at is null;
create index operation_recent on operation (site_id, created_at desc);
call protect('operation', 'select, insert, update');
