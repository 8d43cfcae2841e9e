"""The step at work: the module is named after the interface, and the class after the resource."""

import datetime
import json
from array import array

from componentize_py_types import Err
from wit_world.imports import columnar, failure, output

EPOCH = datetime.date(1970, 1, 1)


# region: open
class Step:
    @classmethod
    def open(cls, options, rows):
        options = json.loads(options)
        step = cls()
        try:
            column, holidays = options.pop("column"), options.pop("holidays")
        except KeyError as missing:
            raise Err(failure.Error_Options(f"the option `{missing.args[0]}` is missing"))
        if options:
            raise Err(failure.Error_Options(f"there is no option `{next(iter(options))}`"))
        names = [field.name for field in top_level(rows)]
        if column not in names:
            raise Err(failure.Error_Options(f"`column` is `{column}`, which is no column"))
        step.column, step.columns = names.index(column), len(names)
        if top_level(rows)[step.column].format != "tdD":
            raise Err(failure.Error_Options(f"`column` is `{column}`, which is no date32"))
        try:
            step.holidays = {days(date): name.encode() for date, name in holidays.items()}
        except ValueError as error:
            raise Err(failure.Error_Options(f"`holidays`: {error}"))
        step.fields = rows + [columnar.Field("holiday", "u", True, 0)]
        return step
    # endregion: open

    def schema(self):
        return self.fields

    # region: rows
    def rows(self, batch):
        dates = batch.read(self.column)
        rows, validity = dates.nodes[0].length, dates.buffers[0]
        names = bytearray()
        offsets, bitmap, nulls = array("i", [0]), bytearray((rows + 7) // 8), 0
        for row, date in enumerate(array("i", dates.buffers[1])):
            is_null = dates.nodes[0].null_count and not validity[row // 8] >> row % 8 & 1
            name = None if is_null else self.holidays.get(date)
            if name is None:
                nulls += 1
            else:
                bitmap[row // 8] |= 1 << row % 8
                names += name
            offsets.append(len(names))
        holidays = columnar.Array(
            [columnar.Node(rows, nulls)], [bytes(bitmap), offsets.tobytes(), bytes(names)]
        )
        columns = [output.Column_Forward(column) for column in range(self.columns)]
        output.emit(rows, [], columns + [output.Column_Values(holidays)])
    # endregion: rows


def days(date):
    """Returns a date as Arrow has it: days since 1970."""
    return (datetime.date.fromisoformat(date) - EPOCH).days


def top_level(fields):
    """Returns the fields that are not children of others."""
    below, top = 0, []
    for field in fields:
        if below:
            below -= 1
        else:
            top.append(field)
        below += field.children
    return top
