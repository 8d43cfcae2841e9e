// Columns of text in Arrow's layout: validity, offsets, bytes.

// Yields the texts of a column that was read, null where there is none.
export function* texts({ nodes: [{ length, nullCount }], buffers: [validity, offsets, bytes] }) {
  const at = new DataView(offsets.buffer, offsets.byteOffset, offsets.byteLength);
  const decoder = new TextDecoder();
  for (let row = 0; row < length; row++) {
    if (nullCount > 0 && ((validity[row >> 3] >> (row & 7)) & 1) === 0) {
      yield null;
    } else {
      const [start, end] = [at.getInt32(4 * row, true), at.getInt32(4 * row + 4, true)];
      yield decoder.decode(bytes.subarray(start, end));
    }
  }
}

// Returns an array of texts as a column to emit.
export function column(values) {
  const encoder = new TextEncoder();
  const validity = new Uint8Array((values.length + 7) >> 3);
  const offsets = new Uint8Array(4 * (values.length + 1));
  const at = new DataView(offsets.buffer);
  const parts = [];
  let [end, nullCount] = [0, 0];
  values.forEach((value, row) => {
    if (value === null) {
      nullCount++;
    } else {
      validity[row >> 3] |= 1 << (row & 7);
      parts.push(encoder.encode(value));
      end += parts.at(-1).length;
    }
    at.setInt32(4 * (row + 1), end, true);
  });
  const bytes = new Uint8Array(end);
  let start = 0;
  for (const part of parts) {
    bytes.set(part, start);
    start += part.length;
  }
  return { nodes: [{ length: values.length, nullCount }], buffers: [validity, offsets, bytes] };
}
