-- The earliest effective time of the extracts that the loaded views do not yet reflect.
select min(effective_time)::varchar
from load_ledger
where step = 'current_postcode' and load_id > coalesce(
    (select max(load_id) from load_ledger where step = 'updated_postcode_stg'),
    (select min(load_id) from load_ledger where step = 'pageviews_postcode')
)
