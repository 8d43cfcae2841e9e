// The example plugin `user-agent`: browser family and device type of a column of user agents.

import { emit } from "wigeon:plugin/output@0.1.0";
import { UAParser } from "ua-parser-js";

import { column as toColumn, texts } from "./texts.js";

const OPTIONS = {
  type: "object",
  properties: {
    column: { type: "string", description: "The column of user agents, which must be text." },
  },
  required: ["column"],
  additionalProperties: false,
};

// Few user agents make most of the rows, so those that were seen are remembered: as many as this.
const REMEMBERED = 10_000;

// region: step
class Step {
  static open(options, fields) {
    const { column, ...others } = JSON.parse(options);
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) throw optionsError(`there is no option \`${unknown}\``);
    if (typeof column !== "string") throw optionsError("the option `column` is missing");
    const columns = topLevel(fields);
    const index = columns.findIndex((field) => field.name === column);
    if (index < 0) throw optionsError(`\`column\` is \`${column}\`, which is no column`);
    if (columns[index].format !== "u") {
      throw optionsError(`\`column\` is \`${column}\`, which is not text (utf8)`);
    }
    const step = new Step();
    step.index = index;
    step.columns = columns.length;
    const added = ["family", "device"].map((part) => `${column}_${part}`);
    step.fields = fields.concat(
      added.map((name) => ({ name, format: "u", nullable: true, children: 0 })),
    );
    step.seen = new Map();
    return step;
  }

  schema() {
    return this.fields;
  }

  rows(batch) {
    const parsed = Array.from(texts(batch.read(this.index)), (text) => this.parse(text));
    const columns = Array.from({ length: this.columns }, (_, val) => ({ tag: "forward", val }));
    for (const part of ["family", "device"]) {
      columns.push({ tag: "values", val: toColumn(parsed.map((agent) => agent[part])) });
    }
    emit(parsed.length, [], columns);
  }

  parse(text) {
    if (text === null) return { family: null, device: null };
    let agent = this.seen.get(text);
    if (agent === undefined) {
      const { browser, device } = UAParser(text);
      agent = { family: browser.name ?? null, device: device.type ?? null };
      if (this.seen.size === REMEMBERED) this.seen.clear();
      this.seen.set(text, agent);
    }
    return agent;
  }
}

export const transformStep = {
  Step,
  describe() {
    return {
      name: "user-agent",
      version: "0.1.0",
      summary: "Adds browser family and device type of a column of user agents",
      optionsSchema: JSON.stringify(OPTIONS),
    };
  },
};
// endregion: step

function optionsError(val) {
  return { tag: "options", val };
}

// Returns the fields that are not children of others.
function topLevel(fields) {
  let below = 0;
  return fields.filter((field) => {
    const top = below === 0;
    below += field.children - (top ? 0 : 1);
    return top;
  });
}
