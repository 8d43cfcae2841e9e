// The example plugin `url-parts`: host, path and query of a column of URLs.
//
// A URL is taken apart as RFC 3986 says, and nothing in it is decoded. The host is in lower case,
// without user and port. A part that the URL does not have is null; an empty one is empty.

#include "wigeon_sdk.h"

enum { HOST, PATH, QUERY, PARTS };

static const char *const PART_NAMES[PARTS] = {"_host", "_path", "_query"};

// The step at work.
struct exports_wigeon_plugin_transform_step_step_t {
  wigeon_schema_t schema;
  uint32_t columns;  // of the input
  uint32_t url;
};

// region: describe
static const char OPTIONS[] =
    "{\"type\":\"object\",\"properties\":{\"column\":{\"type\":\"string\","
    "\"description\":\"The column of URLs, which must be text.\"}},"
    "\"required\":[\"column\"],\"additionalProperties\":false}";

void exports_wigeon_plugin_transform_step_describe(wigeon_description_t *description) {
  wigeon_describe(description, "url-parts", "0.1.0",
                  "Adds host, path and query of a column of URLs", OPTIONS);
}
// endregion: describe

// region: open
bool exports_wigeon_plugin_transform_step_static_step_open(
    wigeon_string_t *json, exports_wigeon_plugin_transform_step_list_field_t *rows,
    exports_wigeon_plugin_transform_step_own_step_t *opened, wigeon_error_t *error) {
  static const char *const known[] = {"column", NULL};
  wigeon_options_t options;
  if (!wigeon_options_read(json, known, &options, error)) return false;
  const wigeon_option_t *option = wigeon_option_required(&options, "column", WIGEON_TEXT, error);
  if (option == NULL) return false;

  // The list of fields is ours from here on: it becomes the output's.
  exports_wigeon_plugin_transform_step_step_t *step = wigeon_allocate(sizeof *step);
  step->schema = (wigeon_schema_t){rows->ptr, rows->len};
  step->columns = wigeon_schema_columns(&step->schema);
  const wigeon_string_t *name = &option->texts[0];
  size_t field = wigeon_schema_find(&step->schema, name, &step->url);
  if (field == step->schema.len)
    return wigeon_fail_options(error, "`column` is ", name, ", which is no column");
  if (!wigeon_string_is(&step->schema.ptr[field].format, "u"))
    return wigeon_fail_options(error, "`column` is ", name, ", which is not text (utf8)");
  for (int part = 0; part < PARTS; part++) {
    wigeon_string_t words[] = {*name, wigeon_string_of(PART_NAMES[part])};
    wigeon_string_t added = wigeon_string_join(2, words);
    wigeon_schema_add_text(&step->schema, added);
    wigeon_string_free(&added);
  }
  wigeon_options_free(&options);
  *opened = exports_wigeon_plugin_transform_step_step_new(step);
  return true;
}
// endregion: open

void exports_wigeon_plugin_transform_step_method_step_schema(
    exports_wigeon_plugin_transform_step_step_t *step,
    exports_wigeon_plugin_transform_step_list_field_t *schema) {
  wigeon_schema_t copy = wigeon_schema_copy(&step->schema);
  *schema = (exports_wigeon_plugin_transform_step_list_field_t){copy.ptr, copy.len};
}

void exports_wigeon_plugin_transform_step_step_destructor(
    exports_wigeon_plugin_transform_step_step_t *step) {
  wigeon_schema_free(&step->schema);
  free(step);
}

static bool is_letter(uint8_t byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

// Returns how long a scheme with its colon is, or 0 if the URL begins with none.
static size_t scheme_length(const uint8_t *url, size_t length) {
  if (length == 0 || !is_letter(url[0])) return 0;
  for (size_t i = 1; i < length; i++) {
    if (url[i] == ':') return i + 1;
    bool digit = url[i] >= '0' && url[i] <= '9';
    if (!is_letter(url[i]) && !digit && url[i] != '+' && url[i] != '-' && url[i] != '.') return 0;
  }
  return 0;
}

// Returns the first place from `at` on that holds one of `marks`, or `end`.
static const uint8_t *find(const uint8_t *at, const uint8_t *end, const char *marks) {
  while (at < end && (*at == '\0' || strchr(marks, *at) == NULL)) at++;
  return at;
}

// Adds the host of the authority `at..end`: no user in front, no port behind.
static void push_host(wigeon_builder_t *hosts, const uint8_t *at, const uint8_t *end) {
  for (const uint8_t *user = at; user < end; user++) {
    if (*user == '@') at = user + 1;
  }
  const uint8_t *host_end;
  if (at < end && *at == '[') {
    const uint8_t *bracket = find(at, end, "]");
    host_end = bracket < end ? bracket + 1 : end;
  } else {
    host_end = find(at, end, ":");
  }
  wigeon_builder_push(hosts, at, (size_t)(host_end - at));
  uint8_t *bytes = hosts->bytes;
  for (int32_t i = hosts->offsets[hosts->rows - 1]; i < hosts->offsets[hosts->rows]; i++) {
    if (bytes[i] >= 'A' && bytes[i] <= 'Z') bytes[i] |= 0x20;
  }
}

static void push_parts(wigeon_builder_t *parts, const wigeon_string_t *url) {
  const uint8_t *end = find(url->ptr, url->ptr + url->len, "#");
  const uint8_t *at = url->ptr + scheme_length(url->ptr, (size_t)(end - url->ptr));
  if (end - at >= 2 && at[0] == '/' && at[1] == '/') {
    const uint8_t *path = find(at + 2, end, "/?");
    push_host(&parts[HOST], at + 2, path);
    at = path;
  } else {
    wigeon_builder_push_null(&parts[HOST]);
  }
  const uint8_t *query = find(at, end, "?");
  wigeon_builder_push(&parts[PATH], at, (size_t)(query - at));
  if (query < end) {
    wigeon_builder_push(&parts[QUERY], query + 1, (size_t)(end - query - 1));
  } else {
    wigeon_builder_push_null(&parts[QUERY]);
  }
}

// region: rows
bool exports_wigeon_plugin_transform_step_method_step_rows(
    exports_wigeon_plugin_transform_step_step_t *step, wigeon_batch_t batch,
    wigeon_error_t *error) {
  (void)error;  // Any text is some URL.
  wigeon_texts_t urls = wigeon_texts_read(batch, step->url);
  wigeon_builder_t parts[PARTS];
  for (int part = 0; part < PARTS; part++) parts[part] = wigeon_builder_new(urls.rows);

  for (uint32_t row = 0; row < urls.rows; row++) {
    wigeon_string_t url;
    if (wigeon_texts_get(&urls, row, &url)) {
      push_parts(parts, &url);
    } else {
      for (int part = 0; part < PARTS; part++) wigeon_builder_push_null(&parts[part]);
    }
  }

  wigeon_column_t *columns = wigeon_allocate((step->columns + PARTS) * sizeof *columns);
  for (uint32_t column = 0; column < step->columns; column++)
    columns[column] = wigeon_column_forward(column);
  for (int part = 0; part < PARTS; part++)
    columns[step->columns + part] = wigeon_column_texts(&parts[part]);
  wigeon_emit(urls.rows, NULL, columns, step->columns + PARTS);

  free(columns);
  for (int part = 0; part < PARTS; part++) wigeon_builder_free(&parts[part]);
  wigeon_texts_free(&urls);
  return true;
}
// endregion: rows
