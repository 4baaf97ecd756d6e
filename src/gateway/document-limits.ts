/**
 * Limits on what a document asks for, counted with its fragments spread, in time that is linear in the document: a
 * fragment is measured once, however often it is used. What is spread in turn cannot hide from the count, and a
 * fragment that spreads itself is left to validation, which refuses it.
 */
import { GraphQLError, Kind } from 'graphql';
import type { DocumentNode, FragmentDefinitionNode, OperationDefinitionNode, SelectionSetNode } from 'graphql';

export interface DocumentLimits {
  readonly depthMax: number;
  readonly aliasesMax: number;
  /** Tokens of the document, and fields once its fragments are spread. */
  readonly tokensMax: number;
  readonly directivesMax: number;
  readonly rootFieldsMax: number;
}

interface Size {
  readonly depth: number;
  readonly aliases: number;
  readonly directives: number;
  readonly fields: number;
  /** Fields of the outermost level. */
  readonly rootFields: number;
}

const nothing: Size = { depth: 0, aliases: 0, directives: 0, fields: 0, rootFields: 0 };

/** One error for each limit that an operation of the document passes; each says the value, the limit, and its setting. */
export function limitErrors(document: DocumentNode, limits: DocumentLimits): GraphQLError[] {
  const measure = makeMeasure(document);
  const errors: GraphQLError[] = [];
  for (const operation of document.definitions) {
    if (operation.kind !== Kind.OPERATION_DEFINITION) continue;
    errors.push(...operationErrors(operation, measure(operation.selectionSet), limits));
  }
  return errors;
}

function operationErrors(operation: OperationDefinitionNode, size: Size, limits: DocumentLimits): GraphQLError[] {
  const ownDirectives =
    (operation.directives?.length ?? 0) +
    (operation.variableDefinitions ?? []).reduce((sum, each) => sum + (each.directives?.length ?? 0), 0);
  const checks: readonly (readonly [string, number, number])[] = [
    ['is nested too deep: depth', size.depth, limits.depthMax],
    ['has too many aliases:', size.aliases, limits.aliasesMax],
    ['has too many directives:', size.directives + ownDirectives, limits.directivesMax],
    ['selects too many fields:', size.fields, limits.tokensMax],
    ['has too many root fields:', operation.operation === 'mutation' ? size.rootFields : 0, limits.rootFieldsMax],
  ];
  const name = operation.name ? ` "${operation.name.value}"` : '';
  return checks
    .filter(([, value, limit]) => value > limit)
    .map(
      ([what, value, limit]) =>
        new GraphQLError(`The ${operation.operation}${name} ${what} ${value}, the limit is ${limit}.`, {
          nodes: operation,
        }),
    );
}

function makeMeasure(document: DocumentNode): (selectionSet: SelectionSetNode) => Size {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  const measured = new Map<string, Size>();

  const measureFragment = (name: string): Size => {
    const known = measured.get(name);
    if (known) return known;
    measured.set(name, nothing);
    const fragment = fragments.get(name);
    if (!fragment) return nothing;
    const inner = measure(fragment.selectionSet);
    const size = { ...inner, directives: inner.directives + (fragment.directives?.length ?? 0) };
    measured.set(name, size);
    return size;
  };

  const measure = (selectionSet: SelectionSetNode): Size => {
    let { depth, aliases, directives, fields, rootFields } = nothing;
    for (const selection of selectionSet.selections) {
      const isField = selection.kind === Kind.FIELD;
      let inner = nothing;
      if (selection.kind === Kind.FRAGMENT_SPREAD) inner = measureFragment(selection.name.value);
      else if (selection.selectionSet) inner = measure(selection.selectionSet);
      depth = Math.max(depth, inner.depth + (isField ? 1 : 0));
      aliases += inner.aliases + (isField && selection.alias ? 1 : 0);
      directives += inner.directives + (selection.directives?.length ?? 0);
      fields += inner.fields + (isField ? 1 : 0);
      rootFields += isField ? 1 : inner.rootFields;
    }
    return { depth, aliases, directives, fields, rootFields };
  };
  return measure;
}
