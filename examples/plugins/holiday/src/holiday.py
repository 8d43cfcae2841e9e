"""The example plugin `holiday`: marks the rows whose date is a holiday.

The holidays are those of the options, so that nobody has to wait for a new plugin when a day is
declared a holiday.
"""

import json

from wit_world import exports
from wit_world.imports import about

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


# region: describe
class TransformStep(exports.TransformStep):
    def describe(self):
        summary = "Adds the name of the holiday that a date is"
        return about.Description("holiday", "0.1.0", summary, json.dumps(OPTIONS))
# endregion: describe
