const INTERVAL_MS = 1000;

/**
 * Draws each panel once a second. Each panel has a frame of its own, so that no frame has all the work.
 * A hidden tab draws nothing.
 */
export class PanelClock {
  readonly #panels: readonly (() => void)[];
  #next = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(panels: readonly (() => void)[]) {
    this.#panels = panels;
    this.#timer = setTimeout(() => this.#begin(), INTERVAL_MS);
  }

  /** Draws all panels now, for the first message. */
  drawAll(): void {
    for (const draw of this.#panels) draw();
  }

  #begin(): void {
    this.#next = 0;
    requestAnimationFrame(() => this.#drawNext());
  }

  #drawNext(): void {
    this.#panels[this.#next++]?.();
    if (this.#next < this.#panels.length) {
      requestAnimationFrame(() => this.#drawNext());
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#begin(), INTERVAL_MS - this.#panels.length * 16);
  }
}
