/** What both queues of this example promise: each job is done at least once, also when workers die. */
export interface Job {
  readonly id: string;
  readonly body: string;
}

export interface JobQueue {
  add(body: string): Promise<void>;
  /** Takes the next job; null when none came within `waitMs`. It is ours until `done`, or until we are taken for dead. */
  take(waitMs: number): Promise<Job | null>;
  done(job: Job): Promise<void>;
  /** Makes the jobs of dead workers available again; returns how many. To be called now and then by any worker. */
  recover(): Promise<number>;
  /** Forgets everything. */
  clear(): Promise<void>;
}
