"""Keeps the rows that have one value in one column.

A transform turns rows to rows. The batch stays in the host: only the column that is compared is
copied in, and nothing but row numbers is copied out.

The name of this module, and those of its classes, follow from the contract.
"""

import wigeon_sdk as wigeon
from wit_world import exports

OPTIONS = {
    "type": "object",
    "properties": {
        "column": {"type": "string", "description": "The column to look at, which must be text."},
        "value": {"type": "string", "description": "The value of the rows to keep."},
    },
    "required": ["column", "value"],
    "additionalProperties": False,
}


class TransformStep(exports.TransformStep):
    def describe(self):
        return wigeon.describe("{{name}}", "0.1.0", "{{summary}}", OPTIONS)


class Step:
    """The step at work."""

    @classmethod
    def open(cls, options, rows):
        options = wigeon.read_options(options, OPTIONS)
        name = options["column"]
        step = cls()
        step.fields, step.value = rows, options["value"]
        step.column = wigeon.find(rows, name)
        if step.column is None:
            raise wigeon.options_error(f"`column` is `{name}`, which is no column of the rows")
        formats = wigeon.formats(rows)
        if formats[step.column] != "u":
            raise wigeon.options_error(f"`column` is `{name}`, which is not text")
        step.output = [wigeon.gather(column) for column in range(len(formats))]
        return step

    def schema(self):
        return self.fields

    def rows(self, batch):
        texts = wigeon.read(batch, self.column, "u")
        kept = [row for row, text in enumerate(texts) if text == self.value]
        wigeon.emit(len(kept), self.output, wigeon.current(kept))
