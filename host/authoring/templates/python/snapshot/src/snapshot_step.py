"""The changes between the open versions of a table and its newest full extract.

A snapshot plugin is handed the open versions first, then the extract. Only the keys are copied in;
whether the other columns have changed is asked of the host.

The name of this module, and those of its classes, follow from the contract.
"""

import wigeon_sdk as wigeon
from wit_world import exports

OPTIONS = {
    "type": "object",
    "properties": {
        "ignored": {
            "type": "array",
            "items": {"type": "string"},
            "default": [],
            "description": "Columns that make no new version if they alone have changed.",
        },
    },
    "additionalProperties": False,
}

# What may have become of a key.
OPENED, SUPERSEDED, CLOSED = 0, 1, 2


class SnapshotStep(exports.SnapshotStep):
    def describe(self):
        return wigeon.describe("{{name}}", "0.1.0", "{{summary}}", OPTIONS)


class Step:
    """The step at work."""

    @classmethod
    def open(cls, options, input):
        options = wigeon.read_options(options, OPTIONS)
        step = cls()
        step.key, step.formats = input.key, wigeon.formats(input.extract)
        left_out = set(input.key)
        for name in options["ignored"]:
            column = wigeon.find(input.extract, name)
            if column is None:
                raise wigeon.options_error(f"`ignored` names `{name}`, which is no column")
            left_out.add(column)
        columns = range(len(step.formats))
        # The columns that make a change if they differ.
        step.compared = [column for column in columns if column not in left_out]
        step.output = [wigeon.gather(column) for column in columns]
        # From a key to the number of its open version, and the versions whose keys were seen.
        step.open_versions, step.seen = {}, set()
        step.versions_before = 0
        return step

    def versions(self, batch):
        keys = wigeon.read_key(batch, self.key, self.formats)
        for version, key in enumerate(keys, self.versions_before):
            self.open_versions[key] = version
        self.versions_before += len(keys)

    def extract(self, batch):
        opened, known, versions = [], [], []
        for row, key in enumerate(wigeon.read_key(batch, self.key, self.formats)):
            version = self.open_versions.get(key)
            if version is None:
                opened.append(row)
            else:
                known.append(row)
                versions.append(version)
        self.seen.update(versions)
        differ = wigeon.differ(wigeon.current(known), wigeon.kept(versions), self.compared)
        superseded = [row for row, differs in zip(known, differ) if differs]
        self.emit(OPENED, opened, wigeon.current)
        self.emit(SUPERSEDED, superseded, wigeon.current)

    def finish(self):
        versions = self.open_versions.values()
        closed = [version for version in versions if version not in self.seen]
        self.emit(CLOSED, closed, wigeon.kept)

    def emit(self, change, rows, select):
        for part in wigeon.parts(rows):
            changes = wigeon.values([change] * len(part), "c")
            wigeon.emit(len(part), [changes, *self.output], select(part))
