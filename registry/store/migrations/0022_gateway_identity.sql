-- Who a gateway is: tokens by which it gets its first certificate, the certificates it got, and how it is let in.
-- None refers to `gateway`: that row is made when a gateway is heard of first, which is after all this.

-- A token works once. Kept is the hash of 256 random bits, as of API keys.
create table gateway_enrolment (
  enrolment_id   uuid primary key default gen_random_uuid(),
  site_id        text not null references site,
  gateway_id     text not null,
  hash           bytea not null unique,
  created_by     text not null,
  created_at     timestamptz not null,
  expires_at     timestamptz not null,
  used_at        timestamptz,
  -- By revoking the gateway, or by a newer token.
  withdrawn_at   timestamptz,
  certificate_id uuid
);
create index gateway_enrolment_open on gateway_enrolment (site_id, gateway_id) where used_at is null and withdrawn_at is null;
call protect('gateway_enrolment', 'select, insert, update');

create table gateway_certificate (
  certificate_id  uuid primary key default gen_random_uuid(),
  site_id         text not null references site,
  gateway_id      text not null,
  serial          text not null,
  -- SHA-256 over the certificate, and over its key (SPKI): hex.
  fingerprint     text not null unique,
  public_key      text not null,
  subject         text not null,
  -- SHA-256 over the key (SPKI) of the authority that signed it.
  authority       text not null,
  pem             text not null,
  not_before      timestamptz not null,
  not_after       timestamptz not null,
  issued_at       timestamptz not null,
  -- Who made the token; of a renewal, the gateway itself.
  issued_by       text not null,
  -- The one it takes the place of, once it has been used.
  former_id       uuid references gateway_certificate,
  first_used_at   timestamptz,
  last_used_at    timestamptz,
  last_address    text,
  last_epoch      text,
  revoked_at      timestamptz,
  revoked_by      text,
  revoked_because text,
  check ((revoked_at is null) = (revoked_by is null) and (revoked_at is null) = (revoked_because is null))
);
create index gateway_certificate_recent on gateway_certificate (site_id, gateway_id, issued_at desc, certificate_id desc);
-- Which authorities are still needed.
create index gateway_certificate_living on gateway_certificate (authority, not_after) where revoked_at is null;
call protect('gateway_certificate', 'select, insert, update');

-- One row a gateway, made when there is something to say: that it is shut out, was turned away, or seems to be there twice.
create table gateway_access (
  site_id         text not null references site,
  gateway_id      text not null,
  -- Revoked, and not enrolled again since.
  shut_at         timestamptz,
  shut_by         text,
  shut_because    text,
  refused_at      timestamptz,
  refused_code    text,
  refused_because text,
  refused_address text,
  -- Two sessions at work under one identity: whose buffers (epochs) and from where.
  copied_at       timestamptz,
  copied          jsonb,
  primary key (site_id, gateway_id)
);
call protect('gateway_access', 'select, insert, update');
