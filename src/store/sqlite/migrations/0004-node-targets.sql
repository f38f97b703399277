-- What a node is to run, was started with and runs with stands in its own row; what parameters were at which time, in
-- the cache's configurations. Status and "formed" are a node group's own.

UPDATE resource SET desired = json_set(desired, '$.configurations', json('[]'))
WHERE kind = 'cache-cluster' AND desired ->> '$.replicationGroupId' IS NOT NULL;

-- The service's own parameter groups are not stored: `default.valkey8`, `default.valkey8.cluster.on`.
UPDATE resource SET desired = json_set(desired, '$.configurations', json_array(json_object(
  'version', 1,
  'parameterGroupName', desired ->> '$.parameterGroupName',
  'family', coalesce(
    (SELECT own.desired ->> '$.family' FROM resource AS own
      WHERE own.kind = 'parameter-group' AND own.account = resource.account AND own.region = resource.region
        AND own.id = resource.desired ->> '$.parameterGroupName'),
    replace(replace(desired ->> '$.parameterGroupName', 'default.', ''), '.cluster.on', '')),
  'overrides', json(coalesce(
    (SELECT own.desired -> '$.overrides' FROM resource AS own
      WHERE own.kind = 'parameter-group' AND own.account = resource.account AND own.region = resource.region
        AND own.id = resource.desired ->> '$.parameterGroupName'),
    CASE WHEN desired ->> '$.parameterGroupName' LIKE '%.cluster.on'
      THEN '{"cluster-enabled":"yes"}' ELSE '{}' END)))))
WHERE kind = 'replication-group' OR (kind = 'cache-cluster' AND desired ->> '$.replicationGroupId' IS NULL);

ALTER TABLE node ADD COLUMN target TEXT NOT NULL DEFAULT 'null';
ALTER TABLE node ADD COLUMN started TEXT NOT NULL DEFAULT 'null';
ALTER TABLE node ADD COLUMN applied TEXT NOT NULL DEFAULT 'null';

UPDATE node SET target = json_object(
  'engineVersion', engine_version,
  'cacheNodeType', coalesce(
    (SELECT cache.desired ->> '$.cacheNodeType' FROM resource AS cache
      WHERE cache.incarnation = node.cache_incarnation), ''),
  'configVersion', 1);

UPDATE node SET started = target, applied = json_remove(target, '$.engineVersion') WHERE handle <> 'null';

-- One that waits for a reboot was started with values that nobody kept: 0. A group lists members, a cluster nodes.
UPDATE node SET started = json_set(started, '$.configVersion', 0)
WHERE handle <> 'null' AND EXISTS (
  SELECT 1 FROM resource AS cache, json_each(cache.observed, '$.cacheNodeIdsToReboot') AS waiting
  WHERE cache.incarnation = node.cache_incarnation
    AND waiting.value = iif(cache.kind = 'replication-group', node.cache_cluster_id, node.cache_node_id));

-- A change of parameters that is under way begins anew, and does not rely on what it had done.
UPDATE node SET applied = 'null' WHERE EXISTS (
  SELECT 1 FROM resource AS cache WHERE cache.incarnation = node.cache_incarnation
    AND cache.observed ->> '$.parameterApplyStatus' <> 'in-sync');
UPDATE operation SET state = 'null' WHERE kind = 'apply-parameters' AND status IN ('queued', 'running');

ALTER TABLE node DROP COLUMN engine_version;

ALTER TABLE node_group ADD COLUMN status TEXT NOT NULL DEFAULT 'available';
ALTER TABLE node_group ADD COLUMN is_formed INTEGER NOT NULL DEFAULT 1 CHECK (is_formed IN (0, 1));
UPDATE node_group SET
  status = (SELECT iif(cache.status IN ('creating', 'deleting'), cache.status, 'available') FROM resource AS cache
    WHERE cache.incarnation = node_group.cache_incarnation),
  is_formed = (SELECT iif(cache.observed ->> '$.isFormed', 1, 0) FROM resource AS cache
    WHERE cache.incarnation = node_group.cache_incarnation)
WHERE EXISTS (SELECT 1 FROM resource AS cache WHERE cache.incarnation = node_group.cache_incarnation);

UPDATE resource SET observed =
  json_remove(observed, '$.parameterApplyStatus', '$.cacheNodeIdsToReboot', '$.isFormed')
WHERE kind IN ('replication-group', 'cache-cluster');
