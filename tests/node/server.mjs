// Where the server under test is, and as whom to ask it: tests/node/__main__.py starts it and says so.
export const url = process.env.SERVER_URL;
export const graphql = `${url}/graphql`;
export const authorization = `Bearer ${process.env.SERVER_TOKEN}`;

// The data of one operation; fails where there are errors.
export async function ask(query, variables = {}) {
  const answer = await fetch(graphql, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await answer.json();
  if (errors) throw new Error(errors[0].message);
  return data;
}
