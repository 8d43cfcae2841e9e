// What a plugin in JavaScript needs beside the contract: options and errors, columns in and out, and
// answers.
//
// A column arrives as buffers in Arrow's layout, and leaves in it. `read` and `values` know the
// layout of flat types: the table in the package documentation of the WIT lists that of all types.

import { emit as emitRows } from "wigeon:plugin/output@0.1.0";
import { differ as rowsDiffer } from "wigeon:plugin/rows@0.1.0";

// The row number that stands for no row: what is gathered there is null.
export const NO_ROW = 2 ** 32 - 1;

// How many rows one call of the host carries at most: well below what it may.
export const ROWS_AT_ONCE = 65_536;

// ---- options and errors -------------------------------------------------------------------------

// Returns an error to throw, which is reported at the step's options in the manifest.
export const optionsError = (val) => ({ tag: "options", val });

// Returns an error to throw: the input lacks a column, or has one of the wrong type.
export const schemaError = (val) => ({ tag: "schema", val });

// Returns an error to throw: a row cannot be worked with.
export const dataError = (val) => ({ tag: "data", val });

// Returns what a plugin says of itself. `options` is the JSON Schema of its options.
export function describe(name, version, summary, options) {
  return { name, version, summary, optionsSchema: JSON.stringify(options) };
}

// What `type` may be in the JSON Schema of an option: the word for it, and how it is told.
const TYPES = {
  string: ["text", (value) => typeof value === "string"],
  integer: ["integer", Number.isInteger],
  number: ["number", (value) => typeof value === "number"],
  boolean: ["boolean", (value) => typeof value === "boolean"],
  array: ["list", Array.isArray],
  object: ["table", (value) => value?.constructor === Object],
};

// Returns the options, checked against the JSON Schema that describes them.
//
// Of the schema `properties`, `required`, `default`, `type`, `items` and an `additionalProperties`
// that is a schema are looked at. An option that is not described is an error.
export function readOptions(text, { properties, required = [] }) {
  const options = JSON.parse(text);
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(properties, name)) throw optionsError(`there is no option \`${name}\``);
  }
  for (const name of required) {
    if (!Object.hasOwn(options, name)) throw optionsError(`the option \`${name}\` is missing`);
  }
  for (const [name, value] of Object.entries(options)) check(`\`${name}\``, value, properties[name]);
  const defaults = Object.entries(properties).filter(([, schema]) => "default" in schema);
  return { ...Object.fromEntries(defaults.map(([name, schema]) => [name, schema.default])), ...options };
}

function check(what, value, { type, items, additionalProperties }) {
  const [word, isOf] = TYPES[type];
  if (!isOf(value)) throw optionsError(`${what} is no ${word}`);
  if (type === "array") value.forEach((item) => check(`${what}: \`${item}\``, item, items));
  if (type === "object") {
    for (const [name, item] of Object.entries(value)) check(`${what}: \`${name}\``, item, additionalProperties);
  }
}

// ---- schemas ------------------------------------------------------------------------------------

// Returns for each column the list of its field and its children, in the columns' order.
export function topLevel(fields) {
  const columns = [];
  let below = 0;
  for (const field of fields) {
    if (below > 0) {
      columns.at(-1).push(field);
      below--;
    } else {
      columns.push([field]);
    }
    below += field.children;
  }
  return columns;
}

// Returns the number of a column, -1 if there is none of this name.
export const find = (fields, name) => topLevel(fields).findIndex(([field]) => field.name === name);

// Returns the format string of each column, which says its type.
export const formats = (fields) => topLevel(fields).map(([field]) => field.format);

// Returns the field of a column without children.
export const field = (name, format, nullable = true) => ({ name, format, nullable, children: 0 });

// Returns the number of the column `valid_from`, which ends every schema of versions.
export function validFrom(versions) {
  const last = versions.at(-1);
  if (last?.name !== "valid_from" || last.format !== "tsu:") {
    throw schemaError("the versions do not end with `valid_from`");
  }
  return topLevel(versions).length - 1;
}

// ---- columns in and out -------------------------------------------------------------------------

// Of each format string of numbers, what makes them of a buffer. Times are numbers too; those of 64
// bits are BigInts.
const NUMBERS = {
  c: Int8Array, C: Uint8Array, s: Int16Array, S: Uint16Array, i: Int32Array, I: Uint32Array,
  l: BigInt64Array, L: BigUint64Array, f: Float32Array, g: Float64Array,
  tdD: Int32Array, tdm: BigInt64Array, tts: Int32Array, ttm: Int32Array, ttu: BigInt64Array, ttn: BigInt64Array,
}; // prettier-ignore

const numbersOf = (format) => (/^t[sD]/.test(format) ? BigInt64Array : NUMBERS[format]);

// The offsets of text and binary.
const OFFSETS = { u: Int32Array, z: Int32Array, U: BigInt64Array, Z: BigInt64Array };

// Returns the numbers in a buffer, which need not be aligned.
const numbers = (Numbers, { buffer, byteOffset, byteLength }) =>
  new Numbers(buffer.slice(byteOffset, byteOffset + byteLength));

const bytesOf = (numbers) => new Uint8Array(numbers.buffer);

const isSet = (bits, row) => ((bits[row >> 3] >> (row & 7)) & 1) === 1;

