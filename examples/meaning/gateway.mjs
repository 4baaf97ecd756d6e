/** The few lines that the examples need to speak to a gateway. */
const [origin = 'http://127.0.0.1:4000'] = process.argv.slice(2);

/** Runs an operation; ends the program where it fails. */
export async function run(query, variables = {}) {
  const response = await fetch(`${origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (!errors) return data;
  for (const { message } of errors) console.error(message);
  return process.exit(1);
}

/** As people read it. */
export const score = (value) => value.toFixed(2);
