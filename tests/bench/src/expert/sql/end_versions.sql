update current_postcode_history as h
set valid_to = {effective}
from change as c
where c.kind in ('superseded', 'closed') and h.id = c.id and h.valid_to is null
