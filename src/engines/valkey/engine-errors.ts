/** What can go wrong between Limber and an engine. No message carries a secret or the arguments of a command. */

/** Thrown when there is no connection, or it ended while a call waited. The process may live: this is never proof of death. */
export class EngineUnreachable extends Error {
  override readonly name = 'EngineUnreachable';
}

/** Thrown when somebody else than the engine answers at its address. Asking again would not help. */
export class EngineDistrusted extends EngineUnreachable {}

/** Thrown when the engine did not answer in time. Whether it did what was asked is unknown. */
export class EngineTimeout extends Error {
  override readonly name = 'EngineTimeout';
}

/** Thrown when the engine refused. The process lives. */
export class EngineReplyError extends Error {
  override readonly name = 'EngineReplyError';
  /** First word of the reply: `NOPERM`, `LOADING`, `BUSY`, `WRONGPASS`, `ERR` …; `MAXCLIENTS` when it is full. */
  readonly code: string;

  constructor(command: string, reply: string) {
    super(`${command}: ${reply}`);
    this.code = codeOf(reply);
  }
}

function codeOf(reply: string): string {
  // The engine has no code of its own for this state, which diagnosis must know from all others.
  if (reply.startsWith('ERR max number of clients')) return 'MAXCLIENTS';
  return /^[A-Z]+(?=\s|$)/.exec(reply)?.[0] ?? 'ERR';
}
