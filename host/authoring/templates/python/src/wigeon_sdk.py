"""What a plugin in Python needs beside the generated bindings: options and errors, columns in and
out, and answers.

A column arrives as buffers in Arrow's layout, and leaves in it. `read` and `values` know the layout
of flat types: the table in the package documentation of the WIT lists that of all types.
"""

import json
from array import array

from componentize_py_types import Err
from wit_world.imports import about, columnar, failure, output, rows

# The row number that stands for no row: what is gathered there is null.
NO_ROW = 2**32 - 1

# How many rows one call of the host carries at most: well below what it may.
ROWS_AT_ONCE = 65_536

# ---- options and errors -------------------------------------------------------------------------


def options_error(message):
    """Returns an error to raise, which is reported at the step's options in the manifest."""
    return Err(failure.Error_Options(message))


def schema_error(message):
    """Returns an error to raise: the input lacks a column, or has one of the wrong type."""
    return Err(failure.Error_Schema(message))


def data_error(message):
    """Returns an error to raise: a row cannot be worked with."""
    return Err(failure.Error_Data(message))


def describe(name, version, summary, options):
    """Returns what a plugin says of itself. `options` is the JSON Schema of its options."""
    return about.Description(name, version, summary, json.dumps(options))


# What `type` may be in the JSON Schema of an option.
TYPES = {
    "string": (str, "text"),
    "integer": (int, "integer"),
    "number": ((int, float), "number"),
    "boolean": (bool, "boolean"),
    "array": (list, "list"),
    "object": (dict, "table"),
}


def read_options(text, schema):
    """Returns the options as a dictionary, checked against the JSON Schema that describes them.

    Of the schema `properties`, `required`, `default`, `type`, `items` and an `additionalProperties`
    that is a schema are looked at. An option that is not described is an error.
    """
    options = json.loads(text)
    properties = schema["properties"]
    for name in options:
        if name not in properties:
            raise options_error(f"there is no option `{name}`")
    for name in schema.get("required", []):
        if name not in options:
            raise options_error(f"the option `{name}` is missing")
    for name, value in options.items():
        _check(f"`{name}`", value, properties[name])
    defaults = {name: kind["default"] for name, kind in properties.items() if "default" in kind}
    return defaults | options


def _check(what, value, schema):
    kind, word = TYPES[schema["type"]]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise options_error(f"{what} is no {word}")
    if kind is list:
        for item in value:
            _check(f"{what}: `{item}`", item, schema["items"])
    if kind is dict:
        for name, item in value.items():
            _check(f"{what}: `{name}`", item, schema["additionalProperties"])


# ---- schemas ------------------------------------------------------------------------------------


def top_level(fields):
    """Returns for each column the list of its field and its children, in the columns' order."""
    columns, below = [], 0
    for field in fields:
        if below:
            columns[-1].append(field)
            below -= 1
        else:
            columns.append([field])
        below += field.children
    return columns


def find(fields, name):
    """Returns the number of a column, None if there is none of this name."""
    names = [column[0].name for column in top_level(fields)]
    return names.index(name) if name in names else None


def formats(fields):
    """Returns the format string of each column, which says its type."""
    return [column[0].format for column in top_level(fields)]


def field(name, format, nullable=True):
    """Returns the field of a column without children."""
    return columnar.Field(name, format, nullable, 0)


def valid_from(versions):
    """Returns the number of the column `valid_from`, which ends every schema of versions."""
    if not versions or (versions[-1].name, versions[-1].format) != ("valid_from", "tsu:"):
        raise schema_error("the versions do not end with `valid_from`")
    return len(top_level(versions)) - 1


# ---- columns in and out -------------------------------------------------------------------------

# Of each format string of numbers, the type code of `array`. Times are numbers too.
NUMBERS = {
    "c": "b", "C": "B", "s": "h", "S": "H", "i": "i", "I": "I", "l": "q", "L": "Q",
    "f": "f", "g": "d", "tdD": "i", "tdm": "q", "tts": "i", "ttm": "i", "ttu": "q", "ttn": "q",
}  # fmt: skip
TEXTS = {"u": "i", "z": "i", "U": "q", "Z": "q"}


