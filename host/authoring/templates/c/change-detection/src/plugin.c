// The keys whose versions are no longer those that were last applied.
//
// A change-detection plugin is handed versions as they were last applied, then as they are now.
// Only the keys and `valid_from` are copied in; the other columns are compared by the host.

#include "wigeon_keys.h"

static const char OPTIONS[] =
    "{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}";

// A version: as it was applied, or as it is now.
typedef struct {
  uint32_t key;
  bool now;
  int64_t valid_from;
  uint32_t number;  // by which the host keeps it
} version_t;

// The step at work.
struct exports_wigeon_plugin_change_detection_step_step_t {
  wigeon_key_t key;
  uint32_t columns;  // of the versions
  uint32_t valid_from;
  wigeon_list_u32_t payload;  // the columns that make two versions differ
  wigeon_keys_t keys;
  version_t *versions;
  size_t count, room;
};

void exports_wigeon_plugin_change_detection_step_describe(wigeon_description_t *description) {
  wigeon_describe(description, "{{name}}", "0.1.0", "{{summary}}", OPTIONS);
}

static bool in_list(const wigeon_list_u32_t *list, uint32_t number) {
  for (size_t i = 0; i < list->len; i++)
    if (list->ptr[i] == number) return true;
  return false;
}

// What is handed over here belongs to the plugin.
bool exports_wigeon_plugin_change_detection_step_static_step_open(
    wigeon_string_t *json, exports_wigeon_plugin_change_detection_step_input_t *input,
    exports_wigeon_plugin_change_detection_step_own_step_t *opened, wigeon_error_t *error) {
  static const char *const known[] = {NULL};
  wigeon_options_t options;
  if (!wigeon_options_read(json, known, &options, error)) return false;

  wigeon_schema_t versions = {input->versions.ptr, input->versions.len};
  exports_wigeon_plugin_change_detection_step_step_t *step = wigeon_allocate(sizeof *step);
  *step = (exports_wigeon_plugin_change_detection_step_step_t){
      .columns = wigeon_schema_columns(&versions),
  };
  if (!wigeon_valid_from(&versions, &step->valid_from, error) ||
      !wigeon_key_open(&step->key, &versions, &input->key, error))
    return false;
  step->payload.ptr = wigeon_allocate(step->columns * sizeof *step->payload.ptr);
  for (uint32_t column = 0; column < step->valid_from; column++)
    if (!in_list(&input->key, column)) step->payload.ptr[step->payload.len++] = column;
  wigeon_options_free(&options);
  exports_wigeon_plugin_change_detection_step_input_free(input);
  *opened = exports_wigeon_plugin_change_detection_step_step_new(step);
  return true;
}

void exports_wigeon_plugin_change_detection_step_step_destructor(
    exports_wigeon_plugin_change_detection_step_step_t *step) {
  wigeon_key_free(&step->key);
  wigeon_keys_free(&step->keys);
  free(step->payload.ptr);
  free(step->versions);
  free(step);
}

static void push(exports_wigeon_plugin_change_detection_step_step_t *step, wigeon_batch_t batch,
                 bool now) {
  uint32_t rows = wigeon_plugin_columnar_method_batch_rows(batch);
  wigeon_times_t times = wigeon_times_read(batch, step->valid_from);
  wigeon_key_read(&step->key, batch);
  step->versions = wigeon_grow(step->versions, &step->room, step->count + rows,
                               sizeof *step->versions);
  for (uint32_t row = 0; row < rows; row++) {
    wigeon_key_row(&step->key, row);
    uint32_t key = wigeon_keys_add(&step->keys, &step->key);
    uint32_t number = (uint32_t)step->count;
    step->versions[step->count++] = (version_t){key, now, times.values[row], number};
  }
  wigeon_key_release(&step->key);
  wigeon_plugin_columnar_array_free(&times.array);
}

bool exports_wigeon_plugin_change_detection_step_method_step_applied(
    exports_wigeon_plugin_change_detection_step_step_t *step, wigeon_batch_t batch,
    wigeon_error_t *error) {
  (void)error;
  push(step, batch, false);
  return true;
}

bool exports_wigeon_plugin_change_detection_step_method_step_now(
    exports_wigeon_plugin_change_detection_step_step_t *step, wigeon_batch_t batch,
    wigeon_error_t *error) {
  (void)error;
  push(step, batch, true);
  return true;
}

// By key, then the applied ones first, then by time.
static int compare(const void *left, const void *right) {
  const version_t *a = left, *b = right;
  if (a->key != b->key) return a->key < b->key ? -1 : 1;
  if (a->now != b->now) return a->now ? 1 : -1;
  return (a->valid_from > b->valid_from) - (a->valid_from < b->valid_from);
}

// Says for each pair of kept rows whether it differs. Empties the lists.
static uint8_t *differ(exports_wigeon_plugin_change_detection_step_step_t *step,
                       wigeon_rows_t *left, wigeon_rows_t *right) {
  uint8_t *answers = wigeon_differ(wigeon_select(WIGEON_KEPT, left->ptr, left->len),
                                   wigeon_select(WIGEON_KEPT, right->ptr, right->len),
                                   &step->payload);
  left->len = right->len = 0;
  return answers;
}

// Says whether a version comes right behind another in the history of one key.
static bool follows(const version_t *before, const version_t *version) {
  return before->key == version->key && before->now == version->now;
}

