// Keys of rows as bytes, and a table that numbers them, for the plugins that go by keys: snapshot,
// incremental and change detection.

#ifndef WIGEON_KEYS_H
#define WIGEON_KEYS_H

#include "wigeon_sdk.h"

// ---- from rows to bytes -----------------------------------------------------------------------

// How the values of a key column are laid out.
typedef enum {
  WIGEON_KEY_BITS,
  WIGEON_KEY_SIGNED,
  WIGEON_KEY_UNSIGNED,
  WIGEON_KEY_TEXT,
  WIGEON_KEY_LARGE_TEXT,
} wigeon_key_layout_t;

typedef struct {
  uint32_t column;
  wigeon_key_layout_t layout;
  size_t width;  // of a number, in bytes
  wigeon_array_t array;
} wigeon_key_column_t;

// The key columns of an input, and the key of the row that was read last.
typedef struct {
  wigeon_key_column_t *columns;
  size_t count;
  uint8_t *bytes;
  size_t length, room;
} wigeon_key_t;

// Says how a column with this format is laid out, or returns false if it cannot be part of a key.
static inline bool wigeon_key_layout(const wigeon_string_t *format, wigeon_key_column_t *column) {
  static const char numbers[] = "cCsSiIlL";
  if (format->len == 0) return false;
  char first = (char)format->ptr[0];
  const char *number = strchr(numbers, first);
  if (format->len == 1 && number != NULL) {
    column->layout = (number - numbers) % 2 == 0 ? WIGEON_KEY_SIGNED : WIGEON_KEY_UNSIGNED;
    column->width = (size_t)1 << (number - numbers) / 2;
  } else if (wigeon_string_is(format, "b")) {
    column->layout = WIGEON_KEY_BITS;
  } else if (wigeon_string_is(format, "u") || wigeon_string_is(format, "z")) {
    column->layout = WIGEON_KEY_TEXT;
  } else if (wigeon_string_is(format, "U") || wigeon_string_is(format, "Z")) {
    column->layout = WIGEON_KEY_LARGE_TEXT;
  } else if (wigeon_string_is(format, "tdD")) {
    column->layout = WIGEON_KEY_SIGNED;
    column->width = 4;
  } else if (wigeon_string_is(format, "tdm") || (format->len > 1 && first == 't' && format->ptr[1] == 's')) {
    column->layout = WIGEON_KEY_SIGNED;
    column->width = 8;
  } else {
    return false;
  }
  return true;
}

// Prepares to read the key `columns` of rows with this schema.
static inline bool wigeon_key_open(wigeon_key_t *key, const wigeon_schema_t *schema,
                                   const wigeon_list_u32_t *columns, wigeon_error_t *error) {
  *key = (wigeon_key_t){.count = columns->len};
  key->columns = wigeon_allocate(columns->len * sizeof *key->columns);
  for (size_t i = 0; i < columns->len; i++) {
    key->columns[i] = (wigeon_key_column_t){.column = columns->ptr[i]};
    const wigeon_field_t *field = &schema->ptr[wigeon_schema_column(schema, columns->ptr[i])];
    if (!wigeon_key_layout(&field->format, &key->columns[i]))
      return wigeon_fail(error, WIGEON_PLUGIN_FAILURE_ERROR_SCHEMA, "the key column ",
                         &field->name, " is of a type that keys cannot have");
  }
  return true;
}

// Copies the key columns of a batch in. Let go of them with `wigeon_key_release`.
static inline void wigeon_key_read(wigeon_key_t *key, wigeon_batch_t batch) {
  for (size_t i = 0; i < key->count; i++)
    wigeon_plugin_columnar_method_batch_read(batch, key->columns[i].column, &key->columns[i].array);
}

static inline void wigeon_key_release(wigeon_key_t *key) {
  for (size_t i = 0; i < key->count; i++) wigeon_plugin_columnar_array_free(&key->columns[i].array);
}

