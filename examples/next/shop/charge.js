/** Charges a customer at a provider, which bills every call. */
export async function charge({ amount }, signal) {
  const response = await fetch(process.env.PROVIDER_URL, {
    method: 'POST',
    body: JSON.stringify({ amount }),
    signal,
  });
  if (!response.ok) throw new Error(`the provider answered ${response.status}`);
  return response.json();
}
