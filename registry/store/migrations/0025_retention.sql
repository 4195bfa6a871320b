-- What retention may remove (registry/store/retention.ts), and nothing younger: a restrictive policy holds beside the one by site.

create function is_over(since timestamptz) returns boolean
language sql stable parallel safe
as $$ select since < now() - interval '1 year' $$;

grant delete on gateway_enrolment, gateway_command, local_judgement to twinward_app;
create policy only_what_is_over on gateway_enrolment as restrictive for delete to twinward_app using (is_over(coalesce(used_at, withdrawn_at, expires_at)));
create policy only_what_is_over on gateway_command as restrictive for delete to twinward_app using (state in ('done', 'refused') and is_over(updated_at));
create policy only_what_is_over on local_judgement as restrictive for delete to twinward_app using (is_over(compared_at));
