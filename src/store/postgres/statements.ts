import { payloadColumn } from './payload.js';

/**
 * The rules of `transition.ts` in SQL. Each statement is one atomic step and one round trip, and
 * uses the clock of the server. Texts are stored in the form of `one-line.ts`, because PostgreSQL
 * cannot hold U+0000; times are milliseconds since 1970.
 *
 * The statements of `Steps` exist twice, for one call and for many calls with distinct keys. Both
 * are the same text over another list of calls, so that they cannot differ in their rules. They
 * return a row for each call that succeeds, with the number of the call in `n`, from 1.
 */
export interface Steps {
  readonly claim: string;
  readonly renew: string;
  readonly complete: string;
  readonly release: string;
}

export interface Statements {
  /** Creates the table. */
  readonly schema: string;
  readonly migrate: string;
  readonly one: Steps;
  readonly many: Steps;
  readonly read: string;
  readonly evict: string;
  readonly list: string;
  /** The same without payloads. */
  readonly listHeads: string;
  readonly sweep: string;
  /** Reads what `watch` compares. A key without a record has no row. */
  readonly poll: string;
}

/** The name of the table if the program gives none. */
export const DEFAULT_TABLE = 'samekey_records';

/**
 * How full a claim leaves a page, in percent. The rest is for results: an update that stays in its
 * page writes to no index.
 */
const FILLFACTOR = 50;

const quoted = (name: string) => `"${name}"`;

/**
 * Reads the clock once per statement. `now()` is the start of the transaction. The names of all
 * subqueries end in $, which the name of a table cannot contain: they would hide the table.
 */
const CLOCK = `clock$ AS MATERIALIZED (
  SELECT us, us / 1000 AS ms
  FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us) AS reading
)`;

/** Hides the finished result that stays in the row while its key runs again. */
const resultColumn = (name: string, value = `r.${name}`) =>
  `CASE WHEN r.state <> 'running' THEN ${value} END AS ${name}`;

const HEAD = [
  ...['state', 'owner', 'fencing_token', 'attempt', 'fingerprint'].map((name) => `r.${name}`),
  ...['claimed_at_ms', 'lease_ends_at_ms', 'expires_at_ms'].map((name) => `r.${name}`),
  ...['finished_at_ms', 'codec'].map((name) => resultColumn(name)),
].join(', ');
const COLUMNS = `${HEAD}, ${resultColumn('payload', payloadColumn('r.payload'))}`;
/** PostgreSQL does not read a payload for its length. */
const HEAD_COLUMNS = `${HEAD}, NULL AS payload, ${resultColumn('payload_bytes', 'octet_length(r.payload)')}`;

/**
 * The members of a replaced record that are stored in `former`. The `former` of a running record
 * that was taken over is the finished record behind it.
 */
const FORMER = {
  state: 'text',
  owner: 'text',
  attempt: 'integer',
  fingerprint: 'text',
  claimed_at_ms: 'bigint',
  lease_ends_at_ms: 'bigint',
  expires_at_ms: 'bigint',
};
const FORMER_NAMES = Object.keys(FORMER);
const FORMER_VALUES = FORMER_NAMES.map((name) => `'${name}', r.${name}`).join(', ');
/** The mark in `former` is of the record in front. */
const FORMER_FINISHED = `CASE r.former->>'state'
  WHEN 'running' THEN r.former->'former'
  WHEN 'done' THEN r.former - 'awaited'
  WHEN 'failed' THEN r.former - 'awaited'
END`;

/**
 * Marks a running record of which a claim was refused. Only the end of such a run is notified: a
 * commit with NOTIFY takes a lock that all databases of the server share. The mark is a member of
 * `former`, because a table of an earlier version has no column for it.
 */
const MARK = `'{"awaited": true}'::jsonb`;
const IS_MARKED = `coalesce(r.former ? 'awaited', false)`;

/** The first former record of `r` that has not expired, or `NULL`. */
const RESTORED = `CASE
    WHEN (r.former->>'expires_at_ms')::bigint > ms THEN r.former
    WHEN (r.former->'former'->>'expires_at_ms')::bigint > ms THEN r.former->'former'
  END`;
