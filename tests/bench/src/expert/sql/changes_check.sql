-- A key of an open version that the extract repeats is met more often than there are open versions that were met.
select
    (select count(*) from current_postcode_history where valid_to is null) as open,
    coalesce(sum(rows) filter (kind <> 'closed'), 0)::bigint as extract_rows,
    coalesce(sum(rows) filter (kind = 'opened'), 0)::bigint as opened,
    count(distinct id) filter (kind = 'opened') as opened_keys,
    coalesce(sum(rows) filter (kind = 'opened' and id is null), 0)::bigint as null_keys,
    coalesce(sum(rows) filter (kind = 'superseded'), 0)::bigint as superseded,
    coalesce(sum(rows) filter (kind = 'closed'), 0)::bigint as closed,
    coalesce(sum(rows) filter (kind in ('superseded', 'kept')), 0)::bigint as met
from change
