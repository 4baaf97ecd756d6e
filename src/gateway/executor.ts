/**
 * Runs operations of valid documents. The first run of an operation is graphql-js's; from the second on it is compiled,
 * so that documents that come once (with values written into them) never pay for a compilation. What is prepared lives as
 * long as its document, so the bounded store of documents bounds this as well.
 */
import { Kind, execute, getOperationAST } from 'graphql';
import type {
  DocumentNode,
  ExecutionResult,
  GraphQLSchema,
  OperationDefinitionNode,
  OperationTypeNode,
  SelectionSetNode,
} from 'graphql';
import { requestError } from './errors';
import { compileOperation } from './compiled-query';
import type { CompiledOperation, Inputs } from './compiled-query';

/** One operation of a document, ready to run. */
export interface Operation {
  readonly document: DocumentNode;
  readonly node: OperationDefinitionNode;
  readonly type: OperationTypeNode;
  /** The first root field: a name from the schema, for metrics. */
  readonly field: string;
  /** All root fields, each once, fragments spread. */
  readonly rootFields: readonly string[];
  run(rootValue: unknown, contextValue: unknown, inputs: Inputs): ExecutionResult | Promise<ExecutionResult>;
}

export class Executor {
  readonly schema: GraphQLSchema;
  readonly #prepared = new WeakMap<DocumentNode, Map<string, Operation>>();

  constructor(schema: GraphQLSchema) {
    this.schema = schema;
  }

  /** The operation of that name, or the only one. Throws BAD_REQUEST where there is none, or no telling which. */
  prepare(document: DocumentNode, operationName: string | null | undefined): Operation {
    let operations = this.#prepared.get(document);
    if (!operations) this.#prepared.set(document, (operations = new Map()));
    const known = operations.get(operationName ?? '');
    if (known) return known;
    const node = getOperationAST(document, operationName);
    if (!node) throw requestError('BAD_REQUEST', missingOperation(operationName));
    const operation = this.#makeOperation(document, node);
    operations.set(operationName ?? '', operation);
    return operation;
  }

  #makeOperation(document: DocumentNode, node: OperationDefinitionNode): Operation {
    const { schema } = this;
    const operationName = node.name?.value ?? null;
    const rootFields = [...fieldsOf(document, node.selectionSet)];
    let runs = 0;
    let compiled: CompiledOperation | undefined;
    return {
      document,
      node,
      type: node.operation,
      field: rootFields[0] ?? 'none',
      rootFields,
      run(rootValue, contextValue, inputs) {
        runs += 1;
        if (runs === 2) compiled = compileOperation(schema, document, node);
        return (
          compiled?.(rootValue, contextValue, inputs) ??
          execute({ schema, document, rootValue, contextValue, variableValues: inputs, operationName })
        );
      },
    };
  }
}

function missingOperation(operationName: string | null | undefined): string {
  return operationName === null || operationName === undefined || operationName === ''
    ? 'The document has several operations, or none: operationName must say which one to run.'
    : `The document has no operation named ${JSON.stringify(operationName)}.`;
}

/** Fields of a selection in their order. The document is valid, so that no fragment spreads itself. */
function fieldsOf(document: DocumentNode, selectionSet: SelectionSetNode, found = new Set<string>()): Set<string> {
  for (const selection of selectionSet.selections) {
    if (selection.kind === Kind.FIELD) found.add(selection.name.value);
    else if (selection.kind === Kind.INLINE_FRAGMENT) fieldsOf(document, selection.selectionSet, found);
    else
      for (const each of document.definitions)
        if (each.kind === Kind.FRAGMENT_DEFINITION && each.name.value === selection.name.value)
          fieldsOf(document, each.selectionSet, found);
  }
  return found;
}
