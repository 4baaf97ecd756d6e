/** Source files as TypeScript reads them: their imports, calls, literals and comments. Text in strings and comments is never mistaken for code. */
import path from 'node:path';
import ts from 'typescript';

export interface SourceText {
  /** Relative to the repository, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** A place in a file and what stands there. */
export interface Place {
  readonly path: string;
  readonly line: number;
  readonly what: string;
}

const parsed = new WeakMap<SourceText, ts.SourceFile>();

export function parseSource(source: SourceText): ts.SourceFile {
  let file = parsed.get(source);
  if (!file) {
    file = ts.createSourceFile(source.path, source.text, ts.ScriptTarget.ES2022, true);
    parsed.set(source, file);
  }
  return file;
}

export function visitNodes(node: ts.Node, look: (node: ts.Node) => void): void {
  look(node);
  ts.forEachChild(node, (child) => visitNodes(child, look));
}

export function placeOf(source: SourceText, node: ts.Node, what: string): Place {
  const file = parseSource(source);
  return { path: source.path, line: file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1, what };
}

export const shown = ({ path: file, line, what }: Place): string => `${file}:${line} ${what}`;

export interface Import {
  readonly specifier: string;
  /** The repository's file that a relative import means; undefined for packages, and where there is no such file. */
  readonly target: string | undefined;
  readonly line: number;
}

/** Everything that a file imports: `import`, `export … from`, `import()` and `require()`. */
export function importsOf(source: SourceText, known: ReadonlySet<string>): Import[] {
  const found: Import[] = [];
  const add = (literal: ts.Node | undefined): void => {
    if (!literal || !ts.isStringLiteralLike(literal)) return;
    const { line } = placeOf(source, literal, '');
    found.push({ specifier: literal.text, target: resolveImport(source.path, literal.text, known), line });
  };
  visitNodes(parseSource(source), (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier);
    else if (ts.isCallExpression(node)) {
      const isRequire = ts.isIdentifier(node.expression) && node.expression.text === 'require';
      if (isRequire || node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0]);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal);
  });
  return found;
}

function resolveImport(from: string, specifier: string, known: ReadonlySet<string>): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const base = path.posix.join(path.posix.dirname(from), specifier);
  return [base, `${base}.ts`, `${base}/index.ts`].find((each) => known.has(each));
}

/** The texts of all string literals. */
export function literalsOf(source: SourceText): Set<string> {
  const literals = new Set<string>();
  visitNodes(parseSource(source), (node) => {
    if (ts.isStringLiteralLike(node)) literals.add(node.text);
  });
  return literals;
}

/** All comments, with their line. */
export function commentsOf(source: SourceText): Place[] {
  const found = new Map<number, Place>();
  const { text } = source;
  const file = parseSource(source);
  const add = (ranges: readonly ts.CommentRange[] | undefined): void => {
    for (const { pos, end } of ranges ?? []) {
      const line = file.getLineAndCharacterOfPosition(pos).line + 1;
      found.set(pos, { path: source.path, line, what: text.slice(pos, end) });
    }
  };
  const look = (node: ts.Node): void => {
    add(ts.getLeadingCommentRanges(text, node.getFullStart()));
    add(ts.getTrailingCommentRanges(text, node.getEnd()));
    for (const child of node.getChildren(file)) look(child);
  };
  look(file);
  return [...found.values()];
}
