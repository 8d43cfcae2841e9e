// The keys whose versions are no longer those that were last applied.
//
// A change-detection plugin is handed versions as they were last applied, then as they are now. Only
// the keys and `valid_from` are copied in; the other columns are compared by the host.

import * as wigeon from "./wigeon_sdk.js";

const OPTIONS = { type: "object", properties: {}, additionalProperties: false };

// The step at work.
class Step {
  static open(json, { versions, key }) {
    wigeon.readOptions(json, OPTIONS);
    const step = new Step();
    step.key = key;
    step.formats = wigeon.formats(versions);
    step.validFrom = wigeon.validFrom(versions);
    const columns = [...Array(step.validFrom).keys()];
    step.payload = columns.filter((column) => !key.includes(column));
    // From a key to a number of its own, and for each version the slot that it belongs to and since
    // when it holds. A key has two slots: versions as they were applied, and as they are now.
    step.keys = new Map();
    step.slots = new wigeon.List(Uint32Array);
    step.times = new wigeon.List(BigInt64Array);
    return step;
  }

  applied(batch) {
    this.push(batch, 0);
  }

  now(batch) {
    this.push(batch, 1);
  }

  push(batch, side) {
    const times = wigeon.readTimes(batch, this.validFrom);
    wigeon.readKey(batch, this.key, this.formats).forEach((key, row) => {
      let number = this.keys.get(key);
      if (number === undefined) {
        number = this.keys.size;
        this.keys.set(key, number);
      }
      this.slots.push(2 * number + side);
      this.times.push(times[row]);
    });
  }

  finish() {
    const histories = this.settled(this.sorted());
    const { order, starts, ends } = histories;
    const times = this.times.numbers;
    const same = this.same(histories);
    const output = this.formats.map((_, column) => wigeon.gather(column));
    let [newest, changedFrom] = [[], []];
    const flush = () => {
      const columns = [...output, wigeon.values(changedFrom, "tsu:")];
      if (newest.length > 0) wigeon.emit(newest.length, columns, wigeon.kept(newest));
      [newest, changedFrom] = [[], []];
    };
    same.forEach((count, key) => {
      const [applied, now] = [2 * key, 2 * key + 1];
      const changed = [applied, now].filter((slot) => starts[slot] + count < ends[slot]);
      // The same as before, or a key that has no version now.
      if (changed.length === 0 || starts[now] === ends[now]) return;
      const from = changed.map((slot) => times[order[starts[slot] + count]]);
      newest.push(order[ends[now] - 1]);
      changedFrom.push(count === 0 ? null : from.reduce((a, b) => (a < b ? a : b)));
      if (newest.length === wigeon.ROWS_AT_ONCE) flush();
    });
    flush();
  }

  // Returns the numbers of the versions by slot, those of a slot by time, and where each slot starts
  // and ends.
  sorted() {
    const [slots, times] = [this.slots.numbers, this.times.numbers];
    const starts = new Uint32Array(2 * this.keys.size + 1);
    for (const slot of slots) starts[slot + 1]++;
    for (let slot = 1; slot < starts.length; slot++) starts[slot] += starts[slot - 1];
    const ends = starts.slice(0, -1);
    const order = new Uint32Array(slots.length);
    slots.forEach((slot, version) => {
      let at = ends[slot]++;
      for (; at > starts[slot] && times[order[at - 1]] > times[version]; at--) order[at] = order[at - 1];
      order[at] = version;
    });
    return { order, starts, ends };
  }

  // Drops the versions with the values of the one before: that a key was away for a time does not
  // make another version of it.
  settled({ order, starts, ends }) {
    const pairs = new Pairs();
    ends.forEach((end, slot) => {
      for (let at = starts[slot] + 1; at < end; at++) pairs.push(order[at - 1], order[at]);
    });
    const differ = pairs.differ(this.payload);
    let pair = 0;
    ends.forEach((end, slot) => {
      let kept = Math.min(starts[slot] + 1, end);
      for (let at = kept; at < end; at++) {
        if (differ[pair++] === 1) order[kept++] = order[at];
      }
      ends[slot] = kept;
    });
    return { order, starts, ends };
  }

  // Returns for each key how many of its versions are the same as before, from the first on.
  same({ order, starts, ends }) {
    const times = this.times.numbers;
    const together = new Uint32Array(this.keys.size);
    const pairs = new Pairs();
    together.forEach((_, key) => {
      let [applied, now] = [starts[2 * key], starts[2 * key + 1]];
      while (applied < ends[2 * key] && now < ends[2 * key + 1]) {
        if (times[order[applied]] !== times[order[now]]) break;
        pairs.push(order[applied++], order[now++]);
        together[key]++;
      }
    });
    const differ = pairs.differ(this.payload);
    let at = 0;
    return together.map((count) => {
      const first = differ.subarray(at, at + count).indexOf(1);
      at += count;
      return first < 0 ? count : first;
    });
  }
}

// Pairs of kept rows to compare.
class Pairs {
  left = new wigeon.List(Uint32Array);
  right = new wigeon.List(Uint32Array);

  push(left, right) {
    this.left.push(left);
    this.right.push(right);
  }

  // Says for each pair whether its values differ, 1 or 0.
  differ(columns) {
    const [left, right] = [this.left, this.right].map(({ numbers }) => wigeon.kept(numbers));
    return wigeon.differ(left, right, columns);
  }
}

// The names of this object and of its class follow from the contract.
export const changeDetectionStep = {
  Step,
  describe: () => wigeon.describe("{{name}}", "0.1.0", "{{summary}}", OPTIONS),
};
