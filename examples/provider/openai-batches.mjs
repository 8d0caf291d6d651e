/** OpenAI's files and batches: `/v1/files`, `/v1/batches`. */
import { completion, error, response } from './openai.mjs';
import { Refusal } from './reply.mjs';

const ANSWERS = { '/v1/chat/completions': completion, '/v1/responses': response };
const MAX_ITEMS = 50_000;

/**
 * @param {object} provider
 * @param {(body: unknown) => number} provider.bill
 * @param {number} provider.polls how many requests for its status a batch takes to end
 * @param {number} provider.minChars
 */
export function createOpenaiBatches({ bill, polls, minChars }) {
  const files = new Map();
  const batches = new Map();

  const nowSeconds = () => Math.floor(Date.now() / 1000);

  function keep(text, filename, purpose) {
    const id = `file-${files.size + 1}`;
    const file = {
      id,
      object: 'file',
      bytes: Buffer.byteLength(text),
      created_at: nowSeconds(),
      filename,
      purpose,
      status: 'processed',
    };
    files.set(id, { file, text });
    return file;
  }

  /** @param {Buffer} body of a multipart form */
  async function upload(body, contentType) {
    const form = await new Response(body, { headers: { 'content-type': contentType } })
      .formData()
      .catch(() => {
        throw new Refusal(400, 'The body is no form.');
      });
    const file = form.get('file');
    if (!file || typeof file === 'string') throw new Refusal(400, "'file' is a required property");
    return keep(await file.text(), file.name, form.get('purpose'));
  }

  const find = (map, id, what) => {
    const found = map.get(id);
    if (found === undefined) throw new Refusal(404, `No such ${what}: ${id}`);
    return found;
  };

  function create({ input_file_id: inputId, endpoint, completion_window, metadata }, isErrored) {
    if (!ANSWERS[endpoint]) throw new Refusal(400, `Invalid value for endpoint: ${endpoint}`);
    const items = find(files, inputId, 'file')
      .text.split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line));
    if (items.length > MAX_ITEMS) throw new Refusal(400, `at most ${MAX_ITEMS} requests`);
    if (new Set(items.map(({ custom_id }) => custom_id)).size < items.length) {
      throw new Refusal(400, 'custom_id must be unique in a batch');
    }
    const lines = items.map(({ custom_id, body }, index) => ({
      id: `batch_req_${batches.size + 1}_${index + 1}`,
      custom_id,
      response: isErrored(index) ? failed(500, 'The server had an error.') : answer(endpoint, body),
      error: null,
    }));
    const id = `batch_${batches.size + 1}`;
    const batch = {
      id,
      object: 'batch',
      endpoint,
      errors: null,
      input_file_id: inputId,
      completion_window,
      status: 'in_progress',
      output_file_id: null,
      error_file_id: null,
      created_at: nowSeconds(),
      in_progress_at: nowSeconds(),
      completed_at: null,
      request_counts: { total: lines.length, completed: 0, failed: 0 },
      metadata: metadata ?? null,
    };
    batches.set(id, { batch, lines, pollsLeft: polls });
    return batch;
  }

  function answer(endpoint, body) {
    try {
      const { whole } = ANSWERS[endpoint](body, { bill: () => bill(body), minChars });
      return { status_code: 200, request_id: `req_${whole.id}`, body: whole };
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      return failed(refusal.status, refusal.message);
    }
  }

  const failed = (status, message) => ({
    status_code: status,
    request_id: null,
    body: error(status, message),
  });

  function poll(id) {
    const found = find(batches, id, 'batch');
    const { batch, lines } = found;
    if (found.pollsLeft-- > 0 || batch.status === 'completed') return batch;
    const done = lines.filter(({ response }) => response.status_code === 200);
    const errors = lines.filter(({ response }) => response.status_code !== 200);
    // In another order than the requests: from the last to the first.
    const jsonl = (some) =>
      some
        .reverse()
        .map((line) => `${JSON.stringify(line)}\n`)
        .join('');
    return Object.assign(batch, {
      status: 'completed',
      completed_at: nowSeconds(),
      request_counts: { total: lines.length, completed: done.length, failed: errors.length },
      output_file_id: done.length > 0 ? keep(jsonl(done), 'output.jsonl', 'batch_output').id : null,
      error_file_id:
        errors.length > 0 ? keep(jsonl(errors), 'errors.jsonl', 'batch_output').id : null,
    });
  }

  return {
    upload,
    file: (id) => find(files, id, 'file').file,
    content: (id) => find(files, id, 'file').text,
    create,
    poll,
    list: () => ({
      object: 'list',
      data: [...batches.values()].map(({ batch }) => batch).reverse(),
      has_more: false,
    }),
  };
}
