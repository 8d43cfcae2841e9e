// A thin layer over the generated bindings (`bindings/wigeon.h`) for plugins in C: options, errors,
// schemas, columns in, columns out, and answers. `wigeon_keys.h` has what goes by keys.
//
// All functions are static, so that a plugin is its own files and this header. Whoever needs other
// types reads them as `wigeon_texts_read` does: the layout of each is Arrow's, and the table in
// the package documentation of the WIT lists the buffers.

#ifndef WIGEON_SDK_H
#define WIGEON_SDK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../bindings/wigeon.h"

// The generated names, shorter.
typedef wigeon_plugin_about_description_t wigeon_description_t;
typedef wigeon_plugin_columnar_array_t wigeon_array_t;
typedef wigeon_plugin_columnar_borrow_batch_t wigeon_batch_t;
typedef wigeon_plugin_columnar_field_t wigeon_field_t;
typedef wigeon_plugin_failure_error_t wigeon_error_t;
typedef wigeon_plugin_output_column_t wigeon_column_t;
typedef wigeon_plugin_rows_selection_t wigeon_selection_t;

enum {
  WIGEON_CURRENT = WIGEON_PLUGIN_ROWS_ORIGIN_CURRENT,
  WIGEON_KEPT = WIGEON_PLUGIN_ROWS_ORIGIN_KEPT,
};

// The row number that stands for no row: what is gathered there is null.
#define WIGEON_NO_ROW UINT32_MAX

// How many rows one call of the host carries at most: well below what it may.
#define WIGEON_ROWS_AT_ONCE 65536u

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

// Returns `memory` with room for at least `count` elements of `size` bytes, `*room` of them. It at
// least doubles when it grows, so that a list may be pushed to one by one.
static inline void *wigeon_grow(void *memory, size_t *room, size_t count, size_t size) {
  if (count <= *room) return memory;
  *room = count > 2 * *room ? count : 2 * *room;
  if (*room > SIZE_MAX / size) __builtin_trap();
  return wigeon_reallocate(memory, *room * size);
}

// A list of row numbers that grows. `{0}` is an empty one; free `ptr`.
typedef struct {
  uint32_t *ptr;
  size_t len, room;
} wigeon_rows_t;

static inline void wigeon_rows_push(wigeon_rows_t *rows, uint32_t row) {
  rows->ptr = wigeon_grow(rows->ptr, &rows->room, rows->len + 1, sizeof *rows->ptr);
  rows->ptr[rows->len++] = row;
}

// ---- strings, errors, the description ----------------------------------------------------------

static inline bool wigeon_string_equal(const wigeon_string_t *left, const wigeon_string_t *right) {
  return left->len == right->len && memcmp(left->ptr, right->ptr, left->len) == 0;
}

static inline wigeon_string_t wigeon_string_of(const char *text) {
  return (wigeon_string_t){(uint8_t *)text, strlen(text)};
}

