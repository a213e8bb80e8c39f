// Bundles src/ into wayproof/api/static: one page, one script, one style sheet, and the map in a piece of its own.
// File names carry a hash of their content, so they may be cached for ever; index.html may not.
import { cp, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "..", "wayproof", "api", "static");
const fresh = `${target}.new`;

await rm(fresh, { recursive: true, force: true });
await mkdir(fresh, { recursive: true });
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ["src/main.tsx", "src/style/main.css"],
  outdir: join(fresh, "assets"),
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: true,
  legalComments: "linked",
  metafile: true,
  logLevel: "warning",
});

const built = new Map(
  Object.entries(metafile.outputs)
    .filter(([, output]) => output.entryPoint)
    .map(([path, output]) => [output.entryPoint, `/assets/${basename(path)}`]),
);
const page = (await readFile(join(here, "src", "index.html"), "utf8"))
  .replace("{{script}}", built.get("src/main.tsx"))
  .replace("{{style}}", built.get("src/style/main.css"));
await writeFile(join(fresh, "index.html"), page);
await cp(join(here, "src", "icon.svg"), join(fresh, "assets", "icon.svg"));
await rm(target, { recursive: true, force: true });
await rename(fresh, target);
