import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  customId,
  explain,
  explainDifference,
  identities,
  keyOf,
  keyOfJson,
  NAMESPACE_DNS,
  NAMESPACE_URL,
  sha256Hex,
  uuidv5,
} from '../../src/index.js';
import { textOf } from '../browser/chromium.js';
import { ROOT } from '../cli/program.js';
import { describeInChromium, put, settled, shownFormats, shownKey } from './page.js';

const REQUEST = '{ "model": "m", "n": 1.0, "trace_id": "t-1", "text": "Grüezi 🙂" }';
const VALUE = JSON.parse(REQUEST);

const example = (name: string) => readFileSync(join(ROOT, `examples/${name}.json`), 'utf8');
const examples = readdirSync(join(ROOT, 'examples'))
  .filter((name) => name.endsWith('.json'))
  .map((name) => name.replace('.json', ''));

describeInChromium('the playground', {}, ({ open }) => {
  it('opens with an example, and lists all examples in a menu', async () => {
    const page = await open();
    expect(await page.inputValue('#text-a')).toBe(example('anthropic-messages'));
    const menu = page.getByLabel('Example for: Request');
    expect((await menu.locator('option').allTextContents()).sort()).toEqual(
      ['Examples', ...examples].sort(),
    );
    for (const name of examples) {
      await menu.selectOption(name);
      await settled(page);
      expect(await page.inputValue('#text-a')).toBe(example(name));
      expect(await shownKey(page)).toBe(keyOfJson(example(name)));
    }
  });

  it('shows all formats of a pasted request', async () => {
    const page = await open({ permissions: ['clipboard-read', 'clipboard-write'] });
    await page.evaluate((text) => navigator.clipboard.writeText(text), REQUEST);
    await page.locator('#text-a').selectText();
    await page.keyboard.press('Control+V');
    await settled(page);
    expect(await shownKey(page)).toBe(keyOf(VALUE));
    const { canonical } = explain(VALUE);
    const plain = {
      'bits-256': keyOf(VALUE),
      'bits-128': keyOf(VALUE, { bits: 128 }),
      'custom-id': customId(VALUE),
      uuid: uuidv5(NAMESPACE_URL, canonical),
      raw: sha256Hex(REQUEST),
    };
    expect(await shownFormats(page)).toEqual(plain);

    await page.fill('#field-scoped', 'tenant-1');
    await page.fill('#field-hmac', 'hush');
    await page.selectOption('#field-uuid', 'DNS');
    await page.getByLabel('128', { exact: true }).check();
    await settled(page);
    expect(await shownKey(page)).toBe(keyOf(VALUE, { bits: 128 }));
    expect(await shownFormats(page)).toEqual({
      ...plain,
      uuid: uuidv5(NAMESPACE_DNS, canonical),
      scoped: keyOf(VALUE, { bits: 128, scope: 'tenant-1' }),
      hmac: keyOf(VALUE, { bits: 128, secret: 'hush' }),
      raw: sha256Hex(REQUEST, { bits: 128 }),
    });
  });

  it('strikes through members that a preset excludes', async () => {
    const page = await open();
    const value = JSON.parse(example('anthropic-messages'));
    expect(await shownKey(page)).toBe(keyOf(value));
    expect(await page.locator('#canonical-body del').count()).toBe(0);
    await page.getByText('anthropic', { exact: true }).click();
    await settled(page);
    expect(await shownKey(page)).toBe(keyOf(value, identities.anthropic));
    const reasons = await textOf(page, '.why');
    expect(reasons).toEqual(
      explain(value, identities.anthropic).excluded.map(({ by }) => `excluded by ${by}`),
    );
    expect(reasons).toContain('excluded by $.messages[*].content[*].cache_control');
    // Nested: the object, its members and its end.
    const rows = await textOf(page, '.row');
    const at = rows.findIndex((row) => row.startsWith('"cache_control"'));
    expect(rows.slice(at - 1, at + 5).map((row) => row.replace(/ excluded.*/, ''))).toEqual([
      '{',
      '"cache_control": {',
      '"type": "ephemeral"',
      '}',
      expect.stringMatching(/^"text": "It was new in spring/),
      '"type": "text"',
    ]);
    expect(await textOf(page, '#snippet pre')).toEqual([
      expect.stringContaining('exclude: [...identities.anthropic.exclude],'),
    ]);
    // The text that is not struck through is the canonical form.
    const included = await page.evaluate(() =>
      [...document.querySelectorAll('.row:not(.out)')].map((row) => row.textContent).join(''),
    );
    expect(JSON.stringify(JSON.parse(included))).toBe(
      explain(value, identities.anthropic).canonical,
    );
    await page.getByLabel('Text', { exact: true }).check();
    expect(await textOf(page, '.as-text')).toEqual([
      explain(value, identities.anthropic).canonical,
    ]);
    await page.getByText('anthropic', { exact: true }).click();
    await settled(page);
    expect(await shownKey(page)).toBe(keyOf(value));
  });

  it('accepts paths, and shows digests with the values that they replace', async () => {
    const page = await open();
    const value = { a: [{ x: 1, y: 'one' }, { x: 2, y: 'two' }, 7], b: 'large', c: { d: 1 }, e: 1 };
    await put(page, '#text-a', JSON.stringify(value));
    await page.fill('#exclude', '$.a[1]\n  $..y \n');
    await page.fill('#include', '$.a\nb');
    await put(page, '#refs', 'b');
    const identity = { exclude: ['$.a[1]', '$..y'], include: ['$.a', 'b'], refs: ['b'] };
    expect(await shownKey(page)).toBe(keyOf(value, identity));
    expect(await textOf(page, '.why')).toEqual([
      'excluded by $..y',
      'excluded by $.a[1]',
      'not included',
      'not included',
    ]);
    expect(await textOf(page, '.row:not(.out)')).toEqual([
      '{',
      '"a": [',
      '{',
      '"x": 1',
      '},',
      '7',
      '],',
      `"b": "large" "sha256:${sha256Hex('"large"').slice(3)}"`,
      '}',
    ]);
    expect(await textOf(page, '.row:not(.out) del')).toEqual(['"large"']);
    expect(await textOf(page, '#canonical-meta')).toEqual([
      `${explain(value, identity).canonical.length} bytes · 4 parts excluded · 1 as a digest`,
    ]);
  });

  it('says whether a second request has the same key, and shows the differences', async () => {
    const page = await open();
    const first = JSON.parse(example('anthropic-messages'));
    await page.getByRole('button', { name: 'Compare with a second request' }).click();
    await settled(page);
    expect(await textOf(page, '#verdict')).toEqual(['Waiting for the second request.']);
    const menu = page.getByLabel('Example for: Second request');
    await menu.selectOption('anthropic-messages-retry');
    await settled(page);
    expect(await textOf(page, '#verdict h2')).toEqual(['Different keys']);

    await page.getByText('anthropic', { exact: true }).click();
    await settled(page);
    expect(await textOf(page, '#verdict h2')).toEqual(['Same key']);
    expect(await page.locator('.differences').count()).toBe(0);
    expect(await textOf(page, '#status')).toEqual(['Same key']);

    const second = JSON.parse(example('anthropic-messages-retry'));
    second.max_tokens = 2048;
    second.messages[0].content.push({ type: 'text', text: 'And please hurry.' });
    await put(page, '#text-b', JSON.stringify(second));
    const differences = explainDifference(first, second, identities.anthropic);
    expect(differences.length).toBe(2);
    expect(await textOf(page, '#verdict h2')).toEqual(['Different keys']);
    expect(await textOf(page, '.differences .path')).toEqual(differences.map(({ path }) => path));
    expect(await textOf(page, '.side-value :nth-child(2)')).toEqual(
      differences.flatMap(({ a, b }) => [a ?? 'absent', b ?? 'absent']),
    );
    expect(await textOf(page, '.two-keys .key-text')).toEqual(
      [first, second].map((value) => keyOf(value, identities.anthropic)),
    );

    await put(page, '#text-b', '{');
    expect(await textOf(page, '#verdict')).toEqual(['The second request cannot be read.']);
    expect(await textOf(page, '#text-b-fault p')).toEqual([
      expect.stringContaining('line 1, column 2'),
    ]);
    await page.getByRole('button', { name: 'Remove' }).click();
    await settled(page);
    expect(await page.locator('#verdict').isVisible()).toBe(false);
  });

  it('shows a fault at its line and column, and no key', async () => {
    const page = await open();
    const fault = '{\n\t"ü🙂": "\\u0041", broken\n}';
    await put(page, '#text-a', fault);
    expect(await textOf(page, '#text-a-fault p')).toEqual([
      'Cannot read the JSON text at line 2, column 18 (byte 23): found "broken", wanted a name in double quotes',
    ]);
    expect(await page.getAttribute('#text-a', 'aria-invalid')).toBe('true');
    expect(await page.locator('#editor-a .fault-line').isVisible()).toBe(true);
    expect(await shownKey(page)).toBeUndefined();
    expect(await page.locator('#canonical').isVisible()).toBe(false);
    // Any bytes have a key.
    expect(await shownFormats(page)).toEqual({ raw: sha256Hex(fault) });
    expect(await textOf(page, '#status')).toEqual([expect.stringContaining('line 2, column 18')]);
    await page.getByRole('button', { name: 'Go to line 2' }).click();
    const selected = await page.evaluate(() => {
      const area = document.activeElement as HTMLTextAreaElement;
      return area.value.slice(area.selectionStart);
    });
    expect(selected).toBe('broken\n}');
    await put(page, '#text-a', '{"a":1}');
    expect(await shownKey(page)).toBe(keyOf({ a: 1 }));
    expect(await page.locator('#editor-a .fault-line').isVisible()).toBe(false);
    await put(page, '#text-a', '[9007199254740993]');
    expect(await shownKey(page)).toBeUndefined();
    await page.getByLabel('Round integers').check();
    await settled(page);
    expect(await shownKey(page)).toBe(keyOfJson('[9007199254740993]', { bigNumbers: 'double' }));
    await page.evaluate(() => {
      const area = document.getElementById('text-a') as HTMLTextAreaElement;
      area.value = '"\ud800"';
      area.dispatchEvent(new Event('input'));
    });
    await settled(page);
    expect(await textOf(page, '#text-a-fault p')).toEqual([
      expect.stringContaining('lone surrogate'),
    ]);
    expect(await shownFormats(page)).toEqual({});
    await put(page, '#text-a', ' ');
    expect(await textOf(page, '#key-body')).toEqual(['No request yet.']);
    expect(await shownFormats(page)).toEqual({});
  });

  it('shows a fault of the identity beside its field, and no key', async () => {
    const page = await open();
    await put(page, '#exclude', '$.a[?@.b]');
    expect(await textOf(page, '#exclude-fault')).toEqual([
      'Cannot read the path "$.a[?@.b]" at position 4: filters are not supported',
    ]);
    expect(await shownKey(page)).toBeUndefined();
    expect(await shownFormats(page)).toEqual({});
    expect(await page.locator('#snippet pre').isVisible()).toBe(false);
    await page.fill('#exclude', '');
    await put(page, '#include', 'nowhere');
    expect(await textOf(page, '#include-fault')).toEqual([
      expect.stringContaining('no include path matches the value ($.nowhere)'),
    ]);
    expect(await shownKey(page)).toBeUndefined();
    await put(page, '#include', 'model');
    expect(await textOf(page, '#include-fault')).toEqual(['']);
    expect(await shownKey(page)).toBe(keyOf({ model: 'claude-sonnet-4-5' }));
  });

  it('copies keys, and confirms it', async () => {
    const page = await open({ permissions: ['clipboard-read', 'clipboard-write'] });
    const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
    const key = keyOfJson(example('anthropic-messages'));
    const button = page.getByRole('button', { name: 'Copy the key', exact: true });
    await button.click();
    await page.getByText('Copied', { exact: true }).waitFor();
    expect(await clipboard()).toBe(key);
    expect(await textOf(page, '#status')).toEqual(['Copied the key']);
    await page.getByRole('button', { name: 'Copy the key: 128 bits' }).click();
    expect(await clipboard()).toBe(keyOfJson(example('anthropic-messages'), { bits: 128 }));
    await page.getByRole('button', { name: 'Copy the canonical form' }).click();
    expect(sha256Hex(await clipboard())).toBe(key);
    // Selecting the shown key copies it without gaps.
    await page.locator('#key-body .key-text').selectText();
    await page.keyboard.press('Control+C');
    expect((await clipboard()).trim()).toBe(key);
  });

  it('does not interpret text as markup', async () => {
    const page = await open();
    const markup = '<img src=x onerror="document.title=1">';
    await put(page, '#text-a', JSON.stringify({ [markup]: markup, __proto__: 1 }));
    await put(page, '#exclude', `$[${JSON.stringify(markup)}]`);
    expect(await page.locator('main img').count()).toBe(0);
    expect(await textOf(page, '.row.out .name')).toEqual([JSON.stringify(markup)]);
    expect(await page.title()).toBe('samekey playground');
  });
});
