// The changes between the open versions of a table and its newest full extract.
//
// A snapshot plugin is handed the open versions first, then the extract. Only the keys are copied
// in; whether the other columns have changed is asked of the host.

import * as wigeon from "./wigeon_sdk.js";

const OPTIONS = {
  type: "object",
  properties: {
    ignored: {
      type: "array",
      items: { type: "string" },
      default: [],
      description: "Columns that make no new version if they alone have changed.",
    },
  },
  additionalProperties: false,
};

// What may have become of a key.
const [OPENED, SUPERSEDED, CLOSED] = [0, 1, 2];

// The step at work.
class Step {
  static open(json, { extract, key }) {
    const { ignored } = wigeon.readOptions(json, OPTIONS);
    const step = new Step();
    step.key = key;
    step.formats = wigeon.formats(extract);
    const leftOut = new Set(key);
    for (const name of ignored) {
      const column = wigeon.find(extract, name);
      if (column < 0) throw wigeon.optionsError(`\`ignored\` names \`${name}\`, which is no column`);
      leftOut.add(column);
    }
    // The columns that make a change if they differ.
    step.compared = [...step.formats.keys()].filter((column) => !leftOut.has(column));
    step.output = step.formats.map((_, column) => wigeon.gather(column));
    // From a key to the number of its open version, and for each version whether the extract has its
    // key.
    step.open = new Map();
    step.seen = new wigeon.List(Uint8Array);
    return step;
  }

  versions(batch) {
    for (const key of wigeon.readKey(batch, this.key, this.formats)) {
      this.open.set(key, this.seen.length);
      this.seen.push(0);
    }
  }

  extract(batch) {
    const [opened, known, versions] = [[], [], []];
    wigeon.readKey(batch, this.key, this.formats).forEach((key, row) => {
      const version = this.open.get(key);
      if (version === undefined) {
        opened.push(row);
      } else {
        this.seen.numbers[version] = 1;
        known.push(row);
        versions.push(version);
      }
    });
    const differ = wigeon.differ(wigeon.current(known), wigeon.kept(versions), this.compared);
    const superseded = known.filter((_, pair) => differ[pair] === 1);
    this.emit(OPENED, opened, wigeon.current);
    this.emit(SUPERSEDED, superseded, wigeon.current);
  }

  finish() {
    const closed = new wigeon.List(Uint32Array);
    this.seen.numbers.forEach((seen, version) => {
      if (seen === 0) closed.push(version);
    });
    this.emit(CLOSED, closed.numbers, wigeon.kept);
  }

  emit(change, rows, select) {
    for (const part of wigeon.parts(rows)) {
      const changes = wigeon.values(Array(part.length).fill(change), "c");
      wigeon.emit(part.length, [changes, ...this.output], select(part));
    }
  }
}

// The names of this object and of its class follow from the contract.
export const snapshotStep = {
  Step,
  describe: () => wigeon.describe("{{name}}", "0.1.0", "{{summary}}", OPTIONS),
};
