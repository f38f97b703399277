/** An access key, and the account whose requests it signs. The key `root` is made at the first start. */
export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Twelve digits. */
  readonly account: string;
  readonly name: string;
}
