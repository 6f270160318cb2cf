// Bundles the view core: one module and one style sheet that anywidget sends to a page, with nothing fetched from elsewhere.
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Each widget in a page sends the module to it. */
const MOST_BYTES = 150_000;

const path = name => fileURLToPath(new URL(name, import.meta.url));
const folder = path('./traindock_widgets/static/');

/** Return the licences of all packages that went into a bundle: theirs ask to be passed on with them. */
async function licences(inputs) {
  const packages = new Set(
    Object.keys(inputs).flatMap(name => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(name)?.[1] ?? [])
  );
  const found = [...packages].sort().map(async name => {
    const home = path(`../node_modules/${name}/`);
    const file = (await readdir(home)).find(one => /^licen[cs]e/i.test(one));
    if (file === undefined) {
      throw new Error(`${name} has no file with its licence`);
    }
    return `${name}\n\n${await readFile(home + file, 'utf8')}`;
  });
  return (await Promise.all(found)).join('\n----\n\n');
}

const { metafile } = await build({
  entryPoints: { widget: path('./src/anywidget.tsx') },
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  metafile: true,
  outdir: folder,
  logLevel: 'warning'
});
await writeFile(`${folder}third-party-licences.txt`, await licences(metafile.inputs));
const { size } = await stat(`${folder}widget.js`);
if (size > MOST_BYTES) {
  throw new Error(`widget.js has ${size} bytes, more than ${MOST_BYTES}`);
}
process.stdout.write(`widget.js: ${size} bytes\n`);
