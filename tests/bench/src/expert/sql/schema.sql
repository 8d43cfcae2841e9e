create table if not exists current_postcode_history (
    id bigint,
    postcode varchar,
    valid_from timestamp not null,
    valid_to timestamp
);

create table if not exists pageviews_postcode (
    user_id bigint,
    pageview_datetime timestamp not null,
    original_postcode varchar,
    current_postcode varchar,
    postcode_updated_date timestamp
);

create table if not exists load_ledger (
    load_id bigint not null,
    step varchar not null,
    effective_time timestamp,
    finished_at timestamptz not null,
    rows_changed bigint not null
);

create table if not exists load_input (
    load_id bigint not null,
    step varchar not null,
    file varchar not null,
    size_bytes bigint not null,
    modified timestamp not null
);
