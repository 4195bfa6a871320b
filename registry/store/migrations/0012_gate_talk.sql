-- Gates that people talk at: changes asked for, comments, reviewers; decisions for another, alone in an emergency, and in its
-- review; escalation. Gates of before have no part in any of it, and their rules read with the defaults.

-- Who the decision was for, where it was delegated, and at which point of the gate's life it was taken.
alter table gate_decision add column on_behalf_of text;
alter table gate_decision add column stage text not null default 'decision' check (stage in ('decision', 'emergency', 'review'));
alter table gate_decision drop constraint gate_decision_gate_id_actor_id_key;
create unique index one_decision_per_person on gate_decision (gate_id, actor_id, stage);

-- Only of what was approved in an emergency.
alter table gate add column review_state text check (review_state in ('due', 'confirmed', 'rejected'));
alter table gate add column review_due_at timestamptz;
alter table gate add column review_ended_at timestamptz;
alter table gate add column review_because text;
-- How far it was escalated, and how often its review was told of as overdue: each step once.
alter table gate add column escalation_level integer not null default 0;
alter table gate add column overdue_level integer not null default 0;
create index gate_review_due on gate (site_id, review_due_at) where review_state = 'due';

create table gate_message (
  gate_message_id bigint generated always as identity primary key,
  site_id         text not null references site,
  gate_id         uuid not null references gate,
  kind            text not null check (kind in ('comment', 'changes-asked', 'answer')),
  actor_id        text not null,
  on_behalf_of    text,
  body            text not null,
  written_at      timestamptz not null
);
create index gate_message_by_gate on gate_message (gate_id, gate_message_id);
call protect('gate_message', 'select, insert');
call append_only('gate_message');

create table gate_reviewer (
  gate_id   uuid not null references gate,
  site_id   text not null references site,
  actor_id  text not null,
  -- Their approval is wanted beside those of the rules; never taken back.
  required  boolean not null,
  added_by  text not null,
  added_at  timestamptz not null,
  primary key (gate_id, actor_id)
);
call protect('gate_reviewer', 'select, insert, update');

-- Who decides at gates for whom, until when.
create table delegation (
  delegation_id uuid primary key,
  site_id       text not null references site,
  -- Null: every family of the site.
  family_id     text,
  delegator_id  text not null,
  delegate_id   text not null,
  reason        text not null,
  made_at       timestamptz not null,
  ends_at       timestamptz not null,
  revoked_at    timestamptz,
  revoked_by    text,
  check (delegator_id <> delegate_id),
  check (ends_at > made_at)
);
create index delegation_to on delegation (site_id, delegate_id, ends_at);
create index delegation_recent on delegation (site_id, made_at, delegation_id);
call protect('delegation', 'select, insert, update');
