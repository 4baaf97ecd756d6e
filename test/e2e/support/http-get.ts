/** A GET with headers that `fetch` does not let one choose. */
import { request } from 'node:http';

/** The status of the answer. */
export function get(origin: string, path: string, headers: Readonly<Record<string, string>>): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL(path, origin), { headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.once('error', reject);
    asked.end();
  });
}