/** Whether `r` took over a record that a later takeover dropped. */
const HAS_LOST_FORMER = `(r.attempt > 1 AND r.former->>'state' IS DISTINCT FROM 'running')`;

/**
 * Whether a claim by `call` may replace the record `r`. $6 is takeUnknown, $7 takeFinished, $8
 * finishedOwner, of all calls.
 */
const isClaimable = (call: string, nowMs: string) => `(
    r.expires_at_ms <= ${nowMs}
    OR (
      r.owner <> ${call}.owner
      AND (r.fingerprint = ${call}.fingerprint) IS NOT FALSE
      AND CASE r.state
        WHEN 'running' THEN $6 AND r.lease_ends_at_ms <= ${nowMs}
        ELSE $7 AND r.owner = coalesce($8::text, r.owner)
      END
    )
  )`;

/** The columns that a claim sets to other values if it is granted than if it leaves a mark. */
const CLAIMED = {
  owner: 'excluded.owner',
  fencing_token: 'greatest(r.fencing_token + 1, excluded.fencing_token)',
  attempt: `CASE
        WHEN r.state = 'running' AND r.expires_at_ms > excluded.claimed_at_ms THEN r.attempt + 1
        ELSE 1
      END`,
  fingerprint: 'excluded.fingerprint',
  claimed_at_ms: 'excluded.claimed_at_ms',
  lease_ends_at_ms: 'excluded.lease_ends_at_ms',
  expires_at_ms: 'greatest(r.expires_at_ms, excluded.expires_at_ms)',
};
/** A record that takes over a marked one is marked: the callers that were refused still wait. */
const CLAIMED_FORMER = `nullif(
        coalesce(CASE
          WHEN r.expires_at_ms <= excluded.claimed_at_ms THEN NULL
          WHEN r.state = 'running' THEN jsonb_build_object(${FORMER_VALUES}, 'former', ${FORMER_FINISHED})
          ELSE jsonb_build_object(${FORMER_VALUES})
        END, '{}') || CASE WHEN r.state = 'running' AND ${IS_MARKED} THEN ${MARK} ELSE '{}' END,
        '{}'
      )`;
const RESULT = ['finished_at_ms', 'codec', 'payload'];

/** How a statement gets its calls. */
interface Calls {
  /** The calls as rows, from parameters of these types. */
  readonly list: (types: Readonly<Record<string, string>>) => string;
  readonly payload: string;
  /**
   * Locks the rows of the calls by the order of their keys, so that two statements with common keys
   * never wait for each other. One call needs no order.
   */
  readonly lock: (table: string) => string;
  /** The calls that an update joins. */
  readonly source: string;
}

const ONE: Calls = {
  list: (types) =>
    `calls$ AS (SELECT 1 AS n, ${Object.entries(types)
      .map(([name, type], index) => `$${index + 1}::${type} AS ${name}`)
      .join(', ')})`,
  payload: 'c.payload',
  lock: () => '',
  source: 'calls$',
};

const MANY: Calls = {
  list: (types) => {
    const names = Object.keys(types).filter((name) => name !== 'payload');
    const arrays = Object.entries(types).flatMap(([name, type], index) =>
      name === 'payload' ? [] : [`$${index + 1}::${type}[]`],
    );
    // An array of bytes would be sent as text, of twice the size. So the payloads are one
    // parameter, behind which their positions and lengths follow.
    if (names.length < Object.keys(types).length) {
      const next = Object.keys(types).length + 1;
      names.push('first_byte', 'byte_count');
      arrays.push(`$${next}::integer[]`, `$${next + 1}::integer[]`);
    }
    return `calls$ AS MATERIALIZED (
  SELECT * FROM unnest(${arrays.join(', ')}) WITH ORDINALITY AS c(${names.join(', ')}, n)
)`;
  },
  payload: 'substring($5::bytea FROM c.first_byte FOR c.byte_count)',
  // The condition at the end is always true. It makes the planner expect one row: for 10, which it
  // expects of any array, it plans to read a table that is new and still small from end to end, and
  // a prepared statement keeps its plan while the table grows (44 ms a statement at 70,000 rows).
  lock: (table) => `, locked$ AS MATERIALIZED (
  SELECT c.* FROM (SELECT * FROM calls$ ORDER BY key COLLATE "C") AS c CROSS JOIN LATERAL (
    SELECT r.key FROM ${table} AS r WHERE r.key = c.key AND r.owner = c.owner LIMIT 1 FOR UPDATE
  ) AS r WHERE r.key = c.key
)`,
  source: 'locked$',
};

