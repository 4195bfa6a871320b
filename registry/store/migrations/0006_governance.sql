-- Gates, their decisions, and the ledger of what was in force, who allowed it, on what evidence.

create table gate (
  gate_id          uuid primary key default gen_random_uuid(),
  site_id          text not null references site,
  family_id        text not null,
  kind             text not null check (kind in ('promote-model', 'approve-policy')),
  release_ref      integer not null references release,
  role             text not null,
  scope_kind       text not null,
  scope_id         text not null,
  -- What it would replace: if that changes meanwhile, the gate is void.
  replaces_release_ref integer references release,
  rules            jsonb not null,
  evidence         jsonb,
  evidence_digest  text,
  evidence_commit  bigint,
  state            text not null default 'collecting'
                   check (state in ('collecting', 'open', 'approved', 'rejected', 'expired', 'withdrawn', 'voided')),
  reason           text not null,
  requested_by     text not null,
  author_id        text not null,
  -- Everybody who made a part of what is proposed: none of them may approve it.
  authors          text[] not null,
  requested_at     timestamptz not null default now(),
  expires_at       timestamptz not null,
  closed_at        timestamptz,
  closed_because   text,
  workflow_id      text not null unique
);
create unique index one_open_gate_per_release on gate (site_id, release_ref, role, scope_kind, scope_id) where state in ('collecting', 'open');
create index gate_open on gate (site_id, state, requested_at);
call protect('gate', 'select, insert, update');

alter table assignment add foreign key (gate_id) references gate;

create table gate_decision (
  gate_decision_id bigint generated always as identity primary key,
  site_id         text not null references site,
  gate_id         uuid not null references gate,
  actor_id        text not null,
  actor_roles     text[] not null,
  verdict         text not null check (verdict in ('approve', 'reject')),
  evidence_digest text not null,
  comment         text not null default '',
  decided_at      timestamptz not null default now(),
  unique (gate_id, actor_id)
);
call protect('gate_decision', 'select, insert');
call append_only('gate_decision');

-- Written in the transaction of the verb; numbered and chained afterwards by the one sealer, so that no verb waits.
create table ledger_entry (
  entry_id    bigint generated always as identity primary key,
  site_id     text not null references site,
  recorded_at timestamptz not null default now(),
  kind        text not null,
  subject     text not null,
  actor_id    text not null,
  -- Canonical JSON (RFC 8785): the exact text that is hashed.
  body        text not null
);
create index ledger_by_subject on ledger_entry (site_id, subject, entry_id);
call protect('ledger_entry', 'select, insert');
call append_only('ledger_entry');

create table ledger_seal (
  site_id       text not null references site,
  sequence      bigint not null,
  entry_id      bigint not null unique references ledger_entry,
  previous_hash text not null,
  hash          text not null,
  sealed_at     timestamptz not null default now(),
  primary key (site_id, sequence)
);
call protect('ledger_seal', 'select, insert');
call append_only('ledger_seal');
