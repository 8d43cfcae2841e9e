"""Adds columns of the latest version of each row's key.

An incremental plugin completes new rows from a lookup. It is handed the versions first, then the
rows. Only the keys and `valid_from` are copied in; the values are gathered by the host.

The name of this module, and those of its classes, follow from the contract.
"""

import dataclasses

import wigeon_sdk as wigeon
from wit_world import exports
from wit_world.exports.incremental_step import Shape

OPTIONS = {
    "type": "object",
    "properties": {
        "columns": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The columns of the lookup to add, under their own names.",
        },
    },
    "required": ["columns"],
    "additionalProperties": False,
}


class IncrementalStep(exports.IncrementalStep):
    def describe(self):
        return wigeon.describe("{{name}}", "0.1.0", "{{summary}}", OPTIONS)


class Step:
    """The step at work."""

    @classmethod
    def open(cls, options, input):
        options = wigeon.read_options(options, OPTIONS)
        step = cls()
        step.rows_key, step.rows_formats = input.rows_key, wigeon.formats(input.rows)
        step.lookup_key, step.lookup_formats = input.lookup_key, wigeon.formats(input.lookup)
        step.valid_from = wigeon.valid_from(input.lookup)
        step.fields = list(input.rows)
        step.output = [wigeon.forward(column) for column in range(len(step.rows_formats))]
        for name in options["columns"]:
            column = wigeon.find(input.lookup, name)
            if column is None:
                raise wigeon.options_error(
                    f"`columns` names `{name}`, which is no column of the lookup"
                )
            if wigeon.find(input.rows, name) is not None:
                raise wigeon.options_error(
                    f"`columns` names `{name}`, which the rows have already"
                )
            field, *children = wigeon.top_level(input.lookup)[column]
            # A key without a version has none of the values.
            step.fields += [dataclasses.replace(field, nullable=True), *children]
            step.output.append(wigeon.gather(column))
        # From a key to its latest version: since when it holds, and its number.
        step.latest = {}
        step.versions = 0
        return step

    def shape(self):
        # Each call of `rows` emits the rows of its batch in their order, so that a change of the
        # lookup can reach rows that were loaded earlier.
        return Shape(self.fields, row_wise=True, event_time=None)

    def lookup(self, batch):
        keys = wigeon.read_key(batch, self.lookup_key, self.lookup_formats)
        times = wigeon.read(batch, self.valid_from, "tsu:")
        for version, (key, time) in enumerate(zip(keys, times), self.versions):
            latest = self.latest.get(key)
            if latest is None or latest[0] < time:
                self.latest[key] = (time, version)
        self.versions += len(keys)

    def rows(self, batch):
        keys = wigeon.read_key(batch, self.rows_key, self.rows_formats)
        none = (None, wigeon.NO_ROW)
        latest = [self.latest.get(key, none)[1] for key in keys]
        wigeon.emit(len(keys), self.output, wigeon.kept(latest))

    def finish(self):
        pass
