insert into current_postcode_history
select id, postcode, {effective}, null
from change
where kind in ('opened', 'superseded')
