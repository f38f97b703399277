/**
 * What an authoritative server for one zone answers. Pure: the question and what the zone knows of its name come in.
 * Sources: RFC 1035, RFC 2308 (negative answers), RFC 8020 (NXDOMAIN holds for everything below the name).
 */
import type { Answer, Question } from 'dns-packet';

/** What the zone holds under one name. */
export interface NameRecord {
  /** IPv4, in the order in which they are to be answered. */
  readonly addresses: readonly string[];
  readonly ttlSeconds: number;
}

/** RFC 1035 §4.1.1, RFC 6891 §9 for BADVERS (the upper bits of it travel in the OPT record). */
export const rcodes = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, BADVERS: 16 } as const;
export type Rcode = keyof typeof rcodes;

export interface ZoneAnswer {
  readonly rcode: Rcode;
  /** False where we know nothing: a question about somebody else's zone. */
  readonly isAuthoritative: boolean;
  readonly answers: readonly Answer[];
  readonly authorities: readonly Answer[];
}

/** The records of the zone itself never change while Limber runs. */
const apexTtlSeconds = 60;
/** For how many seconds a resolver may keep the answer that there is no such name: people look a cache up while it is being created. */
const negativeTtlSeconds = 1;

/**
 * The name as the store knows it: lower-case, without the zone. Empty for the zone itself, null for a name outside
 * of it.
 */
export function relativeName(name: string, zone: string): string | null {
  const lower = name.toLowerCase();
  if (lower === zone) return '';
  return lower.endsWith(`.${zone}`) ? lower.slice(0, -zone.length - 1) : null;
}

/** `found`: what is stored under `relativeName(question.name, zone)`; null when nothing is. `zone` is lower-case. */
export function answerQuestion(question: Question, zone: string, found: NameRecord | null): ZoneAnswer {
  const relative = relativeName(question.name, zone);
  const { class: questionClass = 'IN' } = question;
  const type: string = question.type; // the decoder knows more types than its declaration
  if (relative === null || (questionClass !== 'IN' && questionClass !== 'ANY')) return refused();
  // Zone transfers are for name servers that share a zone; they would hand out every name at once.
  if (type === 'AXFR' || type === 'IXFR') return refused();
  if (relative === '') return answerApex(question, zone);
  const record = relative === 'ns' ? { addresses: ['127.0.0.1'], ttlSeconds: apexTtlSeconds } : found;
  if (!record) return nothing(holdsNames(relative) ? 'NOERROR' : 'NXDOMAIN', zone);
  // RFC 8482: ANY may be answered with what most people want of the name.
  if (type !== 'A' && type !== 'ANY') return nothing('NOERROR', zone);
  return some(
    record.addresses.map((data) => ({
      type: 'A',
      // The name is given back as it was asked: resolvers choose its case at random ("0x20"), against spoofed answers.
      name: question.name,
      class: 'IN',
      ttl: record.ttlSeconds,
      data,
    })),
  );
}

/** The same addresses beginning with another one each turn, since most clients take the first. */
export function rotate(record: NameRecord, turn: number): NameRecord {
  const { addresses } = record;
  const start = addresses.length === 0 ? 0 : turn % addresses.length;
  return { ...record, addresses: [...addresses.slice(start), ...addresses.slice(0, start)] };
}

function answerApex(question: Question, zone: string): ZoneAnswer {
  switch (question.type as string) {
    case 'SOA':
    case 'ANY':
      return some([startOfAuthority(question.name, zone, apexTtlSeconds)]);
    case 'NS':
      return some([
        { type: 'NS', name: question.name, class: 'IN', ttl: apexTtlSeconds, data: `ns.${zone}` },
      ]);
    default:
      return nothing('NOERROR', zone);
  }
}

/**
 * Names below which there may be others, and that hold nothing themselves: `use1`, `ng.0001.use1`,
 * `ab12cd.clustercfg.use1`, and with TLS `orders.ab12cd.use1`. Resolvers that ask label by label (RFC 9156) must not read "and nothing below" there.
 * Known by their form, so that no list of names has to be kept.
 */
function holdsNames(relative: string): boolean {
  return /^(?:(?:[a-z0-9]{6}\.)?(?:(?:ng\.)?\d{4}|clustercfg|cfg|serverless)\.|(?:[a-z][a-z0-9-]*\.)?[a-z0-9]{6}\.)?[a-z]+\d+$/.test(
    relative,
  );
}

function startOfAuthority(name: string, zone: string, ttl: number): Answer {
  return {
    type: 'SOA',
    name,
    class: 'IN',
    ttl,
    data: {
      mname: `ns.${zone}`,
      rname: `hostmaster.${zone}`,
      // Nobody copies the zone, so nobody compares serials or uses the next three.
      serial: 1,
      refresh: 3600,
      retry: 600,
      expire: 86_400,
      minimum: negativeTtlSeconds,
    },
  };
}

const some = (answers: readonly Answer[]): ZoneAnswer => ({
  rcode: 'NOERROR',
  isAuthoritative: true,
  answers,
  authorities: [],
});

const nothing = (rcode: 'NOERROR' | 'NXDOMAIN', zone: string): ZoneAnswer => ({
  rcode,
  isAuthoritative: true,
  answers: [],
  authorities: [startOfAuthority(zone, zone, negativeTtlSeconds)],
});

const refused = (): ZoneAnswer => ({
  rcode: 'REFUSED',
  isAuthoritative: false,
  answers: [],
  authorities: [],
});
