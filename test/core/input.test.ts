import { requireBase64, requireCount, requireInteger, requireText, requireVersion } from '../../src/core/input';
import { encodeOpaque, requireCursor, tryDecodeOpaque } from '../../src/core/opaque';

describe('requireText', () => {
  const rule = { bytesMax: 4 };

  it.each([
    ['abcd', 'abcd'],
    ['éé', 'éé'],
    ['\0', '\0'],
  ])('takes %j', (text, bytes) => {
    expect(requireText('input.key', text, rule).toString('utf8')).toBe(bytes);
  });

  it.each([
    ['', 'input.key is 0 bytes long, at least 1 are needed'],
    ['abcde', 'input.key "abcde" is 5 bytes long, at most 4 are allowed'],
    ['ééé', 'input.key "ééé" is 6 bytes long, at most 4 are allowed'],
    ['a\ud800', 'input.key holds an unpaired surrogate'],
  ])('refuses %j with the rule', (text, message) => {
    expect(() => requireText('input.key', text, rule)).toThrow(message);
  });
});

describe('requireInteger', () => {
  it.each([Number.NaN, Infinity, 1.5, 2 ** 53])('refuses %d', (value) => {
    expect(() => requireInteger('by', value, { min: 0, max: 10 })).toThrow(`by is ${value}: it must be an integer`);
  });

  it('refuses what is outside its bounds and takes the bounds themselves', () => {
    expect(() => requireInteger('by', 11, { min: 0, max: 10 })).toThrow('by is 11: it must be between 0 and 10');
    expect([0, 10].map((value) => requireInteger('by', value, { min: 0, max: 10 }))).toEqual([0, 10]);
  });
});

it('counts members of a list', () => {
  expect(() => requireCount('keys', [1, 2, 3], { min: 1, max: 2 })).toThrow(
    'keys has 3 members: it must have between 1 and 2',
  );
});

describe('requireVersion', () => {
  it.each(['', '-1', '1.0', '01', '1e3', ' 1', '9007199254740992', '99999999999999999999', 'abc'])(
    'refuses %j',
    (text) => {
      expect(() => requireVersion('ifVersion', text)).toThrow('is not a Version');
    },
  );

  it('takes decimal numbers below 2^53', () => {
    expect(['0', '1', '9007199254740991'].map((text) => requireVersion('v', text))).toEqual([0, 1, 2 ** 53 - 1]);
  });
});

describe('requireBase64', () => {
  it.each(['A', 'AA', 'AA=', 'A===', 'AA==A', 'A-_=', 'AAA=\n'])('refuses %j', (text) => {
    expect(() => requireBase64('value.base64', text)).toThrow('is not standard base64');
  });

  it('takes any bytes, and none', () => {
    expect(requireBase64('b', 'AP8=')).toEqual(Buffer.from([0, 255]));
    expect(requireBase64('b', '')).toHaveLength(0);
  });
});

describe('opaque strings', () => {
  it('give back their payload to their own kind alone', () => {
    const cursor = encodeOpaque('kvScan', Buffer.from('a\0b'));
    expect(requireCursor('after', 'kvScan', cursor)).toEqual(Buffer.from('a\0b'));
    expect(tryDecodeOpaque('kvChange', cursor)).toBeUndefined();
    expect(() => requireCursor('after', 'counters', cursor)).toThrow('is not a cursor of this field');
  });

  it.each(['', '123', 'AQ', '!!!!', 'AgFh'])('refuse %j', (text) => {
    expect(tryDecodeOpaque('kvScan', text)).toBeUndefined();
  });

  it('refuse another spelling of the same bytes', () => {
    expect(tryDecodeOpaque('kvScan', `${encodeOpaque('kvScan', Buffer.from('ab'))}=`)).toBeUndefined();
  });
});