/** The parameters of the calls, in their order. Those of `claim` are followed by $6 to $8. */
const CALLER = { key: 'text', owner: 'text' };
const CLAIM = { ...CALLER, fingerprint: 'text', lease_ms: 'bigint', ttl_ms: 'bigint' };
const RENEW = { ...CALLER, lease_ms: 'bigint' };
const OUTCOME = { state: 'text', codec: 'text', payload: 'bytea', ttl_ms: 'bigint' };
const COMPLETE = { ...CALLER, ...OUTCOME, is_watched: 'boolean' };
const RELEASE = { ...CALLER, is_watched: 'boolean' };

function stepsFor(name: string, table: string, { list, payload, lock, source }: Calls): Steps {
  const notified = (rows: string) =>
    `SELECT n::integer AS n, count(CASE WHEN is_awaited THEN pg_notify('${name}', key) END)
FROM ${rows} GROUP BY n`;
  const isOwn = `r.key = c.key AND r.owner = c.owner AND r.expires_at_ms > ms`;
  const isReleasable = `${isOwn} AND r.state = 'running'`;
  return {
    // A claim that a record refuses in the snapshot of the statement writes nothing, unless the
    // record is not marked yet. If the insert meets a record that is newer than the snapshot and
    // refuses the claim, the call has no row. Then it is sent again.
    claim: `WITH ${CLOCK}, ${list(CLAIM)}, seen$ AS MATERIALIZED (
  SELECT c.n, c.owner AS claimer, r.* FROM calls$ AS c CROSS JOIN clock$
  CROSS JOIN LATERAL (SELECT * FROM ${table} AS r WHERE r.key = c.key LIMIT 1) AS r
  WHERE NOT ${isClaimable('c', 'ms')}
    AND (r.state <> 'running' OR r.owner = c.owner OR ${IS_MARKED})
), written$ AS (
  INSERT INTO ${table} AS r
    (key, state, owner, fencing_token, attempt, fingerprint, claimed_at_ms, lease_ends_at_ms, expires_at_ms)
  SELECT key, 'running', owner, us, 1, fingerprint, ms, ms + lease_ms, ms + greatest(lease_ms, ttl_ms)
  FROM calls$ AS c CROSS JOIN clock$
  WHERE NOT EXISTS (SELECT FROM seen$ AS s WHERE s.n = c.n)
  ORDER BY key COLLATE "C"
  ON CONFLICT (key) DO UPDATE SET (state, ${Object.keys(CLAIMED).join(', ')}, former, ${RESULT.join(', ')}) = (
    SELECT 'running',
      ${Object.entries(CLAIMED)
        .map(([column, value]) => `CASE WHEN is_granted THEN ${value} ELSE r.${column} END`)
        .join(',\n      ')},
      CASE WHEN is_granted THEN ${CLAIMED_FORMER} ELSE coalesce(r.former, '{}') || ${MARK} END,
      ${RESULT.map((column) => `CASE WHEN r.expires_at_ms > excluded.claimed_at_ms THEN r.${column} END`).join(',\n      ')}
    FROM (SELECT ${isClaimable('excluded', 'excluded.claimed_at_ms')} AS is_granted OFFSET 0) AS decision
  )
  WHERE ${isClaimable('excluded', 'excluded.claimed_at_ms')}
    OR (r.state = 'running' AND r.owner <> excluded.owner AND NOT ${IS_MARKED})
  RETURNING r.*
)
SELECT c.n::integer AS n, (r.owner = c.owner)::integer AS claimed, ms AS now_ms, ${COLUMNS}
FROM written$ AS r JOIN calls$ AS c ON c.key = r.key CROSS JOIN clock$
UNION ALL
SELECT n::integer, (r.owner = claimer AND r.state = 'running')::integer, ms, ${COLUMNS} FROM seen$ AS r CROSS JOIN clock$`,
    renew: `WITH ${CLOCK}, ${list(RENEW)}${lock(table)}, renewed$ AS (
  UPDATE ${table} AS r SET
    lease_ends_at_ms = ms + c.lease_ms,
    expires_at_ms = greatest(r.expires_at_ms, ms + c.lease_ms)
  FROM ${source} AS c CROSS JOIN clock$
  WHERE ${isReleasable}
  RETURNING c.n, r.key, c.lease_ms = 0 AS is_awaited
)
${notified('renewed$')}`,
    // If the same outcome is sent twice, the second changes nothing, but finds the record.
    complete: `WITH ${CLOCK}, ${list(COMPLETE)}${lock(table)}, done$ AS (
  UPDATE ${table} AS r SET
    state = CASE WHEN r.state = 'running' THEN c.state ELSE r.state END,
    codec = CASE WHEN r.state = 'running' THEN c.codec ELSE r.codec END,
    payload = CASE WHEN r.state = 'running' THEN ${payload} ELSE r.payload END,
    finished_at_ms = CASE WHEN r.state = 'running' THEN ms ELSE r.finished_at_ms END,
    expires_at_ms = CASE WHEN r.state = 'running' THEN ms + c.ttl_ms ELSE r.expires_at_ms END,
    former = CASE WHEN ${IS_MARKED} THEN ${MARK} END
  FROM ${source} AS c CROSS JOIN clock$
  WHERE ${isOwn}
  RETURNING c.n, r.key, c.is_watched OR ${IS_MARKED} AS is_awaited
)
${notified('done$')}`,
    // Restores the replaced record, under the current fencing token.
    release: `WITH ${CLOCK}, ${list(RELEASE)}${lock(table)}, deleted$ AS (
  DELETE FROM ${table} AS r USING ${source} AS c CROSS JOIN clock$
  WHERE ${isReleasable} AND NOT ${HAS_LOST_FORMER} AND ${RESTORED} IS NULL
  RETURNING c.n, r.key, c.is_watched OR ${IS_MARKED} AS is_awaited
), ended$ AS (
  UPDATE ${table} AS r SET lease_ends_at_ms = least(r.lease_ends_at_ms, ms)
  FROM ${source} AS c CROSS JOIN clock$
  WHERE ${isReleasable} AND ${HAS_LOST_FORMER}
  RETURNING c.n, r.key, true
), restored$ AS (
  UPDATE ${table} AS r SET
    (${FORMER_NAMES.join(', ')}, former) = (
      SELECT ${FORMER_NAMES.map((name) => `f.${name}`).join(', ')}, nullif(f.former, 'null')
      FROM jsonb_to_record(${RESTORED}) AS f(${Object.entries(FORMER)
        .map(([name, type]) => `${name} ${type}`)
        .join(', ')}, former jsonb)
    )
  FROM ${source} AS c CROSS JOIN clock$
  WHERE ${isReleasable} AND NOT ${HAS_LOST_FORMER} AND ${RESTORED} IS NOT NULL
  RETURNING c.n, r.key, true
), released$ AS (SELECT * FROM deleted$ UNION ALL SELECT * FROM ended$ UNION ALL SELECT * FROM restored$)
${notified('released$')}`,
  };
}