def _number(format):
    """Returns the type code of a format string, None if its values are no numbers."""
    return "q" if format[:2] in ("ts", "tD") else NUMBERS.get(format)


def read(batch, column, format):
    """Copies a column in and returns its values as a list, with None for null.

    Text becomes `str`, binary `bytes`, dates and times the numbers that Arrow has for them.
    """
    read = batch.read(column)
    length, nulls = read.nodes[0].length, read.nodes[0].null_count
    if code := _number(format):
        values = array(code, read.buffers[1]).tolist()
    elif format in TEXTS:
        ends, data = array(TEXTS[format], read.buffers[1]), read.buffers[2]
        values = [data[ends[row] : ends[row + 1]] for row in range(length)]
        if format in ("u", "U"):
            values = [value.decode() for value in values]
    elif format == "b":
        values = [bool(_bit(read.buffers[1], row)) for row in range(length)]
    else:
        raise schema_error(f"a column of the type `{format}` cannot be read")
    if nulls:
        values = [value if _bit(read.buffers[0], row) else None for row, value in enumerate(values)]
    return values


def read_key(batch, key, formats):
    """Copies the key columns in and returns the key of each row. Keys can be compared and hashed."""
    columns = [read(batch, column, formats[column]) for column in key]
    return columns[0] if len(columns) == 1 else list(zip(*columns))


def _bit(bits, row):
    return bits[row // 8] >> row % 8 & 1


def values(values, format):
    """Returns a new column of these values, None for null: numbers, text, or binary."""
    validity, nulls = bytearray((len(values) + 7) // 8), 0
    for row, value in enumerate(values):
        if value is None:
            nulls += 1
        else:
            validity[row // 8] |= 1 << row % 8
    if code := _number(format):
        data = array(code, [0 if value is None else value for value in values])
        buffers = [bytes(validity), data.tobytes()]
    elif format in TEXTS:
        parts = [b"" if value is None else value for value in values]
        if format in ("u", "U"):
            parts = [part.encode() if part else b"" for part in parts]
        ends, end = array(TEXTS[format], [0]), 0
        for part in parts:
            end += len(part)
            ends.append(end)
        buffers = [bytes(validity), ends.tobytes(), b"".join(parts)]
    else:
        raise schema_error(f"a column of the type `{format}` cannot be made")
    return output.Column_Values(columnar.Array([columnar.Node(len(values), nulls)], buffers))


# ---- answers ------------------------------------------------------------------------------------


def forward(column):
    """Returns a column of the batch as it is. Nothing is copied."""
    return output.Column_Forward(column)


def gather(column):
    """Returns a column at the selected rows. Nothing but their numbers is copied."""
    return output.Column_Gather(output.Gathered(0, column))


def current(numbers):
    """Selects rows of the batch of this call, by their numbers."""
    return rows.Selection(rows.Origin.CURRENT, numbers)


def kept(numbers):
    """Selects rows that the host keeps, counted from the first that was handed over."""
    return rows.Selection(rows.Origin.KEPT, numbers)


def emit(count, columns, selection=None):
    """Hands `count` rows to the host: a column for each top-level field of the output schema."""
    output.emit(count, [] if selection is None else [selection], columns)


def differ(left, right, columns):
    """Returns for each pair of selected rows whether it differs in any of the columns: 1 or 0."""
    answers = bytearray()
    for part_left, part_right in zip(parts(left.rows), parts(right.rows)):
        answers += rows.differ(
            rows.Selection(left.origin, part_left),
            columns,
            rows.Selection(right.origin, part_right),
            columns,
        )
    return answers


def parts(numbers):
    """Cuts a list into pieces that one call of the host can carry."""
    return (numbers[at : at + ROWS_AT_ONCE] for at in range(0, len(numbers), ROWS_AT_ONCE))
