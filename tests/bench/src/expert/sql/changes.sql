-- The extract is read once, and joined once. Users that did not change become one row with their number, so that the
-- guards, repeated keys included, need no other pass.
create or replace temp table change as
select kind, id, postcode, count(*) as rows
from (
    select
        case
            when o.id is null then 'opened'
            when e.id is null then 'closed'
            when e.postcode is distinct from o.postcode then 'superseded'
            else 'kept'
        end as kind,
        case when kind <> 'kept' then coalesce(e.id, o.id) end as id,
        case when kind <> 'kept' then e.postcode end as postcode
    from (select id, postcode from current_postcode_history where valid_to is null) as o
    full join (select id, postcode from {users}) as e on o.id = e.id
)
group by all
