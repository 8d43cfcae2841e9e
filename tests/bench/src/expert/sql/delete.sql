delete from pageviews_postcode as v
where v.user_id in (select id from several where hash(id) >= 0) and {part}
