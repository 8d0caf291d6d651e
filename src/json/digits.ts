/**
 * An integer of a JSON text that no double holds exactly, by its digits. Only `parseJson` makes it,
 * and the writer of canonical JSON writes it as it was read.
 */
export class Digits {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}
