/** The view of the cluster that NoriKV's clients are shown. */
import { revisionsSkipped } from '../../storage/backup/import-steps';
import { addressToDial, viewEpoch } from '../../storage/norikv/norikv-view';

const loopback = { address: '127.0.0.1', family: 'IPv4', internal: true };
const link = { address: 'fe80::1', family: 'IPv6', internal: false };
const outer = { address: '10.0.0.7', family: 'IPv4', internal: false };
const outer6 = { address: 'fd00::7', family: 'IPv6', internal: false };
const all = [loopback, link, outer6, outer];

test.each([
  ['the one it listens on', { host: '127.0.0.1' }, '127.0.0.1:7447'],
  ['a name', { host: 'storage-1' }, 'storage-1:7447'],
  ['one of IPv6', { host: '::1' }, '[::1]:7447'],
  ['of all, one that others reach', { host: '0.0.0.0' }, '10.0.0.7:7447'],
  ['of all of IPv6 too', { host: '::' }, '10.0.0.7:7447'],
  ['of IPv6 alone', { host: '::', addresses: [loopback, link, outer6] }, '[fd00::7]:7447'],
  ['of a machine without a network', { host: '0.0.0.0', addresses: [loopback] }, '127.0.0.1:7447'],
  ['the same of IPv6', { host: '::', addresses: [] }, '[::1]:7447'],
  ['what is advertised', { host: '0.0.0.0', advertised: 'kv.example.org' }, 'kv.example.org:7447'],
  ['what is advertised, with its port', { host: '0.0.0.0', advertised: 'kv.example.org:80' }, 'kv.example.org:80'],
  ['what is advertised of IPv6', { host: '::', advertised: '[fd00::9]' }, '[fd00::9]:7447'],
  ['the same with its port', { host: '::', advertised: '[fd00::9]:80' }, '[fd00::9]:80'],
])('the address to dial is %s', (_what, given, expected) => {
  expect(addressToDial({ port: 7_447, advertised: undefined, addresses: all, ...given })).toBe(expected);
});

test('the epoch rises with starts, and with an import past all that was shown', () => {
  const before = viewEpoch({ epoch: 4_711, revision: 5_000_000 });
  expect(before).toBe(4_711);
  expect(viewEpoch({ epoch: 4_712, revision: 5_000_000 })).toBeGreaterThan(before);
  const imported = viewEpoch({ epoch: 1, revision: 5_000_000 + revisionsSkipped });
  expect(imported).toBeGreaterThan(before);
  expect(viewEpoch({ epoch: 1, revision: 5_000_001 + 2 * revisionsSkipped })).toBeGreaterThan(imported);
  expect(Number.isSafeInteger(viewEpoch({ epoch: 1_000_000, revision: Number.MAX_SAFE_INTEGER }))).toBe(true);
});
