// Adds columns of the latest version of each row's key.
//
// An incremental plugin completes new rows from a lookup. It is handed the versions first, then the
// rows. Only the keys and `valid_from` are copied in; the values are gathered by the host.

#include "wigeon_keys.h"

static const char OPTIONS[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"columns\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},"
    "\"description\":\"The columns of the lookup to add, under their own names.\"}},"
    "\"required\":[\"columns\"],\"additionalProperties\":false}";

// The latest version of a key: its number, and since when it holds.
typedef struct {
  uint32_t number;
  int64_t valid_from;
} latest_t;

// The step at work.
struct exports_wigeon_plugin_incremental_step_step_t {
  wigeon_key_t rows_key, lookup_key;
  uint32_t valid_from;
  wigeon_schema_t schema;
  wigeon_column_t *output;
  uint32_t columns;  // of the output
  uint32_t versions;
  wigeon_keys_t keys;
  latest_t *latest;  // of each key
  size_t latest_room;
};

void exports_wigeon_plugin_incremental_step_describe(wigeon_description_t *description) {
  wigeon_describe(description, "{{name}}", "0.1.0", "{{summary}}", OPTIONS);
}

// Adds the columns of the lookup that the options name to the schema and the output.
static bool add_columns(exports_wigeon_plugin_incremental_step_step_t *step,
                        const wigeon_option_t *names, const wigeon_schema_t *rows,
                        const wigeon_schema_t *lookup, wigeon_error_t *error) {
  for (size_t i = 0; i < names->count; i++) {
    const wigeon_string_t *name = &names->texts[i];
    uint32_t column, taken;
    size_t field = wigeon_schema_find(lookup, name, &column);
    if (field == lookup->len)
      return wigeon_fail_options(error, "`columns` names ", name,
                                 ", which is no column of the lookup");
    if (wigeon_schema_find(rows, name, &taken) < rows->len)
      return wigeon_fail_options(error, "`columns` names ", name, ", which the rows have already");
    size_t added = step->schema.len, end = wigeon_schema_next(lookup, field);
    wigeon_schema_add(&step->schema, lookup->ptr + field, lookup->ptr + end);
    // A key without a version has none of the values.
    step->schema.ptr[added].nullable = true;
    step->output[step->columns++] = wigeon_column_gather(column);
  }
  return true;
}

// What is handed over here belongs to the plugin.
bool exports_wigeon_plugin_incremental_step_static_step_open(
    wigeon_string_t *json, exports_wigeon_plugin_incremental_step_input_t *input,
    exports_wigeon_plugin_incremental_step_own_step_t *opened, wigeon_error_t *error) {
  static const char *const known[] = {"columns", NULL};
  wigeon_options_t options;
  if (!wigeon_options_read(json, known, &options, error)) return false;
  const wigeon_option_t *names = wigeon_option_required(&options, "columns", WIGEON_TEXTS, error);
  if (names == NULL) return false;

  wigeon_schema_t rows = {input->rows.ptr, input->rows.len};
  wigeon_schema_t lookup = {input->lookup.ptr, input->lookup.len};
  exports_wigeon_plugin_incremental_step_step_t *step = wigeon_allocate(sizeof *step);
  *step = (exports_wigeon_plugin_incremental_step_step_t){.schema = wigeon_schema_copy(&rows)};
  uint32_t columns = wigeon_schema_columns(&rows);
  step->output = wigeon_allocate((columns + names->count) * sizeof *step->output);
  while (step->columns < columns) {
    step->output[step->columns] = wigeon_column_forward(step->columns);
    step->columns++;
  }
  if (!add_columns(step, names, &rows, &lookup, error) ||
      !wigeon_valid_from(&lookup, &step->valid_from, error) ||
      !wigeon_key_open(&step->rows_key, &rows, &input->rows_key, error) ||
      !wigeon_key_open(&step->lookup_key, &lookup, &input->lookup_key, error))
    return false;
  wigeon_options_free(&options);
  exports_wigeon_plugin_incremental_step_input_free(input);
  *opened = exports_wigeon_plugin_incremental_step_step_new(step);
  return true;
}

void exports_wigeon_plugin_incremental_step_step_destructor(
    exports_wigeon_plugin_incremental_step_step_t *step) {
  wigeon_key_free(&step->rows_key);
  wigeon_key_free(&step->lookup_key);
  wigeon_schema_free(&step->schema);
  wigeon_keys_free(&step->keys);
  free(step->output);
  free(step->latest);
  free(step);
}

void exports_wigeon_plugin_incremental_step_method_step_shape(
    exports_wigeon_plugin_incremental_step_step_t *step,
    exports_wigeon_plugin_incremental_step_shape_t *shape) {
  wigeon_schema_t copy = wigeon_schema_copy(&step->schema);
  *shape = (exports_wigeon_plugin_incremental_step_shape_t){
      .fields = {copy.ptr, copy.len},
      // Each call of `rows` emits the rows of its batch in their order, so that a change of the
      // lookup can reach rows that were loaded earlier.
      .row_wise = true,
  };
}

bool exports_wigeon_plugin_incremental_step_method_step_lookup(
    exports_wigeon_plugin_incremental_step_step_t *step, wigeon_batch_t batch,
    wigeon_error_t *error) {
  (void)error;
  uint32_t rows = wigeon_plugin_columnar_method_batch_rows(batch);
  wigeon_times_t times = wigeon_times_read(batch, step->valid_from);
  wigeon_key_read(&step->lookup_key, batch);
  for (uint32_t row = 0; row < rows; row++) {
    wigeon_key_row(&step->lookup_key, row);
    uint32_t known = step->keys.count;
    uint32_t key = wigeon_keys_add(&step->keys, &step->lookup_key);
    latest_t version = {step->versions + row, times.values[row]};
    if (key == known) {
      step->latest =
          wigeon_grow(step->latest, &step->latest_room, (size_t)key + 1, sizeof *step->latest);
      step->latest[key] = version;
    } else if (step->latest[key].valid_from < version.valid_from) {
      step->latest[key] = version;
    }
  }
  step->versions += rows;
  wigeon_key_release(&step->lookup_key);
  wigeon_plugin_columnar_array_free(&times.array);
  return true;
}

bool exports_wigeon_plugin_incremental_step_method_step_rows(
    exports_wigeon_plugin_incremental_step_step_t *step, wigeon_batch_t batch,
    wigeon_error_t *error) {
  (void)error;
  uint32_t rows = wigeon_plugin_columnar_method_batch_rows(batch);
  uint32_t *latest = wigeon_allocate(rows * sizeof *latest);
  wigeon_key_read(&step->rows_key, batch);
  for (uint32_t row = 0; row < rows; row++) {
    wigeon_key_row(&step->rows_key, row);
    uint32_t key = wigeon_keys_find(&step->keys, &step->rows_key);
    latest[row] = key == WIGEON_NO_ROW ? WIGEON_NO_ROW : step->latest[key].number;
  }
  wigeon_selection_t selection = wigeon_select(WIGEON_KEPT, latest, rows);
  wigeon_emit(rows, &selection, step->output, step->columns);
  wigeon_key_release(&step->rows_key);
  free(latest);
  return true;
}

bool exports_wigeon_plugin_incremental_step_method_step_finish(
    exports_wigeon_plugin_incremental_step_step_t *step, wigeon_error_t *error) {
  (void)step, (void)error;
  return true;
}
