insert into pageviews_postcode from completed
