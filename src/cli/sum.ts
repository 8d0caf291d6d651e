/**
 * A sum of doubles that keeps what each addition rounds away (Neumaier): ten million times 0.01 is
 * 100000, where plain addition makes it 99999.99998630969.
 */
export class Sum {
  #sum = 0;
  #lost = 0;

  add(value: number): void {
    const sum = this.#sum + value;
    const [large, small] =
      Math.abs(this.#sum) >= Math.abs(value) ? [this.#sum, value] : [value, this.#sum];
    this.#lost += large - sum + small;
    this.#sum = sum;
  }

  get value(): number {
    return this.#sum + this.#lost;
  }
}
