insert into pageviews_postcode
select
    v.user_id,
    v.pageview_datetime,
    case when s.id is null then o.postcode else s.original end,
    case when s.id is null then o.postcode else s.current end,
    s.updated
from (select user_id, pageview_datetime from {views}) as v
left join (select id, postcode from current_postcode_history where valid_to is null) as o
    on o.id = v.user_id
left join several as s
    on s.id = v.user_id and s.since <= v.pageview_datetime and v.pageview_datetime < s.until
