"""The keys whose versions are no longer those that were last applied.

A change-detection plugin is handed versions as they were last applied, then as they are now. Only
the keys and `valid_from` are copied in; the other columns are compared by the host.

The name of this module, and those of its classes, follow from the contract.
"""

import itertools

import wigeon_sdk as wigeon
from wit_world import exports

OPTIONS = {"type": "object", "properties": {}, "additionalProperties": False}


class ChangeDetectionStep(exports.ChangeDetectionStep):
    def describe(self):
        return wigeon.describe("{{name}}", "0.1.0", "{{summary}}", OPTIONS)


class Step:
    """The step at work."""

    @classmethod
    def open(cls, options, input):
        wigeon.read_options(options, OPTIONS)
        step = cls()
        step.key, step.formats = input.key, wigeon.formats(input.versions)
        step.valid_from = wigeon.valid_from(input.versions)
        step.payload = [column for column in range(step.valid_from) if column not in input.key]
        # From a key to its versions: since when each holds, and its number.
        step.applied_versions, step.now_versions = {}, {}
        step.versions = 0
        return step

    def applied(self, batch):
        self.push(batch, self.applied_versions)

    def now(self, batch):
        self.push(batch, self.now_versions)

    def push(self, batch, versions):
        keys = wigeon.read_key(batch, self.key, self.formats)
        times = wigeon.read(batch, self.valid_from, "tsu:")
        for number, (key, time) in enumerate(zip(keys, times), self.versions):
            versions.setdefault(key, []).append((time, number))
        self.versions += len(keys)

    def finish(self):
        applied = self.settled([self.applied_versions.get(key, []) for key in self.now_versions])
        now = self.settled(list(self.now_versions.values()))
        # How many of a key's versions are the same, from the first on.
        same = [together(*histories) for histories in zip(applied, now)]
        differ = self.differ(
            (before[version][1], after[version][1])
            for before, after, count in zip(applied, now, same)
            for version in range(count)
        )
        for key, count in enumerate(same):
            differs = list(itertools.islice(differ, count))
            same[key] = differs.index(1) if 1 in differs else count

        newest, changed_from = [], []
        for before, after, count in zip(applied, now, same):
            changed = [versions[count][0] for versions in (before, after) if count < len(versions)]
            if changed:
                newest.append(after[-1][1])
                changed_from.append(min(changed) if count else None)
        output = [wigeon.gather(column) for column in range(len(self.formats))]
        for rows, times in zip(wigeon.parts(newest), wigeon.parts(changed_from)):
            wigeon.emit(len(rows), [*output, wigeon.values(times, "tsu:")], wigeon.kept(rows))

    def settled(self, histories):
        """Sorts versions by time, and drops those with the values of the one before: that a key was
        away for a time does not make another version of it."""
        for history in histories:
            history.sort()
        differ = self.differ(
            (before[1], version[1])
            for history in histories
            for before, version in itertools.pairwise(history)
        )
        return [
            history[:1] + [version for version in history[1:] if next(differ)]
            for history in histories
        ]

    def differ(self, pairs):
        """Yields for each pair of kept rows whether its values differ."""
        pairs = list(pairs)
        left, right = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        return iter(wigeon.differ(wigeon.kept(left), wigeon.kept(right), self.payload))


def together(before, after):
    """Returns how many versions of two histories began at the same times, from the first on."""
    pairs = itertools.takewhile(lambda pair: pair[0][0] == pair[1][0], zip(before, after))
    return sum(1 for _ in pairs)
