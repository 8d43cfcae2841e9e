// A thin layer over the generated bindings (`bindings/transform.h`) for transforms in C: text
// columns in, text columns out, options that are texts, and errors.
//
// All functions are static, so that a plugin is its own file and this header. Whoever needs other
// types reads them as `wigeon_texts_read` does: the layout of each is Arrow's, and the table in
// the package documentation of the WIT lists the buffers.

#ifndef WIGEON_SDK_H
#define WIGEON_SDK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../bindings/transform.h"

// The generated names, shorter.
typedef transform_string_t wigeon_string_t;
typedef wigeon_plugin_columnar_field_t wigeon_field_t;
typedef exports_wigeon_plugin_transform_step_list_field_t wigeon_schema_t;
typedef wigeon_plugin_columnar_borrow_batch_t wigeon_batch_t;
typedef wigeon_plugin_output_column_t wigeon_column_t;
typedef wigeon_plugin_failure_error_t wigeon_error_t;

// ---- memory -----------------------------------------------------------------------------------

// Returns memory, or traps: the host then says that the plugin reached its limit.
static inline void *wigeon_allocate(size_t bytes) {
  void *memory = malloc(bytes > 0 ? bytes : 1);
  if (memory == NULL) __builtin_trap();
  return memory;
}

static inline void *wigeon_reallocate(void *memory, size_t bytes) {
  memory = realloc(memory, bytes > 0 ? bytes : 1);
  if (memory == NULL) __builtin_trap();
  return memory;
}

// ---- strings and errors -----------------------------------------------------------------------

static inline bool wigeon_string_is(const wigeon_string_t *string, const char *text) {
  size_t length = strlen(text);
  return string->len == length && memcmp(string->ptr, text, length) == 0;
}

// Returns a new string: `parts` joined.
static inline wigeon_string_t wigeon_string_join(size_t count, const wigeon_string_t *parts) {
  wigeon_string_t joined = {NULL, 0};
  for (size_t i = 0; i < count; i++) joined.len += parts[i].len;
  joined.ptr = wigeon_allocate(joined.len);
  uint8_t *end = joined.ptr;
  for (size_t i = 0; i < count; i++) {
    memcpy(end, parts[i].ptr, parts[i].len);
    end += parts[i].len;
  }
  return joined;
}

static inline wigeon_string_t wigeon_string_of(const char *text) {
  return (wigeon_string_t){(uint8_t *)text, strlen(text)};
}

// Fills in an error of the kind `tag` (`WIGEON_PLUGIN_FAILURE_ERROR_OPTIONS` and so on), says
// `before`, the name in backticks, and `after`, and returns false, which is how a function fails.
static inline bool wigeon_fail(wigeon_error_t *error, uint8_t tag, const char *before,
                               const wigeon_string_t *name, const char *after) {
  wigeon_string_t parts[] = {wigeon_string_of(before), wigeon_string_of("`"), *name,
                             wigeon_string_of("`"), wigeon_string_of(after)};
  error->tag = tag;
  error->val.other = wigeon_string_join(5, parts);
  return false;
}

// ---- options ----------------------------------------------------------------------------------

static inline const uint8_t *wigeon_json_space(const uint8_t *at, const uint8_t *end) {
  while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) at++;
  return at;
}

// Reads a JSON string at `at` into `string`, which is new. Returns the place behind it, or NULL if
// there is none. The host sends valid JSON, which escapes only what must be; `\u` is not read.
static inline const uint8_t *wigeon_json_string(const uint8_t *at, const uint8_t *end,
                                                wigeon_string_t *string) {
  static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  if (at >= end || *at != '"') return NULL;
  string->ptr = wigeon_allocate((size_t)(end - at));
  string->len = 0;
  for (at++; at < end && *at != '"'; at++) {
    uint8_t byte = *at;
    if (byte == '\\') {
      const char *escape = ++at < end ? strchr(escapes, *at) : NULL;
      if (escape == NULL || *escape == '\0') break;
      byte = (uint8_t)meant[escape - escapes];
    }
    string->ptr[string->len++] = byte;
  }
  if (at < end && *at == '"') return at + 1;
  free(string->ptr);
  return NULL;
}