// Sorts the versions, and drops those with the values of the one before: that a key was away for a
// time does not make another version of it.
static void settle(exports_wigeon_plugin_change_detection_step_step_t *step) {
  version_t *versions = step->versions;
  qsort(versions, step->count, sizeof *versions, compare);
  wigeon_rows_t left = {0}, right = {0};
  for (size_t i = 1; i < step->count; i++) {
    if (!follows(&versions[i - 1], &versions[i])) continue;
    wigeon_rows_push(&left, versions[i - 1].number);
    wigeon_rows_push(&right, versions[i].number);
  }
  uint8_t *differs = differ(step, &left, &right);
  size_t kept = 0, pair = 0;
  version_t before = {0};
  for (size_t i = 0; i < step->count; i++) {
    version_t version = versions[i];
    bool repeats = i > 0 && follows(&before, &version) && !differs[pair++];
    if (!repeats) versions[kept++] = version;
    before = version;
  }
  step->count = kept;
  free(differs);
  free(left.ptr);
  free(right.ptr);
}

// The versions of one key: `applied..now` as they were applied, `now..end` as they are now.
typedef struct {
  size_t applied, now, end;
  size_t same;  // how many of them are the same, from the first on
} history_t;

// Emits the newest versions of some keys, and the times from which these have changed.
static void emit(const exports_wigeon_plugin_change_detection_step_step_t *step,
                 wigeon_rows_t *newest, const int64_t *changed_from, const uint8_t *changed) {
  wigeon_column_t *columns = wigeon_allocate((step->columns + 1) * sizeof *columns);
  for (uint32_t column = 0; column < step->columns; column++)
    columns[column] = wigeon_column_gather(column);
  uint8_t *validity = wigeon_allocate(WIGEON_ROWS_AT_ONCE / 8);
  for (size_t at = 0; at < newest->len; at += WIGEON_ROWS_AT_ONCE) {
    size_t left = newest->len - at;
    uint32_t count = left < WIGEON_ROWS_AT_ONCE ? (uint32_t)left : WIGEON_ROWS_AT_ONCE;
    wigeon_plugin_columnar_node_t node = {count, 0};
    memset(validity, 0, WIGEON_ROWS_AT_ONCE / 8);
    for (uint32_t row = 0; row < count; row++) {
      validity[row / 8] |= (uint8_t)(changed[at + row] << row % 8);
      node.null_count += !changed[at + row];
    }
    wigeon_list_u8_t buffers[] = {{validity, (count + 7) / 8},
                                  {(uint8_t *)(changed_from + at), count * sizeof *changed_from}};
    columns[step->columns] = wigeon_column_values(&node, buffers, 2);
    wigeon_selection_t selection = wigeon_select(WIGEON_KEPT, newest->ptr + at, count);
    wigeon_emit(count, &selection, columns, step->columns + 1);
  }
  free(validity);
  free(columns);
}

bool exports_wigeon_plugin_change_detection_step_method_step_finish(
    exports_wigeon_plugin_change_detection_step_step_t *step, wigeon_error_t *error) {
  (void)error;
  settle(step);

  // The histories, with how many of their versions began together.
  const version_t *versions = step->versions;
  history_t *histories = wigeon_allocate(step->keys.count * sizeof *histories);
  wigeon_rows_t left = {0}, right = {0};
  size_t keys = 0;
  for (size_t i = 0; i < step->count; keys++) {
    history_t *history = &histories[keys];
    uint32_t key = versions[i].key;
    *history = (history_t){.applied = i};
    while (i < step->count && versions[i].key == key && !versions[i].now) i++;
    history->now = i;
    while (i < step->count && versions[i].key == key) i++;
    history->end = i;
    size_t applied = history->applied, now = history->now;
    while (applied < history->now && now < history->end &&
           versions[applied].valid_from == versions[now].valid_from) {
      wigeon_rows_push(&left, versions[applied++].number);
      wigeon_rows_push(&right, versions[now++].number);
    }
    history->same = now - history->now;
  }

  // Those of them that hold the same values.
  uint8_t *differs = differ(step, &left, &right);
  size_t pair = 0;
  for (size_t key = 0; key < keys; key++) {
    size_t together = histories[key].same;
    for (size_t version = together; version-- > 0;)
      if (differs[pair + version]) histories[key].same = version;
    pair += together;
  }

  int64_t *changed_from = wigeon_allocate(keys * sizeof *changed_from);
  uint8_t *changed = wigeon_allocate(keys);
  for (size_t key = 0; key < keys; key++) {
    const history_t *history = &histories[key];
    size_t applied = history->applied + history->same, now = history->now + history->same;
    bool has_applied = applied < history->now, has_now = now < history->end;
    // The same as before, or a key that has no version now.
    if ((!has_applied && !has_now) || history->now == history->end) continue;
    int64_t from = has_now ? versions[now].valid_from : INT64_MAX;
    if (has_applied && versions[applied].valid_from < from) from = versions[applied].valid_from;
    changed_from[left.len] = from;
    changed[left.len] = history->same > 0;
    wigeon_rows_push(&left, versions[history->end - 1].number);
  }
  emit(step, &left, changed_from, changed);

  free(changed_from);
  free(changed);
  free(differs);
  free(histories);
  free(left.ptr);
  free(right.ptr);
  return true;
}
