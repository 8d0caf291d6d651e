/**
 * The rules of `transition.ts` in SQL. Each statement is one atomic step and one round trip, and
 * uses the clock of the server. Texts are stored in the form of `one-line.ts`, because PostgreSQL
 * cannot hold U+0000; times are milliseconds since 1970.
 */
export interface Statements {
  /** Creates the table and its index. */
  readonly schema: string;
  readonly migrate: string;
  readonly claim: string;
  readonly renew: string;
  readonly complete: string;
  readonly release: string;
  readonly read: string;
  readonly evict: string;
  readonly list: string;
  readonly sweep: string;
  /** Reads what `watch` compares. A key without a record has no row. */
  readonly poll: string;
}

/** The name of the table if the program gives none. */
export const DEFAULT_TABLE = 'samekey_records';

const quoted = (name: string) => `"${name}"`;

/** Reads the clock once per statement. `now()` is the start of the transaction. */
const CLOCK = `clock AS MATERIALIZED (
  SELECT us, us / 1000 AS ms
  FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us) AS reading
)`;

/** Hides the finished result that stays in the row while its key runs again. */
const resultColumn = (name: string) =>
  `CASE WHEN r.state <> 'running' THEN r.${name} END AS ${name}`;

const COLUMNS = [
  ...['state', 'owner', 'fencing_token', 'attempt', 'fingerprint'].map((name) => `r.${name}`),
  ...['claimed_at_ms', 'lease_ends_at_ms', 'expires_at_ms'].map((name) => `r.${name}`),
  ...['finished_at_ms', 'codec', 'payload'].map(resultColumn),
].join(', ');

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
const FORMER_FINISHED = `CASE r.former->>'state' WHEN 'running' THEN r.former->'former' ELSE r.former END`;

/** The first former record of `r` that has not expired, or `NULL`. */
const RESTORED = `CASE
    WHEN (r.former->>'expires_at_ms')::bigint > ms THEN r.former
    WHEN (r.former->'former'->>'expires_at_ms')::bigint > ms THEN r.former->'former'
  END`;
/** Whether `r` took over a record that a later takeover dropped. */
const HAS_LOST_FORMER = `(r.attempt > 1 AND r.former->>'state' IS DISTINCT FROM 'running')`;

/**
 * Whether a claim may replace the record `r`. $2 is the owner of the claim, $3 its fingerprint, $6
 * takeUnknown, $7 takeFinished.
 */
const isClaimable = (nowMs: string) => `(
    r.expires_at_ms <= ${nowMs}
    OR (
      r.owner <> $2
      AND (r.fingerprint = $3) IS NOT FALSE
      AND CASE r.state WHEN 'running' THEN $6 AND r.lease_ends_at_ms <= ${nowMs} ELSE $7 END
    )
  )`;

/** Returns the statements for a table. `name` is validated: `schema.table` or `table`. */
export function statementsFor(name: string): Statements {
  const table = name.split('.').map(quoted).join('.');
  const index = quoted(`${name.split('.').at(-1)}_expires`);
  const notifications = `count(pg_notify('${name}', key))`;
  const releasable = `key = $1 AND owner = $2 AND state = 'running' AND r.expires_at_ms > ms`;
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
) WITH (fillfactor = 70);
CREATE INDEX IF NOT EXISTS ${index} ON ${table} (expires_at_ms);
`;
  return {
    schema,
    // The lock keeps two processes from creating the table at the same time, which fails in one of
    // them.
    migrate: `DO $samekey$ BEGIN
