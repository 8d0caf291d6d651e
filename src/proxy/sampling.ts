import { decoder } from '../engine/utf8.js';
import { own } from '../options/own.js';

/** What the dashboard shows of a request. Nothing else of its body is kept. */
export interface Sampling {
  readonly model?: string | undefined;
  readonly temperature?: number | undefined;
}

/** A longer body is not parsed for two values: it takes 10 ms. */
const MAX_BYTES = 1024 * 1024;
const MAX_MODEL_CHARACTERS = 200;

const NONE: Sampling = {};
/** Gemini and Bedrock have the temperature in one of these members. */
const NESTED = ['generationConfig', 'inferenceConfig'] as const;

type Members = Readonly<Record<string, unknown>>;

/** Reads the model and the temperature of a request whose body is JSON. */
export function samplingIn(body: Uint8Array): Sampling {
  if (body.length > MAX_BYTES || body[0] !== 0x7b) return NONE;
  let request: Members;
  try {
    request = JSON.parse(decoder.decode(body)) as Members;
  } catch {
    return NONE;
  }
  const model = own(request, 'model');
  const nested = NESTED.map((name) => own(request, name)).find(isObject);
  const temperature = own(request, 'temperature') ?? (nested && own(nested, 'temperature'));
  return {
    model: typeof model === 'string' && model.length <= MAX_MODEL_CHARACTERS ? model : undefined,
    temperature: typeof temperature === 'number' ? temperature : undefined,
  };
}

const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null;
