// Bundles the view core: a module for each kind of widget, which anywidget sends to a page with the style sheet that all
// share, with nothing fetched from elsewhere.
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Each widget in a page sends its module to it. */
const MOST_BYTES = 150_000;

const WIDGETS = ['run', 'files', 'registration', 'comparison', 'runs'];

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
  entryPoints: {
    ...Object.fromEntries(WIDGETS.map(name => [name, path(`./src/widgets/${name}.tsx`)])),
    widget: path('./src/style/card.css')
  },
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  charset: 'utf8',
  // Private members of our own classes (those of libraries begin with another character after it), and names that are
  // ours alone, stand in no document of the API, and are nowhere made of texts.
  mangleProps:
    /^(_[a-z].*|onConnection|onMessage|followList|spokenLog|sourcePath|oddities|logarithmic|smoothing|moreInfinities|notAboveZero|onRange|isSmoothed|hasEarlier|wasBegun|onUsed|colours|exception|fraction|indices|latest|openModel|registration|remaining|seriesLeftOut)$/,
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  metafile: true,
  outdir: folder,
  logLevel: 'warning'
});
await writeFile(`${folder}third-party-licences.txt`, await licences(metafile.inputs));
for (const name of WIDGETS) {
  const { size } = await stat(`${folder}${name}.js`);
  if (size > MOST_BYTES) {
    throw new Error(`${name}.js has ${size} bytes, more than ${MOST_BYTES}`);
  }
  process.stdout.write(`${name}.js: ${size} bytes\n`);
}