PERFORM pg_advisory_xact_lock(hashtext('samekey ${name}'));
${schema}END $samekey$`,
    // A refused claim reads the current record in the second half, which sees the table as of the
    // start of the statement. If the record that refused the claim is newer than that, the second
    // half finds no row, or one that would not refuse the claim and is filtered out. Then the claim
    // is sent again.
    claim: `WITH ${CLOCK}, claimed AS (
  INSERT INTO ${table} AS r
    (key, state, owner, fencing_token, attempt, fingerprint, claimed_at_ms, lease_ends_at_ms, expires_at_ms)
  SELECT $1, 'running', $2, us, 1, $3, ms, ms + $4::bigint, ms + greatest($4::bigint, $5::bigint)
  FROM clock
  ON CONFLICT (key) DO UPDATE SET
    state = 'running',
    owner = excluded.owner,
    fencing_token = greatest(r.fencing_token + 1, excluded.fencing_token),
    attempt = CASE
      WHEN r.state = 'running' AND r.expires_at_ms > excluded.claimed_at_ms THEN r.attempt + 1
      ELSE 1
    END,
    fingerprint = excluded.fingerprint,
    claimed_at_ms = excluded.claimed_at_ms,
    lease_ends_at_ms = excluded.lease_ends_at_ms,
    expires_at_ms = greatest(r.expires_at_ms, excluded.expires_at_ms),
    former = CASE
      WHEN r.expires_at_ms <= excluded.claimed_at_ms THEN NULL
      WHEN r.state = 'running' THEN jsonb_build_object(${FORMER_VALUES}, 'former', ${FORMER_FINISHED})
      ELSE jsonb_build_object(${FORMER_VALUES})
    END,
    ${['finished_at_ms', 'codec', 'payload'].map((name) => `${name} = CASE WHEN r.expires_at_ms > excluded.claimed_at_ms THEN r.${name} END`).join(',\n    ')}
  WHERE ${isClaimable('excluded.claimed_at_ms')}
  RETURNING r.*
)
SELECT true AS claimed, ms AS now_ms, ${COLUMNS} FROM claimed AS r, clock
UNION ALL
SELECT r.owner = $2 AND r.state = 'running', ms, ${COLUMNS} FROM ${table} AS r, clock
WHERE r.key = $1 AND NOT EXISTS (SELECT FROM claimed) AND NOT ${isClaimable('ms')}`,
    renew: `WITH ${CLOCK}, renewed AS (
  UPDATE ${table} AS r SET
    lease_ends_at_ms = ms + $3::bigint,
    expires_at_ms = greatest(r.expires_at_ms, ms + $3::bigint)
  FROM clock
  WHERE key = $1 AND owner = $2 AND state = 'running' AND r.expires_at_ms > ms
  RETURNING key
)
SELECT key, count(CASE WHEN $3::bigint = 0 THEN pg_notify('${name}', key) END)
FROM renewed GROUP BY key`,
    // If the same outcome is sent twice, the second changes nothing, but finds the record.
    complete: `WITH ${CLOCK}, done AS (
  UPDATE ${table} AS r SET
    state = CASE WHEN r.state = 'running' THEN $3 ELSE r.state END,
    codec = CASE WHEN r.state = 'running' THEN $4 ELSE r.codec END,
    payload = CASE WHEN r.state = 'running' THEN $5::bytea ELSE r.payload END,
    finished_at_ms = CASE WHEN r.state = 'running' THEN ms ELSE r.finished_at_ms END,
    expires_at_ms = CASE WHEN r.state = 'running' THEN ms + $6::bigint ELSE r.expires_at_ms END,
    former = NULL
  FROM clock
  WHERE key = $1 AND owner = $2 AND r.expires_at_ms > ms
  RETURNING key
)
SELECT key, ${notifications} FROM done GROUP BY key`,
    // Restores the replaced record, under the current fencing token.
    release: `WITH ${CLOCK}, deleted AS (
  DELETE FROM ${table} AS r USING clock
  WHERE ${releasable} AND NOT ${HAS_LOST_FORMER} AND ${RESTORED} IS NULL
  RETURNING key
), ended AS (
  UPDATE ${table} AS r SET lease_ends_at_ms = least(r.lease_ends_at_ms, ms)
  FROM clock
  WHERE ${releasable} AND ${HAS_LOST_FORMER}
  RETURNING key
), restored AS (
  UPDATE ${table} AS r SET
    (${FORMER_NAMES.join(', ')}, former) = (
      SELECT ${FORMER_NAMES.map((name) => `f.${name}`).join(', ')}, nullif(f.former, 'null')
      FROM jsonb_to_record(${RESTORED}) AS f(${Object.entries(FORMER)
        .map(([name, type]) => `${name} ${type}`)
        .join(', ')}, former jsonb)
    )
  FROM clock
  WHERE ${releasable} AND NOT ${HAS_LOST_FORMER} AND ${RESTORED} IS NOT NULL
  RETURNING key
)
SELECT key, ${notifications} FROM (
  SELECT key FROM deleted UNION ALL SELECT key FROM ended UNION ALL SELECT key FROM restored
) AS released
GROUP BY key`,
    read: `WITH ${CLOCK}
SELECT ms AS now_ms, ${COLUMNS} FROM clock LEFT JOIN ${table} AS r ON key = $1 AND r.expires_at_ms > ms`,
    evict: `WITH ${CLOCK}, deleted AS (
  DELETE FROM ${table} AS r USING clock
  WHERE key = $1 AND r.expires_at_ms > ms AND NOT (state = 'running' AND lease_ends_at_ms > ms)
  RETURNING key
)
SELECT key, ${notifications} FROM deleted GROUP BY key`,
    list: `WITH ${CLOCK}
SELECT key, ${COLUMNS} FROM ${table} AS r, clock
WHERE r.expires_at_ms > ms AND key > $1 COLLATE "C" ORDER BY key LIMIT $2`,
    sweep: `WITH ${CLOCK} DELETE FROM ${table} WHERE key IN (
  SELECT key FROM ${table} AS r, clock WHERE r.expires_at_ms <= ms
  ORDER BY expires_at_ms LIMIT $1 FOR UPDATE OF r SKIP LOCKED
) RETURNING key`,
    poll: `WITH ${CLOCK}, polled AS (
  SELECT key, state, owner, state = 'running' AND lease_ends_at_ms > ms AS is_leased
  FROM ${table}, clock WHERE key = ANY ($1::text[]) AND expires_at_ms > ms
)
SELECT key, concat_ws(' ', state, is_leased, owner) AS version, is_leased FROM polled`,
  };
}
