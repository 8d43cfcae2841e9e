-- Pageviews per postcode and hour, by the postcode the user has now.
-- For one period only, take the dashes off the line with "where" and set its bounds.
select
    date_trunc('hour', pageview_datetime) as hour,
    current_postcode as postcode,
    count(*) as pageviews
from pageviews_postcode
-- where pageview_datetime >= '2019-10-11' and pageview_datetime < '2019-10-12'
group by all
order by hour, pageviews desc, postcode;
