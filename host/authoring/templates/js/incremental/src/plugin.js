// Adds columns of the latest version of each row's key.
//
// An incremental plugin completes new rows from a lookup. It is handed the versions first, then the
// rows. Only the keys and `valid_from` are copied in; the values are gathered by the host.

import * as wigeon from "./wigeon_sdk.js";

const OPTIONS = {
  type: "object",
  properties: {
    columns: {
      type: "array",
      items: { type: "string" },
      description: "The columns of the lookup to add, under their own names.",
    },
  },
  required: ["columns"],
  additionalProperties: false,
};

// The step at work.
class Step {
  static open(json, { rows, rowsKey, lookup, lookupKey }) {
    const { columns } = wigeon.readOptions(json, OPTIONS);
    const step = new Step();
    Object.assign(step, { rowsKey, lookupKey });
    step.rowsFormats = wigeon.formats(rows);
    step.lookupFormats = wigeon.formats(lookup);
    step.validFrom = wigeon.validFrom(lookup);
    step.fields = [...rows];
    step.output = step.rowsFormats.map((_, column) => wigeon.forward(column));
    for (const name of columns) {
      const column = wigeon.find(lookup, name);
      if (column < 0) {
        throw wigeon.optionsError(`\`columns\` names \`${name}\`, which is no column of the lookup`);
      }
      if (wigeon.find(rows, name) >= 0) {
        throw wigeon.optionsError(`\`columns\` names \`${name}\`, which the rows have already`);
      }
      const [field, ...children] = wigeon.topLevel(lookup)[column];
      // A key without a version has none of the values.
      step.fields.push({ ...field, nullable: true }, ...children);
      step.output.push(wigeon.gather(column));
    }
    // From a key to a number of its own, and by this the key's latest version: since when it holds,
    // and by which number the host keeps it.
    step.keys = new Map();
    step.times = new wigeon.List(BigInt64Array);
    step.latest = new wigeon.List(Uint32Array);
    step.versions = 0;
    return step;
  }

  shape() {
    // Each call of `rows` emits the rows of its batch in their order, so that a change of the lookup
    // can reach rows that were loaded earlier.
    return { fields: this.fields, rowWise: true, eventTime: undefined };
  }

  lookup(batch) {
    const times = wigeon.readTimes(batch, this.validFrom);
    wigeon.readKey(batch, this.lookupKey, this.lookupFormats).forEach((key, row) => {
      const number = this.keys.get(key);
      if (number === undefined) {
        this.keys.set(key, this.times.length);
        this.times.push(times[row]);
        this.latest.push(this.versions + row);
      } else if (this.times.numbers[number] < times[row]) {
        this.times.numbers[number] = times[row];
        this.latest.numbers[number] = this.versions + row;
      }
    });
    this.versions += times.length;
  }

  rows(batch) {
    const { numbers } = this.latest;
    const keys = wigeon.readKey(batch, this.rowsKey, this.rowsFormats);
    const latest = keys.map((key) => numbers[this.keys.get(key)] ?? wigeon.NO_ROW);
    wigeon.emit(keys.length, this.output, wigeon.kept(latest));
  }

  finish() {}
}

// The names of this object and of its class follow from the contract.
export const incrementalStep = {
  Step,
  describe: () => wigeon.describe("{{name}}", "0.1.0", "{{summary}}", OPTIONS),
};
