import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Question } from 'dns-packet';
import { answerQuestion, type NameRecord, relativeName, rotate } from '../../src/endpoints/dns/answer.ts';

const zone = 'cache.test';
const held: Readonly<Record<string, NameRecord>> = {
  'orders.ab12cd.ng.0001.use1': { addresses: ['127.1.0.1'], ttlSeconds: 5 },
  'orders-ro.ab12cd.ng.0001.use1': { addresses: ['127.1.0.2', '127.1.0.3'], ttlSeconds: 1 },
};

/** `rcode: data, …` of the answer to one question; `-` where the answer section is empty. */
function ask(name: string, type = 'A', questionClass = 'IN'): string {
  const question = { name, type, class: questionClass } as Question;
  const relative = relativeName(name, zone);
  const { rcode, answers } = answerQuestion(question, zone, relative ? (held[relative] ?? null) : null);
  const data = answers.map((answer) => {
    const shown = 'data' in answer ? answer.data : null;
    return typeof shown === 'string' ? shown : answer.type;
  });
  return `${rcode}: ${data.join(', ') || '-'}`;
}

describe('a question to the DNS zone', () => {
  const primary = 'orders.ab12cd.ng.0001.use1.cache.test';
  const table: readonly (readonly [
    title: string,
    question: readonly [string, string?, string?],
    answer: string,
  ])[] = [
    ['for an endpoint is answered with its address', [primary], 'NOERROR: 127.1.0.1'],
    [
      'for several replicas with all of them',
      ['orders-ro.ab12cd.ng.0001.use1.cache.test'],
      'NOERROR: 127.1.0.2, 127.1.0.3',
    ],
    ['is answered whatever case it has', ['OrDeRs.AB12cd.ng.0001.uSe1.CACHE.test'], 'NOERROR: 127.1.0.1'],
    ['for any type is answered with addresses alone', [primary, 'ANY'], 'NOERROR: 127.1.0.1'],
    ['for an IPv6 address says that the name exists without one', [primary, 'AAAA'], 'NOERROR: -'],
    ['for a type that nobody has heard of says the same', [primary, 'UNKNOWN_65'], 'NOERROR: -'],
    ['for a name that nobody has says so', ['basket.ab12cd.ng.0001.use1.cache.test'], 'NXDOMAIN: -'],
    ['for a name that nobody has says so for every type', ['basket.cache.test', 'AAAA'], 'NXDOMAIN: -'],
    ['below an endpoint finds nothing', [`a.${primary}`], 'NXDOMAIN: -'],
    ['for a region alone does not deny what lies below', ['use1.cache.test'], 'NOERROR: -'],
    [
      'for a part of an endpoint’s name does not deny what lies below',
      ['ab12cd.ng.0001.use1.cache.test'],
      'NOERROR: -',
    ],
    ['for the part with the word of the kind does not either', ['clustercfg.use1.cache.test'], 'NOERROR: -'],
    [
      'for the part that names with TLS share does not either',
      ['orders.ab12cd.use1.cache.test'],
      'NOERROR: -',
    ],
    ['for the authority is answered', ['cache.test', 'SOA'], 'NOERROR: SOA'],
    ['for the name server is answered', ['Cache.Test', 'NS'], 'NOERROR: ns.cache.test'],
    ['for the name server’s address is answered', ['ns.cache.test'], 'NOERROR: 127.0.0.1'],
    ['for the zone’s own address finds none', ['cache.test', 'A'], 'NOERROR: -'],
    ['of another zone is refused', ['example.com'], 'REFUSED: -'],
    ['of a zone that only ends alike is refused', ['orders.mycache.test'], 'REFUSED: -'],
    ['for the root is refused', ['.', 'NS'], 'REFUSED: -'],
    ['for the whole zone is refused', ['cache.test', 'AXFR'], 'REFUSED: -'],
    ['of another class is refused', [primary, 'A', 'CH'], 'REFUSED: -'],
  ];
  for (const [title, question, answer] of table)
    it(title, () => {
      assert.equal(ask(...question), answer);
    });

  it('is given back in the case that it came in', () => {
    const name = 'ORDERS.ab12CD.ng.0001.use1.cache.test';
    const record = held['orders.ab12cd.ng.0001.use1']!;
    const { answers } = answerQuestion({ name, type: 'A', class: 'IN' }, zone, record);
    assert.equal(answers[0]?.name, name);
  });

  it('that finds nothing is answered with how long that holds: a second', () => {
    const question: Question = { name: 'basket.cache.test', type: 'A', class: 'IN' };
    const [soa] = answerQuestion(question, zone, null).authorities;
    assert.ok(soa?.type === 'SOA');
    assert.deepEqual([soa.name, soa.ttl, soa.data.minimum], ['cache.test', 1, 1]);
  });
});

describe('the addresses of a reader endpoint', () => {
  it('begin with another one each turn', () => {
    const record = { addresses: ['a', 'b', 'c'], ttlSeconds: 1 };
    const turns = [0, 1, 2, 3].map((turn) => rotate(record, turn).addresses.join(''));
    assert.deepEqual(turns, ['abc', 'bca', 'cab', 'abc']);
  });
});
