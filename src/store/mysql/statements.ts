/**
 * Each statement is one atomic step by the clock of the server. A statement that changes a record
 * does so only if the record is still the one that was read, or still belongs to the caller.
 *
 * Texts are stored as bytes, in the form of `one-line.ts`: any collation would take different texts
 * for the same key. Times are milliseconds since 1970.
 */
export interface Statements {
  /** Creates the table. */
  readonly schema: string;
  readonly read: string;
  /** Writes a running record for a key without one. */
  readonly insert: string;
  /** Replaces the record that was read by a running one. */
  readonly take: string;
  readonly renew: string;
  readonly complete: string;
  /** Deletes a running record that replaced none. */
  readonly discard: string;
  /** Restores a replaced record. */
  readonly restore: string;
  /** Deletes the record that was read. */
  readonly drop: string;
  readonly evict: string;
  readonly list: string;
  /** The same without payloads. */
  readonly listHeads: string;
  readonly poll: (keys: readonly string[]) => string;
  /** Returns the keys of expired records. */
  readonly expired: string;
  readonly sweep: (keys: readonly string[]) => string;
}

/** The name of the table if the program gives none. */
export const DEFAULT_TABLE = 'samekey_records';

/**
 * The most bytes of each text. A server that is not strict cuts off the rest without an error. 767
 * bytes fit into an index of every row format.
 */
export const LONGEST = { key: 767, owner: 1024, fingerprint: 1024, codec: 255 } as const;

export const LISTED_AT_A_TIME = 100;
export const SWEPT_AT_A_TIME = 500;

/**
 * Microseconds since 1970, the same in the whole statement. `UNIX_TIMESTAMP(NOW(6))` would be an
 * hour off after the end of summer time.
 */
const US = `TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))`;
const MS = `(${US} DIV 1000)`;
/** `mysql2` sends numbers as DOUBLE. */
const NUMBER = 'CAST(? AS SIGNED)';
/** Returns the time of the write with the reply, as its `insertId`. */
const REPORTED_MS = `LAST_INSERT_ID(${US}) DIV 1000`;

const HEAD = [
  ...['`key`', 'state', 'owner', 'fencing_token', 'attempt', 'fingerprint', 'claimed_at_ms'],
  ...['lease_ends_at_ms', 'expires_at_ms', 'finished_at_ms', 'codec', 'former'],
]
  .map((name) => `r.${name}`)
  .join(', ');
/** The finished result that a running record replaced stays in its row. */
const COLUMNS = `${HEAD}, IF(r.state = 'running', NULL, r.payload) AS payload`;
const HEAD_COLUMNS = `${HEAD}, CAST('' AS BINARY) AS payload, OCTET_LENGTH(r.payload) AS payload_bytes`;

/** Whether a record is the one that was read. Every change of a record changes one of these. */
const IS_SAME = `\`key\` = ? AND owner = ? AND state = ? AND fencing_token = ${NUMBER}
  AND lease_ends_at_ms = ${NUMBER} AND expires_at_ms = ${NUMBER}`;
const IS_OWN = `\`key\` = ? AND owner = ? AND state = 'running' AND expires_at_ms > ${MS}`;

/** Keeps the result of a finished record behind the written one, or of that record itself. */
const KEPT_RESULT = ['finished_at_ms', 'codec', 'payload'];
const keepResult = KEPT_RESULT.map((name) => `${name} = IF(?, ${name}, NULL)`).join(', ');

