/** What the verification of a signature gets, and what it answers. */

/** The head of an HTTP request as it came over the wire. */
export interface RequestHead {
  readonly method: string;
  /** The request target: raw path and query, undecoded. */
  readonly target: string;
  /** Names and values in turn, as `IncomingMessage.rawHeaders` has them. */
  readonly rawHeaders: readonly string[];
}

/** The secret that an access key signs with, and the account that it signs for. */
export interface Credential {
  readonly secretAccessKey: string;
  /** Twelve digits. */
  readonly account: string;
  /** Set for temporary credentials: the request must then bring the same token. */
  readonly sessionToken?: string;
}

/** null: no such key. */
export type LookUpCredential = (accessKeyId: string) => Promise<Credential | null>;

export interface VerifyOptions {
  readonly lookUpCredential: LookUpCredential;
  /** Names allowed in the credential scope, for example `elasticache`. */
  readonly services: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Who signed, and for which region and service. The region is what the client wrote: its form is not checked. */
export interface VerifiedSignature {
  readonly accessKeyId: string;
  readonly account: string;
  readonly region: string;
  readonly service: string;
}

/** What a request claims about its signature, in its Authorization header or its query. Nothing of it is proven yet. */
export interface SignatureClaim {
  readonly kind: 'header' | 'presigned';
  readonly accessKeyId: string;
  /** `YYYYMMDD` */
  readonly date: string;
  readonly region: string;
  readonly service: string;
  /** Lower case, in the order given. */
  readonly signedHeaders: readonly string[];
  /** 64 hex digits. */
  readonly signature: string;
  /** `YYYYMMDDTHHMMSSZ` */
  readonly timestamp: string;
  /** Seconds; undefined for the header form. */
  readonly expiresSeconds: number | undefined;
  readonly sessionToken: string | undefined;
  /** `x-amz-content-sha256`, when the request has it. */
  readonly contentSha256: string | undefined;
}
