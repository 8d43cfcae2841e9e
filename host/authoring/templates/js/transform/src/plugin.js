// Keeps the rows that have one value in one column.
//
// A transform turns rows to rows. The batch stays in the host: only the column that is compared is
// copied in, and nothing but row numbers is copied out.

import * as wigeon from "./wigeon_sdk.js";

const OPTIONS = {
  type: "object",
  properties: {
    column: { type: "string", description: "The column to look at, which must be text." },
    value: { type: "string", description: "The value of the rows to keep." },
  },
  required: ["column", "value"],
  additionalProperties: false,
};

// The step at work.
class Step {
  static open(json, fields) {
    const { column, value } = wigeon.readOptions(json, OPTIONS);
    const step = new Step();
    step.fields = fields;
    step.value = value;
    step.column = wigeon.find(fields, column);
    if (step.column < 0) {
      throw wigeon.optionsError(`\`column\` is \`${column}\`, which is no column of the rows`);
    }
    const formats = wigeon.formats(fields);
    if (formats[step.column] !== "u") {
      throw wigeon.optionsError(`\`column\` is \`${column}\`, which is not text`);
    }
    step.output = formats.map((_, column) => wigeon.gather(column));
    return step;
  }

  schema() {
    return this.fields;
  }

  rows(batch) {
    const kept = [];
    wigeon.read(batch, this.column, "u").forEach((text, row) => {
      if (text === this.value) kept.push(row);
    });
    wigeon.emit(kept.length, this.output, wigeon.current(kept));
  }
}

// The names of this object and of its class follow from the contract.
export const transformStep = {
  Step,
  describe: () => wigeon.describe("{{name}}", "0.1.0", "{{summary}}", OPTIONS),
};
