/**
 * A sum of doubles with compensation for rounding errors (Neumaier). Ten million times 0.01 is 100000;
 * plain addition gives 99999.99998630969.
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
