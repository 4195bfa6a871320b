-- What was in force at any instant, however often releases were switched: the constraint's index knows champions alone.
create index assignment_over_time on assignment using gist (site_id, family_id, valid);
