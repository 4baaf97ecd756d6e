/** The documents in `schema/operations/`, and what the tests need to run their operations one by one. */
import {
  getNamedType,
  isAbstractType,
  parse,
  print,
  TypeInfo,
  valueFromASTUntyped,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import type { DocumentNode, GraphQLSchema, OperationTypeNode } from 'graphql';
import { filesBelow, readText } from './repository';

type Json = Readonly<Record<string, unknown>>;

export interface DocumentOperation {
  readonly name: string;
  readonly type: OperationTypeNode;
  readonly file: string;
  /** The file's text: what GraphiQL sends. */
  readonly source: string;
  readonly document: DocumentNode;
}

/** All operations of all documents, in order. */
export function readOperations(): DocumentOperation[] {
  return filesBelow('schema/operations', (file) => file.endsWith('.graphql')).flatMap((file) => {
    const source = readText(file);
    const document = parse(source);
    return document.definitions.flatMap((definition) =>
      definition.kind === 'OperationDefinition'
        ? [{ name: definition.name?.value ?? '', type: definition.operation, file, source, document }]
        : [],
    );
  });
}

/** The same document, in which every selection on a union or an interface also asks for `__typename`. */
export function withTypeNames(schema: GraphQLSchema, document: DocumentNode): DocumentNode {
  const info = new TypeInfo(schema);
  return visit(
    document,
    visitWithTypeInfo(info, {
      SelectionSet: (node) => {
        const type = info.getType();
        if (!type || !isAbstractType(getNamedType(type))) return undefined;
        return {
          ...node,
          selections: [...parse('{ __typename }').definitions.flatMap(selectionsOf), ...node.selections],
        };
      },
    }),
  );
}

function selectionsOf(definition: DocumentNode['definitions'][number]) {
  return definition.kind === 'OperationDefinition' ? definition.selectionSet.selections : [];
}

/** What an operation is given: the variables, and the defaults of those that are left out, as they are written. */
export function givenVariables(
  { document, name }: Pick<DocumentOperation, 'document' | 'name'>,
  variables: Json,
): Json {
  const given: Record<string, unknown> = {};
  for (const definition of document.definitions) {
    if (definition.kind !== 'OperationDefinition' || definition.name?.value !== name) continue;
    for (const { variable, defaultValue } of definition.variableDefinitions ?? [])
      if (defaultValue) given[variable.name.value] = valueFromASTUntyped(defaultValue);
  }
  return { ...given, ...variables };
}

export const textOf = (document: DocumentNode): string => print(document);
