/**
 * The rules of the house, as functions of source texts that give the faults as sentences. `tidy.test.ts` runs them on the
 * repository, and on small made-up texts to show that each of them catches what it is for.
 */
import path from 'node:path';
import ts from 'typescript';
import { commentsOf, importsOf, literalsOf, parseSource, placeOf, shown, visitNodes } from './source';
import type { Place, SourceText } from './source';

// --- who imports whom --------------------------------------------------------------------------------------------

interface Layer {
  readonly name: string;
  /** A folder (with a slash at its end) or a file. */
  readonly at: string;
  /** Layers that it may import, beside itself. */
  readonly imports: readonly string[];
  /** Packages that it does not know; patterns know none at all. */
  readonly packagesForbidden?: RegExp;
}

const graphqlPackages = /^(graphql|type-graphql|@apollo|ws$)/;
const storagePackages = /^(@grpc|lmdb|protobufjs)/;

/** core <- proto <- store <- patterns <- resolvers <- gateway <- command <- main; storage sees only core and proto, embedding only core. */
export const layers: readonly Layer[] = [
  { name: 'core', at: 'src/core/', imports: [], packagesForbidden: /^(graphql|type-graphql|@apollo|ws$|@grpc|lmdb)/ },
  { name: 'config', at: 'src/config.ts', imports: ['core'], packagesForbidden: /./ },
  { name: 'proto', at: 'proto/', imports: ['core'], packagesForbidden: graphqlPackages },
  { name: 'store', at: 'src/store/', imports: ['core', 'proto'], packagesForbidden: graphqlPackages },
  { name: 'patterns', at: 'src/patterns/', imports: ['core', 'proto', 'store'], packagesForbidden: /./ },
  {
    name: 'embedding',
    at: 'src/embedding/',
    imports: ['core'],
    packagesForbidden: /^(graphql|type-graphql|@apollo|ws$|@grpc|lmdb)/,
  },
  { name: 'schema', at: 'schema/', imports: [], packagesForbidden: storagePackages },
  {
    name: 'resolvers',
    at: 'resolvers/',
    imports: ['core', 'proto', 'patterns', 'schema'],
    packagesForbidden: storagePackages,
  },
  {
    name: 'gateway',
    at: 'src/gateway/',
    imports: ['core', 'proto', 'store', 'patterns', 'schema', 'resolvers'],
    packagesForbidden: storagePackages,
  },
  { name: 'storage', at: 'storage/', imports: ['core', 'proto'], packagesForbidden: graphqlPackages },
  {
    name: 'command',
    at: 'src/command/',
    imports: ['core', 'config', 'proto', 'store', 'patterns', 'embedding', 'schema', 'resolvers', 'gateway', 'storage'],
  },
  { name: 'main', at: 'src/main.ts', imports: ['core', 'config', 'command'] },
  { name: 'aggregate', at: 'src/aggregate/', imports: ['core', 'patterns'], packagesForbidden: /./ },
  { name: 'library', at: 'src/index.ts', imports: ['core', 'aggregate', 'resolvers', 'gateway', 'command'] },
];

const layerOf = (file: string): Layer | undefined =>
  layers.find(({ at }) => (at.endsWith('/') ? file.startsWith(at) : file === at));

/** An import that breaks the direction and is let through for a reason. */
export interface ToleratedImport {
  readonly from: string;
  readonly to: string;
  readonly why: string;
}

/** Imports against the direction, imports of what does not exist, and exceptions that nobody needs any more. */
export function importFaults(sources: readonly SourceText[], tolerated: readonly ToleratedImport[] = []): string[] {
  const known = new Set(sources.map((each) => each.path));
  const faults: string[] = [];
  const unused = new Set(tolerated);
  for (const source of sources) {
    const layer = layerOf(source.path);
    for (const { specifier, target, line } of importsOf(source, known)) {
      const fault = specifier.startsWith('.')
        ? relativeFault(source.path, layer, target)
        : packageFault(layer, specifier);
      const excuse = tolerated.find(({ from, to }) => from === source.path && to === target);
      if (excuse && fault) unused.delete(excuse);
      else if (fault) faults.push(`${source.path}:${line} imports ${specifier}: ${fault}`);
    }
  }
  for (const { from, to } of unused) faults.push(`${from} does not import ${to} any more: take it off the list`);
  return faults;
}

function relativeFault(file: string, layer: Layer | undefined, target: string | undefined): string | undefined {
  if (target === undefined) return 'there is no such file';
  const other = layerOf(target);
  // Tests, bench and scripts may import everything; nothing may import them.
  if (!layer) return undefined;
  if (!other) return `${layer.name} does not import what is no part of the product`;
  if (layer.name === 'patterns' && other === layer && !isSamePattern(file, target))
    return 'patterns do not import each other';
  return other === layer || layer.imports.includes(other.name)
    ? undefined
    : `${layer.name} does not import ${other.name}`;
}

