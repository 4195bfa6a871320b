-- Who must approve what, and who owns a family, in numbered versions: another one comes into force through a gate only.

create table governance_version (
  site_id       text not null references site,
  family_id     text not null,
  version       integer not null check (version > 0),
  owner_id      text,
  governance    jsonb not null,
  -- Null: from before versions; reckoned from the content when it is read.
  digest        text,
  -- What becomes of gates that are open when it comes into force.
  open_gates    text not null default 'keep' check (open_gates in ('keep', 'void')),
  reason        text not null,
  proposed_by   text not null,
  proposed_at   timestamptz not null,
  -- Null: set as the family was founded.
  gate_id       uuid references gate,
  in_force_from timestamptz,
  primary key (site_id, family_id, version),
  foreign key (site_id, family_id) references family
);
call protect('governance_version', 'select, insert, update');

-- 0: the defaults, which nobody chose. Such a family may be founded once, as long as nothing was asked for in it.
alter table family add column governance_version integer not null default 0;
insert into governance_version (site_id, family_id, version, owner_id, governance, reason, proposed_by, proposed_at, in_force_from)
select f.site_id, f.family_id, 1, f.owner_id, f.governance, 'as it stood when versions began', 'twinward:governance', now(), now()
from family f where f.owner_id is not null or exists (select from gate g where g.site_id = f.site_id and g.family_id = f.family_id);
update family f set governance_version = 1 where exists (select from governance_version v where v.site_id = f.site_id and v.family_id = f.family_id);

-- A gate changes a seat's release, or a family's governance.
alter table gate drop constraint gate_kind_check;
alter table gate add constraint gate_kind_check check (kind in ('promote-model', 'approve-policy', 'change-governance'));
alter table gate alter column release_ref drop not null;
alter table gate alter column role drop not null;
alter table gate add column governance_version integer;
alter table gate add column replaces_governance_version integer;
alter table gate add constraint gate_changes_one_thing check (
  case when kind = 'change-governance'
    then release_ref is null and role is null and governance_version is not null and replaces_governance_version is not null
    else release_ref is not null and role is not null and governance_version is null and replaces_governance_version is null end);
create unique index one_open_governance_gate on gate (site_id, family_id) where kind = 'change-governance' and state in ('collecting', 'open');
