-- Pageviews per postcode and month, by the postcode the user has now.
-- For one period only, take the dashes off the line with "where" and set its bounds.
select
    date_trunc('month', pageview_datetime)::date as month,
    current_postcode as postcode,
    count(*) as pageviews
from pageviews_postcode
-- where pageview_datetime >= '2019-10-11' and pageview_datetime < '2019-10-12'
group by all
order by month, pageviews desc, postcode;
