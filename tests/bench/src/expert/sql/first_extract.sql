insert into current_postcode_history
select id, postcode, {effective}, null
from {users}