// Copies a column in and returns its values as an array, with null where there is none.
//
// Dates and times are the numbers that Arrow has for them, and binary is a `Uint8Array`.
export function read(batch, column, format) {
  const { nodes, buffers } = batch.read(column);
  const [{ length, nullCount }] = nodes;
  const Numbers = numbersOf(format);
  let values;
  if (Numbers !== undefined) {
    values = Array.from(numbers(Numbers, buffers[1]));
  } else if (format in OFFSETS) {
    const ends = Array.from(numbers(OFFSETS[format], buffers[1]), Number);
    const decoder = new TextDecoder();
    const value = (bytes) => (/^u$/i.test(format) ? decoder.decode(bytes) : bytes);
    values = Array.from({ length }, (_, row) => value(buffers[2].subarray(ends[row], ends[row + 1])));
  } else if (format === "b") {
    values = Array.from({ length }, (_, row) => isSet(buffers[1], row));
  } else {
    throw schemaError(`a column of the type \`${format}\` cannot be read`);
  }
  return nullCount === 0 ? values : values.map((value, row) => (isSet(buffers[0], row) ? value : null));
}

// Copies a column of times that are never null in, such as `valid_from`, as a `BigInt64Array`.
export const readTimes = (batch, column) => numbers(BigInt64Array, batch.read(column).buffers[1]);

// Copies the key columns in and returns the key of each row, by which a `Map` tells them apart: a
// number for a single column of integers, a text otherwise. The same number is the same key, whatever
// the width of its column.
export function readKey(batch, key, formats) {
  const columns = Array.from(key, (column) => read(batch, column, formats[column]));
  if (columns.length === 1) return columns[0].map(keyOf);
  const part = (value) => (value === null ? "-" : `${String(value).length}:${value}`);
  return columns[0].map((_, row) => columns.map((column) => part(column[row])).join());
}

function keyOf(value) {
  if (typeof value !== "bigint") return value instanceof Uint8Array ? value.join() : value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

// A list of numbers that grows. It takes a fraction of the memory of an array of objects, which is
// what a plugin in JavaScript runs out of first.
export class List {
  constructor(Numbers) {
    this.room = new Numbers(1024);
    this.length = 0;
  }

  push(number) {
    if (this.length === this.room.length) {
      const larger = new this.room.constructor(2 * this.length);
      larger.set(this.room);
      this.room = larger;
    }
    this.room[this.length++] = number;
  }

  // Returns the numbers as a typed array, which is good until the next `push`.
  get numbers() {
    return this.room.subarray(0, this.length);
  }
}

// Returns a new column of these values, null for none: numbers, text, or binary.
export function values(values, format) {
  const validity = new Uint8Array((values.length + 7) >> 3);
  let nullCount = 0;
  values.forEach((value, row) => {
    if (value === null) nullCount++;
    else validity[row >> 3] |= 1 << (row & 7);
  });
  const buffers = [validity];
  const Numbers = numbersOf(format);
  if (Numbers !== undefined) {
    const data = new Numbers(values.length);
    values.forEach((value, row) => {
      if (value !== null) data[row] = value;
    });
    buffers.push(bytesOf(data));
  } else if (format in OFFSETS) {
    const encoder = new TextEncoder();
    const none = new Uint8Array(0);
    const part = (value) => (typeof value === "string" ? encoder.encode(value) : (value ?? none));
    const parts = values.map(part);
    const ends = new OFFSETS[format](values.length + 1);
    let end = 0;
    parts.forEach(({ length }, row) => {
      end += length;
      ends[row + 1] = format === "u" || format === "z" ? end : BigInt(end);
    });
    const data = new Uint8Array(end);
    parts.forEach((part, row) => data.set(part, Number(ends[row])));
    buffers.push(bytesOf(ends), data);
  } else {
    throw schemaError(`a column of the type \`${format}\` cannot be made`);
  }
  return { tag: "values", val: { nodes: [{ length: values.length, nullCount }], buffers } };
}

// ---- answers ------------------------------------------------------------------------------------

// Returns a column of the batch as it is. Nothing is copied.
export const forward = (column) => ({ tag: "forward", val: column });

// Returns a column at the selected rows. Nothing but their numbers is copied.
export const gather = (column) => ({ tag: "gather", val: { selection: 0, column } });

// Selects rows of the batch of this call, by their numbers.
export const current = (rows) => ({ origin: "current", rows: Uint32Array.from(rows) });

// Selects rows that the host keeps, counted from the first that was handed over.
export const kept = (rows) => ({ origin: "kept", rows: Uint32Array.from(rows) });

// Hands `count` rows to the host: a column for each top-level field of the output schema.
export function emit(count, columns, selection) {
  emitRows(count, selection === undefined ? [] : [selection], columns);
}

// Returns for each pair of selected rows whether it differs in any of the columns: 1 or 0.
export function differ(left, right, columns) {
  const answers = new Uint8Array(left.rows.length);
  const numbers = Uint32Array.from(columns);
  let at = 0;
  for (const rows of parts(left.rows)) {
    const end = at + rows.length;
    const [some, others] = [{ ...left, rows }, { ...right, rows: right.rows.slice(at, end) }];
    answers.set(rowsDiffer(some, numbers, others, numbers), at);
    at = end;
  }
  return answers;
}

// Cuts an array into pieces that one call of the host can carry.
export function* parts(rows) {
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) yield rows.slice(at, at + ROWS_AT_ONCE);
}