// Reads options that are a single text: `{"<name>": "<text>"}`. The value is new.
static inline bool wigeon_only_option(const wigeon_string_t *options, const char *name,
                                      wigeon_string_t *value, wigeon_error_t *error) {
  const uint8_t *at = options->ptr, *end = options->ptr + options->len;
  const uint8_t tag = WIGEON_PLUGIN_FAILURE_ERROR_OPTIONS;
  wigeon_string_t expected = wigeon_string_of(name), key;
  at = wigeon_json_space(at, end);
  if (at < end && *at == '{') at = wigeon_json_space(at + 1, end);
  at = wigeon_json_string(at, end, &key);
  if (at == NULL) return wigeon_fail(error, tag, "the option ", &expected, " is missing");
  if (!wigeon_string_is(&key, name)) {
    wigeon_fail(error, tag, "there is no option ", &key, "");
    free(key.ptr);
    return false;
  }
  free(key.ptr);
  at = wigeon_json_space(at, end);
  if (at < end && *at == ':') at = wigeon_json_space(at + 1, end);
  at = wigeon_json_string(at, end, value);
  if (at == NULL) return wigeon_fail(error, tag, "", &expected, " is no text");
  at = wigeon_json_space(at, end);
  if (at < end && *at == '}') return true;
  free(value->ptr);
  return wigeon_fail(error, tag, "", &expected, " is the only option");
}

// ---- schemas ----------------------------------------------------------------------------------

// Finds a top-level field by name. Returns its place in the flat list, or `schema->len`, and in
// `column` how many top-level fields precede it: the number that `read` and `forward` count in.
static inline size_t wigeon_schema_find(const wigeon_schema_t *schema, const wigeon_string_t *name,
                                        uint32_t *column) {
  size_t below = 0;
  *column = 0;
  for (size_t i = 0; i < schema->len; i++) {
    const wigeon_field_t *field = &schema->ptr[i];
    bool top = below == 0;
    if (!top) below--;
    if (top && field->name.len == name->len && memcmp(field->name.ptr, name->ptr, name->len) == 0)
      return i;
    if (top) ++*column;
    below += field->children;
  }
  return schema->len;
}

static inline uint32_t wigeon_schema_columns(const wigeon_schema_t *schema) {
  wigeon_string_t none = {NULL, SIZE_MAX};
  uint32_t columns;
  wigeon_schema_find(schema, &none, &columns);
  return columns;
}

// Adds a text column that may hold nulls. `name` becomes part of the schema.
static inline void wigeon_schema_add_text(wigeon_schema_t *schema, wigeon_string_t name) {
  schema->ptr = wigeon_reallocate(schema->ptr, (schema->len + 1) * sizeof *schema->ptr);
  wigeon_field_t *field = &schema->ptr[schema->len++];
  field->name = name;
  transform_string_dup(&field->format, "u");
  field->nullable = true;
  field->children = 0;
}

// Returns a copy, since what a function of the step returns is freed behind it.
static inline wigeon_schema_t wigeon_schema_copy(const wigeon_schema_t *schema) {
  wigeon_schema_t copy = {wigeon_allocate(schema->len * sizeof *schema->ptr), schema->len};
  for (size_t i = 0; i < schema->len; i++) {
    copy.ptr[i] = schema->ptr[i];
    copy.ptr[i].name = wigeon_string_join(1, &schema->ptr[i].name);
    copy.ptr[i].format = wigeon_string_join(1, &schema->ptr[i].format);
  }
  return copy;
}

// ---- text columns in --------------------------------------------------------------------------

// A column of the format `u` (utf8), copied out of the host.
typedef struct {
  wigeon_plugin_columnar_array_t array;
  uint32_t rows;
  const uint8_t *validity;  // NULL if no row is null
  const int32_t *offsets;
  const uint8_t *bytes;
} wigeon_texts_t;

// Copies a column in. Free it with `wigeon_texts_free`.
static inline wigeon_texts_t wigeon_texts_read(wigeon_batch_t batch, uint32_t column) {
  wigeon_texts_t texts = {0};
  wigeon_plugin_columnar_method_batch_read(batch, column, &texts.array);
  const transform_list_u8_t *buffers = texts.array.buffers.ptr;
  texts.rows = texts.array.nodes.ptr[0].length;
  texts.validity = texts.array.nodes.ptr[0].null_count > 0 ? buffers[0].ptr : NULL;
  texts.offsets = (const int32_t *)buffers[1].ptr;
  texts.bytes = buffers[2].ptr;
  return texts;
}