static inline void wigeon_key_free(wigeon_key_t *key) {
  free(key->columns);
  free(key->bytes);
}

static inline void wigeon_key_push(wigeon_key_t *key, const void *bytes, size_t length) {
  key->bytes = wigeon_grow(key->bytes, &key->room, key->length + length, 1);
  if (length > 0) memcpy(key->bytes + key->length, bytes, length);
  key->length += length;
}

// Adds one value: a mark for null, and what tells it from the other values of its column.
static inline void wigeon_key_push_value(wigeon_key_t *key, const wigeon_key_column_t *column,
                                         uint32_t row) {
  const wigeon_list_u8_t *buffers = column->array.buffers.ptr;
  const uint8_t *validity = wigeon_validity(&column->array), *values = buffers[1].ptr;
  uint8_t valid = validity == NULL || wigeon_bit(validity, row);
  wigeon_key_push(key, &valid, 1);
  if (!valid) return;
  switch (column->layout) {
    case WIGEON_KEY_BITS: {
      uint8_t bit = wigeon_bit(values, row);
      wigeon_key_push(key, &bit, 1);
      return;
    }
    // Numbers are widened: the same number is the same key, whatever the width of its column.
    case WIGEON_KEY_SIGNED:
    case WIGEON_KEY_UNSIGNED: {
      uint64_t number = 0;
      memcpy(&number, values + row * column->width, column->width);
      unsigned unused = 64 - 8 * (unsigned)column->width;
      if (column->layout == WIGEON_KEY_SIGNED)
        number = (uint64_t)((int64_t)(number << unused) >> unused);
      uint8_t above = column->layout == WIGEON_KEY_UNSIGNED && number > INT64_MAX;
      wigeon_key_push(key, &number, sizeof number);
      wigeon_key_push(key, &above, 1);
      return;
    }
    case WIGEON_KEY_TEXT:
    case WIGEON_KEY_LARGE_TEXT: {
      bool large = column->layout == WIGEON_KEY_LARGE_TEXT;
      int64_t start = large ? ((const int64_t *)values)[row] : ((const int32_t *)values)[row];
      int64_t end = large ? ((const int64_t *)values)[row + 1] : ((const int32_t *)values)[row + 1];
      uint32_t length = (uint32_t)(end - start);
      wigeon_key_push(key, &length, sizeof length);
      wigeon_key_push(key, buffers[2].ptr + start, length);
      return;
    }
  }
}

// Puts the key of a row into `key->bytes`.
static inline void wigeon_key_row(wigeon_key_t *key, uint32_t row) {
  key->length = 0;
  for (size_t i = 0; i < key->count; i++) wigeon_key_push_value(key, &key->columns[i], row);
}

// ---- from bytes to numbers --------------------------------------------------------------------

// Keys, numbered from 0 in the order in which they came. `{0}` is an empty table.
typedef struct {
  uint32_t count;
  uint32_t *slots;  // the number of a key, and one more; 0 for none
  size_t slot_count;
  uint64_t *hashes;
  size_t *ends;  // of a key's bytes: they begin where those of the key before end
  size_t hash_room, end_room;
  uint8_t *bytes;
  size_t byte_room;
} wigeon_keys_t;

static inline uint64_t wigeon_hash(const uint8_t *bytes, size_t length) {
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < length; i++) hash = (hash ^ bytes[i]) * 0x100000001b3;
  return hash ^ hash >> 32;
}

// Returns the slot of a key, which is empty if the key is not in the table.
static inline uint32_t *wigeon_keys_slot(const wigeon_keys_t *keys, const wigeon_key_t *key,
                                         uint64_t hash) {
  size_t at = (size_t)hash & (keys->slot_count - 1);
  for (;; at = (at + 1) & (keys->slot_count - 1)) {
    uint32_t *slot = &keys->slots[at];
    if (*slot == 0) return slot;
    uint32_t number = *slot - 1;
    size_t start = number == 0 ? 0 : keys->ends[number - 1];
    if (keys->hashes[number] == hash && keys->ends[number] - start == key->length &&
        memcmp(keys->bytes + start, key->bytes, key->length) == 0)
      return slot;
  }
}

