import { timeDigests } from './digests.mjs';

export default {
  /** @param {Request} request */
  async fetch(request) {
    return Response.json(await timeDigests(await request.json()));
  },
};
