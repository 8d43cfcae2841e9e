"""The example plugin `holiday`: marks the rows whose date is a holiday.

The holidays are those of the options, so that nobody has to wait for a new plugin when a day is
declared a holiday.
"""

import datetime

import wigeon_sdk as wigeon
from wit_world import exports

OPTIONS = {
    "type": "object",
    "properties": {
        "column": {"type": "string", "description": "The column of dates, of the type date32."},
        "holidays": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "The name of each holiday, by its date: `2024-12-25`.",
        },
    },
    "required": ["column", "holidays"],
    "additionalProperties": False,
}

EPOCH = datetime.date(1970, 1, 1)


# region: describe
class TransformStep(exports.TransformStep):
    def describe(self):
        summary = "Adds the name of the holiday that a date is"
        return wigeon.describe("holiday", "0.1.0", summary, OPTIONS)
# endregion: describe


# region: open
class Step:
    """The step at work."""

    @classmethod
    def open(cls, options, rows):
        options = wigeon.read_options(options, OPTIONS)
        name = options["column"]
        step = cls()
        step.column = wigeon.find(rows, name)
        if step.column is None:
            raise wigeon.options_error(f"`column` is `{name}`, which is no column")
        formats = wigeon.formats(rows)
        if formats[step.column] != "tdD":
            raise wigeon.options_error(f"`column` is `{name}`, which is no date32")
        try:
            step.holidays = {days(date): name for date, name in options["holidays"].items()}
        except ValueError as error:
            raise wigeon.options_error(f"`holidays`: {error}")
        step.fields = rows + [wigeon.field("holiday", "u")]
        step.forwarded = [wigeon.forward(column) for column in range(len(formats))]
        return step
    # endregion: open

    def schema(self):
        return self.fields

    # region: rows
    def rows(self, batch):
        dates = wigeon.read(batch, self.column, "tdD")
        holidays = [self.holidays.get(date) for date in dates]
        wigeon.emit(len(dates), [*self.forwarded, wigeon.values(holidays, "u")])
    # endregion: rows


def days(date):
    """Returns a date as Arrow has it: days since 1970."""
    return (datetime.date.fromisoformat(date) - EPOCH).days
