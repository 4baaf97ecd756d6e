/** Every root field says who may use it, and nothing says so that is no root field. */
import { OperationTypeNode, buildSchema } from 'graphql';
import type { GraphQLSchema } from 'graphql';
import type { AppError } from '../../src/core/errors';
import { fieldRoles, refuseForbidden } from '../../src/gateway/field-roles';
import { tenantRoles } from '../../src/patterns/tenant-decisions';
import { builtSchema } from './support/built-schema';
import { readText } from './support/repository';

const types = Object.values(OperationTypeNode);

const rootOf = (schema: GraphQLSchema, type: OperationTypeNode) =>
  ({ query: schema.getQueryType(), mutation: schema.getMutationType(), subscription: schema.getSubscriptionType() })[
    type
  ];

const fieldsOf = (schema: GraphQLSchema): string[] =>
  types.flatMap((type) => Object.keys(rootOf(schema, type)?.getFields() ?? {}).map((field) => `${type} ${field}`));

const listed = types.flatMap((type) =>
  Object.keys(fieldRoles[type])
    .filter((field) => !field.startsWith('__'))
    .map((field) => `${type} ${field}`),
);

/** The code with which somebody is refused a field; undefined: not at all. */
function refusal(
  type: OperationTypeNode,
  field: string,
  caller: Parameters<typeof refuseForbidden>[1],
): string | undefined {
  try {
    refuseForbidden({ type, rootFields: [field] }, caller);
    return undefined;
  } catch (error) {
    return (error as AppError).code;
  }
}

describe('the table of roles', () => {
  it('names every root field that is served', () => {
    expect(fieldsOf(builtSchema()).filter((field) => !listed.includes(field))).toEqual([]);
  });

  it('names nothing that is neither served nor in the contract', () => {
    const known = [...fieldsOf(builtSchema()), ...fieldsOf(buildSchema(readText('test/contract/contract.graphql')))];
    expect(listed.filter((field) => !known.includes(field))).toEqual([]);
  });

  it('lets nobody write who may only read: every mutation needs a writer at least', () => {
    const { __typename, ...mutations } = fieldRoles.mutation;
    expect(Object.entries(mutations).filter(([, role]) => role === 'READER')).toEqual([]);
  });

  it('lets operators use everything, and others nothing that is for operators', () => {
    for (const type of types)
      for (const [field, needed] of Object.entries(fieldRoles[type])) {
        expect(refusal(type, field, { role: 'READER', isOperator: true })).toBeUndefined();
        for (const role of tenantRoles) {
          const isEnough = needed !== 'OPERATOR' && tenantRoles.indexOf(role) >= tenantRoles.indexOf(needed);
          expect([field, role, refusal(type, field, { role, isOperator: false })]).toEqual([
            field,
            role,
            isEnough ? undefined : 'FORBIDDEN',
          ]);
        }
      }
  });

  it('keeps what it does not name from everyone but operators', () => {
    for (const field of ['brandNew', 'constructor', '__proto__'])
      expect(refusal(OperationTypeNode.MUTATION, field, { role: 'ADMIN', isOperator: false })).toBe('FORBIDDEN');
  });

  it('because of one field nothing of an operation runs', () => {
    const operation = { type: OperationTypeNode.MUTATION, rootFields: ['kvPut', 'deleteTenant'] };
    expect(() => refuseForbidden(operation, { role: 'ADMIN', isOperator: false })).toThrow('deleteTenant');
  });
});