/** Returns the statements for a table. `name` is validated: `schema.table` or `table`. */
export function statementsFor(name: string): Statements {
  const table = name.split('.').map(quoted).join('.');
  const index = `${name.split('.').at(-1)}_expires`;
  const schema = `CREATE TABLE IF NOT EXISTS ${table} (
  key text COLLATE "C" PRIMARY KEY,
  state text COLLATE "C" NOT NULL CHECK (state IN ('running', 'done', 'failed')),
  owner text COLLATE "C" NOT NULL,
  fencing_token bigint NOT NULL,
  attempt integer NOT NULL,
  fingerprint text COLLATE "C",
  claimed_at_ms bigint NOT NULL,
  lease_ends_at_ms bigint NOT NULL,
  expires_at_ms bigint NOT NULL,
  finished_at_ms bigint,
  codec text COLLATE "C",
  payload bytea,
  former jsonb
) WITH (fillfactor = ${FILLFACTOR});
`;
  const list = (columns: string) => `WITH ${CLOCK}
SELECT key, ${columns} FROM ${table} AS r, clock$
WHERE r.expires_at_ms > ms AND key > $1 COLLATE "C" ORDER BY key LIMIT $2`;
  return {
    schema,
    // The lock keeps two processes from creating the table at the same time, which fails in one of
    // them. An index on the expiry, which earlier versions had, makes every update write to all
    // indexes. It is dropped if no long transaction is in the way, behind which all calls would wait.
    migrate: `DO $samekey$ BEGIN
PERFORM pg_advisory_xact_lock(hashtext('samekey ${name}'));
${schema}IF EXISTS (
  SELECT FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
  WHERE indrelid = '${table}'::regclass AND relname = '${index}'
) THEN
  BEGIN
    PERFORM set_config('lock_timeout', '1s', true);
    DROP INDEX ${[...name.split('.').slice(0, -1), index].map(quoted).join('.')};
  EXCEPTION WHEN lock_not_available THEN NULL;
  END;
END IF;
END $samekey$`,
    one: stepsFor(name, table, ONE),
    many: stepsFor(name, table, MANY),
    read: `WITH ${CLOCK}
SELECT ms AS now_ms, ${COLUMNS} FROM clock$ LEFT JOIN ${table} AS r ON key = $1 AND r.expires_at_ms > ms`,
    evict: `WITH ${CLOCK}, deleted$ AS (
  DELETE FROM ${table} AS r USING clock$
  WHERE key = $1 AND r.expires_at_ms > ms AND NOT (state = 'running' AND lease_ends_at_ms > ms)
  RETURNING key
)
SELECT key, count(pg_notify('${name}', key)) FROM deleted$ GROUP BY key`,
    list: list(COLUMNS),
    listHeads: list(HEAD_COLUMNS),
    // Deletes at most $2 expired rows of one stretch of $1 blocks, each time another one by chance.
    // An index to find them would make every update write to all indexes.
    sweep: `WITH ${CLOCK}, size$ AS MATERIALIZED (
  SELECT ceil(pg_relation_size('${table}'::regclass)::float8 / current_setting('block_size')::bigint / $1::bigint) AS stretches
), stretch$ AS MATERIALIZED (
  SELECT floor(random() * stretches)::bigint * $1::bigint AS first FROM size$
)
DELETE FROM ${table} AS r WHERE r.expires_at_ms <= (SELECT ms FROM clock$) AND r.ctid = ANY (ARRAY(
  SELECT r.ctid FROM ${table} AS r
  WHERE r.ctid >= (SELECT format('(%s,0)', first)::tid FROM stretch$)
    AND r.ctid < (SELECT format('(%s,0)', first + $1::bigint)::tid FROM stretch$)
    AND r.expires_at_ms <= (SELECT ms FROM clock$)
  LIMIT $2 FOR UPDATE SKIP LOCKED
)) RETURNING key`,
    poll: `WITH ${CLOCK}, polled$ AS (
  SELECT key, state, owner, (state = 'running' AND lease_ends_at_ms > ms)::integer AS is_leased
  FROM ${table}, clock$ WHERE key = ANY ($1::text[]) AND expires_at_ms > ms
)
SELECT key, concat_ws(' ', state, is_leased, owner) AS version, is_leased FROM polled$`,
  };
}
