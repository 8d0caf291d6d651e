/** Keys that people choose: names of things, UUIDs in both cases, IDs of events, other digests. */
export const NATURAL_KEYS = [
  'order-7',
  '7',
  'evt_1NG8Du2eZvKYlo2CUI79vXWy',
  '6BA7B810-9DAD-11D1-80B4-00C04FD430C8',
  '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
  'urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8',
  'tenant/42:invoice#9',
  'd41d8cd98f00b204e9800998ecf8427e',
  'k'.repeat(255),
] as const;
