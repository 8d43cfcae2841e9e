-- Pageviews per postcode and day, by the postcode the user has now.
-- For one period only, take the dashes off the line with "where" and set its bounds.
select
    pageview_datetime::date as day,
    current_postcode as postcode,
    count(*) as pageviews
from pageviews_postcode
-- where pageview_datetime >= '2019-10-11' and pageview_datetime < '2019-10-12'
group by all
order by day, pageviews desc, postcode;
