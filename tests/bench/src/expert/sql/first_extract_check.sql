-- Sorting finds a repeated key in a third of the time of `count(distinct id)`, since the rows are nearly in order.
select
    count(*),
    count(*) - count(id),
    count(*) filter (id = previous)
from (select id, lag(id) over (order by id) as previous from current_postcode_history)
