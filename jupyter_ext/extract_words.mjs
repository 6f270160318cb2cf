// Collects what translators are to translate into a template, traindock.pot: the words of the TypeScript and of the schemas.
//
// It finds what the packs of languages for JupyterLab find, by the tool and the names that jupyterlab-translate has it look
// for: words that are passed on in another way would be in no pack, and are refused here.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GettextExtractor, JsExtractors } from 'gettext-extractor';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = process.argv[2] ?? `${root}out/traindock.pot`;

const NAMES = ['trans', 'this.trans', 'this._trans', 'this.props.trans', 'props.trans'];
const ARGUMENTS = {
  __: { text: 0 },
  _n: { text: 0, textPlural: 1 },
  _p: { context: 0, text: 1 }
};
const CALL = /\.(?:__|_n|_p)\(/g;

/** What of a schema is shown, with the context in which JupyterLab's server looks it up. */
const OF_SCHEMAS = [
  [/^\/(?:title|description)$/, 'schema'],
  [/^\/(?:definitions\/.*\/)?properties\/.*\/(?:title|description)$/, 'settings'],
  [/^\/jupyter\.lab\.setting-icon-label$/, 'settings'],
  [/^\/jupyter\.lab\.menus\/.*\/label$/, 'menu'],
  [/^\/jupyter\.lab\.toolbars\/.*\/label$/, 'toolbar']
];

const extractor = new GettextExtractor();
let found = 0;
const parser = extractor.createJsParser(
  NAMES.flatMap(name =>
    Object.entries(ARGUMENTS).map(([verb, places]) =>
      JsExtractors.callExpression(`${name}.${verb}`, {
        arguments: places,
        content: { preserveIndentation: true, replaceNewLines: false, trimWhiteSpace: false }
      })
    )
  )
);

/** Return the paths below the root of files whose names have a form. */
function filesOf(folder, form) {
  const names = readdirSync(root + folder, { recursive: true }).filter(name => form.test(name));
  return names.map(name => `${folder}/${name}`).sort();
}

/** Text of a file without its comments, which may tell of calls. */
function code(text) {
  return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
}

let called = 0;
const faults = [];
for (const name of [...filesOf('jupyter_ext/src', /\.tsx?$/), ...filesOf('widgets/src', /\.tsx?$/)]) {
  const text = readFileSync(root + name, 'utf8');
  const before = found;
  parser.parseString(text, name);
  found = references();
  const calls = code(text).match(CALL)?.length ?? 0;
  called += calls;
  if (found - before !== calls) {
    faults.push(
      `${name} asks for the translation of ${calls} texts, of which packs of languages would have ${found - before}: ` +
        `call ${NAMES.slice(0, 2).join(' or ')} by this very name, with texts that stand there as such.`
    );
  }
}

function references() {
  return extractor.getMessages().reduce((sum, message) => sum + message.references.length, 0);
}

/** Add what of a schema is shown, at any depth. */
function addFrom(value, path, name) {
  if (typeof value === 'string') {
    const context = OF_SCHEMAS.find(([form]) => form.test(path))?.[1];
    if (context !== undefined && value !== '') {
      extractor.addMessage({ text: value, context, references: [name] });
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, one] of Object.entries(value)) {
      addFrom(one, `${path}/${key}`, name);
    }
  }
}

for (const name of filesOf('jupyter_ext/schema', /\.json$/)) {
  addFrom(JSON.parse(readFileSync(root + name, 'utf8')), '', name);
}

if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exit(1);
}
mkdirSync(dirname(out), { recursive: true });
extractor.savePotFile(out, { 'Project-Id-Version': 'traindock', 'Content-Type': 'text/plain; charset=UTF-8' });
console.log(`${relative(process.cwd(), out)}: ${extractor.getMessages().length} messages, from ${called} places in the TypeScript`);
