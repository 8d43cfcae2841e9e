-- What a view of certain users reads: a row for each period of time, which together have no gaps and no end.
-- Consecutive versions with the same postcode are one.
create or replace temp table several as
with version as (
    select
        id,
        postcode,
        valid_from,
        row_number() over w = 1 as is_first,
        lag(postcode) over w as previous
    from (from current_postcode_history semi join (select id from current_postcode_history where {of_keys}) using (id))
    window w as (partition by id order by valid_from)
),
merged as (
    from version where is_first or postcode is distinct from previous
)
select
    id,
    postcode as original,
    last_value(postcode) over (w rows between unbounded preceding and unbounded following) as current,
    nullif(last_value(valid_from) over (w rows between unbounded preceding and unbounded following), valid_from) as updated,
    case when is_first then timestamp '-infinity' else valid_from end as since,
    lead(valid_from, 1, timestamp 'infinity') over w as until,
    valid_from as begun
from merged
window w as (partition by id order by valid_from)
