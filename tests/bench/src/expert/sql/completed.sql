create or replace temp table completed as
select v.user_id, v.pageview_datetime, m.original, m.current, m.updated
from pageviews_postcode as v
join (select * from several where hash(id) >= 0) as m
    on m.id = v.user_id and m.since <= v.pageview_datetime and v.pageview_datetime < m.until
where {part}
