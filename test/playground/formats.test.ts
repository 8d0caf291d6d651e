import { expect, it } from 'vitest';
import * as samekey from '../../src/index.js';
import { describeInChromium, put, settled, shownFormats } from './page.js';

const REQUEST = '{ "model": "m", "trace_id": "t-1" }';

describeInChromium('the formats of the playground', {}, ({ open }) => {
  it.each(['256', '128'] as const)('are what the shown code returns, %s bits', async (bits) => {
    const page = await open();
    await put(page, '#text-a', REQUEST);
    await page.getByLabel(bits, { exact: true }).check();
    await page.getByText('volatile', { exact: true }).click();
    await page.fill('#field-scoped', 'tenant-1');
    await page.fill('#field-hmac', 'hush');
    await settled(page);
    const request = JSON.parse(REQUEST);
    // As "As code" defines it.
    const identity = samekey.defineIdentity({
      exclude: [...samekey.identities.volatile.exclude],
      ...(bits === '128' && { bits: 128 as const }),
    });
    const scope = {
      ...samekey,
      request,
      identity,
      body: REQUEST,
      canonical: samekey.explain(request, identity).canonical,
      namespace: samekey.NAMESPACE_URL,
    };
    const derived: Record<string, string> = {};
    for (const [id, shown] of Object.entries(await shownFormats(page))) {
      const call = page.locator('.format', { has: page.locator(`#format-${id}`) });
      const code = ((await call.locator('.call').textContent()) ?? '')
        .replace("scope: '…'", "scope: 'tenant-1'")
        .replace("secret: '…'", "secret: 'hush'");
      derived[id] = new Function(...Object.keys(scope), `return ${code}`)(...Object.values(scope));
      expect(derived[id], code).toBe(shown);
    }
    expect(Object.keys(derived).length).toBe(7);
  });
});
