// Makes the component, target/user-agent.component.wasm, of the plugin and the package that it uses.
// `wigeon plugin build` runs this. WIT names another directory of the contract.

import { mkdir, writeFile } from "node:fs/promises";

import { componentize } from "@bytecodealliance/componentize-js";
import { build } from "esbuild";

await mkdir("target", { recursive: true });
await build({
  entryPoints: ["src/user-agent.js"],
  outfile: "target/user-agent.js",
  bundle: true,
  format: "esm",
  external: ["wigeon:*"],
});

const { component } = await componentize({
  sourcePath: "target/user-agent.js",
  witPath: process.env.WIT ?? "../../../wit",
  worldName: "transform",
  // All of what would import WASI, which Wigeon denies.
  disableFeatures: ["random", "stdio", "clocks", "http", "fetch-event"],
});
await writeFile("target/user-agent.component.wasm", component);
