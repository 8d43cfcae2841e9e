// Keeps the rows that have one value in one column.
//
// A transform turns rows to rows. The batch stays in the host: only the column that is compared is
// copied in, and nothing but row numbers is copied out.

#include "wigeon_sdk.h"

static const char OPTIONS[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"column\":{\"type\":\"string\",\"description\":\"The column to look at, which must be text.\"},"
    "\"value\":{\"type\":\"string\",\"description\":\"The value of the rows to keep.\"}},"
    "\"required\":[\"column\",\"value\"],\"additionalProperties\":false}";

// The step at work.
struct exports_wigeon_plugin_transform_step_step_t {
  wigeon_schema_t schema;
  uint32_t columns;  // of the rows, and of what is emitted
  uint32_t column;
  wigeon_string_t value;
};

void exports_wigeon_plugin_transform_step_describe(wigeon_description_t *description) {
  wigeon_describe(description, "{{name}}", "0.1.0", "{{summary}}", OPTIONS);
}

// What is handed over here belongs to the plugin.
bool exports_wigeon_plugin_transform_step_static_step_open(
    wigeon_string_t *json, exports_wigeon_plugin_transform_step_list_field_t *rows,
    exports_wigeon_plugin_transform_step_own_step_t *opened, wigeon_error_t *error) {
  static const char *const known[] = {"column", "value", NULL};
  wigeon_options_t options;
  if (!wigeon_options_read(json, known, &options, error)) return false;
  const wigeon_option_t *column = wigeon_option_required(&options, "column", WIGEON_TEXT, error);
  if (column == NULL) return false;
  const wigeon_option_t *value = wigeon_option_required(&options, "value", WIGEON_TEXT, error);
  if (value == NULL) return false;

  exports_wigeon_plugin_transform_step_step_t *step = wigeon_allocate(sizeof *step);
  step->schema = (wigeon_schema_t){rows->ptr, rows->len};
  step->columns = wigeon_schema_columns(&step->schema);
  const wigeon_string_t *name = &column->texts[0];
  size_t field = wigeon_schema_find(&step->schema, name, &step->column);
  if (field == step->schema.len)
    return wigeon_fail_options(error, "`column` is ", name, ", which is no column of the rows");
  if (!wigeon_string_is(&step->schema.ptr[field].format, "u"))
    return wigeon_fail_options(error, "`column` is ", name, ", which is not text");
  step->value = wigeon_string_copy(&value->texts[0]);
  wigeon_options_free(&options);
  *opened = exports_wigeon_plugin_transform_step_step_new(step);
  return true;
}

void exports_wigeon_plugin_transform_step_step_destructor(
    exports_wigeon_plugin_transform_step_step_t *step) {
  wigeon_schema_free(&step->schema);
  wigeon_string_free(&step->value);
  free(step);
}

void exports_wigeon_plugin_transform_step_method_step_schema(
    exports_wigeon_plugin_transform_step_step_t *step,
    exports_wigeon_plugin_transform_step_list_field_t *schema) {
  wigeon_schema_t copy = wigeon_schema_copy(&step->schema);
  *schema = (exports_wigeon_plugin_transform_step_list_field_t){copy.ptr, copy.len};
}

bool exports_wigeon_plugin_transform_step_method_step_rows(
    exports_wigeon_plugin_transform_step_step_t *step, wigeon_batch_t batch,
    wigeon_error_t *error) {
  (void)error;  // Any row can be worked with.
  wigeon_texts_t texts = wigeon_texts_read(batch, step->column);
  wigeon_rows_t kept = {0};
  for (uint32_t row = 0; row < texts.rows; row++) {
    wigeon_string_t text;
    if (wigeon_texts_get(&texts, row, &text) && wigeon_string_equal(&text, &step->value))
      wigeon_rows_push(&kept, row);
  }

  wigeon_column_t *columns = wigeon_allocate(step->columns * sizeof *columns);
  for (uint32_t column = 0; column < step->columns; column++)
    columns[column] = wigeon_column_gather(column);
  wigeon_selection_t selection = wigeon_select(WIGEON_CURRENT, kept.ptr, kept.len);
  wigeon_emit((uint32_t)kept.len, &selection, columns, step->columns);

  free(columns);
  free(kept.ptr);
  wigeon_texts_free(&texts);
  return true;
}
