-- A user who was only absent has a new version, but not a new postcode.
delete from several
where id not in (select id from several where begun >= {changed_since})