/** The list of patterns knows them all; a pattern of several files has them all begin with the same word. */
function isSamePattern(file: string, target: string): boolean {
  const firstWord = (each: string): string => path.posix.basename(each).split(/[-.]/)[0]!;
  return path.posix.basename(file) === 'patterns.ts' || firstWord(file) === firstWord(target);
}

function packageFault(layer: Layer | undefined, specifier: string): string | undefined {
  if (!layer || specifier.startsWith('node:')) return undefined;
  return layer.packagesForbidden?.test(specifier) ? `${layer.name} does not know this package` : undefined;
}

/** Packages that are imported and not declared, and that are declared and not imported. */
export function packageFaults(sources: readonly SourceText[], declared: readonly string[]): string[] {
  const known = new Set(sources.map((each) => each.path));
  const imported = new Map<string, string>();
  for (const source of sources)
    for (const { specifier, line } of importsOf(source, known)) {
      if (specifier.startsWith('.') || specifier.startsWith('node:')) continue;
      const [first = '', second] = specifier.split('/');
      const name = first.startsWith('@') ? `${first}/${second}` : first;
      if (!imported.has(name)) imported.set(name, `${source.path}:${line}`);
    }
  return [
    ...[...imported]
      .filter(([name]) => !declared.includes(name))
      .map(([name, at]) => `${at} imports ${name}: it is not declared`),
    ...declared.filter((name) => !imported.has(name)).map((name) => `${name} is declared and nobody imports it`),
  ];
}

/** Files that no entry point reaches through imports, or through a literal that ends with their name (a child process, a worker). */
export function unreachedFiles(sources: readonly SourceText[], entries: readonly string[]): string[] {
  const byPath = new Map(sources.map((each) => [each.path, each]));
  const known = new Set(byPath.keys());
  const reached = new Set<string>();
  const queue = entries.filter((entry) => known.has(entry));
  for (const file of queue) {
    if (reached.has(file)) continue;
    reached.add(file);
    const source = byPath.get(file)!;
    for (const { target } of importsOf(source, known)) if (target !== undefined) queue.push(target);
    for (const literal of literalsOf(source)) {
      const name = path.posix.basename(literal);
      if (!/\.(ts|js)$/.test(name)) continue;
      for (const other of known) if (path.posix.basename(other) === name.replace(/\.js$/, '.ts')) queue.push(other);
    }
  }
  return [...known].filter((file) => !reached.has(file)).sort();
}

// --- time, chance, environment -----------------------------------------------------------------------------------

const timers = ['setTimeout', 'setInterval'];
const generators = ['randomUUID', 'randomBytes', 'randomInt', 'getRandomValues', 'randomFillSync'];
const clocks = ['Date.now', 'performance.now', 'process.hrtime', 'Math.random'];

/** Uses of the machine's time and chance, which only clock.ts and ids.ts make. */
export function timeAndChanceFaults(source: SourceText): string[] {
  const places: Place[] = [];
  visitNodes(parseSource(source), (node) => {
    const note = (what: string): void => void places.push(placeOf(source, node, `uses ${what}`));
    if (ts.isPropertyAccessExpression(node)) {
      const text = node.getText().replace(/\s/g, '');
      if (clocks.includes(text)) note(text);
      else if (generators.includes(node.name.text)) note(node.name.text);
      else if (timers.includes(node.name.text) && node.expression.getText() === 'globalThis') note(node.name.text);
    } else if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length)
      note('new Date()');
    else if (ts.isIdentifier(node) && isFreeName(node) && [...timers, ...generators].includes(node.text))
      note(node.text);
    else if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      if (/^(node:)?timers(\/promises)?$/.test(node.moduleSpecifier.text)) note(node.moduleSpecifier.text);
    }
  });
  return places.map(shown);
}

/** Timers that a test sleeps by; it waits for events, or moves a manual clock. */
export function sleepFaults(source: SourceText): string[] {
  const isSleep = /uses (setTimeout|setInterval|(node:)?timers(\/promises)?)$/;
  return timeAndChanceFaults(source).filter((fault) => isSleep.test(fault));
}

