import { describe, expect, test } from 'vitest';
import { resolveEnvironment } from '../../host/policy/environment.ts';
import { type Ceiling, grantPolicy, unrestricted } from '../../host/policy/grant.ts';
import { policyOf } from './policies.ts';

const request = policyOf({ environment: { REGION: 'required', LEVEL: { default: 'info' }, ZONE: 'optional' } }, 'vivarium.yaml');
const grantUnder = (ceiling: Ceiling) => grantPolicy({ actor: 'score', runtime: 'python', request, ceiling });

describe('the variables of an actor', () => {
  test('are those that are granted, and provided or with a default', () => {
    expect({ ...resolveEnvironment(grantUnder(unrestricted), { REGION: 'eu', HOME: '/root', AWS_SECRET: 'x' }) }).toEqual({ REGION: 'eu', LEVEL: 'info' });
    expect({ ...resolveEnvironment(grantUnder(unrestricted), { REGION: '', LEVEL: 'debug', ZONE: 'z' }) }).toEqual({ REGION: '', LEVEL: 'debug', ZONE: 'z' });
  });

  test('are frozen, without prototype', () => {
    const environment = resolveEnvironment(grantUnder(unrestricted), { REGION: 'eu' });
    expect([Object.isFrozen(environment), Object.getPrototypeOf(environment)]).toEqual([true, null]);
  });

  test('an inherited value is not provided', () => {
    expect(() => resolveEnvironment(grantUnder(unrestricted), Object.create({ REGION: 'eu' }))).toThrow(expect.objectContaining({ code: 'policy.required' }));
  });

  test('without a required one the actor is not deployed, and the error says how to provide it', () => {
    expect(() => resolveEnvironment(grantUnder(unrestricted), {})).toThrow(
      expect.objectContaining({
        code: 'policy.required',
        message: '`score` requires the variable REGION, and no value was provided (vivarium.yaml: environment: { REGION: required })',
        record: expect.objectContaining({
          actor: 'score',
          hint: 'Provide a value for REGION, or give a default in the policy: `environment: { REGION: { default: … } }`.',
        }),
      }),
    );
  });

  test('nor without one that the ceiling does not grant, provided or not', () => {
    expect(() => resolveEnvironment(grantUnder(policyOf({ environment: { LEVEL: 'optional' } })), { REGION: 'eu' })).toThrow(
      expect.objectContaining({
        code: 'policy.required',
        message: '`score` requires the variable REGION (vivarium.yaml: environment: { REGION: required }), and the ceiling of the operator does not grant it',
        record: expect.objectContaining({ hint: 'Grant it: `environment: { REGION: required }` in the ceiling of the operator.' }),
      }),
    );
  });

  test('one that is not granted has no value, whatever is provided', () => {
    const grant = grantUnder(policyOf({ environment: { REGION: 'optional' } }));
    expect({ ...resolveEnvironment(grant, { REGION: 'eu', LEVEL: 'debug', ZONE: 'z' }) }).toEqual({ REGION: 'eu' });
  });
});
