// The example plugin `user-agent`: browser family and device type of a column of user agents.

import { UAParser } from "ua-parser-js";

import * as wigeon from "./wigeon_sdk.js";

const OPTIONS = {
  type: "object",
  properties: {
    column: { type: "string", description: "The column of user agents, which must be text." },
  },
  required: ["column"],
  additionalProperties: false,
};

// region: step
// What is added, each as a column of its own.
const PARTS = ["family", "device"];

// Few user agents make most of the rows, so those that were seen are remembered: as many as this.
const REMEMBERED = 10_000;

// The step at work.
class Step {
  static open(json, fields) {
    const { column } = wigeon.readOptions(json, OPTIONS);
    const step = new Step();
    step.column = wigeon.find(fields, column);
    if (step.column < 0) {
      throw wigeon.optionsError(`\`column\` is \`${column}\`, which is no column`);
    }
    const formats = wigeon.formats(fields);
    if (formats[step.column] !== "u") {
      throw wigeon.optionsError(`\`column\` is \`${column}\`, which is not text (utf8)`);
    }
    step.fields = [...fields, ...PARTS.map((part) => wigeon.field(`${column}_${part}`, "u"))];
    step.forwarded = formats.map((_, column) => wigeon.forward(column));
    step.seen = new Map();
    return step;
  }

  schema() {
    return this.fields;
  }

  rows(batch) {
    const agents = wigeon.read(batch, this.column, "u").map((text) => this.parse(text));
    const added = PARTS.map((part) => wigeon.values(agents.map((agent) => agent[part]), "u"));
    wigeon.emit(agents.length, [...this.forwarded, ...added]);
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
    const summary = "Adds browser family and device type of a column of user agents";
    return wigeon.describe("user-agent", "0.1.0", summary, OPTIONS);
  },
};
// endregion: step
