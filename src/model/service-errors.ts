/**
 * Every error code that Limber's API answers, with its HTTP status. One table, so that the type of a code, the
 * wire and `docs/errors.md` cannot drift apart (a test compares them, and the first part with the SDK's own
 * error registry).
 *
 * The codes are the ones on the wire. They are irregular on purpose: some keep the suffix `Fault`, some do not,
 * and waiters and Terraform compare them letter by letter (spec/api.md, "Error codes").
 */

/** ElastiCache's own codes: API 2015-02-02, trait `awsQueryError`. */
export const elastiCacheErrorStatuses = {
  APICallRateForCustomerExceeded: 400,
  AuthorizationAlreadyExists: 400,
  AuthorizationNotFound: 404,
  CacheClusterAlreadyExists: 400,
  CacheClusterNotFound: 404,
  CacheParameterGroupAlreadyExists: 400,
  CacheParameterGroupNotFound: 404,
  CacheParameterGroupQuotaExceeded: 400,
  CacheSecurityGroupAlreadyExists: 400,
  CacheSecurityGroupNotFound: 404,
  CacheSubnetGroupAlreadyExists: 400,
  CacheSubnetGroupInUse: 400,
  CacheSubnetGroupNotFoundFault: 400,
  CacheSubnetGroupQuotaExceeded: 400,
  CacheSubnetQuotaExceededFault: 400,
  ClusterQuotaForCustomerExceeded: 400,
  DefaultUserAssociatedToUserGroup: 400,
  DefaultUserRequired: 400,
  DuplicateUserName: 400,
  GlobalReplicationGroupAlreadyExistsFault: 400,
  GlobalReplicationGroupNotFoundFault: 404,
  InsufficientCacheClusterCapacity: 400,
  InvalidARN: 400,
  InvalidCacheClusterState: 400,
  InvalidCacheParameterGroupState: 400,
  InvalidCacheSecurityGroupState: 400,
  InvalidCredentialsException: 408,
  InvalidGlobalReplicationGroupState: 400,
  InvalidKMSKeyFault: 400,
  InvalidParameterCombination: 400,
  InvalidParameterValue: 400,
  InvalidReplicationGroupState: 400,
  InvalidServerlessCacheSnapshotStateFault: 400,
  InvalidServerlessCacheStateFault: 400,
  InvalidSnapshotState: 400,
  InvalidSubnet: 400,
  InvalidUserGroupState: 400,
  InvalidUserState: 400,
  InvalidVPCNetworkStateFault: 400,
  NoOperationFault: 400,
  NodeGroupNotFoundFault: 404,
  NodeGroupsPerReplicationGroupQuotaExceeded: 400,
  NodeQuotaForClusterExceeded: 400,
  NodeQuotaForCustomerExceeded: 400,
  'QuotaExceeded.CacheSecurityGroup': 400,
  ReplicationGroupAlreadyExists: 400,
  ReplicationGroupAlreadyUnderMigrationFault: 400,
  ReplicationGroupNotFoundFault: 404,
  ReplicationGroupNotUnderMigrationFault: 400,
  ReservedCacheNodeAlreadyExists: 404,
  ReservedCacheNodeNotFound: 404,
  ReservedCacheNodeQuotaExceeded: 400,
  ReservedCacheNodesOfferingNotFound: 404,
  ServerlessCacheAlreadyExistsFault: 400,
  ServerlessCacheNotFoundFault: 404,
  ServerlessCacheQuotaForCustomerExceededFault: 400,
  ServerlessCacheSnapshotAlreadyExistsFault: 400,
  ServerlessCacheSnapshotNotFoundFault: 404,
  ServerlessCacheSnapshotQuotaExceededFault: 400,
  ServiceLinkedRoleNotFoundFault: 400,
  ServiceUpdateNotFoundFault: 404,
  SnapshotAlreadyExistsFault: 400,
  SnapshotFeatureNotSupportedFault: 400,
  SnapshotNotFoundFault: 404,
  SnapshotQuotaExceededFault: 400,
  SubnetInUse: 400,
  SubnetNotAllowedFault: 400,
  TagNotFound: 404,
  TagQuotaPerResourceExceeded: 400,
  TestFailoverNotAvailableFault: 400,
  UserAlreadyExists: 400,
  UserGroupAlreadyExists: 400,
  UserGroupNotFound: 404,
  UserGroupQuotaExceeded: 400,
  UserNotFound: 404,
  UserQuotaExceeded: 400,
} as const;

/** Codes that any AWS Query service may answer (spec/behaviour.md §1, API "Common Errors"), and HTTP's own. */
export const commonErrorStatuses = {
  AccessDenied: 403,
  IncompleteSignature: 400,
  InternalFailure: 500,
  InvalidAction: 400,
  InvalidClientTokenId: 403,
  MalformedQueryString: 400,
  MethodNotAllowed: 405,
  MissingAction: 400,
  MissingAuthenticationToken: 403,
  MissingParameter: 400,
  RequestEntityTooLarge: 413,
  RequestExpired: 400,
  ServiceUnavailable: 503,
  SignatureDoesNotMatch: 403,
  Throttling: 400,
  UnknownOperationException: 404,
  UnrecognizedClientException: 403,
  ValidationError: 400,
} as const;

export const serviceErrorStatuses = { ...elastiCacheErrorStatuses, ...commonErrorStatuses } as const;

export type ServiceErrorCode = keyof typeof serviceErrorStatuses;
type ServiceErrorFault = 'Sender' | 'Receiver';

/**
 * An answer to the user that is not a result: thrown by whoever checks a request, shaped into the error envelope
 * by the front door. The message reaches the user as it is, so it never holds a secret.
 */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly code: ServiceErrorCode;
  /** HTTP status. */
  readonly status: number;
  /** Whose mistake it is: `Receiver` (ours) for 5xx, else `Sender`. Clients retry on `Receiver` only. */
  readonly fault: ServiceErrorFault;

  constructor(code: ServiceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.status = serviceErrorStatuses[code];
    this.fault = this.status >= 500 ? 'Receiver' : 'Sender';
  }
}

/** The error for a parameter with a value that it cannot have. */
export const invalidValue = (message: string, options?: ErrorOptions): ServiceError =>
  new ServiceError('InvalidParameterValue', message, options);

/** The error for parameters that exclude each other, need each other, or need the resource in another state. */
export const invalidCombination = (message: string): ServiceError =>
  new ServiceError('InvalidParameterCombination', message);