/** Returns the statements for a table. `name` is validated: `database.table` or `table`. */
export function statementsFor(name: string): Statements {
  const table = name
    .split('.')
    .map((part) => `\`${part}\``)
    .join('.');
  const list = (columns: string) => `SELECT ${columns} FROM ${table} AS r
WHERE r.\`key\` > ? AND r.expires_at_ms > ${MS} ORDER BY r.\`key\` LIMIT ${LISTED_AT_A_TIME}`;
  return {
    schema: `CREATE TABLE IF NOT EXISTS ${table} (
  \`key\` VARBINARY(${LONGEST.key}) NOT NULL PRIMARY KEY,
  state VARBINARY(7) NOT NULL,
  owner VARBINARY(${LONGEST.owner}) NOT NULL,
  fencing_token BIGINT NOT NULL,
  attempt INT NOT NULL,
  fingerprint VARBINARY(${LONGEST.fingerprint}),
  claimed_at_ms BIGINT NOT NULL,
  lease_ends_at_ms BIGINT NOT NULL,
  expires_at_ms BIGINT NOT NULL,
  finished_at_ms BIGINT,
  codec VARBINARY(${LONGEST.codec}),
  payload LONGBLOB,
  former LONGBLOB,
  INDEX (expires_at_ms)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;
`,
    read: `SELECT c.now_us, @@SESSION.autocommit AS is_committing, @@max_allowed_packet AS longest_packet, ${COLUMNS}
FROM (SELECT ${US} AS now_us) AS c LEFT JOIN ${table} AS r ON r.\`key\` = ?`,
    insert: `INSERT INTO ${table}
  (\`key\`, state, owner, fencing_token, attempt, fingerprint, claimed_at_ms, lease_ends_at_ms, expires_at_ms)
VALUES (?, 'running', ?, LAST_INSERT_ID(${US}), 1, ?, ${MS}, ${MS} + ${NUMBER}, ${MS} + ${NUMBER})`,
    take: `UPDATE ${table} SET
  fencing_token = GREATEST(fencing_token + 1, ${US}), claimed_at_ms = ${REPORTED_MS},
  owner = ?, attempt = ?, fingerprint = ?, former = ?, ${keepResult},
  lease_ends_at_ms = ${MS} + ${NUMBER}, expires_at_ms = GREATEST(${MS} + ${NUMBER}, ${NUMBER}),
  state = 'running'
WHERE ${IS_SAME}`,
    renew: `UPDATE ${table} SET
  lease_ends_at_ms = ${REPORTED_MS} + ${NUMBER},
  expires_at_ms = GREATEST(expires_at_ms, ${MS} + ${NUMBER})
WHERE ${IS_OWN}`,
    complete: `UPDATE ${table} SET
  finished_at_ms = ${REPORTED_MS}, expires_at_ms = ${MS} + ${NUMBER},
  state = ?, codec = ?, payload = ?, former = NULL
WHERE ${IS_OWN}`,
    discard: `DELETE FROM ${table} WHERE ${IS_OWN} AND attempt = 1 AND former IS NULL`,
    restore: `UPDATE ${table} SET
  owner = ?, attempt = ?, fingerprint = ?, former = ?, ${keepResult},
  claimed_at_ms = ${NUMBER}, lease_ends_at_ms = ${NUMBER}, expires_at_ms = ${NUMBER}, state = ?
WHERE ${IS_SAME}`,
    drop: `DELETE FROM ${table} WHERE ${IS_SAME}`,
    evict: `DELETE FROM ${table}
WHERE \`key\` = ? AND expires_at_ms > ${MS} AND (state <> 'running' OR lease_ends_at_ms <= ${MS})`,
    list: list(COLUMNS),
    listHeads: list(HEAD_COLUMNS),
    poll: (
      keys,
    ) => `SELECT \`key\`, state, owner, state = 'running' AND lease_ends_at_ms > ${MS} AS is_leased
FROM ${table} WHERE \`key\` IN (${keys.join(', ')}) AND expires_at_ms > ${MS}`,
    // Read first, which locks nothing, and then deleted by key. A delete by the index would also
    // lock the gaps between its entries, where other calls insert theirs.
    expired: `SELECT \`key\` FROM ${table} WHERE expires_at_ms <= ${MS} ORDER BY expires_at_ms LIMIT ${SWEPT_AT_A_TIME}`,
    sweep: (keys) =>
      `DELETE FROM ${table} WHERE \`key\` IN (${keys.join(', ')}) AND expires_at_ms <= ${MS}`,
  };
}

/** Writes bytes as a literal. A text could need other escapes in another `sql_mode`. */
export function literalOf(bytes: Uint8Array): string {
  return `X'${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}'`;
}
