/** Which variable of a subscription only says where it begins: what is delivered does not depend on it. */
import { Kind, visit } from 'graphql';
import type { Operation } from './executor';

const found = new WeakMap<Operation, { readonly argument: string; readonly variable: string | undefined }>();

/** The variable that is the root field's argument of that name and stands nowhere else; undefined: there is none. */
export function placeVariable(operation: Operation, argument: string): string | undefined {
  const known = found.get(operation);
  if (known?.argument === argument) return known.variable;
  const variable = findVariable(operation, argument);
  found.set(operation, { argument, variable });
  return variable;
}

function findVariable({ document, node }: Operation, argument: string): string | undefined {
  const [root] = node.selectionSet.selections;
  // Behind a fragment it would take more to find; such a subscription shares with those that begin where it does.
  if (root?.kind !== Kind.FIELD) return undefined;
  const value = root.arguments?.find((each) => each.name.value === argument)?.value;
  if (value?.kind !== Kind.VARIABLE) return undefined;
  const name = value.name.value;
  let uses = 0;
  visit(document, {
    VariableDefinition: () => false,
    Variable: (each) => void (uses += each.name.value === name ? 1 : 0),
  });
  return uses === 1 ? name : undefined;
}
