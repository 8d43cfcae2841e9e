// The changes between the open versions of a table and its newest full extract.
//
// A snapshot plugin is handed the open versions first, then the extract. Only the keys are copied
// in; whether the other columns have changed is asked of the host.

#include "wigeon_keys.h"

static const char OPTIONS[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"ignored\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"default\":[],"
    "\"description\":\"Columns that make no new version if they alone have changed.\"}},"
    "\"additionalProperties\":false}";

// What may have become of a key.
typedef enum { OPENED, SUPERSEDED, CLOSED } change_t;

// The step at work.
struct exports_wigeon_plugin_snapshot_step_step_t {
  wigeon_key_t key;
  wigeon_list_u32_t compared;  // the columns that make a change if they differ
  uint32_t columns;
  wigeon_keys_t keys;
  uint32_t *open;  // the open version of each key
  bool *seen;      // whether the extract has the key
  size_t open_room, seen_room;
  uint32_t versions;
};

void exports_wigeon_plugin_snapshot_step_describe(wigeon_description_t *description) {
  wigeon_describe(description, "{{name}}", "0.1.0", "{{summary}}", OPTIONS);
}

// Lists the columns that are neither of the key nor ignored.
static bool list_compared(exports_wigeon_plugin_snapshot_step_step_t *step,
                          const wigeon_option_t *ignored, const wigeon_schema_t *extract,
                          const wigeon_list_u32_t *key, wigeon_error_t *error) {
  bool *left_out = wigeon_allocate(step->columns);
  memset(left_out, false, step->columns);
  for (size_t i = 0; i < key->len; i++) left_out[key->ptr[i]] = true;
  for (size_t i = 0; ignored != NULL && i < ignored->count; i++) {
    uint32_t column;
    if (wigeon_schema_find(extract, &ignored->texts[i], &column) == extract->len)
      return wigeon_fail_options(error, "`ignored` names ", &ignored->texts[i],
                                 ", which is no column");
    left_out[column] = true;
  }
  step->compared.ptr = wigeon_allocate(step->columns * sizeof *step->compared.ptr);
  for (uint32_t column = 0; column < step->columns; column++)
    if (!left_out[column]) step->compared.ptr[step->compared.len++] = column;
  free(left_out);
  return true;
}

// What is handed over here belongs to the plugin.
bool exports_wigeon_plugin_snapshot_step_static_step_open(
    wigeon_string_t *json, exports_wigeon_plugin_snapshot_step_input_t *input,
    exports_wigeon_plugin_snapshot_step_own_step_t *opened, wigeon_error_t *error) {
  static const char *const known[] = {"ignored", NULL};
  wigeon_options_t options;
  if (!wigeon_options_read(json, known, &options, error)) return false;
  const wigeon_option_t *ignored = wigeon_option(&options, "ignored");
  if (ignored != NULL && wigeon_option_required(&options, "ignored", WIGEON_TEXTS, error) == NULL)
    return false;

  wigeon_schema_t extract = {input->extract.ptr, input->extract.len};
  exports_wigeon_plugin_snapshot_step_step_t *step = wigeon_allocate(sizeof *step);
  *step = (exports_wigeon_plugin_snapshot_step_step_t){
      .columns = wigeon_schema_columns(&extract),
  };
  if (!list_compared(step, ignored, &extract, &input->key, error) ||
      !wigeon_key_open(&step->key, &extract, &input->key, error))
    return false;
  wigeon_options_free(&options);
  exports_wigeon_plugin_snapshot_step_input_free(input);
  *opened = exports_wigeon_plugin_snapshot_step_step_new(step);
  return true;
}

void exports_wigeon_plugin_snapshot_step_step_destructor(
    exports_wigeon_plugin_snapshot_step_step_t *step) {
  wigeon_key_free(&step->key);
  wigeon_keys_free(&step->keys);
  free(step->compared.ptr);
  free(step->open);
  free(step->seen);
  free(step);
}

bool exports_wigeon_plugin_snapshot_step_method_step_versions(
    exports_wigeon_plugin_snapshot_step_step_t *step, wigeon_batch_t batch,
    wigeon_error_t *error) {
  (void)error;
  uint32_t rows = wigeon_plugin_columnar_method_batch_rows(batch);
  wigeon_key_read(&step->key, batch);
  for (uint32_t row = 0; row < rows; row++) {
    wigeon_key_row(&step->key, row);
    uint32_t key = wigeon_keys_add(&step->keys, &step->key);
    step->open = wigeon_grow(step->open, &step->open_room, (size_t)key + 1, sizeof *step->open);
    step->seen = wigeon_grow(step->seen, &step->seen_room, (size_t)key + 1, sizeof *step->seen);
    step->open[key] = step->versions + row;
    step->seen[key] = false;
  }
  step->versions += rows;
  wigeon_key_release(&step->key);
  return true;
}

// Emits rows with their change: the columns are gathered, so nothing of them is copied.
static void emit(const exports_wigeon_plugin_snapshot_step_step_t *step, change_t change,
                 uint8_t origin, wigeon_rows_t *rows) {
  wigeon_column_t *columns = wigeon_allocate((step->columns + 1) * sizeof *columns);
  for (uint32_t column = 0; column < step->columns; column++)
    columns[column + 1] = wigeon_column_gather(column);
  for (size_t at = 0; at < rows->len; at += WIGEON_ROWS_AT_ONCE) {
    size_t left = rows->len - at;
    uint32_t count = left < WIGEON_ROWS_AT_ONCE ? (uint32_t)left : WIGEON_ROWS_AT_ONCE;
    uint8_t *changes = wigeon_allocate(count);
    memset(changes, change, count);
    wigeon_plugin_columnar_node_t node = {count, 0};
    wigeon_list_u8_t buffers[] = {{NULL, 0}, {changes, count}};
    columns[0] = wigeon_column_values(&node, buffers, 2);
    wigeon_selection_t selection = wigeon_select(origin, rows->ptr + at, count);
    wigeon_emit(count, &selection, columns, step->columns + 1);
    free(changes);
  }
  free(columns);
  free(rows->ptr);
}

bool exports_wigeon_plugin_snapshot_step_method_step_extract(
    exports_wigeon_plugin_snapshot_step_step_t *step, wigeon_batch_t batch,
    wigeon_error_t *error) {
  (void)error;
  uint32_t rows = wigeon_plugin_columnar_method_batch_rows(batch);
  wigeon_rows_t opened = {0}, known = {0}, versions = {0}, superseded = {0};
  wigeon_key_read(&step->key, batch);
  for (uint32_t row = 0; row < rows; row++) {
    wigeon_key_row(&step->key, row);
    uint32_t key = wigeon_keys_find(&step->keys, &step->key);
    if (key == WIGEON_NO_ROW) {
      wigeon_rows_push(&opened, row);
    } else {
      step->seen[key] = true;
      wigeon_rows_push(&known, row);
      wigeon_rows_push(&versions, step->open[key]);
    }
  }
  wigeon_key_release(&step->key);
  uint8_t *differ =
      wigeon_differ(wigeon_select(WIGEON_CURRENT, known.ptr, known.len),
                    wigeon_select(WIGEON_KEPT, versions.ptr, versions.len), &step->compared);
  for (size_t i = 0; i < known.len; i++)
    if (differ[i]) wigeon_rows_push(&superseded, known.ptr[i]);
  free(differ);
  free(known.ptr);
  free(versions.ptr);
  emit(step, OPENED, WIGEON_CURRENT, &opened);
  emit(step, SUPERSEDED, WIGEON_CURRENT, &superseded);
  return true;
}

bool exports_wigeon_plugin_snapshot_step_method_step_finish(
    exports_wigeon_plugin_snapshot_step_step_t *step, wigeon_error_t *error) {
  (void)error;
  wigeon_rows_t closed = {0};
  for (uint32_t key = 0; key < step->keys.count; key++)
    if (!step->seen[key]) wigeon_rows_push(&closed, step->open[key]);
  emit(step, CLOSED, WIGEON_KEPT, &closed);
  return true;
}
