/**
 * Which input members take one of a fixed list of values. The SDK has the lists at run time and the connection
 * only in its types; a test reads those types and fails when a member is missing here.
 */
import * as sdk from '@aws-sdk/client-elasticache';

const byMember: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  AZMode: sdk.AZMode,
  AuthTokenUpdateStrategy: sdk.AuthTokenUpdateStrategyType,
  ClusterMode: sdk.ClusterMode,
  DestinationType: sdk.DestinationType,
  Durability: sdk.Durability,
  IpDiscovery: sdk.IpDiscovery,
  LogFormat: sdk.LogFormat,
  LogType: sdk.LogType,
  NetworkType: sdk.NetworkType,
  OutpostMode: sdk.OutpostMode,
  ServiceUpdateStatus: sdk.ServiceUpdateStatus,
  SourceType: sdk.SourceType,
  TransitEncryptionMode: sdk.TransitEncryptionMode,
  UpdateActionStatus: sdk.UpdateActionStatus,
  'AuthenticationMode.Type': sdk.InputAuthenticationType,
  'DataStorage.Unit': sdk.DataStorageUnit,
};

/** The allowed values of an input member, or of a list member's elements; undefined when anything is allowed. */
export function enumValues(structure: string, member: string): readonly string[] | undefined {
  const found = byMember[`${structure}.${member}`] ?? byMember[member];
  return found && Object.values(found);
}