static inline bool wigeon_string_is(const wigeon_string_t *string, const char *text) {
  wigeon_string_t other = wigeon_string_of(text);
  return wigeon_string_equal(string, &other);
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

static inline wigeon_string_t wigeon_string_copy(const wigeon_string_t *string) {
  return wigeon_string_join(1, string);
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

// Says that the options cannot be used: an error is reported at them in the manifest.
static inline bool wigeon_fail_options(wigeon_error_t *error, const char *before,
                                       const wigeon_string_t *name, const char *after) {
  return wigeon_fail(error, WIGEON_PLUGIN_FAILURE_ERROR_OPTIONS, before, name, after);
}

// Fills in what a plugin says of itself. `options_schema` is the JSON Schema of the options.
static inline void wigeon_describe(wigeon_description_t *description, const char *name,
                                   const char *version, const char *summary,
                                   const char *options_schema) {
  wigeon_string_dup(&description->name, name);
  wigeon_string_dup(&description->version, version);
  wigeon_string_dup(&description->summary, summary);
  wigeon_string_dup(&description->options_schema, options_schema);
}

// ---- options ----------------------------------------------------------------------------------

// What one option is: a text, a list of texts, or something else, which is skipped.
typedef enum { WIGEON_TEXT, WIGEON_TEXTS, WIGEON_OTHER } wigeon_option_kind_t;

typedef struct {
  wigeon_string_t name;
  wigeon_option_kind_t kind;
  wigeon_string_t *texts;
  size_t count, room;
} wigeon_option_t;

// The options of a step. Free them with `wigeon_options_free`.
typedef struct {
  wigeon_option_t *ptr;
  size_t len, room;
} wigeon_options_t;

static inline const uint8_t *wigeon_json_space(const uint8_t *at, const uint8_t *end) {
  while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) at++;
  return at;
}

// Reads the character behind `\u` into `string`. Only control characters are written that way, so
// pairs of surrogates are not put together.
static inline const uint8_t *wigeon_json_unicode(const uint8_t *at, const uint8_t *end,
                                                 wigeon_string_t *string) {
  if (end - at < 5) return NULL;
  char digits[5] = {0}, *stop;
  memcpy(digits, at + 1, 4);
  unsigned long c = strtoul(digits, &stop, 16);
  if (stop != digits + 4) return NULL;
  uint8_t *to = string->ptr + string->len;
  if (c < 0x80) {
    *to++ = (uint8_t)c;
  } else if (c < 0x800) {
    *to++ = (uint8_t)(0xC0 | c >> 6);
    *to++ = (uint8_t)(0x80 | (c & 0x3F));
  } else {
    *to++ = (uint8_t)(0xE0 | c >> 12);
    *to++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
    *to++ = (uint8_t)(0x80 | (c & 0x3F));
  }
  string->len = (size_t)(to - string->ptr);
  return at + 4;
}

// Reads a JSON string at `at` into `string`, which is new. Returns the place behind it, or NULL if
// there is none. The host sends valid JSON.
static inline const uint8_t *wigeon_json_string(const uint8_t *at, const uint8_t *end,
                                                wigeon_string_t *string) {
  static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  if (at >= end || *at != '"') return NULL;
  string->ptr = wigeon_allocate((size_t)(end - at));
  string->len = 0;
  for (at++; at < end && *at != '"'; at++) {
    if (*at != '\\') {
      string->ptr[string->len++] = *at;
      continue;
    }
    const char *escape = ++at < end ? strchr(escapes, *at) : NULL;
    if (escape != NULL && *escape != '\0') {
      string->ptr[string->len++] = (uint8_t)meant[escape - escapes];
    } else if (at >= end || *at != 'u' || (at = wigeon_json_unicode(at, end, string)) == NULL) {
      break;
    }
  }
  if (at != NULL && at < end && *at == '"') return at + 1;
  free(string->ptr);
  return NULL;
}

// Returns the place behind the value at `at`, whatever it is.
static inline const uint8_t *wigeon_json_skip(const uint8_t *at, const uint8_t *end) {
  size_t open = 0;
  while (at < end) {
    if (open == 0 && (*at == ',' || *at == '}' || *at == ']')) return at;
    if (*at == '"') {
      wigeon_string_t skipped;
      at = wigeon_json_string(at, end, &skipped);
      if (at == NULL) return end;
      free(skipped.ptr);
      continue;
    }
    if (*at == '{' || *at == '[') open++;
    if (*at == '}' || *at == ']') open--;
    at++;
  }
  return at;
}

static inline void wigeon_option_add_text(wigeon_option_t *option, wigeon_string_t text) {
  option->texts =
      wigeon_grow(option->texts, &option->room, option->count + 1, sizeof *option->texts);
  option->texts[option->count++] = text;
}

// Reads the value of an option at `at` and returns the place behind it.
static inline const uint8_t *wigeon_json_value(const uint8_t *at, const uint8_t *end,
                                               wigeon_option_t *option) {
  wigeon_string_t text;
  const uint8_t *behind = wigeon_json_string(at, end, &text);
  if (behind != NULL) {
    option->kind = WIGEON_TEXT;
    wigeon_option_add_text(option, text);
    return behind;
  }
  option->kind = WIGEON_OTHER;
  if (at >= end || *at != '[') return wigeon_json_skip(at, end);
  const uint8_t *item = wigeon_json_space(at + 1, end);
  while (item < end && *item != ']') {
    behind = wigeon_json_string(item, end, &text);
    if (behind == NULL) return wigeon_json_skip(at, end);
    wigeon_option_add_text(option, text);
    item = wigeon_json_space(behind, end);
    if (item < end && *item == ',') item = wigeon_json_space(item + 1, end);
  }
  option->kind = WIGEON_TEXTS;
  return item + 1;
}

static inline void wigeon_options_free(wigeon_options_t *options) {
  for (size_t i = 0; i < options->len; i++) {
    wigeon_option_t *option = &options->ptr[i];
    for (size_t text = 0; text < option->count; text++) free(option->texts[text].ptr);
    free(option->texts);
    free(option->name.ptr);
  }
  free(options->ptr);
  *options = (wigeon_options_t){0};
}

// Reads the options, the JSON text of which is freed. Fails if there is one that is not `known`, a
// list of names that ends with NULL.
static inline bool wigeon_options_read(wigeon_string_t *json, const char *const *known,
                                       wigeon_options_t *options, wigeon_error_t *error) {
  *options = (wigeon_options_t){0};
  const uint8_t *at = json->ptr, *end = json->ptr + json->len;
  at = wigeon_json_space(at, end);
  if (at < end && *at == '{') at = wigeon_json_space(at + 1, end);
  wigeon_option_t option = {0};
  while ((at = wigeon_json_string(at, end, &option.name)) != NULL) {
    const char *const *name = known;
    while (*name != NULL && !wigeon_string_is(&option.name, *name)) name++;
    if (*name == NULL) return wigeon_fail_options(error, "there is no option ", &option.name, "");
    at = wigeon_json_space(at, end);
    if (at < end && *at == ':') at = wigeon_json_space(at + 1, end);
    at = wigeon_json_space(wigeon_json_value(at, end, &option), end);
    if (at < end && *at == ',') at = wigeon_json_space(at + 1, end);
    options->ptr =
        wigeon_grow(options->ptr, &options->room, options->len + 1, sizeof *options->ptr);
    options->ptr[options->len++] = option;
    option = (wigeon_option_t){0};
  }
  wigeon_string_free(json);
  return true;
}

// Returns an option by its name, NULL if there is none.
static inline const wigeon_option_t *wigeon_option(const wigeon_options_t *options,
                                                   const char *name) {
  for (size_t i = 0; i < options->len; i++) {
    if (wigeon_string_is(&options->ptr[i].name, name)) return &options->ptr[i];
  }
  return NULL;
}

// Returns an option that must be there and be of one kind, NULL after an error.
static inline const wigeon_option_t *wigeon_option_required(const wigeon_options_t *options,
                                                            const char *name,
                                                            wigeon_option_kind_t kind,
                                                            wigeon_error_t *error) {
  wigeon_string_t wanted = wigeon_string_of(name);
  const wigeon_option_t *option = wigeon_option(options, name);
  if (option == NULL) {
    wigeon_fail_options(error, "the option ", &wanted, " is missing");
  } else if (option->kind != kind) {
    wigeon_fail_options(error, "", &wanted, kind == WIGEON_TEXT ? " is no text" : " is no list of texts");
    option = NULL;
  }
  return option;
}

// ---- schemas ----------------------------------------------------------------------------------

// Fields in pre-order, as the contract has them. The generated type has another name in each world.
typedef struct {
  wigeon_field_t *ptr;
  size_t len;
} wigeon_schema_t;

// Returns the place behind the field at `field` and its children.
static inline size_t wigeon_schema_next(const wigeon_schema_t *schema, size_t field) {
  size_t left = 1;
  while (left > 0 && field < schema->len) left += schema->ptr[field++].children - (size_t)1;
  return field;
}

// Finds a top-level field by name. Returns its place in the flat list, or `schema->len`, and in
// `column` how many top-level fields precede it: the number that `read` and `forward` count in.
static inline size_t wigeon_schema_find(const wigeon_schema_t *schema, const wigeon_string_t *name,
                                        uint32_t *column) {
  size_t field = 0;
  for (*column = 0; field < schema->len; field = wigeon_schema_next(schema, field), ++*column) {
    if (wigeon_string_equal(&schema->ptr[field].name, name)) break;
  }
  return field;
}

// Returns how many top-level fields there are.
static inline uint32_t wigeon_schema_columns(const wigeon_schema_t *schema) {
  uint32_t columns = 0;
  for (size_t field = 0; field < schema->len; field = wigeon_schema_next(schema, field)) columns++;
  return columns;
}

// Returns the place of a column in the flat list.
static inline size_t wigeon_schema_column(const wigeon_schema_t *schema, uint32_t column) {
  size_t field = 0;
  while (column-- > 0) field = wigeon_schema_next(schema, field);
  return field;
}

// Adds a copy of a field and its children, or of a single one with `end == field + 1`.
static inline void wigeon_schema_add(wigeon_schema_t *schema, const wigeon_field_t *field,
                                     const wigeon_field_t *end) {
  size_t added = (size_t)(end - field);
  schema->ptr = wigeon_reallocate(schema->ptr, (schema->len + added) * sizeof *schema->ptr);
  for (; field < end; field++) {
    wigeon_field_t *copy = &schema->ptr[schema->len++];
    *copy = *field;
    copy->name = wigeon_string_copy(&field->name);
    copy->format = wigeon_string_copy(&field->format);
  }
}

// Adds a column of text that may hold nulls.
static inline void wigeon_schema_add_text(wigeon_schema_t *schema, wigeon_string_t name) {
  wigeon_field_t field = {name, wigeon_string_of("u"), true, 0};
  wigeon_schema_add(schema, &field, &field + 1);
}

// Returns a copy: what a function of the step returns is freed behind it.
static inline wigeon_schema_t wigeon_schema_copy(const wigeon_schema_t *schema) {
  wigeon_schema_t copy = {NULL, 0};
  wigeon_schema_add(&copy, schema->ptr, schema->ptr + schema->len);
  return copy;
}

static inline void wigeon_schema_free(wigeon_schema_t *schema) {
  for (size_t i = 0; i < schema->len; i++) wigeon_plugin_columnar_field_free(&schema->ptr[i]);
  free(schema->ptr);
}

// ---- columns in -------------------------------------------------------------------------------

static inline bool wigeon_bit(const uint8_t *bits, size_t row) {
  return bits[row / 8] >> (row % 8) & 1;
}

// Returns the validity of the first node of an array, NULL if no row is null.
static inline const uint8_t *wigeon_validity(const wigeon_array_t *array) {
  return array->nodes.ptr[0].null_count > 0 ? array->buffers.ptr[0].ptr : NULL;
}

// A column of the format `u` (utf8), copied out of the host.
typedef struct {
  wigeon_array_t array;
  uint32_t rows;
  const uint8_t *validity;  // NULL if no row is null
  const int32_t *offsets;
  const uint8_t *bytes;
} wigeon_texts_t;

// Copies a column in. Free it with `wigeon_texts_free`.
static inline wigeon_texts_t wigeon_texts_read(wigeon_batch_t batch, uint32_t column) {
  wigeon_texts_t texts = {0};
  wigeon_plugin_columnar_method_batch_read(batch, column, &texts.array);
  texts.rows = texts.array.nodes.ptr[0].length;
  texts.validity = wigeon_validity(&texts.array);
  texts.offsets = (const int32_t *)texts.array.buffers.ptr[1].ptr;
  texts.bytes = texts.array.buffers.ptr[2].ptr;
  return texts;
}

static inline void wigeon_texts_free(wigeon_texts_t *texts) {
  wigeon_plugin_columnar_array_free(&texts->array);
}

// Returns whether the row has a text, and the text, which belongs to the column.
static inline bool wigeon_texts_get(const wigeon_texts_t *texts, uint32_t row,
                                    wigeon_string_t *text) {
  if (texts->validity != NULL && !wigeon_bit(texts->validity, row)) return false;
  text->ptr = (uint8_t *)texts->bytes + texts->offsets[row];
  text->len = (size_t)(texts->offsets[row + 1] - texts->offsets[row]);
  return true;
}

// ---- columns out ------------------------------------------------------------------------------

// A text column in the making.
typedef struct {
  uint32_t rows, nulls;
  size_t room;
  uint8_t *validity;
  int32_t *offsets;
  uint8_t *bytes;
  wigeon_plugin_columnar_node_t node;
  wigeon_list_u8_t buffers[3];
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
  builder->bytes = wigeon_grow(builder->bytes, &builder->room, start + length, 1);
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

// A column at the selected rows. Nothing but their numbers is copied.
static inline wigeon_column_t wigeon_column_gather(uint32_t column) {
  wigeon_column_t answer = {.tag = WIGEON_PLUGIN_OUTPUT_COLUMN_GATHER};
  answer.val.gather = (wigeon_plugin_output_gathered_t){0, column};
  return answer;
}

// A new column of one node. Node and buffers must live until `wigeon_emit` has returned.
static inline wigeon_column_t wigeon_column_values(wigeon_plugin_columnar_node_t *node,
                                                   wigeon_list_u8_t *buffers, size_t count) {
  wigeon_column_t answer = {.tag = WIGEON_PLUGIN_OUTPUT_COLUMN_VALUES};
  answer.val.values.nodes = (wigeon_plugin_columnar_list_node_t){node, 1};
  answer.val.values.buffers = (wigeon_list_list_u8_t){buffers, count};
  return answer;
}

// A new column of text. The builder must live until `wigeon_emit` has returned.
static inline wigeon_column_t wigeon_column_texts(wigeon_builder_t *builder) {
  builder->node = (wigeon_plugin_columnar_node_t){builder->rows, builder->nulls};
  builder->buffers[0] = (wigeon_list_u8_t){builder->validity, ((size_t)builder->rows + 7) / 8};
  builder->buffers[1] = (wigeon_list_u8_t){
      (uint8_t *)builder->offsets, ((size_t)builder->rows + 1) * sizeof *builder->offsets};
  builder->buffers[2] =
      (wigeon_list_u8_t){builder->bytes, (size_t)builder->offsets[builder->rows]};
  return wigeon_column_values(&builder->node, builder->buffers, 3);
}

// Some rows of one origin, `WIGEON_CURRENT` or `WIGEON_KEPT`.
static inline wigeon_selection_t wigeon_select(wigeon_plugin_rows_origin_t origin, uint32_t *rows,
                                               size_t count) {
  return (wigeon_selection_t){origin, {rows, count}};
}

// Hands rows to the host: one column for each top-level field of the output schema. `selection` may
// be NULL if nothing is gathered.
static inline void wigeon_emit(uint32_t rows, wigeon_selection_t *selection,
                               wigeon_column_t *columns, size_t count) {
  wigeon_plugin_output_list_selection_t selections = {selection, selection == NULL ? 0 : 1};
  wigeon_plugin_output_list_column_t list = {columns, count};
  wigeon_plugin_output_emit(rows, &selections, &list);
}

// Says for each pair of rows whether it differs in `columns`, with one byte, 1 or 0. Both must have
// equally many rows. The answer is new.
static inline uint8_t *wigeon_differ(wigeon_selection_t left, wigeon_selection_t right,
                                     wigeon_list_u32_t *columns) {
  size_t count = left.rows.len;
  uint8_t *answers = wigeon_allocate(count);
  for (size_t at = 0; at < count; at += WIGEON_ROWS_AT_ONCE) {
    size_t some = count - at < WIGEON_ROWS_AT_ONCE ? count - at : WIGEON_ROWS_AT_ONCE;
    wigeon_selection_t some_left = wigeon_select(left.origin, left.rows.ptr + at, some);
    wigeon_selection_t some_right = wigeon_select(right.origin, right.rows.ptr + at, some);
    wigeon_list_u8_t answer;
    wigeon_plugin_rows_differ(&some_left, columns, &some_right, columns, &answer);
    memcpy(answers + at, answer.ptr, some);
    wigeon_list_u8_free(&answer);
  }
  return answers;
}

#endif