static inline void wigeon_texts_free(wigeon_texts_t *texts) {
  wigeon_plugin_columnar_array_free(&texts->array);
}

// Returns whether the row has a text, and the text, which belongs to the column.
static inline bool wigeon_texts_get(const wigeon_texts_t *texts, uint32_t row,
                                    wigeon_string_t *text) {
  if (texts->validity != NULL && (texts->validity[row / 8] >> (row % 8) & 1) == 0) return false;
  text->ptr = (uint8_t *)texts->bytes + texts->offsets[row];
  text->len = (size_t)(texts->offsets[row + 1] - texts->offsets[row]);
  return true;
}

// ---- text columns out -------------------------------------------------------------------------

// A text column in the making.
typedef struct {
  uint32_t rows, nulls;
  size_t room;
  uint8_t *validity;
  int32_t *offsets;
  uint8_t *bytes;
  wigeon_plugin_columnar_node_t node;
  transform_list_u8_t buffers[3];
} wigeon_builder_t;

// Begins a column of at most `rows` rows.
static inline wigeon_builder_t wigeon_builder_new(uint32_t rows) {
  wigeon_builder_t builder = {0};
  size_t bitmap = ((size_t)rows + 7) / 8;
  builder.validity = wigeon_allocate(bitmap);
  memset(builder.validity, 0, bitmap);
  builder.offsets = wigeon_allocate(((size_t)rows + 1) * sizeof *builder.offsets);
  builder.offsets[0] = 0;
  return builder;
}

static inline void wigeon_builder_push_null(wigeon_builder_t *builder) {
  builder->offsets[builder->rows + 1] = builder->offsets[builder->rows];
  builder->rows++;
  builder->nulls++;
}

// Adds a row. The bytes are copied.
static inline void wigeon_builder_push(wigeon_builder_t *builder, const uint8_t *bytes,
                                       size_t length) {
  size_t start = (size_t)builder->offsets[builder->rows];
  if (length > INT32_MAX - start) __builtin_trap();
  if (start + length > builder->room) {
    builder->room = 2 * builder->room > start + length ? 2 * builder->room : start + length;
    builder->bytes = wigeon_reallocate(builder->bytes, builder->room);
  }
  if (length > 0) memcpy(builder->bytes + start, bytes, length);
  builder->validity[builder->rows / 8] |= (uint8_t)(1 << builder->rows % 8);
  builder->offsets[++builder->rows] = (int32_t)(start + length);
}

static inline void wigeon_builder_free(wigeon_builder_t *builder) {
  free(builder->validity);
  free(builder->offsets);
  free(builder->bytes);
}

// ---- answers ----------------------------------------------------------------------------------

// A column of the batch, as it is. Nothing is copied.
static inline wigeon_column_t wigeon_column_forward(uint32_t column) {
  wigeon_column_t answer = {.tag = WIGEON_PLUGIN_OUTPUT_COLUMN_FORWARD};
  answer.val.forward = column;
  return answer;
}

// A new column. The builder must live until `wigeon_emit` has returned.
static inline wigeon_column_t wigeon_column_texts(wigeon_builder_t *builder) {
  builder->node = (wigeon_plugin_columnar_node_t){builder->rows, builder->nulls};
  builder->buffers[0] =
      (transform_list_u8_t){builder->validity, ((size_t)builder->rows + 7) / 8};
  builder->buffers[1] = (transform_list_u8_t){
      (uint8_t *)builder->offsets, ((size_t)builder->rows + 1) * sizeof *builder->offsets};
  builder->buffers[2] =
      (transform_list_u8_t){builder->bytes, (size_t)builder->offsets[builder->rows]};
  wigeon_column_t answer = {.tag = WIGEON_PLUGIN_OUTPUT_COLUMN_VALUES};
  answer.val.values.nodes = (wigeon_plugin_columnar_list_node_t){&builder->node, 1};
  answer.val.values.buffers = (transform_list_list_u8_t){builder->buffers, 3};
  return answer;
}

// Hands rows to the host: one column for each top-level field of the output schema.
static inline void wigeon_emit(uint32_t rows, wigeon_column_t *columns, size_t count) {
  wigeon_plugin_output_list_selection_t none = {NULL, 0};
  wigeon_plugin_output_list_column_t list = {columns, count};
  wigeon_plugin_output_emit(rows, &none, &list);
}

#endif