// Returns the number of a key, `WIGEON_NO_ROW` if the table has it not.
static inline uint32_t wigeon_keys_find(const wigeon_keys_t *keys, const wigeon_key_t *key) {
  if (keys->count == 0) return WIGEON_NO_ROW;
  return *wigeon_keys_slot(keys, key, wigeon_hash(key->bytes, key->length)) - 1;
}

// Makes room for twice as many keys.
static inline void wigeon_keys_rehash(wigeon_keys_t *keys) {
  size_t count = keys->slot_count > 0 ? 2 * keys->slot_count : 64;
  keys->slots = wigeon_reallocate(keys->slots, count * sizeof *keys->slots);
  memset(keys->slots, 0, count * sizeof *keys->slots);
  keys->slot_count = count;
  for (uint32_t number = 0; number < keys->count; number++) {
    size_t at = (size_t)keys->hashes[number] & (count - 1);
    while (keys->slots[at] != 0) at = (at + 1) & (count - 1);
    keys->slots[at] = number + 1;
  }
}

// Returns the number of a key, a new one if the table had it not.
static inline uint32_t wigeon_keys_add(wigeon_keys_t *keys, const wigeon_key_t *key) {
  if (2 * (size_t)keys->count >= keys->slot_count) wigeon_keys_rehash(keys);
  uint64_t hash = wigeon_hash(key->bytes, key->length);
  uint32_t *slot = wigeon_keys_slot(keys, key, hash);
  if (*slot != 0) return *slot - 1;
  uint32_t number = keys->count++;
  size_t start = number == 0 ? 0 : keys->ends[number - 1], end = start + key->length;
  keys->hashes = wigeon_grow(keys->hashes, &keys->hash_room, keys->count, sizeof *keys->hashes);
  keys->ends = wigeon_grow(keys->ends, &keys->end_room, keys->count, sizeof *keys->ends);
  keys->bytes = wigeon_grow(keys->bytes, &keys->byte_room, end, 1);
  memcpy(keys->bytes + start, key->bytes, key->length);
  keys->hashes[number] = hash;
  keys->ends[number] = end;
  *slot = keys->count;
  return number;
}

static inline void wigeon_keys_free(wigeon_keys_t *keys) {
  free(keys->slots);
  free(keys->hashes);
  free(keys->ends);
  free(keys->bytes);
}

// ---- versions ---------------------------------------------------------------------------------

// Finds the column `valid_from`, which ends every schema of versions.
static inline bool wigeon_valid_from(const wigeon_schema_t *versions, uint32_t *column,
                                     wigeon_error_t *error) {
  wigeon_string_t name = wigeon_string_of("valid_from");
  size_t field = wigeon_schema_find(versions, &name, column);
  if (field + 1 != versions->len || !wigeon_string_is(&versions->ptr[field].format, "tsu:"))
    return wigeon_fail(error, WIGEON_PLUGIN_FAILURE_ERROR_SCHEMA, "the versions do not end with ",
                       &name, "");
  return true;
}

// A column of times, which are never null.
typedef struct {
  wigeon_array_t array;
  const int64_t *values;
} wigeon_times_t;

// Copies a column in. Free it with `wigeon_plugin_columnar_array_free(&times.array)`.
static inline wigeon_times_t wigeon_times_read(wigeon_batch_t batch, uint32_t column) {
  wigeon_times_t times = {0};
  wigeon_plugin_columnar_method_batch_read(batch, column, &times.array);
  times.values = (const int64_t *)times.array.buffers.ptr[1].ptr;
  return times;
}

#endif