/** Not the name of a member or of a declaration of one's own. */
function isFreeName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) return false;
  if (ts.isPropertyAssignment(parent) && parent.name === node) return false;
  const isDeclared =
    ts.isVariableDeclaration(parent) ||
    ts.isFunctionDeclaration(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isMethodSignature(parent) ||
    ts.isPropertySignature(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isParameter(parent);
  return !isDeclared || parent.name !== node;
}

/** Reads of the environment. `allowed`: the variables that this file may read; '*': all. */
export function environmentFaults(source: SourceText, allowed: readonly string[] = []): string[] {
  const places: Place[] = [];
  visitNodes(parseSource(source), (node) => {
    if (!ts.isPropertyAccessExpression(node) || node.getText() !== 'process.env') return;
    const { parent } = node;
    const isNamed = ts.isElementAccessExpression(parent) && ts.isStringLiteralLike(parent.argumentExpression);
    const name = isNamed ? (parent.argumentExpression as ts.StringLiteralLike).text : 'all of it';
    if (!allowed.includes('*') && !allowed.includes(name))
      places.push(placeOf(source, node, `reads the environment: ${name}`));
  });
  return places.map(shown);
}

// --- where decisions are made ------------------------------------------------------------------------------------

const isLoop = (node: ts.Node): boolean =>
  ts.isForStatement(node) ||
  ts.isForOfStatement(node) ||
  ts.isForInStatement(node) ||
  ts.isWhileStatement(node) ||
  ts.isDoStatement(node);

/** Methods of resolver classes that do more than arguments -> one call of a pattern -> result. */
export function resolverFaults(source: SourceText): string[] {
  const places: Place[] = [];
  visitNodes(parseSource(source), (method) => {
    if (!ts.isMethodDeclaration(method) || !ts.isClassDeclaration(method.parent) || !ts.getDecorators(method.parent))
      return;
    const name = `${method.parent.name?.text ?? 'class'}.${method.name.getText()}`;
    let calls = 0;
    visitNodes(method, (node) => {
      const note = (what: string): void => void places.push(placeOf(source, node, `${name} ${what}`));
      if (isLoop(node)) note('has a loop');
      if (ts.isTryStatement(node)) note('catches');
      if (ts.isThrowStatement(node)) note('throws');
      if (ts.isSwitchStatement(node)) note('switches');
      if (ts.isCallExpression(node) && /^(context\.)?patterns\.\w+\.\w+$/.test(node.expression.getText())) calls += 1;
    });
    if (calls > 1) places.push(placeOf(source, method, `${name} calls ${calls} patterns`));
  });
  return places.map(shown);
}

/** Logic in the classes of the schema: they say what there is, and nothing happens in them. */
export function schemaFaults(source: SourceText): string[] {
  const places: Place[] = [];
  visitNodes(parseSource(source), (node) => {
    const note = (what: string): void => void places.push(placeOf(source, node, what));
    if (ts.isMethodDeclaration(node) || ts.isAccessor(node)) note('has a method');
    if (ts.isFunctionDeclaration(node)) note('has a function');
    if (isLoop(node)) note('has a loop');
    if (ts.isIfStatement(node) || ts.isConditionalExpression(node) || ts.isSwitchStatement(node)) note('decides');
    if (ts.isTryStatement(node) || ts.isThrowStatement(node)) note('throws or catches');
  });
  return places.map(shown);
}

// --- names, comments, tests --------------------------------------------------------------------------------------

/** Files and folders whose names are not kebab-case. */
export function nameFaults(files: readonly string[]): string[] {
  const isKebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;
  return files.filter((file) => !file.split('/').every((part) => isKebab.test(part)));
}

/** Notes of work to do that name no issue. */
export function todoFaults(source: SourceText): string[] {
  const isNote = /\b(TODO|FIXME|XXX|HACK)\b(?!\s*\(?(issue )?#\d+)/;
  const places = /\.(ts|js|mjs|cjs)$/.test(source.path)
    ? commentsOf(source)
    : source.text.split('\n').map((what, index) => ({ path: source.path, line: index + 1, what }));
  return places
    .filter(({ what }) => isNote.test(what))
    .map(({ path: file, line }) => `${file}:${line} has a note without an issue`);
}

const testFunctions = /^(describe|it|test)(\.(each|concurrent|only|skip|todo|failing))*$/;

/** Tests that are left out, or that leave the others out. */
export function skippedTests(source: SourceText): string[] {
  const places: Place[] = [];
  visitNodes(parseSource(source), (node) => {
    const isSkip =
      (ts.isPropertyAccessExpression(node) &&
        ['only', 'skip', 'todo', 'failing'].includes(node.name.text) &&
        testFunctions.test(node.getText())) ||
      (ts.isIdentifier(node) &&
        ['fdescribe', 'xdescribe', 'fit', 'xit', 'xtest'].includes(node.text) &&
        ts.isCallExpression(node.parent) &&
        node.parent.expression === node);
    if (isSkip) places.push(placeOf(source, node, node.getText()));
  });
  return places.map(shown);
}

/** Those of the words that stand in no literal of the sources. */
export function unusedWords(words: readonly string[], sources: readonly SourceText[]): string[] {
  const used = new Set(sources.flatMap((each) => [...literalsOf(each)]));
  return words.filter((word) => !used.has(word));
}
