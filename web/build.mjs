// Builds what browsers get: every src/*.js and src/*.css (names starting with "_" are parts of others) and one sprite
// of the icons named in icons.txt. Guarantees: names carry a hash of the content, so they can be cached for ever;
// dist/manifest.json ({"app.js": "app-1a2b3c4d5e6f.js", …}) is written last; a build that fails leaves dist as it was.
// Nothing is fetched by the page from elsewhere: libraries come from node_modules, at the versions of the lock.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";

import * as esbuild from "esbuild";
import { transform } from "lightningcss";
import * as radix from "@radix-ui/colors";

const here = dirname(fileURLToPath(import.meta.url));
const at = (...parts) => join(here, ...parts);

// The oldest browsers served; lightningcss counts versions as major << 16.
const javascriptTarget = ["chrome109", "firefox115", "safari16.4"];
const cssTargets = { chrome: 109 << 16, firefox: 115 << 16, safari: (16 << 16) | (4 << 8) };
const assetLoaders = Object.fromEntries([".svg", ".png", ".webp", ".woff2"].map((suffix) => [suffix, "file"]));
const bundledPackages = ["htmx.org", "@noble/curves", "@noble/hashes", "@radix-ui/colors", "lucide-static"];

// `@import "palette"`: each scale once, light and dark in one value, so that no selector has to repeat the other theme.
const scales = ["slate", "indigo", "green", "amber", "red"];
const palette = {
  name: "palette",
  setup(build) {
    build.onResolve({ filter: /^palette$/ }, () => ({ path: "palette", namespace: "palette" }));
    build.onLoad({ filter: /.*/, namespace: "palette" }, () => {
      const lines = scales.flatMap((scale) =>
        Object.keys(radix[scale]).map((step) => {
          const variable = `--${scale}-${step.slice(scale.length)}`;
          return `${variable}: light-dark(${radix[scale][step]}, ${radix[`${scale}Dark`][step]});`;
        }),
      );
      return { contents: `:root {\n${lines.join("\n")}\n}`, loader: "css" };
    });
  },
};

async function bundle() {
  const names = (await readdir(at("src"))).filter((name) => /^[^_.].*\.(js|css)$/.test(name)).sort();
  const result = await esbuild.build({
    absWorkingDir: here,
    entryPoints: names.map((name) => `src/${name}`),
    outdir: "dist",
    bundle: true,
    write: false,
    format: "esm",
    minify: true,
    charset: "utf8",
    target: javascriptTarget,
    plugins: [palette],
    loader: assetLoaders,
    assetNames: "[name]-[hash]",
    logLevel: "warning",
  });
  return result.outputFiles.map(({ path, contents }) => ({
    name: basename(path),
    // esbuild has put its own hash into the names of assets, because style sheets refer to them.
    hashed: !names.includes(basename(path)),
    contents: extname(path) === ".css" ? minifyCss(basename(path), contents) : contents,
  }));
}

function minifyCss(filename, code) {
  const result = transform({ filename, code, minify: true, targets: cssTargets });
  for (const { message, loc } of result.warnings) {
    throw new Error(`${filename}:${loc.line}: ${message}`);
  }
  return result.code;
}

async function sprite() {
  const names = (await readFile(at("icons.txt"), "utf8"))
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter(Boolean);
  const source = (name) => at("node_modules/lucide-static/icons", `${name}.svg`);
  const unknown = names.filter((name) => !existsSync(source(name)));
  if (unknown.length > 0) {
    throw new Error(`icons.txt: lucide has no icon named ${unknown.join(", ")}`);
  }
  const symbols = [];
  for (const name of [...new Set(names)].sort()) {
    const [, shapes] = (await readFile(source(name), "utf8")).match(/<svg[^>]*>(.*)<\/svg>/s);
    symbols.push(
      `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" ` +
        `stroke-linecap="round" stroke-linejoin="round">${shapes.replace(/\s*\n\s*/g, "")}</symbol>`,
    );
  }
  return `<!-- lucide, ISC licence --><svg xmlns="http://www.w3.org/2000/svg">${symbols.join("\n")}</svg>\n`;
}

async function licences(packages = bundledPackages) {
  const texts = packages.map(
    async (name) => `${name}\n\n${await readFile(at("node_modules", name, "LICENSE"), "utf8")}`,
  );
  return (await Promise.all(texts)).join(`\n${"-".repeat(80)}\n\n`);
}

// The verifier in a court package is one file that opens from disk and reaches for nothing: script and style inside, each
// allowed by its own digest, and the texts of the licences that ask to go along.
async function verifier() {
  const build = async (entry, more = {}) => {
    const result = await esbuild.build({
      absWorkingDir: here,
      entryPoints: [`src/verify/${entry}`],
      bundle: true,
      write: false,
      format: "iife",
      minify: true,
      charset: "utf8",
      legalComments: "none",
      target: javascriptTarget,
      plugins: [palette],
      logLevel: "warning",
      ...more,
    });
    return result.outputFiles[0].contents;
  };
  const decoder = new TextDecoder();
  const worker = decoder.decode(await build("worker.js"));
  // A closing tag in a string would end the script element.
  const script = decoder.decode(await build("page.js", { define: { WORKER_SOURCE: JSON.stringify(worker) } })).replaceAll("</", "<\\/");
  const style = decoder.decode(minifyCss("verify/page.css", await build("page.css")));
  const allowed = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  const values = {
    policy:
      `default-src 'none'; script-src ${allowed(script)}; style-src ${allowed(style)}; worker-src blob:; ` +
      "base-uri 'none'; form-action 'none'",
    style,
    script,
    licences: (await licences(["@noble/curves", "@noble/hashes", "@radix-ui/colors"])).replaceAll(/-{2,}/g, "—"),
  };
  const page = await readFile(at("src/verify/page.html"), "utf8");
  return page.replaceAll(/\{(policy|style|script|licences)\}/g, (_, name) => values[name]);
}

function withHash(name, contents) {
  const digest = createHash("sha256").update(contents).digest("hex").slice(0, 12);
  const suffix = extname(name);
  return `${basename(name, suffix)}-${digest}${suffix}`;
}

const files = [
  ...(await bundle()),
  { name: "icons.svg", hashed: false, contents: await sprite() },
  { name: "favicon.svg", hashed: false, contents: await readFile(at("src/favicon.svg")) },
  { name: "licences.txt", hashed: false, contents: await licences() },
];
const fresh = at("dist.new");
await rm(fresh, { recursive: true, force: true });
await mkdir(fresh);
const manifest = {};
// Packages get it by its plain name; nobody caches it.
await writeFile(join(fresh, "verify.html"), await verifier());
for (const { name, hashed, contents } of files) {
  const stored = hashed ? name : withHash(name, contents);
  await writeFile(join(fresh, stored), contents);
  if (!hashed) manifest[name] = stored;
}
await writeFile(join(fresh, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
await rm(at("dist"), { recursive: true, force: true });
await rename(fresh, at("dist"));
