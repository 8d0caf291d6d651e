/**
 * The rules of `transition.ts` in the SQL of SQLite. Each change of a record is one statement, because
 * a driver that talks to a server cannot hold a transaction between two of them. SQLite runs one
 * writing statement at a time, so each is atomic for all processes.
 *
 * Every parameter is a plain `?`: `node:sqlite` takes `?1` for the name of a parameter. Texts are
 * stored in the form of `one-line.ts`, because some drivers cut a text at U+0000. Times are
 * milliseconds since 1970.
 */
export interface Statements {
  /** Creates the table. */
  readonly schema: string;
  /** Returns the SQL that SQLite stored for the table. */
  readonly stored: string;
  /**
   * key, owner, fingerprint, leaseMs, ttlMs; with `hasFinishedOwner` also that owner. Returns the record,
   * if the claim is granted.
   */
  claim(takeUnknown: boolean, takeFinished: boolean, hasFinishedOwner: boolean): string;
  /** key, owner, leaseMs */
  readonly renew: string;
  /** key, owner, state, codec, payload, ttlMs */
  readonly complete: string;
  /** key, owner */
  readonly release: string;
  /** key */
  readonly evict: string;
  /** key. Always returns one row: the record, expired or not, and the time. */
  readonly read: string;
  /** key, limit. Returns the records behind that key. */
  readonly list: string;
  /** The same without their payloads. */
  readonly listHeads: string;
  /** Keys in JSON. Returns what `watch` compares. */
  readonly poll: string;
  /** key, limit. Returns the last of the keys behind that key, their number, and how many can go. */
  readonly due: string;
  /** The first key (exclusive) and the last. Deletes the records between them that can go. */
  readonly sweep: string;
}

/** The name of the table if the program gives none. */
export const DEFAULT_TABLE = 'samekey_records';

/** How long a deleted record keeps its fencing token, in case the clock is set back. */
const TOKEN_KEPT_MS = 60 * 60 * 1000;

/**
 * SQLite reads the clock once per statement. This form works in all versions; the result of
 * `julianday` is exact to 0.05 ms.
 */
const CLOCK = `clock$(ms) AS (SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER))`;

/** The columns of a record that callers see. The result of a running record is that behind it. */
const columns = (results: Readonly<Record<string, string>>) =>
  [
    ...['state', 'owner', 'fencing_token', 'attempt', 'fingerprint'],
    ...['claimed_at_ms', 'lease_ends_at_ms', 'expires_at_ms'],
    ...Object.entries({ finished_at_ms: 'finished_at_ms', codec: 'codec', ...results }).map(
      ([name, value]) => `CASE WHEN state <> 'running' THEN ${value} END AS ${name}`,
    ),
  ].join(', ');
const COLUMNS = columns({ payload: 'payload' });
/** SQLite does not read the pages of a payload for its length. */
const HEAD_COLUMNS = columns({ payload_bytes: 'length(payload)' });

/** The members of a replaced record that are stored in `former`. Its result stays in the row. */
const FORMER = [
  ...['state', 'owner', 'attempt', 'fingerprint'],
  ...['claimed_at_ms', 'lease_ends_at_ms', 'expires_at_ms'],
];
const FORMER_VALUES = FORMER.map((name) => `'${name}', r.${name}`).join(', ');
/** The finished record behind `r`, which is running. */
const FORMER_FINISHED = `json(CASE json_extract(r.former, '$.state')
    WHEN 'running' THEN json_extract(r.former, '$.former') ELSE r.former END)`;

/** A deleted record stays for its fencing token, in the state `gone`. */
const isVisible = (nowMs: string) => `(r.state <> 'gone' AND r.expires_at_ms > ${nowMs})`;
const IS_VISIBLE = isVisible('ms');
/** Expects the parameters key and owner in `c`. */
const IS_OWN = `r.key = c.key AND r.owner = c.owner AND ${IS_VISIBLE}`;
/** A tombstone expires when it is made. */
const CAN_GO = `expires_at_ms <= (SELECT ms FROM clock$) - ${TOKEN_KEPT_MS}`;

const calls = (...names: string[]) =>
  `c(${names.join(', ')}) AS (VALUES (${names.map(() => '?').join(', ')}))`;

