-- Alarms that gateways raise by rules of their own, while the platform may be away: one row an episode, as its gateway tells it.
create table local_alarm (
  site_id            text not null references site,
  gateway_id         text not null,
  alarm_id           text not null,
  revision           bigint not null,
  -- By id, since a gateway may name a machine before it is imported.
  asset_id           text not null,
  rule               text not null,
  severity           text not null,
  message            text not null,
  recommended_action text,
  state              text not null check (state in ('active', 'cleared')),
  since_at           timestamptz not null,
  raised_at          timestamptz not null,
  cleared_at         timestamptz,
  because            text,
  numbers            jsonb not null,
  acknowledged_by    text,
  acknowledged_at    timestamptz,
  comment            text,
  first_reported_at  timestamptz not null,
  last_reported_at   timestamptz not null,
  primary key (site_id, gateway_id, alarm_id),
  foreign key (site_id, gateway_id) references gateway
);
-- Newest first; a machine's; what stands.
create index local_alarm_recent on local_alarm (site_id, raised_at desc);
create index local_alarm_by_asset on local_alarm (site_id, asset_id, raised_at desc);
create index local_alarm_standing on local_alarm (site_id) where state = 'active';
call protect('local_alarm', 'select, insert, update');
