/** Charges an order at the provider of the test, which bills every call. */
export async function charge(order) {
  const response = await fetch(process.env.PROVIDER_URL, {
    method: 'POST',
    body: JSON.stringify(order),
  });
  return response.json();
}