/** Whether a claim may replace the record `r`. */
function isClaimable(
  takeUnknown: boolean,
  takeFinished: boolean,
  hasFinishedOwner: boolean,
): string {
  const free = [
    ...(takeUnknown
      ? [`r.state = 'running' AND r.lease_ends_at_ms <= excluded.claimed_at_ms`]
      : []),
    ...(takeFinished ? [`r.state <> 'running'${hasFinishedOwner ? ' AND r.owner = ?' : ''}`] : []),
  ];
  const isFree = free.length === 0 ? '0' : free.map((each) => `(${each})`).join(' OR ');
  return `(
  NOT ${isVisible('excluded.claimed_at_ms')} OR (
    r.owner <> excluded.owner AND (r.fingerprint = excluded.fingerprint) IS NOT 0 AND (${isFree})
  )
)`;
}

/** Returns the statements for a table. `name` is validated. */
export function statementsFor(name: string): Statements {
  const table = `"${name}"`;
  const list = (
    listed: string,
  ) => `WITH ${CLOCK} SELECT key, ${listed} FROM clock$ CROSS JOIN ${table} AS r
WHERE key > ? AND ${IS_VISIBLE} ORDER BY key LIMIT ?`;
  return {
    schema: `CREATE TABLE IF NOT EXISTS ${table} (
  key TEXT NOT NULL PRIMARY KEY,
  state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'gone')),
  owner TEXT NOT NULL,
  fencing_token INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  fingerprint TEXT,
  claimed_at_ms INTEGER NOT NULL,
  lease_ends_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  finished_at_ms INTEGER,
  codec TEXT,
  former TEXT,
  payload BLOB
) STRICT, WITHOUT ROWID`,
    stored: `SELECT type, sql FROM sqlite_master WHERE name = '${name}' COLLATE NOCASE`,
    claim: (takeUnknown, takeFinished, hasFinishedOwner) => `WITH ${CLOCK},
${calls('key', 'owner', 'fingerprint', 'lease_ms', 'ttl_ms')}
INSERT INTO ${table} AS r
  (key, state, owner, fencing_token, attempt, fingerprint, claimed_at_ms, lease_ends_at_ms, expires_at_ms)
SELECT key, 'running', owner, ms * 1000, 1, fingerprint, ms, ms + lease_ms, ms + max(lease_ms, ttl_ms)
FROM c, clock$ WHERE true
ON CONFLICT (key) DO UPDATE SET
  state = 'running',
  owner = excluded.owner,
  fencing_token = max(r.fencing_token + 1, excluded.fencing_token),
  attempt = CASE WHEN ${isVisible('excluded.claimed_at_ms')} AND r.state = 'running' THEN r.attempt + 1 ELSE 1 END,
  fingerprint = excluded.fingerprint,
  claimed_at_ms = excluded.claimed_at_ms,
  lease_ends_at_ms = excluded.lease_ends_at_ms,
  expires_at_ms = max(r.expires_at_ms, excluded.expires_at_ms),
  former = CASE
    WHEN NOT ${isVisible('excluded.claimed_at_ms')} THEN NULL
    WHEN r.state = 'running' THEN json_object(${FORMER_VALUES}, 'former', ${FORMER_FINISHED})
    ELSE json_object(${FORMER_VALUES})
  END,
  ${['finished_at_ms', 'codec', 'payload']
    .map(
      (column) =>
        `${column} = CASE WHEN ${isVisible('excluded.claimed_at_ms')} THEN r.${column} END`,
    )
    .join(',\n  ')}
WHERE ${isClaimable(takeUnknown, takeFinished, hasFinishedOwner)}
RETURNING claimed_at_ms AS now_ms, ${COLUMNS}`,
    renew: `WITH ${CLOCK}, ${calls('key', 'owner', 'lease_ms')}
UPDATE ${table} AS r SET
  lease_ends_at_ms = ms + c.lease_ms,
  expires_at_ms = max(r.expires_at_ms, ms + c.lease_ms)
FROM c, clock$ WHERE ${IS_OWN} AND r.state = 'running'
RETURNING 1`,
    // If the same outcome is sent twice, the second changes nothing, but finds the record.
    complete: `WITH ${CLOCK}, ${calls('key', 'owner', 'state', 'codec', 'payload', 'ttl_ms')}
UPDATE ${table} AS r SET
  state = CASE r.state WHEN 'running' THEN c.state ELSE r.state END,
  codec = CASE r.state WHEN 'running' THEN c.codec ELSE r.codec END,
  payload = CASE r.state WHEN 'running' THEN c.payload ELSE r.payload END,
  finished_at_ms = CASE r.state WHEN 'running' THEN ms ELSE r.finished_at_ms END,
  expires_at_ms = CASE r.state WHEN 'running' THEN ms + c.ttl_ms ELSE r.expires_at_ms END,
  former = NULL
FROM c, clock$ WHERE ${IS_OWN}
RETURNING 1`,
    // Restores the replaced record, under the current fencing token.
    release: `WITH ${CLOCK}, ${calls('key', 'owner')}, found$ AS (
  SELECT r.key, ms,
    r.attempt > 1 AND json_extract(r.former, '$.state') IS NOT 'running' AS has_lost_former,
    CASE
      WHEN json_extract(r.former, '$.expires_at_ms') > ms THEN r.former
      WHEN json_extract(r.former, '$.former.expires_at_ms') > ms THEN json_extract(r.former, '$.former')
    END AS back
  FROM c, clock$, ${table} AS r WHERE ${IS_OWN} AND r.state = 'running'
)
UPDATE ${table} AS r SET
  state = CASE WHEN has_lost_former THEN r.state ELSE coalesce(json_extract(back, '$.state'), 'gone') END,
  owner = CASE WHEN has_lost_former THEN r.owner ELSE coalesce(json_extract(back, '$.owner'), r.owner) END,
  attempt = CASE WHEN has_lost_former THEN r.attempt ELSE coalesce(json_extract(back, '$.attempt'), r.attempt) END,
  fingerprint = CASE WHEN has_lost_former THEN r.fingerprint ELSE json_extract(back, '$.fingerprint') END,
  claimed_at_ms = CASE WHEN has_lost_former THEN r.claimed_at_ms ELSE coalesce(json_extract(back, '$.claimed_at_ms'), r.claimed_at_ms) END,
  lease_ends_at_ms = CASE WHEN has_lost_former THEN min(r.lease_ends_at_ms, ms) ELSE coalesce(json_extract(back, '$.lease_ends_at_ms'), ms) END,
  expires_at_ms = CASE WHEN has_lost_former THEN r.expires_at_ms ELSE coalesce(json_extract(back, '$.expires_at_ms'), ms) END,
  former = CASE WHEN has_lost_former THEN r.former ELSE json_extract(back, '$.former') END,
  payload = CASE WHEN has_lost_former OR back IS NOT NULL THEN r.payload END
FROM found$ AS f WHERE r.key = f.key
RETURNING 1`,
    evict: `WITH ${CLOCK}, ${calls('key')}
UPDATE ${table} AS r SET state = 'gone', expires_at_ms = ms, former = NULL, payload = NULL
FROM c, clock$ WHERE r.key = c.key AND ${IS_VISIBLE} AND (r.state <> 'running' OR r.lease_ends_at_ms <= ms)
RETURNING 1`,
    read: `WITH ${CLOCK} SELECT ms AS now_ms, ${COLUMNS} FROM clock$ LEFT JOIN ${table} ON key = ?`,
    list: list(COLUMNS),
    listHeads: list(HEAD_COLUMNS),
    poll: `WITH ${CLOCK}
SELECT key, state || ' ' || (state = 'running' AND lease_ends_at_ms > ms) || ' ' || owner AS version,
  state = 'running' AND lease_ends_at_ms > ms AS is_leased
FROM clock$ CROSS JOIN ${table} AS r WHERE key IN (SELECT value FROM json_each(?)) AND ${IS_VISIBLE}`,
    due: `WITH ${CLOCK} SELECT max(key) AS last, count(*) AS count, total(${CAN_GO}) AS due
FROM (SELECT key, expires_at_ms FROM ${table} WHERE key > ? ORDER BY key LIMIT ?)`,
    sweep: `WITH ${CLOCK} DELETE FROM ${table} WHERE key > ? AND key <= ? AND ${CAN_GO}`,
  };
}
